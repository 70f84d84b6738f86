"""The rows of a province: enterprises, people, exams, applications at every stage, certificates, notices, messages.

One person has one application and one certificate, all three of one id. Who has been approved holds a certificate of this
system; the others hold an older one from the list of the old system, which has run out where a new one is applied for.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any

from app.certificates.licence_number import identifier
from app.certificates.qr.status_list import BLOCK, SERIES
from app.core.clock import add_years
from app.core.identifiers import mask_id_publicly, sex
from app.core.office import Office
from app.core.vocabulary import (
    CLOSED,
    PERSON_PAPERS,
    Action,
    Category,
    CertificateEventKind,
    CertificateStatus,
    MatterKind,
    MeasureGround,
    MeasureState,
    MessageState,
    NoticeState,
    PaperKind,
    PassSource,
    Registration,
    SignupState,
    Stage,
    State,
)
from app.models import (
    Application,
    Certificate,
    CertificateEvent,
    CertificateMeasure,
    CertificateVersion,
    Enterprise,
    ExamNotice,
    ExamPass,
    ExamSignup,
    Filing,
    Message,
    NumberSequence,
    Paper,
    Person,
    PublicNotice,
    Qualification,
    Step,
)
from benchmarks.population import Choice, Firm, Human, firms, humans

Row = dict[str, Any]
Rows = Iterator[tuple[type[Any], Row]]

LEGACY, IMPORTED = "旧系统", datetime(2022, 1, 4, 4, tzinfo=UTC)
APPLICANTS_OF_A_FILING = 20

S, A = State, Action
_TO_ACCEPTANCE = ((A.SUBMIT, S.DRAFT, S.AWAITING_ACCEPTANCE),)
_GIVEN_UP = ((A.WITHDRAW, S.AWAITING_ACCEPTANCE, S.DRAFT), (A.ABANDON, S.DRAFT, S.ABANDONED))
_TO_REVIEW = (*_TO_ACCEPTANCE, (A.ACCEPT, S.AWAITING_ACCEPTANCE, S.AWAITING_REVIEW))
_TO_APPROVAL = (*_TO_REVIEW, (A.ENDORSE, S.AWAITING_REVIEW, S.AWAITING_APPROVAL))
# How far an application has come, and by which steps: its share in per mille, the days since it was submitted.
COURSES: tuple[tuple[State, int, tuple[tuple[Action, State, State], ...], tuple[int, int]], ...] = (
    (S.APPROVED, 610, (*_TO_APPROVAL, (A.APPROVE, S.AWAITING_APPROVAL, S.APPROVED)), (20, 1600)),
    (S.AWAITING_ACCEPTANCE, 120, _TO_ACCEPTANCE, (0, 4)),
    (S.AWAITING_REVIEW, 120, _TO_REVIEW, (6, 20)),
    (S.AWAITING_APPROVAL, 110, _TO_APPROVAL, (8, 25)),
    (S.DRAFT, 10, (), (0, 40)),
    (S.RETURNED, 5, (*_TO_ACCEPTANCE, (A.RETURN, S.AWAITING_ACCEPTANCE, S.RETURNED)), (3, 15)),
    (S.NOT_ACCEPTED, 7, (*_TO_ACCEPTANCE, (A.DECLINE, S.AWAITING_ACCEPTANCE, S.NOT_ACCEPTED)), (10, 900)),
    (S.REVIEW_REFUSED, 8, (*_TO_REVIEW, (A.REFUSE_REVIEW, S.AWAITING_REVIEW, S.REVIEW_REFUSED)), (20, 900)),
    (S.APPROVAL_REFUSED, 5, (*_TO_APPROVAL, (A.REFUSE_APPROVAL, S.AWAITING_APPROVAL, S.APPROVAL_REFUSED)), (20, 900)),
    (S.ABANDONED, 5, (*_TO_ACCEPTANCE, *_GIVEN_UP), (9, 900)),
)  # fmt: skip
WAITING = (S.AWAITING_ACCEPTANCE, S.AWAITING_REVIEW, S.AWAITING_APPROVAL)
_STAGES = {
    A.ACCEPT: (Stage.ACCEPTANCE, True), A.DECLINE: (Stage.ACCEPTANCE, False), A.ENDORSE: (Stage.REVIEW, True),
    A.REFUSE_REVIEW: (Stage.REVIEW, False), A.APPROVE: (Stage.APPROVAL, True), A.REFUSE_APPROVAL: (Stage.APPROVAL, False),
}  # fmt: skip
_REASONED = (A.RETURN, A.DECLINE, A.REFUSE_REVIEW, A.REFUSE_APPROVAL)
_REASON = "学历证扫描件不清晰，无法核对毕业院校与专业（《行政许可法》第三十二条）。"


@dataclass(frozen=True, slots=True)
class Officer:
    """Who decided: account and full name."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Frame:
    """What the rows refer to: the day they end on, who decides, the digests of the specimen scans, the signing key."""

    day: date
    office: Office
    officers: Mapping[str, Officer]  # by role: acceptance_officer, reviewer, approver, exam_clerk
    scans: Mapping[PaperKind, str]
    code_key: str


