"""Sixteen officers decide cases that exclude each other, at once, through the pages: never two of what may be one.

A contest is two requests begun together, and what may come of them: which of the two may have been carried out. Whoever was
refused is told why. What is stored afterwards is judged apart from what the pages said.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from itertools import count, cycle, islice

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import create_app
from app.core.clock import now, office_day
from app.core.vocabulary import (
    Action,
    Category,
    CertificateEventKind,
    CertificateStatus,
    MatterKind,
    MeasureGround,
    MeasureState,
    PassSource,
    Role,
    SignupState,
    State,
)
from app.eligibility.facts import of_applications
from app.models import (
    Application,
    Certificate,
    CertificateEvent,
    CertificateMeasure,
    DecisionBatchRow,
    Person,
    PublicNotice,
    Step,
)
from tests import make
from tests.at_once import at_once
from tests.web.applications.case_fixture import confirmed
from tests.workflow_fixture import Firm

OFFICERS = 16
TODAY = office_day(now())
SOON = TODAY + timedelta(days=60)
A, B, C, C1, C3 = Category.A, Category.B, Category.C, Category.C1, Category.C3
WAITING, DRAFT = State.AWAITING_APPROVAL, State.DRAFT
APPROVER, REVIEWER, EXAM_CLERK = Role.APPROVER, Role.REVIEWER, Role.EXAM_CLERK
ONE = frozenset({(True, False), (False, True)})  # exactly one is carried out
FIRST_OR_NOT = frozenset({(True, True), (False, True)})  # the first only before the second, which always is
IN_FORCE = (CertificateStatus.VALID, CertificateStatus.SUSPENDED)
DECIDING = (Action.APPROVE, Action.REFUSE_APPROVAL)


@dataclass(frozen=True, slots=True)
class Decision:
    """A request: who sends it (a role, or one of the three enterprises), where to, and with what."""

    by: Role | int
    path: str
    data: dict[str, object]


@dataclass(frozen=True, slots=True)
class Contest:
    """Two requests; which of them may be carried out; what whoever is refused reads (one of these)."""

    decisions: tuple[Decision, Decision]
    may: frozenset[tuple[bool, bool]]
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    done: bool
    status: int
    text: str


class Town:
    """Three enterprises, accounts of sixteen officers and clerks in two web processes, and contests."""

    def __init__(self, system, session: Session, signed_in, apps) -> None:
        self.system, self.session, self.signed_in, self.apps = system, session, signed_in, apps
        self.firms = [Firm(session, name=name) for name in ("湘江建设有限公司", "浏阳河建设有限公司", "洞庭建设有限公司")]
        self.clients: dict[tuple[Role | int, int], object] = {}
        self.asker, self.names = make.plain_account(session), count(1)
        self.notice = make.notice(exam_on=TODAY - timedelta(days=30), scores_imported_at=now(), scores_submitted_at=now())
        session.add(self.notice)
        session.commit()

    def client(self, by: Role | int, officer: int):
        """The browser of this officer in this role, or as a clerk of this enterprise."""
        if (by, officer) not in self.clients:
            role = by if isinstance(by, Role) else Role.ENTERPRISE_CLERK
            facts = {} if isinstance(by, Role) else {"enterprise_id": self.firms[by].enterprise.id}
            account = make.account(self.session, f"{role.value}-{by}-{officer}", role, **facts)
            client = self.signed_in(account, strong=True, on=self.apps[officer % len(self.apps)])
            with client.session_transaction() as cookie:
                cookie["locale"] = "en"
            self.clients[by, officer] = client
        return self.clients[by, officer]

    # --- what contests are made of

    def name(self) -> str:
        return "李" + str(next(self.names)).translate(str.maketrans("0123456789", "零一二三四五六七八九"))

    def person(self, **facts) -> Person:
        return self.firms[0].person(name=self.name(), **facts)

    def held(self, person: Person, category: Category) -> Certificate:
        return self.firms[0].certificate(person, category=category, valid_to=SOON)

    def new(self, person: Person, category: Category) -> Application:
        """A new application that awaits approval, with its passed exam."""
        self.session.add(make.exam_pass(person, category=category, passed_on=TODAY - timedelta(days=30)))
        return self._stored(make.application(person, WAITING, category=category))

    def on(self, certificate: Certificate, matter: MatterKind, state: State = WAITING, firm: int = 0, **facts) -> Application:
        return self.firms[firm].on(certificate, matter, state, **facts)

    def measure(self, certificate: Certificate, kind: CertificateEventKind) -> CertificateMeasure:
        term = TODAY + timedelta(days=100) if kind is CertificateEventKind.SUSPENDED else None
        ground = MeasureGround.OFFICER_DUTIES if term else MeasureGround.DECEIT
        return self._stored(make.measure(certificate, self.asker, kind=kind, last_day=term, ground=ground))

    def _stored(self, row):
        self.session.add(row)
        self.session.flush()
        return row


# --- decisions ------------------------------------------------------------------------------------------


def decides(application: Application, action: Action = Action.APPROVE) -> Decision:
    return Decision(APPROVER, f"/cases/{application.id}/decide", {"decision": action.value, "reason": make.REASON})


def in_a_batch(*applications: Application) -> Decision:
    return Decision(APPROVER, "/approval/batch/approve", {"rowid": [one.id for one in applications]})


def confirms(measure: CertificateMeasure) -> Decision:
    return Decision(APPROVER, f"/measures/decide/confirm?only={measure.id}", {"rowid": [measure.id], "sure": "1"})


def submits(application: Application, firm: int = 0) -> Decision:
    return Decision(firm, f"/applications/{application.matter.value}/submit", {"rowid": [application.id]})


# --- contests ---------------------------------------------------------------------------------------

HOLDS, MOVED = "already holds", "was moved by"
STALE = ("Somebody else", "meanwhile", "has moved", "can no longer be done", MOVED)


def c1_and_c3(town: Town) -> Contest:
    """C3 covers C1: after it no C1 is issued, and it ends the one that was issued before."""
    person = town.person()
    return Contest((decides(town.new(person, C1)), decides(town.new(person, C3))), FIRST_OR_NOT, (HOLDS,))


def two_ways_to_one_c1(town: Town) -> Contest:
    """An undivided C becomes C1, and a new C1 is asked for as well."""
    person = town.person()
    divided = town.on(town.held(person, C), MatterKind.REPLACEMENT, details={"category": "C1"})
    return Contest((decides(divided), decides(town.new(person, C1))), ONE, (HOLDS,))


def renewal_and_revocation(town: Town) -> Contest:
    held = town.held(town.person(), B)
    decisions = decides(town.on(held, MatterKind.RENEWAL)), confirms(town.measure(held, CertificateEventKind.REVOKED))
    return Contest(decisions, FIRST_OR_NOT, ("Nothing can be done with it",))


def transfer_and_suspension(town: Town) -> Contest:
    held = town.held(town.person(), C1)
    decisions = (
        decides(town.on(held, MatterKind.TRANSFER, firm=1)),
        confirms(town.measure(held, CertificateEventKind.SUSPENDED)),
    )
    return Contest(decisions, FIRST_OR_NOT, ("Nothing can be done with it",))


def approval_and_refusal(town: Town) -> Contest:
    case = town.new(town.person(), C1)
    return Contest((decides(case), decides(case, Action.REFUSE_APPROVAL)), ONE, STALE)


def batch_and_single(town: Town) -> Contest:
    """Planned after the other was carried out, a batch finds the case decided or its holder with the certificate."""
    case = town.new(town.person(), C1)
    return Contest((in_a_batch(case), decides(case)), ONE, (HOLDS, *STALE))


def opposite_batches(town: Town) -> Contest:
    one, other = town.new(town.person(), C1), town.on(town.held(town.person(), C1), MatterKind.RENEWAL)
    return Contest((in_a_batch(one, other), in_a_batch(other, one)), ONE, (HOLDS, *STALE))


def correction_and_approval(town: Town) -> Contest:
    """A score falls below the pass mark while the certificate that rests on the pass is approved."""
    person = town.person()
    signup = town._stored(make.signup(town.notice, person, state=SignupState.PASSED, score=Decimal(80), absent=False))
    facts = {"source": PassSource.SYSTEM, "signup_id": signup.id, "passed_on": town.notice.exam_on}
    town.session.add(make.exam_pass(person, category=C1, originals_verified_at=None, originals_verified_by="", **facts))
    case = town._stored(make.application(person, WAITING, category=C1))
    correction = town._stored(make.score_correction(signup, town.asker))
    decisions = Decision(EXAM_CLERK, f"/exam/score-corrections/{correction.id}/decide/yes", {}), decides(case)
    return Contest(decisions, ONE, ("has to be revoked first", "has no passed exam"))


def one_measure_twice(town: Town) -> Contest:
    measure = town.measure(town.held(town.person(), A), CertificateEventKind.WITHDRAWN)
    return Contest((confirms(measure), confirms(measure)), ONE, STALE)


def renewal_and_transfer(town: Town) -> Contest:
    """延期 by the enterprise and 变更 by another one, submitted for one certificate."""
    held = town.held(town.person(), C1)
    decisions = (
        submits(town.on(held, MatterKind.RENEWAL, DRAFT)),
        submits(town.on(held, MatterKind.TRANSFER, DRAFT, firm=1), 1),
    )
    return Contest(decisions, ONE, ("is under way", "already", *STALE))


def cancellation_and_transfer(town: Town) -> Contest:
    held = town.held(town.person(), C1)
    decisions = (
        submits(town.on(held, MatterKind.CANCELLATION, DRAFT)),
        submits(town.on(held, MatterKind.TRANSFER, DRAFT, firm=2), 2),
    )
    return Contest(decisions, ONE, ("is under way", "already", *STALE))


def two_transfers(town: Town) -> Contest:
    held = town.held(town.person(), A)
    decisions = tuple(submits(town.on(held, MatterKind.TRANSFER, DRAFT, firm=firm), firm) for firm in (1, 2))
    return Contest(decisions, ONE, ("is under way", "already", *STALE))


def two_enterprises_take_one_person(town: Town) -> Contest:
    """新申请 is the employer's: of two enterprises that add a person without one, one becomes it."""
    person = make.person(name=town.name())
    town._stored(person)
    typed = {"name": person.name, "id_number": person.id_number, "education": "bachelor", "position": "safety_officer"}
    return Contest(
        tuple(Decision(firm, "/people/add", typed) for firm in (0, 1)), ONE, ("registered with another enterprise",)
    )


