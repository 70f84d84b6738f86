"""The facts of one case as frozen values, independent of the database."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from app.core.clock import office_day
from app.core.vocabulary import (
    Action,
    Category,
    CertificateStatus,
    MatterKind,
    MeasureGround,
    PaperKind,
    PassSource,
    Registration,
    State,
)


@dataclass(frozen=True, slots=True)
class PassFacts:
    """A passed exam of the person. ``used_by`` is the application that was approved on it, ``identity`` who was examined."""

    id: int
    category: Category
    passed_on: date
    source: PassSource
    originals_verified: bool
    used_by: int | None
    identity: Mapping[str, str] | None  # None: not recorded


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
    measure_proposed: bool = False  # one against it awaits its decision
    suspended_to: date | None = None  # last day of the suspension

    def in_force(self, on: date) -> bool:
        """Valid or suspended, and not past its last day: excludes a second one."""
        return self.status in (CertificateStatus.VALID, CertificateStatus.SUSPENDED) and on <= self.valid_to

    def status_on(self, day: date) -> CertificateStatus:
        """The status that holds on a day."""
        return self.status.on(day, self.valid_to, self.suspended_to)


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
class PaperRequirement:
    """A row of the table of required papers that applies to a case."""

    kind: PaperKind
    required: bool
    required_from: date


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that rules and effects may depend on for one case."""

    application_id: int | None  # None: a candidate, not filed yet
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
    banned_for: MeasureGround | None = None
    correction_pending: bool = False  # of name or ID number
    person_papers: Mapping[PaperKind, int] = field(default_factory=dict)  # kind -> paper id
    pledge_paper: int | None = None
    qualification_papers: tuple[int, ...] = ()
    passes: tuple[PassFacts, ...] = ()
    certificates: tuple[CertificateFacts, ...] = ()
    excluded_by: tuple[OpenCase, ...] = ()  # other open applications that exclude this one
    last_officer_id: int | None = None
    last_officer_action: Action | None = None
    snapshot: Mapping[str, Any] | None = None  # as submitted; see ``record``
    snapshot_before: Mapping[str, Any] | None = None  # of the submission before, where this one answers a return
    submitted_at: datetime | None = None
    counts_from: date | None = None
    due_on: date | None = None
    due_from: date | None = None
    due_days: int | None = None
    extended_to: date | None = None
    certificate_id: int | None = None
    reason_code: str = ""
    details: Mapping[str, str] = field(default_factory=dict)
    id_number_taken: bool = False  # the corrected one belongs to another person
    face: Mapping[str, Any] | None = None  # what the certificate acted upon shows today
    foreign_papers: tuple[PaperKind, ...] = ()  # submitted scans that belong to another person or application
    releasing_enterprise_id: int | None = None
    releasing: Mapping[str, str] | None = None  # name, mobile of the old enterprise
    paper_requirements: tuple[PaperRequirement, ...] = ()
    application_papers: Mapping[PaperKind, int] = field(default_factory=dict)  # kind -> paper id
    marked: tuple[str, ...] = ()  # items to be corrected, while it is returned

    @property
    def name(self) -> str:
        return self.person["name"]

    @property
    def identities(self) -> set[int | str]:
        """The person, the ID number, and the one that it is corrected to: shared by cases that can affect each other."""
        number = self.person["id_number"]
        return {self.person_id, number, self.submitted_details.get("id_number", number)}

    @property
    def certificate(self) -> CertificateFacts | None:
        """The certificate acted upon."""
        return next((held for held in self.certificates if held.id == self.certificate_id), None)

    @property
    def target_category(self) -> Category:
        """The category of the resulting certificate: a replaced undivided C becomes C1, C2 or C3, by default C3."""
        if self.category is Category.C and self.matter is MatterKind.REPLACEMENT:
            return Category(self.submitted_details.get("category", Category.C3.value))  # type: ignore[call-arg]
        return self.category

    @property
    def papers(self) -> Mapping[PaperKind, int]:
        """Current scans of the case; a transfer has only its own, since the person's belong to the old enterprise."""
        of_person = {} if self.matter is MatterKind.TRANSFER else self.person_papers
        return {**of_person, **self.application_papers}

    @property
    def open_applications(self) -> tuple[int, ...]:
        return tuple(other.id for other in self.excluded_by)

    def required_papers(self, on: date) -> tuple[PaperKind, ...]:
        """The papers that must be handed in; rows that took effect after submission do not apply."""
        since = office_day(self.submitted_at) if self.submitted_at else on
        return tuple(asked.kind for asked in self.paper_requirements if asked.required and asked.required_from <= since)

    @property
    def latest_pass(self) -> PassFacts | None:
        """The newest passed exam of this category that no other application has used."""
        unused = [p for p in self.passes if p.category is self.category and p.used_by in (None, self.application_id)]
        return max(unused, key=lambda p: p.passed_on, default=None)

    def record(self) -> dict[str, Any]:
        """The snapshot of the case as it stands now: what officers decide on and the archive shows."""
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
        """The snapshot as submitted; of a draft, as it stands now."""
        return self.snapshot or self.record()