class Province:
    """All rows for ``size`` people. ``rows`` may be read once; enterprises come first."""

    def __init__(self, size: int, seed: int, frame: Frame) -> None:
        self.size, self.frame, self.seed = size, frame, seed
        self.rng = Random(seed)  # noqa: S311 - not secret
        self.series: dict[str, int] = defaultdict(int)
        self.firms = list(firms(Random(seed + 1), max(size // 50, 2)))  # noqa: S311 - not secret
        self.exams = _Exams(size, frame)
        self._ids: dict[type[Any], int] = defaultdict(int)
        self._filings: dict[int, tuple[int, int]] = {}  # enterprise -> its open filing, places left in it
        self._morning = [datetime.combine(frame.day - timedelta(days=n), time(1, 30), UTC) for n in range(4000)]
        self._due: dict[tuple[date, int], date] = {}
        self._course = Choice(self.rng, COURSES, [course[1] for course in COURSES])
        self._under_way = Choice(self.rng, [course for course in COURSES if course[0] in WAITING])
        self._firm = Choice(self.rng, self.firms, [1 / (n + 20) ** 0.4 for n in range(len(self.firms))])
        self._pledges: dict[int, tuple[int, int]] = {}  # enterprise -> paper of its pledge, paper of its qualification
        self._status_index = 0

    def rows(self) -> Rows:
        for firm in self.firms:
            yield from self._enterprise(firm)
        yield from self.exams.notices()
        for human in humans(Random(self.seed + 2), self.size, self.frame.day):  # noqa: S311 - not secret
            yield from self._person(human)
        yield from self._sequences()

    # --- who there is ---------------------------------------------------------------------------------

    def _next(self, model: type[Any]) -> int:
        self._ids[model] += 1
        return self._ids[model]

    def _enterprise(self, firm: Firm) -> Rows:
        yield Enterprise, {
            "id": firm.id, "name": firm.name, "uscc": firm.uscc, "region_code": firm.region, "address": f"样本路{firm.id}号",
            "legal_representative": firm.principal, "contact": firm.principal, "contact_mobile": f"141{firm.id:08d}",
            "registration": Registration.APPROVED if firm.approved else Registration.PENDING,
        }  # fmt: skip
        yield Qualification, {
            "id": firm.id, "enterprise_id": firm.id, "number": f"D243{firm.id:07d}",
            "kind_and_grade": "建筑工程施工总承包贰级",
            "valid_from": date(self.frame.day.year - 2, 1, 1), "valid_to": date(self.frame.day.year + 2, 12, 31),
        }  # fmt: skip
        papers = []
        for kind, owner in ((PaperKind.PLEDGE, "pledging_enterprise_id"), (PaperKind.QUALIFICATION, "qualification_id")):
            paper = self._paper(kind, firm, owner, firm.id)
            papers.append(paper["id"])
            yield Paper, paper
        self._pledges[firm.id] = (papers[0], papers[1])

    def _paper(self, kind: PaperKind, firm: Firm, owner: str, owner_id: int) -> Row:
        return {
            "id": self._next(Paper), "kind": kind, "person_id": None, "qualification_id": None,
            "pledging_enterprise_id": None, "enterprise_id": firm.id, "filename": f"{kind.value}.jpg",
            "digest": self.frame.scans[kind], "mime": "image/jpeg", "size": 20_000, "uploaded_at": IMPORTED,
            "uploaded_by": firm.principal, owner: owner_id,
        }  # fmt: skip

    def _person(self, human: Human) -> Rows:
        firm = self._firm.draw()
        signed_up = self.exams.notice_of(human.id)
        state, _share, road, (least, most) = (self._under_way if signed_up and signed_up.final else self._course).draw()
        ago = self.rng.randint(least, most)
        case = _Case(human, firm, state, road, ago, self._issued_on(state, ago))
        self._number_certificate(case)
        revoked = state is State.APPROVED and human.id % 61 == 0  # of 61 %: one certificate in a hundred
        yield Person, {
            "id": human.id, "enterprise_id": firm.id, "region_code": firm.region, "name": human.name,
            "id_number": human.id_number, "id_number_key": human.id_number, "sex": sex(human.id_number),
            "birth_date": human.born, "mobile": human.mobile,
            "education": human.education, "major": human.major, "technical_title": human.title, "position": human.position,
            "banned_until": add_years(self.frame.day, 1) if revoked else None,
            "banned_for": MeasureGround.DECEIT if revoked else None,
        }  # fmt: skip
        papers: dict[str, int] = {}
        for kind in _scans_of(case):
            paper = self._paper(kind, firm, "person_id", human.id)
            papers[kind.value] = paper["id"]
            yield Paper, paper
        yield from self._pass_of(case, signed_up)
        yield from self._application(case, papers)
        yield from self._certificate(case, papers, revoked)

    def _pass_of(self, case: "_Case", signed_up: "Exam | None") -> Rows:
        """The sign-up of a person, and the passed exam that the application names."""
        human, who = case.human, {"name": case.human.name, "id_number": case.human.id_number}
        signup_id = None
        if signed_up:
            signup = self.exams.signup(
                signed_up, human, case.firm, who, self._number(f"{case.firm.region}-BM", signed_up.entered_on)
            )
            yield ExamSignup, signup
            signup_id = signup["id"] if signed_up.final else None
        passed_on = signed_up.day if signed_up and signed_up.final else self._day(case.ago + 40)
        case.passed_on, case.source = passed_on, PassSource.SYSTEM if signup_id else PassSource.LEGACY
        yield ExamPass, {
            "id": self._next(ExamPass), "person_id": human.id, "region_code": case.firm.region,
            "category": human.category, "passed_on": passed_on,
            "source": case.source, "signup_id": signup_id, "identity": who,
            "originals_verified_at": None if signup_id else self._at(case.ago + 20),
            "originals_verified_by": "" if signup_id else self.frame.officers["acceptance_officer"].name,
            "used_by_application_id": human.id if case.state is State.APPROVED else None,
        }  # fmt: skip

    # --- applications -----------------------------------------------------------------------------------

    def _application(self, case: "_Case", papers: Mapping[str, int]) -> Rows:
        human, firm, submitted = case.human, case.firm, self._at(case.ago)
        filing_id = self._open_filing(firm)
        if filing_id is None:
            filing = self._filing(firm, case.ago)
            filing_id = filing["id"]
            yield Filing, filing
        accepted = self._at(case.ago - 2) if any(action is A.ACCEPT for action, *_states in case.road) else None
        slip = self._number(f"{self.frame.office.region_code}-SL", accepted.date()) if accepted else None
        days = self.frame.office.decide_days
        promised = self._due_on(accepted.date(), days) if accepted else None
        clock: tuple[date | None, int | None] = (None, None)
        if case.state is S.AWAITING_ACCEPTANCE:
            clock = (submitted.date(), self.frame.office.accept_days)
        elif case.state is S.RETURNED:
            clock = (self._day(case.ago - 1), self.frame.office.correction_days)
        elif case.state in WAITING and accepted:
            clock = (accepted.date(), days)
        sent = case.state not in (S.DRAFT, S.ABANDONED)
        steps = [self._step(case, n, *step) for n, step in enumerate(case.road)]
        yield Application, {
            "id": human.id, "number": self._number(f"{self.frame.office.region_code}-AG", self._day(case.ago + 1)),
            "filing_id": filing_id, "matter": MatterKind.NEW, "category": human.category, "state": case.state,
            "round": 1 if case.road else 0, "person_id": human.id, "enterprise_id": firm.id, "region_code": firm.region,
            "created_at": self._at(case.ago + 1), "submitted_at": submitted if sent else None, "acceptance_number": slip,
            "promised_days": days if accepted else None, "promised_on": promised, "accepted_at": accepted,
            "due_on": self._due_on(clock[0], clock[1]) if clock[0] and clock[1] else None, "due_from": clock[0],
            "due_days": clock[1], "closed_at": steps[-1]["at"] if case.closed else None,
            "certificate_id": human.id if case.state is S.APPROVED else None,
            "snapshot": self._snapshot(case, papers) if case.road else None,
        }  # fmt: skip
        for step in steps:
            yield Step, step
            if published := _STAGES.get(step["action"]):
                yield PublicNotice, self._public_notice(case, *published, step["at"])
        if steps and case.state is not S.AWAITING_ACCEPTANCE:
            yield Message, self._message(case, steps[-1]["at"])

    def _open_filing(self, firm: Firm) -> int | None:
        """The filing of the enterprise that has a place left."""
        filing_id, left = self._filings.get(firm.id, (0, 0))
        if not left:
            return None
        self._filings[firm.id] = (filing_id, left - 1)
        return filing_id

    def _filing(self, firm: Firm, ago: int) -> Row:
        filing_id = self._next(Filing)
        self._filings[firm.id] = (filing_id, APPLICANTS_OF_A_FILING - 1)
        return {
            "id": filing_id, "number": self._number(f"{self.frame.office.region_code}-SB", self._day(ago + 1)),
            "matter": MatterKind.NEW, "enterprise_id": firm.id, "handler_name": firm.principal,
            "handler_mobile": f"141{firm.id:08d}", "created_at": self._at(ago + 1), "created_by": firm.principal,
        }  # fmt: skip

    def _snapshot(self, case: "_Case", papers: Mapping[str, int]) -> Row:
        """As ``Facts.record`` makes it; tests/benchmarks/test_data.py compares them."""
        human, firm = case.human, case.firm
        pledge, qualification = self._pledges[firm.id]
        return {
            "person": {
                "name": human.name, "id_number": human.id_number, "sex": sex(human.id_number).value,
                "birth_date": f"{human.born:%Y-%m-%d}", "education": human.education.value, "major": human.major,
                "technical_title": human.title.value, "position": human.position.value, "mobile": human.mobile,
            },
            "enterprise": {
                "name": firm.name, "uscc": firm.uscc, "address": f"样本路{firm.id}号", "legal_representative": firm.principal,
            },
            "handler": {"name": firm.principal, "mobile": f"141{firm.id:08d}"},
            "papers": dict(papers), "pledge": pledge, "qualifications": [qualification],
            "exam": {"passed_on": f"{case.passed_on:%Y-%m-%d}", "source": case.source.value},
            "certificate": None, "reason": "", "details": {}, "releasing": None,
        }  # fmt: skip

    def _step(self, case: "_Case", place: int, action: Action, source: State, target: State) -> Row:
        role = {A.ACCEPT: "acceptance_officer", A.RETURN: "acceptance_officer", A.DECLINE: "acceptance_officer",
                A.ENDORSE: "reviewer", A.REFUSE_REVIEW: "reviewer", A.APPROVE: "approver",
                A.REFUSE_APPROVAL: "approver"}.get(action)  # fmt: skip
        officer = self.frame.officers[role] if role else None
        returned = self._due_on(self._day(case.ago - 1), self.frame.office.correction_days)
        return {
            "id": self._next(Step), "application_id": case.human.id, "round": 1, "action": action, "source": source,
            "target": target, "actor_id": officer.id if officer else None,
            "actor": officer.name if officer else case.firm.principal, "reason": _REASON if action in _REASONED else "",
            "marks": None, "awaited_until": returned if action is A.RETURN else None,
            "at": self._at(max(case.ago - place * 2, 0), place),
        }  # fmt: skip

    def _public_notice(self, case: "_Case", stage: Stage, agreed: bool, at: datetime) -> Row:
        number = case.number if stage is Stage.APPROVAL and agreed else ""
        return {
            "id": self._next(PublicNotice), "application_id": case.human.id, "matter": MatterKind.NEW,
            "category": case.human.category, "stage": stage, "agreed": agreed, "name": case.human.name,
            "masked_id_number": mask_id_publicly(case.human.id_number), "enterprise_name": case.firm.name,
            "certificate_number": number, "region_code": case.firm.region, "published_at": at,
        }  # fmt: skip

    def _message(self, case: "_Case", at: datetime) -> Row:
        text = f"{case.human.name}的安全生产考核合格证书（{case.human.category.value}）申请有新的办理结果，请登录系统查看。"
        return {
            "id": self._next(Message), "mobile": f"141{case.firm.id:08d}", "text": text, "application_id": case.human.id,
            "state": MessageState.SENT, "due_at": at, "next_try_at": at, "tries": 1, "sent_at": at,
        }  # fmt: skip

    # --- certificates -------------------------------------------------------------------------------------

    def _certificate(self, case: "_Case", papers: Mapping[str, int], revoked: bool) -> Rows:
        human, firm, ours, issued = case.human, case.firm, case.state is S.APPROVED, case.issued
        last = add_years(issued, self.frame.office.validity_years) - timedelta(days=1)
        status = CertificateStatus.REVOKED if revoked else CertificateStatus.VALID
        yield Certificate, {
            "id": human.id, "number": case.number, "category": human.category,
            "person_id": human.id, "enterprise_id": firm.id, "region_code": firm.region,
            "holder": human.name, "printed_enterprise": firm.name,
            "first_issued_on": issued, "issued_on": issued, "valid_from": issued, "valid_to": last, "status": status,
            "is_electronic": ours,
        }  # fmt: skip
        at = self._at((self.frame.day - issued).days, 4)
        approver = self.frame.officers["approver"]
        event = {
            "certificate_id": human.id, "deed": CertificateEventKind.ISSUED if ours else CertificateEventKind.IMPORTED,
            "status": CertificateStatus.VALID, "reason": "", "application_id": human.id if ours else None,
            "actor_id": approver.id if ours else None, "actor": approver.name if ours else LEGACY,
            "at": at if ours else IMPORTED,
        }  # fmt: skip
        yield CertificateEvent, {"id": self._next(CertificateEvent), **event}
        if ours:
            yield CertificateVersion, self._version(case, papers, issued, last, at)
        if revoked:
            yield CertificateMeasure, self._measure(case)
            ended = {"deed": CertificateEventKind.REVOKED, "status": status, "application_id": None, "at": self._at(2)}
            yield CertificateEvent, {"id": self._next(CertificateEvent), **event, **ended}

    def _version(self, case: "_Case", papers: Mapping[str, int], issued: date, last: date, at: datetime) -> Row:
        """As ``lifecycle.face`` makes its content; tests/benchmarks/test_data.py compares them."""
        human, firm, office = case.human, case.firm, self.frame.office
        self._status_index += 1
        face = {
            "number": case.number, "category": human.category.value, "name": human.name, "sex": sex(human.id_number).value,
            "birth_date": f"{human.born:%Y-%m-%d}", "id_number": human.id_number, "position": human.position.value,
            "technical_title": human.title.value, "education": human.education.value, "major": human.major,
            "enterprise": firm.name, "uscc": firm.uscc, "photo": papers.get(PaperKind.PHOTO.value), "issuer": office.issuer,
            "issuer_code": office.issuer_code, "seal_text": office.seal_text,
            "licence_identifier": identifier(office.issuer_code, issued, human.id, 1), "previous_identifier": "",
            "code_key": self.frame.code_key, "first_issued_on": f"{issued:%Y-%m-%d}", "issued_on": f"{issued:%Y-%m-%d}",
            "valid_from": f"{issued:%Y-%m-%d}", "valid_to": f"{last:%Y-%m-%d}",
        }  # fmt: skip
        return {
            "id": self._next(CertificateVersion), "certificate_id": human.id, "version": 1,
            "token": token_of(self.seed, human.id), "status_index": self._status_index - 1, "application_id": human.id,
            "face": face, "id_number": human.id_number, "issued_at": at,
        }  # fmt: skip

    def _measure(self, case: "_Case") -> Row:
        proposer, decider = self.frame.officers["reviewer"], self.frame.officers["approver"]
        return {
            "id": self._next(CertificateMeasure), "certificate_id": case.human.id, "region_code": case.firm.region,
            "kind": CertificateEventKind.REVOKED,
            "ground": MeasureGround.DECEIT, "facts": "以不正当手段取得证书", "document_number": f"样撤{case.human.id}号",
            "state": MeasureState.CONFIRMED, "holder": case.human.name, "enterprise_name": case.firm.name,
            "proposed_by_id": proposer.id, "proposed_by": proposer.name, "proposed_at": self._at(3),
            "decided_by_id": decider.id, "decided_by": decider.name, "decided_at": self._at(2),
            "banned_until": add_years(self.frame.day, 1),
        }  # fmt: skip

    # --- days and numbers -------------------------------------------------------------------------------

    def _day(self, ago: int) -> date:
        return self._morning[max(ago, 0)].date()

    def _at(self, ago: int, hours: int = 0) -> datetime:
        morning = self._morning[max(ago, 0)]
        return morning + timedelta(hours=hours) if hours else morning

    def _due_on(self, start: date, days: int) -> date:
        if (start, days) not in self._due:
            self._due[start, days] = self.frame.office.calendar.add_working_days(start, days)
        return self._due[start, days]

    def _number(self, kind: str, on: date) -> str:
        """As ``sequences.daily_numbers``."""
        prefix = f"{kind}-{on:%Y%m%d}"
        self.series[prefix] += 1
        return f"{prefix}-{self.series[prefix]:04d}"

    def _number_certificate(self, case: "_Case") -> None:
        """As ``sequences.certificate_numbers``."""
        prefix = f"{self.frame.office.short_name}建安{case.human.category.value}({case.issued.year})"
        self.series[prefix] += 1
        case.number = f"{prefix}{self.series[prefix]:07d}"

    def _issued_on(self, state: State, ago: int) -> date:
        """What is applied for anew has run out; other certificates of the old system are good for some time."""
        if state is S.APPROVED:
            return self._day(ago - 2 * (len(_TO_APPROVAL)))
        return self._day(self.rng.randint(20, 1000) if state in CLOSED else self.rng.randint(1130, 2100))

    def _sequences(self) -> Rows:
        """What numbers go on from; the status list with the next block, so that no index comes twice."""
        self.series[SERIES] = -(-self._status_index // BLOCK) * BLOCK
        for key, last in self.series.items():
            yield NumberSequence, {"key": key, "last": last}


@dataclass(slots=True)
class _Case:
    """A person's application while its rows are made."""

    human: Human
    firm: Firm
    state: State
    road: tuple[tuple[Action, State, State], ...]
    ago: int  # days since it was submitted
    issued: date  # of the certificate
    number: str = ""  # of the certificate
    passed_on: date = date.min
    source: PassSource = PassSource.LEGACY

    @property
    def closed(self) -> bool:
        return self.state in CLOSED


def _scans_of(case: _Case) -> tuple[PaperKind, ...]:
    """The photo of everybody; the other scans of those whose application is not closed."""
    if case.closed:
        return PERSON_PAPERS[:1]
    return PERSON_PAPERS if case.human.category is Category.B else PERSON_PAPERS[:4]


def token_of(seed: int, certificate_id: int) -> str:
    """The token in the QR code of a certificate, which a measurement must know."""
    return f"bench{seed:03d}{certificate_id:014d}"


# --- exams ------------------------------------------------------------------------------------------------

LARGE = (10, 100, 1000)  # the first three notices: a tenth, a hundredth, a thousandth of the people; held, without scores
OTHERS = 17  # share a twelfth of the people; the last three are open for sign-up, the others have final scores
STILL_OPEN = 3


@dataclass(frozen=True, slots=True)
class Exam:
    """A notice: its id, how many signed up, when it is held, whether its scores are final or sign-ups still come in."""

    id: int
    size: int
    day: date
    final: bool
    open: bool

    @property
    def entered_on(self) -> date:
        """When its sign-ups were handed in."""
        return self.day - timedelta(days=40)


class _Exams:
    """The notices, and who is signed up for which: the people in the order of their ids."""

    def __init__(self, size: int, frame: Frame) -> None:
        self.frame, self._last = frame, 0
        sizes = [max(size // part, 1) for part in LARGE] + [max(size * 85 // 1000 // OTHERS, 1)] * OTHERS
        last = len(sizes)
        self.exams = [
            Exam(
                *(n, count, frame.day + timedelta(days=30 if n > last - STILL_OPEN else -20 * n)),
                *(len(LARGE) < n <= last - STILL_OPEN, n > last - STILL_OPEN),
            )
            for n, count in enumerate(sizes, start=1)
        ]  # fmt: skip
        self._of = [exam for exam in self.exams for _seat in range(exam.size)]

    def notice_of(self, person_id: int) -> Exam | None:
        return self._of[person_id - 1] if person_id <= len(self._of) else None

    def notices(self) -> Rows:
        for exam in self.exams:
            start = datetime.combine(exam.day - timedelta(days=60), time(1), UTC)
            yield ExamNotice, {
                "id": exam.id, "title": f"第{exam.id}期安全生产考核", "number": f"样考〔{exam.day.year}〕{exam.id}号",
                "body": "请按时参加。", "categories": tuple(Category)[:5], "signup_start": start,
                "signup_end": start + timedelta(days=50), "exam_on": exam.day, "place": "样本考点", "quota": None,
                "pass_mark": 60, "region_code": self.frame.office.region_code, "published_at": start, "published_by": "exam",
                "scores_imported_at": _evening(exam) if exam.final else None,
                "scores_submitted_at": _evening(exam) if exam.final else None, "state": NoticeState.PUBLISHED,
            }  # fmt: skip

    def signup(self, exam: Exam, human: Human, firm: Firm, who: Row, number: str) -> Row:
        self._last += 1
        at = datetime.combine(exam.entered_on, time(2), UTC)
        state = SignupState.PASSED if exam.final else SignupState.SUBMITTED if exam.open else SignupState.ADMITTED
        clerk = self.frame.officers["exam_clerk"].name
        return {
            "id": self._last, "number": number, "notice_id": exam.id, "enterprise_id": firm.id, "person_id": human.id,
            "region_code": firm.region, "category": human.category, "state": state, "created_at": at, "submitted_at": at,
            "reviewed_at": None if exam.open else at + timedelta(days=2), "reviewed_by": "" if exam.open else clerk,
            "score": 60 + human.id % 40 if exam.final else None, "identity": who,
        }  # fmt: skip


def _evening(exam: Exam) -> datetime:
    return datetime.combine(exam.day, time(10), UTC)
