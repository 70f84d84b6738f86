"""The facts of many cases at once, in a fixed number of queries however many cases there are.

Law: reads only; what it returns is all that rules and effects get to see.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import Application, Certificate, Enterprise, ExamPass, Filing, Paper, Person, Qualification, Step
from app.vocabulary import (
    OPEN,
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

    def in_force(self, on: date) -> bool:
        """Valid or suspended, and not past its last day: it stands in the way of a second one."""
        return self.status in (CertificateStatus.VALID, CertificateStatus.SUSPENDED) and on <= self.valid_to


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
    open_applications: tuple[int, ...] = ()  # other open ones of the same person, category and matter
    last_officer_id: int | None = None
    last_officer_action: Action | None = None
    snapshot: Mapping[str, Any] | None = None  # as submitted; see ``record``

    @property
    def name(self) -> str:
        return self.person["name"]

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
            "papers": {kind.value: paper_id for kind, paper_id in self.person_papers.items()},
            "pledge": self.pledge_paper,
            "qualifications": list(self.qualification_papers),
            "exam": {"passed_on": f"{self.latest_pass.passed_on:%Y-%m-%d}", "source": self.latest_pass.source.value}
            if self.latest_pass
            else None,
        }

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
_CASE = (
    Application.id.label("application_id"),
    Application.number,
    Application.state,
    Application.round,
    Application.matter,
    Application.category,
    Application.region_code,
    Application.snapshot,
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
        .where(Application.id.in_(ids))
        .order_by(Application.id)
    )
    if lock:  # in id order, so that two batches wait for each other instead of embracing
        query = query.with_for_update(of=Application)
    rows = session.execute(query).all()
    about = _Surroundings(session, {row.person_id for row in rows}, {row.enterprise_id for row in rows})
    last = _last_officers(session, [row.application_id for row in rows])
    return {row.application_id: _facts(row, dict(row._mapping), about, last.get(row.application_id)) for row in rows}


def of_candidates(
    session: Session, enterprise_id: int, matter: MatterKind, pairs: Iterable[tuple[int, Category]]
) -> dict[tuple[int, Category], Facts]:
    """The facts as they would be if these people of an enterprise filed now; keyed by (person id, category)."""
    pairs = list(pairs)
    enterprise = session.execute(select(*_ENTERPRISE).where(Enterprise.id == enterprise_id)).one()
    people = {
        row.person_id: row
        for row in session.execute(select(*_PERSON).where(Person.id.in_({person_id for person_id, _ in pairs})))
    }
    about = _Surroundings(session, set(people), {enterprise_id})
    found = {}
    for person_id, category in pairs:
        if person_id not in people:
            continue
        blank = {
            "application_id": None,
            "number": "",
            "state": State.DRAFT,
            "round": 0,
            "matter": matter,
            "category": category,
            "region_code": enterprise.enterprise_region,
            "snapshot": None,
            "filing_id": None,
            "handler_name": "-",
            "handler_mobile": "-",
        }
        row = people[person_id]
        found[person_id, category] = _facts(row, {**enterprise._mapping, **row._mapping, **blank}, about, None)
    return found


class _Surroundings:
    """What lies around the people and enterprises of a batch: papers, passes, certificates, other applications."""

    def __init__(self, session: Session, people: set[int], enterprises: set[int]) -> None:
        self.papers: dict[int | None, dict[PaperKind, int]] = defaultdict(dict)
        self.pledges: dict[int | None, int] = {}
        self.qualifications: dict[int, list[int]] = defaultdict(list)
        self.passes: dict[int, list[PassFacts]] = defaultdict(list)
        self.certificates: dict[int, list[CertificateFacts]] = defaultdict(list)
        self.open: dict[tuple[int, Category, MatterKind], list[int]] = defaultdict(list)
        self._load_papers(session, people, enterprises)
        self._load_records(session, people)

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

    def _load_records(self, session: Session, people: set[int]) -> None:
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
        for held in session.execute(
            select(
                Certificate.person_id,
                Certificate.id,
                Certificate.number,
                Certificate.category,
                Certificate.status,
                Certificate.valid_to,
                Certificate.enterprise_id,
            ).where(Certificate.person_id.in_(people))
        ):
            self.certificates[held.person_id].append(
                CertificateFacts(held.id, held.number, held.category, held.status, held.valid_to, held.enterprise_id)
            )
        for person_id, category, matter, application_id in session.execute(
            select(Application.person_id, Application.category, Application.matter, Application.id).where(
                Application.person_id.in_(people), Application.state.in_(OPEN)
            )
        ):
            self.open[person_id, category, matter].append(application_id)


def _last_officers(session: Session, ids: Collection[int]) -> dict[int, tuple[int | None, Action]]:
    """Who of the authority moved each application last, and how."""
    latest = (
        select(func.max(Step.id))
        .where(Step.application_id.in_(ids), Step.action != Action.SUBMIT)
        .group_by(Step.application_id)
    )
    rows = session.execute(select(Step.application_id, Step.actor_id, Step.action).where(Step.id.in_(latest)))
    return {row.application_id: (row.actor_id, row.action) for row in rows}


def _facts(row: Any, case: Mapping[str, Any], about: _Surroundings, last: tuple[int | None, Action] | None) -> Facts:
    key = (row.person_id, case["category"], case["matter"])
    officer_id, officer_action = last or (None, None)
    return Facts(
        application_id=case["application_id"],
        number=case["number"],
        state=case["state"],
        round=case["round"],
        matter=case["matter"],
        category=case["category"],
        filing_id=case["filing_id"],
        handler_name=case["handler_name"],
        handler_mobile=case["handler_mobile"],
        region_code=case["region_code"],
        enterprise_id=case["enterprise_id"],
        enterprise={
            "name": case["enterprise_name"],
            "uscc": case["uscc"],
            "address": case["address"],
            "legal_representative": case["legal_representative"],
        },
        enterprise_registration=case["registration"],
        person_id=row.person_id,
        person={
            "name": row.name,
            "id_number": row.id_number,
            "sex": row.sex.value,
            "birth_date": f"{row.birth_date:%Y-%m-%d}",
            "education": row.education.value if row.education else "",
            "major": row.major,
            "technical_title": row.technical_title.value if row.technical_title else "",
            "position": row.position.value if row.position else "",
            "mobile": row.mobile or "",
        },
        birth_date=row.birth_date,
        employer_id=row.employer_id,
        banned_until=row.banned_until,
        person_papers=about.papers.get(row.person_id, {}),
        pledge_paper=about.pledges.get(case["enterprise_id"]),
        qualification_papers=tuple(about.qualifications.get(case["enterprise_id"], ())),
        passes=tuple(about.passes.get(row.person_id, ())),
        certificates=tuple(about.certificates.get(row.person_id, ())),
        open_applications=tuple(other for other in about.open.get(key, ()) if other != case["application_id"]),
        last_officer_id=officer_id,
        last_officer_action=officer_action,
        snapshot=case["snapshot"],
    )