def two_drafts_of_one_person(town: Town) -> Contest:
    """新申请 of one person and category, filed by two clerks."""
    person = town.person()
    town.session.add(make.exam_pass(person, category=C1, passed_on=TODAY - timedelta(days=30)))
    typed = {"handler_name": "韩梅梅", "handler_mobile": "13812345678", "rowid": [f"{person.id}-C1"], "then": ""}
    decision = Decision(0, "/filings/add", typed)
    return Contest((decision, decision), ONE, ("already", *STALE))


CONTESTS: tuple[Callable[[Town], Contest], ...] = (
    c1_and_c3,
    two_ways_to_one_c1,
    renewal_and_revocation,
    transfer_and_suspension,
    approval_and_refusal,
    batch_and_single,
    opposite_batches,
    correction_and_approval,
    one_measure_twice,
    renewal_and_transfer,
    cancellation_and_transfer,
    two_transfers,
    two_enterprises_take_one_person,
    two_drafts_of_one_person,
)


# --- carried out ------------------------------------------------------------------------------------


def carried_out(client, decision: Decision) -> Answer:
    """Send it as a browser does; a batch is planned and then confirmed. What the page says, after a redirect the next one."""
    answer = client.post(decision.path, data=decision.data)
    if "/batch/" in decision.path:
        answer = confirmed(client, answer)
    with client.session_transaction() as cookie:
        told = cookie.pop("_flashes", [])
    text = " ".join(str(sentence) for _category, sentence in told)
    if answer.status_code in (302, 303) and not told:
        answer = client.get(answer.headers["Location"])
    done = bool(told) and all(category != "danger" for category, _sentence in told)
    page = re.sub(r"<[^>]*>|\s+", " ", answer.text.partition("<main")[2])
    return Answer(done, answer.status_code, text or " ".join(page.split()))


