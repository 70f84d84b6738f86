"""The facts of many cases at once, in a fixed number of queries however many cases there are.

Law: reads only; what it returns is all that rules and effects get to see.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from app.clock import office_day
from app.models import (
    Application,
    Certificate,
    CertificateVersion,
    Enterprise,
    ExamPass,
    Filing,
    Paper,
    PaperRule,
    Person,
    Qualification,
    Step,
)
from app.vocabulary import (
    OFFICE_ACTIONS,
    OPEN,
    UNDER_WAY,
    Action,
    Category,
    CertificateStatus,
    MatterKind,
    PaperKind,
    PassSource,
    Registration,
    State,
)


@dataclass(frozen=True, slots=True)
class PassFacts:
    """A passed exam of the person. ``used_by`` is the application that was approved on it."""

    id: int
    category: Category
    passed_on: date
    source: PassSource
    originals_verified: bool
    used_by: int | None


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """A certificate the person holds or held."""

    id: int
    number: str
    category: Category
    status: CertificateStatus
    valid_to: date
    enterprise_id: int
    enterprise_name: str
    holder: str
    printed_enterprise: str
    first_issued_on: date
    issued_on: date
    valid_from: date
    is_electronic: bool

    def in_force(self, on: date) -> bool:
        """Valid or suspended, and not past its last day: it stands in the way of a second one."""
        return self.status in (CertificateStatus.VALID, CertificateStatus.SUSPENDED) and on <= self.valid_to

    def status_on(self, day: date) -> CertificateStatus:
        """As ``Certificate.status_on``."""
        return CertificateStatus.EXPIRED if self.status is CertificateStatus.VALID and day > self.valid_to else self.status


Row = Mapping[Any, Any]
LastWord = tuple[int | None, Action, list[dict[str, str]] | None]


@dataclass(frozen=True, slots=True)
class OpenCase:
    """Another open application of the same person."""

    id: int
    matter: MatterKind
    category: Category
    state: State
    enterprise_id: int
    certificate_id: int | None


@dataclass(frozen=True, slots=True)
class PaperAsked:
    """A line of the table of required papers that fits a case."""

    kind: PaperKind
    required: bool
    required_from: date


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that rules and effects may ask about one case, loaded at once."""

    application_id: int | None  # None: not filed yet, a candidate
    number: str
    state: State
    round: int
    matter: MatterKind
    category: Category
    filing_id: int | None
    handler_name: str
    handler_mobile: str
    region_code: str
    enterprise_id: int
    enterprise: Mapping[str, str]  # name, uscc, address, legal_representative
    enterprise_registration: Registration
    person_id: int
    person: Mapping[str, str]  # name, id_number, sex, birth_date, education, major, technical_title, position, mobile
    birth_date: date
    employer_id: int | None
    banned_until: date | None
    person_papers: Mapping[PaperKind, int] = field(default_factory=dict)  # kind -> paper id
    pledge_paper: int | None = None
    qualification_papers: tuple[int, ...] = ()
    passes: tuple[PassFacts, ...] = ()
    certificates: tuple[CertificateFacts, ...] = ()
    in_the_way: tuple[OpenCase, ...] = ()  # other open applications that exclude this one
    last_officer_id: int | None = None
    last_officer_action: Action | None = None
    snapshot: Mapping[str, Any] | None = None  # as submitted; see ``record``
    submitted_at: datetime | None = None
    certificate_id: int | None = None
    reason_code: str = ""
    details: Mapping[str, str] = field(default_factory=dict)
    id_number_taken: bool = False  # the corrected one belongs to somebody else
    face: Mapping[str, Any] | None = None  # what the certificate to be replaced shows today
    releasing_enterprise_id: int | None = None
    releasing: Mapping[str, str] | None = None  # name, mobile of the old enterprise
    papers_asked: tuple[PaperAsked, ...] = ()
    application_papers: Mapping[PaperKind, int] = field(default_factory=dict)  # kind -> paper id
    marked: tuple[str, ...] = ()  # items to be corrected, while it is returned

    @property
    def name(self) -> str:
        return self.person["name"]

    @property
    def certificate(self) -> CertificateFacts | None:
        """The certificate acted upon."""
        return next((held for held in self.certificates if held.id == self.certificate_id), None)

    @property
    def target_category(self) -> Category:
        """The category that comes of it: a replaced undivided C becomes C1, C2 or C3; C3 unless said otherwise."""
        if self.category is Category.C and self.matter is MatterKind.REPLACEMENT:
            return Category(self.submitted_details.get("category", Category.C3.value))  # type: ignore[call-arg]
        return self.category

    @property
    def papers(self) -> Mapping[PaperKind, int]:
        """The scans that speak for this case: of a transfer only its own, as the person's are the old enterprise's."""
        theirs = {} if self.matter is MatterKind.TRANSFER else self.person_papers
        return {**theirs, **self.application_papers}

    @property
    def open_applications(self) -> tuple[int, ...]:
        return tuple(other.id for other in self.in_the_way)

    def required_papers(self, on: date) -> tuple[PaperKind, ...]:
        """What must be handed in. A change of the table is not asked of what was submitted before it took effect."""
        since = office_day(self.submitted_at) if self.submitted_at else on
        return tuple(asked.kind for asked in self.papers_asked if asked.required and asked.required_from <= since)

    @property
    def latest_pass(self) -> PassFacts | None:
        """The newest passed exam of this category that no other application has used up."""
        fit = [p for p in self.passes if p.category is self.category and p.used_by in (None, self.application_id)]
        return max(fit, key=lambda p: p.passed_on, default=None)

    def record(self) -> dict[str, Any]:
        """The case as it stands now, for keeping: what officers decide on and what the archive shows (a snapshot)."""
        return {
            "person": dict(self.person),
            "enterprise": dict(self.enterprise),
            "handler": {"name": self.handler_name, "mobile": self.handler_mobile},
            "papers": {kind.value: paper_id for kind, paper_id in self.papers.items()},
            "pledge": self.pledge_paper,
            "qualifications": list(self.qualification_papers),
            "exam": {"passed_on": f"{self.latest_pass.passed_on:%Y-%m-%d}", "source": self.latest_pass.source.value}
            if self.latest_pass
            else None,
            "certificate": self._certificate_record(),
            "reason": self.reason_code,
            "details": dict(self.details),
            "releasing": {"name": self.releasing["name"]} if self.releasing else None,
        }

    def _certificate_record(self) -> dict[str, Any] | None:
        held = self.certificate
        if held is None:
            return None
        days = {
            name: f"{getattr(held, name):%Y-%m-%d}" for name in ("first_issued_on", "issued_on", "valid_from", "valid_to")
        }
        return {"number": held.number, "category": held.category.value, "enterprise": held.printed_enterprise, **days}

    @property
    def submitted_details(self) -> Mapping[str, str]:
        return self.details if self.snapshot is None else self.snapshot.get("details") or {}

    @property
    def submitted(self) -> Mapping[str, Any]:
        """The case as it was submitted; as it stands now, while it is a draft."""
        return self.snapshot or self.record()


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
    Application.submitted_at,
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


