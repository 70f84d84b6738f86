"""Loads the facts of cases from the database; writes nothing."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session, aliased

from app.accounts.identity_binding import lock_people
from app.core.vocabulary import (
    OFFICE_ACTIONS,
    OPEN,
    UNDER_WAY,
    Action,
    Category,
    IdentityCorrectionState,
    MatterKind,
    MeasureState,
    PaperKind,
    State,
)
from app.db.id_lists import among, read_rows
from app.eligibility import corrections
from app.eligibility.facts.case import CertificateFacts, Facts, OpenCase, PaperRequirement, PassFacts
from app.models import (
    Application,
    Certificate,
    CertificateMeasure,
    CertificateVersion,
    Enterprise,
    ExamPass,
    Filing,
    IdentityCorrection,
    Paper,
    PaperRule,
    Person,
    Qualification,
    Step,
)

Row = Mapping[Any, Any]
LastDecision = tuple[int | None, Action, list[dict[str, str]] | None]

_PERSON = (
    Person.id.label("person_id"),
    Person.name,
    Person.id_number,
    Person.sex,
    Person.birth_date,
    Person.education,
    Person.major,
    Person.technical_title,
    Person.position,
    Person.mobile,
    Person.enterprise_id.label("employer_id"),
    Person.banned_until,
    Person.banned_for,
    exists()
    .where(IdentityCorrection.person_id == Person.id, IdentityCorrection.state == IdentityCorrectionState.PENDING)
    .label("correction_pending"),
)
_ENTERPRISE = (
    Enterprise.id.label("enterprise_id"),
    Enterprise.name.label("enterprise_name"),
    Enterprise.uscc,
    Enterprise.address,
    Enterprise.legal_representative,
    Enterprise.registration,
    Enterprise.region_code.label("enterprise_region"),
)
_Old = aliased(Enterprise)
_CASE = (
    Application.id.label("application_id"),
    Application.number,
    Application.state,
    Application.round,
    Application.matter,
    Application.category,
    Application.region_code,
    Application.snapshot,
    Application.snapshot_before,
    Application.submitted_at,
    Application.counts_from,
    Application.due_on,
    Application.due_from,
    Application.due_days,
    Application.extended_to,
    Application.certificate_id,
    Application.reason_code,
    Application.details,
    Application.releasing_enterprise_id,
    _Old.name.label("releasing_name"),
    _Old.contact_mobile.label("releasing_mobile"),
    Filing.id.label("filing_id"),
    Filing.handler_name,
    Filing.handler_mobile,
)

# columns that are facts under their own names; ``details`` may be null
_SAME = {column.key for column in (*_CASE, *_PERSON, *_ENTERPRISE)} & {fact.name for fact in fields(Facts)} - {"details"}


def of_applications(session: Session, ids: Collection[int], *, lock: bool = False) -> dict[int, Facts]:
    """Facts by application id; ids that do not exist are left out. ``lock`` holds the rows until the caller commits.

    Applications are locked first, then certificates, then people, each by id, as measures lock them: what is read here cannot
    be changed before the decision, and concurrent batches cannot deadlock.
    """
    if lock:
        asked = select(Application.certificate_id, Application.person_id).where(among(Application.id, ids))
        locked = session.execute(asked.order_by(Application.id).with_for_update()).all()
        # Also those that are not acted upon: a C3 ends the C1 and C2 of the person.
        held = among(Certificate.id, {row.certificate_id for row in locked} - {None})
        theirs = held | among(Certificate.person_id, {row.person_id for row in locked})
        session.execute(select(Certificate.id).where(theirs).order_by(Certificate.id).with_for_update())
        lock_people(session, {row.person_id for row in locked})
    query = (
        select(*_CASE, *_PERSON, *_ENTERPRISE)
        .join(Filing, Filing.id == Application.filing_id)
        .join(Person, Person.id == Application.person_id)
        .join(Enterprise, Enterprise.id == Application.enterprise_id)
        .outerjoin(_Old, _Old.id == Application.releasing_enterprise_id)
        .where(among(Application.id, ids))
        .order_by(Application.id)
    )
    cases = [dict(row._mapping) for row in read_rows(session, query)]
    context = _Context(session, {case["person_id"] for case in cases}, {case["enterprise_id"] for case in cases})
    context.load_cases(session, cases)
    return {case["application_id"]: _facts(case, context) for case in cases}


def of_candidates(
    session: Session, enterprise_id: int, matter: MatterKind, pairs: Iterable[tuple[int, Category]], *, reason_code: str = ""
) -> dict[tuple[int, Category], Facts]:
    """Facts of new applications for these people of an enterprise, as if filed now; by (person id, category)."""
    pairs = list(pairs)
    enterprise = session.execute(select(*_ENTERPRISE).where(Enterprise.id == enterprise_id)).one()._mapping
    people = session.execute(select(*_PERSON).where(Person.id.in_({person_id for person_id, _ in pairs})))
    known = {row.person_id: row._mapping for row in people}
    asked = {
        (person_id, category): _if_filed(enterprise, known[person_id], matter, category, reason_code)
        for person_id, category in pairs
        if person_id in known
    }
    context = _Context(session, set(known), {enterprise_id})
    context.load_cases(session, list(asked.values()))
    return {pick: _facts(row, context) for pick, row in asked.items()}


def of_certificates(
    session: Session, enterprise_id: int, matter: MatterKind, certificate_ids: Collection[int], *, reason_code: str = ""
) -> dict[int, Facts]:
    """Facts of new applications for these certificates, as if the enterprise filed now; by certificate id."""
    enterprise = session.execute(select(*_ENTERPRISE).where(Enterprise.id == enterprise_id)).one()._mapping
    held = session.execute(
        select(
            Certificate.id.label("certificate_id"),
            Certificate.category,
            Certificate.enterprise_id.label("releasing_enterprise_id"),
            _Old.name.label("releasing_name"),
            _Old.contact_mobile.label("releasing_mobile"),
            *_PERSON,
        )
        .join(Person, Person.id == Certificate.person_id)
        .join(_Old, _Old.id == Certificate.enterprise_id)
        .where(Certificate.id.in_(certificate_ids))
        .order_by(Certificate.id)
    ).all()
    asked = []
    for row in held:
        case = _if_filed(enterprise, row._mapping, matter, row.category, reason_code) | {"certificate_id": row.certificate_id}
        if matter is MatterKind.TRANSFER:
            case |= {name: row._mapping[name] for name in ("releasing_enterprise_id", "releasing_name", "releasing_mobile")}
        asked.append(case)
    context = _Context(session, {row.person_id for row in held}, {enterprise_id})
    context.load_cases(session, asked)
    return {case["certificate_id"]: _facts(case, context) for case in asked}


def _if_filed(enterprise: Row, person: Row, matter: MatterKind, category: Category, reason_code: str) -> dict[str, Any]:
    """A row as ``of_applications`` selects it, for an application that does not exist yet."""
    blank = dict.fromkeys(column.key for column in _CASE)
    return {
        **blank,
        **enterprise,
        **person,
        "number": "",
        "state": State.DRAFT,
        "round": 0,
        "matter": matter,
        "category": category,
        "region_code": enterprise["enterprise_region"],
        "reason_code": reason_code,
        "handler_name": "-",
        "handler_mobile": "-",
        "releasing_enterprise_id": None,
        "releasing_name": None,
        "releasing_mobile": None,
    }


class _Context:
    """Papers, passes, certificates and other applications of the people and enterprises of a batch."""

    def __init__(self, session: Session, people: set[int], enterprises: set[int]) -> None:
        self.papers: dict[int | None, dict[PaperKind, int]] = defaultdict(dict)
        self.pledges: dict[int | None, int] = {}
        self.qualifications: dict[int, list[int]] = defaultdict(list)
        self.passes: dict[int, list[PassFacts]] = defaultdict(list)
        self.certificates: dict[int, list[CertificateFacts]] = defaultdict(list)
        self.open: dict[int, list[OpenCase]] = defaultdict(list)
        self.own_papers: dict[int | None, dict[PaperKind, int]] = defaultdict(dict)
        self.faces: dict[int | None, Mapping[str, Any]] = {}
        self.owners: dict[int, tuple[int | None, int | None]] = {}  # submitted paper -> its person and its application
        self.asked: dict[MatterKind, list[PaperRule]] = defaultdict(list)
        self.fitting: dict[tuple[MatterKind, Category, str], tuple[PaperRequirement, ...]] = {}
        self.taken: dict[str, int] = {}
        self.officers: dict[int | None, LastDecision] = {}
        self._load_papers(session, people, enterprises)
        self._load_passes(session, people)
        self._load_certificates(session, people)
        self._load_open(session, people)

    def load_cases(self, session: Session, cases: Sequence[Row]) -> None:
        """Load what belongs to the applications themselves."""
        ids = {row["application_id"] for row in cases} - {None}
        self.officers = _last_officers(session, ids)
        for application_id, kind, paper_id in read_rows(
            session,
            select(Paper.application_id, Paper.kind, Paper.id).where(
                among(Paper.application_id, ids), Paper.replaced_at.is_(None)
            ),
        ):
            self.own_papers[application_id][kind] = paper_id
        for rule in session.scalars(select(PaperRule).where(PaperRule.matter.in_({row["matter"] for row in cases}))):
            if rule.matter is not None:
                self.asked[rule.matter].append(rule)
        held = {row["certificate_id"] for row in cases} - {None}
        for certificate_id, face in read_rows(
            session,
            select(CertificateVersion.certificate_id, CertificateVersion.face).where(
                among(CertificateVersion.certificate_id, held), CertificateVersion.replaced_at.is_(None)
            ),
        ):
            self.faces[certificate_id] = face
        submitted = {paper_id for row in cases for paper_id in _submitted_papers(row).values()}
        for paper_id, *owner in read_rows(
            session, select(Paper.id, Paper.person_id, Paper.application_id).where(among(Paper.id, submitted))
        ):
            self.owners[paper_id] = (owner[0], owner[1])
        corrected = {row["details"]["id_number"] for row in cases if row["details"] and "id_number" in row["details"]}
        for person_id, number in read_rows(
            session, select(Person.id, Person.id_number).where(Person.id_number_key.in_(corrected))
        ):
            self.taken[number] = person_id

    def paper_requirements(self, matter: MatterKind, category: Category, reason_code: str) -> tuple[PaperRequirement, ...]:
        """The applicable rows of the table; one that names category or reason overrides one that does not."""
        key = (matter, category, reason_code)
        if key not in self.fitting:
            applicable = [
                rule
                for rule in self.asked[matter]
                if rule.category in ("", category.value) and rule.reason_code in ("", reason_code)
            ]
            applicable.sort(key=lambda rule: (rule.reason_code != "", rule.category != ""))
            by_kind = {rule.paper: PaperRequirement(rule.paper, rule.required, rule.required_from) for rule in applicable}
            self.fitting[key] = tuple(by_kind[kind] for kind in PaperKind if kind in by_kind)
        return self.fitting[key]

    def foreign_papers(self, row: Row) -> tuple[PaperKind, ...]:
        """The submitted scans that are neither this person's nor this application's."""
        own = ((row["person_id"], None), (None, row["application_id"]))
        return tuple(
            PaperKind(kind)  # type: ignore[call-arg]
            for kind, paper_id in _submitted_papers(row).items()
            if self.owners.get(paper_id) not in own
        )

    def excluded_by(self, row: Row) -> tuple[OpenCase, ...]:
        """Other open applications that exclude this one: on the same certificate, or for the same new one.

        On a certificate, another enterprise's application counts only while it is under way.
        """
        others = [other for other in self.open[row["person_id"]] if other.id != row["application_id"]]
        if row["certificate_id"] is None:
            return tuple(other for other in others if other.certificate_id is None and other.category is row["category"])
        return tuple(
            other
            for other in others
            if other.certificate_id == row["certificate_id"]
            and (other.state in UNDER_WAY or other.enterprise_id == row["enterprise_id"])
        )

    def _load_papers(self, session: Session, people: set[int], enterprises: set[int]) -> None:
        current = Paper.replaced_at.is_(None)
        for person_id, kind, paper_id in read_rows(
            session, select(Paper.person_id, Paper.kind, Paper.id).where(among(Paper.person_id, people), current)
        ):
            self.papers[person_id][kind] = paper_id
        for enterprise_id, paper_id in read_rows(
            session,
            select(Paper.pledging_enterprise_id, Paper.id).where(among(Paper.pledging_enterprise_id, enterprises), current),
        ):
            self.pledges[enterprise_id] = paper_id
        for enterprise_id, paper_id in read_rows(
            session,
            select(Qualification.enterprise_id, Paper.id)
            .join(Paper, Paper.qualification_id == Qualification.id)
            .where(among(Qualification.enterprise_id, enterprises), current)
            .order_by(Paper.id),
        ):
            self.qualifications[enterprise_id].append(paper_id)

    def _load_passes(self, session: Session, people: set[int]) -> None:
        for row in read_rows(
            session,
            select(
                ExamPass.person_id,
                ExamPass.id,
                ExamPass.category,
                ExamPass.passed_on,
                ExamPass.source,
                ExamPass.originals_verified_at,
                ExamPass.used_by_application_id,
                ExamPass.identity,
            ).where(among(ExamPass.person_id, people)),
        ):
            verified = row.originals_verified_at is not None
            self.passes[row.person_id].append(
                PassFacts(row.id, row.category, row.passed_on, row.source, verified, row.used_by_application_id, row.identity)
            )

    def _load_certificates(self, session: Session, people: set[int]) -> None:
        for row in read_rows(
            session,
            select(
                Certificate.person_id,
                Certificate.id,
                Certificate.number,
                Certificate.category,
                Certificate.status,
                Certificate.valid_to,
                Certificate.enterprise_id,
                Enterprise.name.label("enterprise_name"),
                Certificate.holder,
                Certificate.printed_enterprise,
                Certificate.first_issued_on,
                Certificate.issued_on,
                Certificate.valid_from,
                Certificate.is_electronic,
                exists()
                .where(CertificateMeasure.certificate_id == Certificate.id, CertificateMeasure.state == MeasureState.PROPOSED)
                .label("measure_proposed"),
                Certificate.suspended_to,
            )
            .join(Enterprise, Enterprise.id == Certificate.enterprise_id)
            .where(among(Certificate.person_id, people))
            .order_by(Certificate.id),
        ):
            person_id, *held = row
            self.certificates[person_id].append(CertificateFacts(*held))

    def _load_open(self, session: Session, people: set[int]) -> None:
        for row in read_rows(
            session,
            select(
                Application.person_id,
                Application.id,
                Application.matter,
                Application.category,
                Application.state,
                Application.enterprise_id,
                Application.certificate_id,
            )
            .where(among(Application.person_id, people), Application.state.in_(OPEN))
            .order_by(Application.id),
        ):
            self.open[row.person_id].append(
                OpenCase(row.id, row.matter, row.category, row.state, row.enterprise_id, row.certificate_id)
            )


def _last_officers(session: Session, ids: Collection[int]) -> dict[int | None, LastDecision]:
    """Who of the authority moved each application last, how, and what was marked for correction."""
    latest = (
        select(func.max(Step.id))
        .where(among(Step.application_id, ids), Step.action.in_(OFFICE_ACTIONS))
        .group_by(Step.application_id)
    )
    latest_steps = read_rows(
        session, select(Step.application_id, Step.actor_id, Step.action, Step.marks).where(Step.id.in_(latest))
    )
    return {row.application_id: (row.actor_id, row.action, row.marks) for row in latest_steps}


def _facts(row: Row, context: _Context) -> Facts:
    officer_id, officer_action, marks = context.officers.get(row["application_id"], (None, None, None))
    details = row["details"] or {}
    taken_by = context.taken.get(details.get("id_number", ""))
    return Facts(
        **{name: row[name] for name in _SAME},
        enterprise=_enterprise(row),
        enterprise_registration=row["registration"],
        person=_person(row),
        person_papers=context.papers.get(row["person_id"], {}),
        pledge_paper=context.pledges.get(row["enterprise_id"]),
        qualification_papers=tuple(context.qualifications.get(row["enterprise_id"], ())),
        passes=tuple(context.passes.get(row["person_id"], ())),
        certificates=tuple(context.certificates.get(row["person_id"], ())),
        excluded_by=context.excluded_by(row),
        last_officer_id=officer_id,
        last_officer_action=officer_action,
        details=details,
        id_number_taken=taken_by not in (None, row["person_id"]),
        face=context.faces.get(row["certificate_id"]),
        foreign_papers=context.foreign_papers(row),
        releasing=_releasing(row),
        paper_requirements=context.paper_requirements(row["matter"], row["category"], row["reason_code"]),
        application_papers=context.own_papers.get(row["application_id"], {}),
        marked=tuple(mark.item for mark in corrections.parse_marks(marks)) if row["state"] is State.RETURNED else (),
    )


def _submitted_papers(row: Row) -> Mapping[str, int]:
    """Kind -> paper id in the snapshot, while it is what officers decide on."""
    snapshot = row["snapshot"] if row["state"] in UNDER_WAY else None
    return (snapshot or {}).get("papers") or {}


def _person(row: Row) -> dict[str, str]:
    return {
        "name": row["name"],
        "id_number": row["id_number"],
        "sex": row["sex"].value,
        "birth_date": f"{row['birth_date']:%Y-%m-%d}",
        "education": row["education"].value if row["education"] else "",
        "major": row["major"],
        "technical_title": row["technical_title"].value if row["technical_title"] else "",
        "position": row["position"].value if row["position"] else "",
        "mobile": row["mobile"] or "",
    }


def _enterprise(row: Row) -> dict[str, str]:
    named = {"name": row["enterprise_name"]}
    return named | {column: row[column] for column in ("uscc", "address", "legal_representative")}


def _releasing(row: Row) -> dict[str, str] | None:
    if row["releasing_enterprise_id"] is None:
        return None
    return {"name": row["releasing_name"], "mobile": row["releasing_mobile"] or ""}