def contests(town: Town, many: int) -> Iterator[tuple[str, Contest]]:
    """So many, each kind in turn, stored; what is submitted is recorded for the applications that await approval."""
    with town.firms[0].together(), town.firms[1].together(), town.firms[2].together():
        made = [(build.__name__, build(town)) for build in islice(cycle(CONTESTS), many)]
        waiting = town.session.scalars(
            select(Application.id).where(Application.state == WAITING, Application.snapshot.is_(None))
        ).all()
        for number, case in of_applications(town.session, waiting).items():
            town.session.get_one(Application, number).snapshot = case.record()
    town.session.commit()
    town.session.expunge_all()
    return iter(made)


def fought(town: Town, many: int) -> list[tuple[str, Contest, tuple[Answer, Answer]]]:
    """All of them, eight contests at a time, each request by an officer of its own."""
    done = []
    made = list(contests(town, many))
    for start in range(0, many, OFFICERS // 2):
        some = made[start : start + OFFICERS // 2]
        decisions = [decision for _name, contest in some for decision in contest.decisions]
        sent = [(town.client(decision.by, officer), decision) for officer, decision in enumerate(decisions)]
        town.session.rollback()  # on SQLite this session must not hold the write lock
        answers = at_once(lambda one: carried_out(*one), sent)
        done += [(*pair, tuple(answers[2 * n : 2 * n + 2])) for n, pair in enumerate(some)]
    return done


# --- judged -----------------------------------------------------------------------------------------


def faults_of(name: str, contest: Contest, answers: Sequence[Answer]) -> Iterator[str]:
    """What is wrong with the answers to a contest."""
    done = tuple(answer.done for answer in answers)
    if done not in contest.may:
        yield f"{name}: carried out {done}: {[answer.text[:300] for answer in answers]}"
    for answer in answers:
        if answer.status >= 500:
            yield f"{name}: answered with {answer.status}"
        elif not answer.done and not any(why in answer.text for why in contest.why):
            yield f"{name}: refused without a reason ({answer.status}): {answer.text[:2000]}"


def stored_faults(session: Session) -> Iterator[str]:
    """What must not be in the database, whatever the pages said."""
    session.rollback()
    held: Counter[tuple[int, Category]] = Counter()
    for person, category in session.execute(
        select(Certificate.person_id, Certificate.category).where(
            Certificate.status.in_(IN_FORCE), Certificate.valid_to >= TODAY
        )
    ):
        held[person, category] += 1
        if category is C3:  # which covers C1
            held[person, C1] += 1
    yield from (f"person {person} holds {n} of {category.value}" for (person, category), n in held.items() if n > 1)
    per_case = select(Step.application_id).where(Step.action.in_(DECIDING)).group_by(Step.application_id)
    yield from (f"case {n} was decided twice" for n in session.scalars(per_case.having(func.count() > 1)))
    published = select(PublicNotice.application_id).where(PublicNotice.application_id.is_not(None))
    for n in session.scalars(published.group_by(PublicNotice.application_id).having(func.count() > 1)):
        yield f"case {n} was published twice"
    events = select(CertificateEvent.certificate_id, CertificateEvent.deed).order_by(CertificateEvent.id)
    ended: dict[int, object] = {}
    for certificate, kind in session.execute(events):
        if certificate in ended:
            yield f"certificate {certificate}: {kind} after {ended[certificate]}"
        if kind in (CertificateEventKind.REVOKED, CertificateEventKind.WITHDRAWN, CertificateEventKind.SUSPENDED):
            ended[certificate] = kind
    rows = session.execute(
        select(DecisionBatchRow.application_id).where(DecisionBatchRow.result == "done").group_by("application_id")
        .having(func.count() > 1)
    )  # fmt: skip
    yield from (f"case {row[0]} was done by two batches" for row in rows)
    confirmed = select(CertificateMeasure.certificate_id).where(CertificateMeasure.state == MeasureState.CONFIRMED)
    for n in session.scalars(confirmed.group_by(CertificateMeasure.certificate_id).having(func.count() > 1)):
        yield f"certificate {n}: a measure was confirmed twice"
    session.rollback()


@pytest.fixture
def town(system, app, session, signed_in) -> Town:
    second = create_app(system.settings)
    second.config.update(TESTING=False, WTF_CSRF_ENABLED=False)
    return Town(system, session, signed_in, [app, second])


def judged(town: Town, many: int) -> Counter[tuple[str, tuple[bool, ...]]]:
    done = fought(town, many)
    faults = [fault for one in done for fault in faults_of(*one)] + list(stored_faults(town.session))
    assert not faults, "\n".join(faults[:20])
    return Counter((name, tuple(answer.done for answer in answers)) for name, _contest, answers in done)


def test_of_cases_that_exclude_each_other_one_is_decided_and_the_other_told_why(town):
    assert judged(town, 4 * len(CONTESTS)).total() == 56


@pytest.mark.proof
def test_ten_thousand_contests_of_sixteen_officers(town, record_property):
    for outcome, times in sorted(judged(town, 10_000).items()):
        record_property(str(outcome), times)