def of_applications(session: Session, ids: Collection[int], *, lock: bool = False) -> dict[int, Facts]:
    """Facts by application id; ids that do not exist are left out. ``lock`` holds the rows until the caller commits."""
    query = (
        select(*_CASE, *_PERSON, *_ENTERPRISE)
        .join(Filing, Filing.id == Application.filing_id)
        .join(Person, Person.id == Application.person_id)
        .join(Enterprise, Enterprise.id == Application.enterprise_id)
        .outerjoin(_Old, _Old.id == Application.releasing_enterprise_id)
        .where(Application.id.in_(ids))
        .order_by(Application.id)
    )
    if lock:  # in id order, so that two batches wait for each other instead of embracing
        query = query.with_for_update(of=Application)
    rows = session.execute(query).all()
    held = {row.certificate_id for row in rows} - {None}
    if lock:  # two applications on one certificate, or a suspension: whoever comes second reads what the first has written
        session.execute(select(Certificate.id).where(Certificate.id.in_(held)).order_by(Certificate.id).with_for_update())
    about = _Surroundings(session, {row.person_id for row in rows}, {row.enterprise_id for row in rows})
    about.load_cases(session, [row._mapping for row in rows])
    return {row.application_id: _facts(row._mapping, about) for row in rows}


def of_candidates(
    session: Session,
    enterprise_id: int,
    matter: MatterKind,
    pairs: Iterable[tuple[int, Category]],
    *,
    reason_code: str = "",
) -> dict[tuple[int, Category], Facts]:
    """The facts as they would be if these people of an enterprise filed now; keyed by (person id, category)."""
    pairs = list(pairs)
    enterprise = session.execute(select(*_ENTERPRISE).where(Enterprise.id == enterprise_id)).one()._mapping
    people = session.execute(select(*_PERSON).where(Person.id.in_({person_id for person_id, _ in pairs})))
    known = {row.person_id: row._mapping for row in people}
    asked = {
        (person_id, category): _if_filed(enterprise, known[person_id], matter, category, reason_code)
        for person_id, category in pairs
        if person_id in known
    }
    about = _Surroundings(session, set(known), {enterprise_id})
    about.load_cases(session, list(asked.values()))
    return {pick: _facts(row, about) for pick, row in asked.items()}


def of_certificates(
    session: Session, enterprise_id: int, matter: MatterKind, certificate_ids: Collection[int], *, reason_code: str = ""
) -> dict[int, Facts]:
    """The facts as they would be if an enterprise filed for these certificates now; keyed by certificate id."""
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
    about = _Surroundings(session, {row.person_id for row in held}, {enterprise_id})
    about.load_cases(session, asked)
    return {case["certificate_id"]: _facts(case, about) for case in asked}


def _if_filed(enterprise: Row, person: Row, matter: MatterKind, category: Category, reason_code: str) -> dict[str, Any]:
    """A row as ``of_applications`` reads it, of an application that does not exist yet."""
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


class _Surroundings:
    """What lies around the people and enterprises of a batch: papers, passes, certificates, other applications."""

    def __init__(self, session: Session, people: set[int], enterprises: set[int]) -> None:
        self.papers: dict[int | None, dict[PaperKind, int]] = defaultdict(dict)
        self.pledges: dict[int | None, int] = {}
        self.qualifications: dict[int, list[int]] = defaultdict(list)
        self.passes: dict[int, list[PassFacts]] = defaultdict(list)
        self.certificates: dict[int, list[CertificateFacts]] = defaultdict(list)
        self.open: dict[int, list[OpenCase]] = defaultdict(list)
        self.own_papers: dict[int | None, dict[PaperKind, int]] = defaultdict(dict)
        self.faces: dict[int | None, Mapping[str, Any]] = {}
        self.asked: dict[MatterKind, list[PaperRule]] = defaultdict(list)
        self.fitting: dict[tuple[MatterKind, Category, str], tuple[PaperAsked, ...]] = {}
        self.taken: dict[str, int] = {}
        self.officers: dict[int | None, LastWord] = {}
        self._load_papers(session, people, enterprises)
        self._load_passes(session, people)
        self._load_certificates(session, people)
        self._load_open(session, people)

    def load_cases(self, session: Session, rows: Sequence[Row]) -> None:
        """What belongs to the applications themselves."""
        ids = {row["application_id"] for row in rows} - {None}
        self.officers = _last_officers(session, ids)
        for application_id, kind, paper_id in session.execute(
            select(Paper.application_id, Paper.kind, Paper.id).where(
                Paper.application_id.in_(ids), Paper.replaced_at.is_(None)
            )
        ):
            self.own_papers[application_id][kind] = paper_id
        for rule in session.scalars(select(PaperRule).where(PaperRule.matter.in_({row["matter"] for row in rows}))):
            self.asked[rule.matter].append(rule)
        replaced = {row["certificate_id"] for row in rows if row["matter"] is MatterKind.REPLACEMENT} - {None}
        for certificate_id, face in session.execute(
            select(CertificateVersion.certificate_id, CertificateVersion.face).where(
                CertificateVersion.certificate_id.in_(replaced), CertificateVersion.replaced_at.is_(None)
            )
        ):
            self.faces[certificate_id] = face
        corrected = {row["details"]["id_number"] for row in rows if row["details"] and "id_number" in row["details"]}
        for person_id, number in session.execute(
            select(Person.id, Person.id_number).where(Person.id_number_key.in_(corrected))
        ):
            self.taken[number] = person_id

    def papers_asked(self, matter: MatterKind, category: Category, reason_code: str) -> tuple[PaperAsked, ...]:
        """The lines of the table that fit; one that names category or reason overrules one that does not."""
        key = (matter, category, reason_code)
        if key not in self.fitting:
            fit = [
                rule
                for rule in self.asked[matter]
                if rule.category in ("", category.value) and rule.reason_code in ("", reason_code)
            ]
            fit.sort(key=lambda rule: (rule.reason_code != "", rule.category != ""))
            lines = {rule.paper: PaperAsked(rule.paper, rule.required, rule.required_from) for rule in fit}
            self.fitting[key] = tuple(lines[kind] for kind in PaperKind if kind in lines)
        return self.fitting[key]

    def in_the_way(self, row: Row) -> tuple[OpenCase, ...]:
        """Other open applications that exclude this one: on the same certificate, or for the same new one.

        A stranger's draft, or a request that was refused to a stranger, excludes nobody.
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
        for person_id, kind, paper_id in session.execute(
            select(Paper.person_id, Paper.kind, Paper.id).where(Paper.person_id.in_(people), current)
        ):
            self.papers[person_id][kind] = paper_id
        for enterprise_id, paper_id in session.execute(
            select(Paper.pledging_enterprise_id, Paper.id).where(Paper.pledging_enterprise_id.in_(enterprises), current)
        ):
            self.pledges[enterprise_id] = paper_id
        for enterprise_id, paper_id in session.execute(
            select(Qualification.enterprise_id, Paper.id)
            .join(Paper, Paper.qualification_id == Qualification.id)
            .where(Qualification.enterprise_id.in_(enterprises), current)
            .order_by(Paper.id)
        ):
            self.qualifications[enterprise_id].append(paper_id)

    def _load_passes(self, session: Session, people: set[int]) -> None:
        for row in session.execute(
            select(
                ExamPass.person_id,
                ExamPass.id,
                ExamPass.category,
                ExamPass.passed_on,
                ExamPass.source,
                ExamPass.originals_verified_at,
                ExamPass.used_by_application_id,
            ).where(ExamPass.person_id.in_(people))
        ):
            verified = row.originals_verified_at is not None
            self.passes[row.person_id].append(
                PassFacts(row.id, row.category, row.passed_on, row.source, verified, row.used_by_application_id)
            )

    def _load_certificates(self, session: Session, people: set[int]) -> None:
        for row in session.execute(
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
            )
            .join(Enterprise, Enterprise.id == Certificate.enterprise_id)
            .where(Certificate.person_id.in_(people))
            .order_by(Certificate.id)
        ):
            person_id, *held = row
            self.certificates[person_id].append(CertificateFacts(*held))

    def _load_open(self, session: Session, people: set[int]) -> None:
        for row in session.execute(
            select(
                Application.person_id,
                Application.id,
                Application.matter,
                Application.category,
                Application.state,
                Application.enterprise_id,
                Application.certificate_id,
            )
            .where(Application.person_id.in_(people), Application.state.in_(OPEN))
            .order_by(Application.id)
        ):
            self.open[row.person_id].append(
                OpenCase(row.id, row.matter, row.category, row.state, row.enterprise_id, row.certificate_id)
            )


def _last_officers(session: Session, ids: Collection[int]) -> dict[int | None, LastWord]:
    """Who of the authority moved each application last, how, and what was marked for correction."""
    latest = (
        select(func.max(Step.id))
        .where(Step.application_id.in_(ids), Step.action.in_(OFFICE_ACTIONS))
        .group_by(Step.application_id)
    )
    rows = session.execute(select(Step.application_id, Step.actor_id, Step.action, Step.marks).where(Step.id.in_(latest)))
    return {row.application_id: (row.actor_id, row.action, row.marks) for row in rows}


def _facts(row: Row, about: _Surroundings) -> Facts:
    officer_id, officer_action, marks = about.officers.get(row["application_id"], (None, None, None))
    details = row["details"] or {}
    taken_by = about.taken.get(details.get("id_number", ""))
    return Facts(
        application_id=row["application_id"],
        number=row["number"],
        state=row["state"],
        round=row["round"],
        matter=row["matter"],
        category=row["category"],
        filing_id=row["filing_id"],
        handler_name=row["handler_name"],
        handler_mobile=row["handler_mobile"],
        region_code=row["region_code"],
        enterprise_id=row["enterprise_id"],
        enterprise={
            "name": row["enterprise_name"],
            "uscc": row["uscc"],
            "address": row["address"],
            "legal_representative": row["legal_representative"],
        },
        enterprise_registration=row["registration"],
        person_id=row["person_id"],
        person=_person(row),
        birth_date=row["birth_date"],
        employer_id=row["employer_id"],
        banned_until=row["banned_until"],
        person_papers=about.papers.get(row["person_id"], {}),
        pledge_paper=about.pledges.get(row["enterprise_id"]),
        qualification_papers=tuple(about.qualifications.get(row["enterprise_id"], ())),
        passes=tuple(about.passes.get(row["person_id"], ())),
        certificates=tuple(about.certificates.get(row["person_id"], ())),
        in_the_way=about.in_the_way(row),
        last_officer_id=officer_id,
        last_officer_action=officer_action,
        snapshot=row["snapshot"],
        submitted_at=row["submitted_at"],
        certificate_id=row["certificate_id"],
        reason_code=row["reason_code"],
        details=details,
        id_number_taken=taken_by not in (None, row["person_id"]),
        face=about.faces.get(row["certificate_id"]),
        releasing_enterprise_id=row["releasing_enterprise_id"],
        releasing=_releasing(row),
        papers_asked=about.papers_asked(row["matter"], row["category"], row["reason_code"]),
        application_papers=about.own_papers.get(row["application_id"], {}),
        marked=tuple(mark["item"] for mark in marks or ()) if row["state"] is State.RETURNED else (),
    )


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


def _releasing(row: Row) -> dict[str, str] | None:
    there = row["releasing_enterprise_id"] is not None
    return {"name": row["releasing_name"], "mobile": row["releasing_mobile"] or ""} if there else None
