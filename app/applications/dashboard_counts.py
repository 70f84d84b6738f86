"""The counts on the dashboard and in the menu: read-only, within the actor's reach, in a few grouped queries."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import ColumnElement, and_, case, exists, func, or_, select
from sqlalchemy.orm import Session

from app.accounts import identity_corrections, privileged_changes, registration, role_assignment
from app.accounts.access import Actor, decides, in_region, reach
from app.certificates.status_changes import may_decide
from app.core.clock import OFFICE_ZONE, add_months, office_day, true_moment
from app.core.office import Office
from app.core.vocabulary import (
    DECIDED,
    OPEN,
    AuditAction,
    MatterKind,
    MeasureState,
    MessageState,
    NoticeState,
    Role,
    SignupState,
    State,
    Urgency,
)
from app.db.counting import MOST_IN_MENU, MOST_ON_TILE, counts
from app.exams import lacks_papers, signup_papers
from app.exams.locking import SEATED
from app.exams.score_corrections import corrections_to_decide
from app.exams.signups import UNSENT
from app.matters import MATTERS
from app.models import (
    Account,
    Application,
    AuditEntry,
    AuditInspection,
    Certificate,
    CertificateMeasure,
    ExamNotice,
    ExamSignup,
    Message,
    Person,
)

QUEUES = {
    Role.ACCEPTANCE_OFFICER: State.AWAITING_ACCEPTANCE,
    Role.REVIEWER: State.AWAITING_REVIEW,
    Role.APPROVER: State.AWAITING_APPROVAL,
}


def queues_of(actor: Actor, office: Office) -> dict[Role, State]:
    """The queues in which the actor decides: by role, and by the level at which the office decides."""
    return {role: state for role, state in QUEUES.items() if role in actor.roles and decides(actor, role, office)}


def waiting(session: Session, actor: Actor, states: Iterable[State], most: int = MOST_ON_TILE) -> dict[State, int]:
    """Applications within reach in each of these states, each counted up to ``most + 1``."""
    within = reach(actor, Application)
    return counts(session, Application, {state: (Application.state == state, within) for state in states}, most)


@dataclass(frozen=True, slots=True)
class EnterpriseWork:
    """An enterprise's open applications by matter and state, and how many transfers await its release."""

    filed: dict[tuple[MatterKind, State], int]
    to_release: int
    saved_at: dict[MatterKind, datetime]  # when the oldest draft of each matter was created
    awaited_until: dict[MatterKind, date]  # the first day by which a correction of each matter is awaited


def enterprise_work(session: Session, actor: Actor) -> EnterpriseWork:
    """The open work of the actor's enterprise, in one query."""
    mine, theirs = (
        Application.enterprise_id == actor.enterprise_id,
        Application.releasing_enterprise_id == actor.enterprise_id,
    )
    rows = session.execute(
        select(
            mine.label("mine"),
            Application.matter,
            Application.state,
            func.count().label("n"),
            func.min(Application.created_at).label("first"),
            func.min(Application.due_on).label("due_on"),
        )
        .where(Application.state.in_((*OPEN, State.NOT_ACCEPTED)), or_(mine, theirs))
        .group_by("mine", Application.matter, Application.state)
    ).all()
    own = [row for row in rows if row.mine]
    filed = {(row.matter, row.state): row.n for row in own}
    asked = (row.n for row in rows if not row.mine and row.state is State.AWAITING_RELEASE)
    saved_at = {row.matter: row.first for row in own if row.state is State.DRAFT}
    awaited = {row.matter: row.due_on for row in own if row.state is State.RETURNED and row.due_on}
    return EnterpriseWork(filed, sum(asked), saved_at, awaited)


def backlog(session: Session, actor: Actor) -> dict[State, int]:
    """Number of cases in the officer's region by state, whoever handles them."""
    rows = select(Application.state, func.count()).where(Application.state.in_(BACKLOG), in_region(actor, Application))
    return dict(session.execute(rows.group_by(Application.state)).all())


def signups_to_review(session: Session, actor: Actor, most: int = MOST_ON_TILE) -> int:
    return _count(session, ExamSignup, ExamSignup.state == SignupState.SUBMITTED, reach(actor, ExamSignup), most=most)


def can_still_be_submitted(at: datetime) -> ColumnElement[bool]:
    """SQL: the notice of the sign-up holds, and its sign-up has not ended."""
    holds = (ExamNotice.state == NoticeState.PUBLISHED, ExamNotice.signup_end >= at)
    return ExamSignup.notice_id.in_(select(ExamNotice.id).where(*holds))


def signups_with_enterprise(session: Session, actor: Actor, at: datetime) -> dict[SignupState, int]:
    """The enterprise's sign-ups that it can still submit, by state: only saved, or rejected. One query."""
    query = select(ExamSignup.state, func.count()).where(ExamSignup.state.in_(UNSENT), can_still_be_submitted(at))
    return dict(session.execute(query.where(reach(actor, ExamSignup)).group_by(ExamSignup.state)).all())


def people_with_gaps(session: Session, actor: Actor, on: date) -> int:
    """People of the enterprise who lack a scan that every sign-up requires (R49)."""
    return _count(session, Person, Person.enterprise_id == actor.enterprise_id, lacks_papers(signup_papers(session, on)))


def expiring(session: Session, actor: Actor, on: date, office: Office) -> int:
    """Valid certificates within reach whose last day is near (``Office.expiring_until``)."""
    return _count(session, Certificate, *_expires_soon(on, office), reach(actor, Certificate))


def _expires_soon(on: date, office: Office) -> tuple[ColumnElement[bool], ...]:
    near = Certificate.valid_to.between(on, office.expiring_until(on))
    return Certificate.stands_valid(on), near


def next_expiring(session: Session, actor: Actor, on: date, office: Office) -> Sequence[Certificate]:
    """The enterprise's certificates that expire next."""
    return session.scalars(
        select(Certificate)
        .where(*_expires_soon(on, office), Certificate.enterprise_id == actor.enterprise_id)
        .order_by(Certificate.valid_to, Certificate.id)
        .limit(6)
    ).all()


def open_notices(session: Session, at: datetime, most: int = 5) -> Sequence[ExamNotice]:
    """Notices whose sign-up has not ended, the first to end on top."""
    return session.scalars(
        select(ExamNotice)
        .where(ExamNotice.signup_end >= at, ExamNotice.state == NoticeState.PUBLISHED)
        .order_by(ExamNotice.signup_end)
        .limit(most)
    ).all()


def correction_overdue(on: date) -> ColumnElement[bool]:
    """SQL: the enterprise let the day pass by which the correction was awaited, so the office may close the case."""
    return and_(Application.state == State.RETURNED, Application.due_on < on)


def corrections_overdue(session: Session, actor: Actor, on: date) -> int:
    return _count(session, Application, correction_overdue(on), reach(actor, Application))


def has_limit() -> ColumnElement[bool]:
    """SQL: a limit of the office runs."""
    return and_(Application.state.in_(QUEUES.values()), Application.due_on.is_not(None))


def is_due(urgency: Urgency, on: date, until: date) -> ColumnElement[bool]:
    """SQL: the case has this urgency on this day; ``SOON`` is due after it, up to ``until``."""
    due = Application.due_on
    return {
        Urgency.OVERDUE: due < on,
        Urgency.TODAY: due == on,
        Urgency.SOON: and_(due > on, due <= until),
        Urgency.LATER: due > until,
    }[urgency]


@dataclass(frozen=True, slots=True)
class DueCount:
    """Number of cases in one state and region that are due on one day."""

    state: State
    region_code: str
    due_on: date
    extended: bool
    count: int

    def urgency(self, on: date, until: date) -> Urgency:
        """As ``is_due``."""
        if self.due_on <= on:
            return Urgency.OVERDUE if self.due_on < on else Urgency.TODAY
        return Urgency.SOON if self.due_on <= until else Urgency.LATER


def due_counts(session: Session, actor: Actor, states: Iterable[State] = QUEUES.values()) -> list[DueCount]:
    """All cases of the actor's region with a running deadline, counted by state, region and due day. One query, by an
    index of nothing but what waits; a tile asks for ``urgencies``.
    """
    here = (Application.state.in_(states), Application.due_on.is_not(None), in_region(actor, Application))
    longer = Application.extended_to.is_not(None)
    columns = (Application.state, Application.region_code, Application.due_on, longer)
    rows = session.execute(select(*columns, func.count()).where(*here).group_by(*columns))
    return [DueCount(row[0], row[1], row[2] or date.max, bool(row[3]), row[4]) for row in rows]


def urgencies(session: Session, actor: Actor, states: Iterable[State], on: date, until: date) -> dict[Urgency, int]:
    """Number of cases of the actor's region by urgency (``is_due``), each counted up to ``MOST_ON_TILE + 1`` in a state."""
    here, states = in_region(actor, Application), tuple(states)
    asked = {(urgency, state): (Application.state == state, is_due(urgency, on, until), here)
             for urgency in Urgency for state in states}  # fmt: skip
    found = counts(session, Application, asked, MOST_ON_TILE)
    return {urgency: sum(found[urgency, state] for state in states) for urgency in Urgency}


def count_by_urgency(counted: Iterable[DueCount], on: date, until: date) -> dict[Urgency, int]:
    """Number of cases by urgency."""
    counts = dict.fromkeys(Urgency, 0)
    for due in counted:
        counts[due.urgency(on, until)] += due.count
    return counts


def next_due(session: Session, actor: Actor, states: Sequence[State], most: int = 6) -> Sequence[Application]:
    return session.scalars(
        select(Application)
        .where(Application.state.in_(states), Application.due_on.is_not(None), reach(actor, Application))
        .order_by(Application.due_on, Application.id)
        .limit(most)
    ).all()


@dataclass(frozen=True, slots=True)
class MonthlySubmissions:
    """Submitted applications per month and matter, the oldest month first."""

    labels: tuple[str, ...]  # 2026-03
    series: dict[MatterKind, tuple[int, ...]]


def by_month(session: Session, actor: Actor, at: datetime, months: int = 6) -> MonthlySubmissions:
    """The last months' submissions by matter, for a chart; months are those of the office, not of UTC."""
    first = add_months(office_day(at).replace(day=1), 1 - months)
    days = [add_months(first, n) for n in range(months)]
    ends = [datetime.combine(add_months(day, 1), time(), OFFICE_ZONE) for day in days[:-1]]
    month = case(*((Application.submitted_at < end, n) for n, end in enumerate(ends)), else_=months - 1).label("month")
    rows = session.execute(
        select(month, Application.matter, func.count())
        .where(Application.submitted_at >= datetime.combine(first, time(), OFFICE_ZONE), in_region(actor, Application))
        .group_by(month, Application.matter)
    )
    counts = {(n, matter): count for n, matter, count in rows}
    return MonthlySubmissions(
        tuple(f"{day:%Y-%m}" for day in days),
        {kind: tuple(counts.get((n, kind), 0) for n in range(months)) for kind in MATTERS},
    )


def decided() -> ColumnElement[bool]:
    """SQL: the office has decided; what an enterprise gave up, or let lapse, is closed without a decision."""
    return Application.state.in_(DECIDED)


def closed_this_month(session: Session, actor: Actor, on: date) -> int:
    """Applications that the office decided in the month of this day, refused and not accepted ones included."""
    first = datetime.combine(on.replace(day=1), time(), OFFICE_ZONE)
    return _count(session, Application, Application.closed_at >= first, decided(), reach(actor, Application))


def has_people(session: Session, actor: Actor) -> bool:
    return bool(session.scalar(select(exists().where(Person.enterprise_id == actor.enterprise_id))))


def accounts(session: Session) -> int:
    return _count(session, Account)


def awaiting_a_role(session: Session) -> int:
    return _count(session, Account, role_assignment.awaits_role())


def failed_messages(session: Session) -> int:
    return _count(session, Message, Message.state == MessageState.FAILED)


def next_exam(session: Session, actor: Actor, on: date) -> ExamNotice | None:
    """The exam of the actor's region that comes next, today's included."""
    holds = (ExamNotice.state == NoticeState.PUBLISHED, ExamNotice.exam_on >= on, reach(actor, ExamNotice))
    return session.scalars(select(ExamNotice).where(*holds).order_by(ExamNotice.exam_on, ExamNotice.id).limit(1)).first()


def places_taken(session: Session, notice: ExamNotice) -> int:
    return _count(session, ExamSignup, ExamSignup.notice_id == notice.id, ExamSignup.state.in_(SEATED))


def entries_since(session: Session, action: AuditAction, day: date) -> int:
    """Lines of the audit log of this kind since the beginning of a day."""
    return _count(session, AuditEntry, AuditEntry.deed == action, AuditEntry.at >= datetime.combine(day, time(), OFFICE_ZONE))


def last_inspection(session: Session) -> AuditInspection | None:
    """The last verification of the chain of the audit log."""
    return session.scalars(select(AuditInspection).order_by(AuditInspection.at.desc()).limit(1)).first()


def measures_to_decide(session: Session, actor: Actor) -> int:
    """Proposals of others, which await this approver's decision."""
    mine = (CertificateMeasure.state == MeasureState.PROPOSED, CertificateMeasure.proposed_by_id != actor.id)
    return _count(session, CertificateMeasure, *mine, reach(actor, CertificateMeasure))


def menu_counts(session: Session, actor: Actor, office: Office, *, at: datetime) -> dict[str, int]:
    """To-do counts by menu entry for the signed-in user: two queries for a clerk. Queues up to ``MOST_IN_MENU + 1``."""
    found: dict[str, int] = {}
    if Role.ENTERPRISE_CLERK in actor.roles:
        work = enterprise_work(session, actor)
        for matter, name in MENU_OF_MATTER.items():
            found[name] = sum(work.filed.get((matter, state), 0) for state in WITH_ENTERPRISE)
        found["Releases"] = work.to_release
    if queues := queues_of(actor, office):
        states = waiting(session, actor, queues.values(), MOST_IN_MENU)
        found |= {MENU_OF_QUEUE[role]: states[state] for role, state in queues.items()}
    if may_decide(actor, office):
        found["Measures"] = measures_to_decide(session, actor)
    if Role.ACCEPTANCE_OFFICER in queues_of(actor, office):
        found["IdentityReviews"] = identity_corrections.pending_count(session, actor, office)
    if Role.EXAM_CLERK in actor.roles:
        found["SignupReview"] = signups_to_review(session, actor, MOST_IN_MENU)
        found["ScoreCorrections"] = corrections_to_decide(session, actor)
    if changes := privileged_changes.to_decide(session, actor, at=true_moment(at)):
        found["PrivilegedChanges"] = changes
    if Role.ADMIN in actor.roles:
        found["Enterprises"] = registration.pending_count(session)
    if Role.SECURITY_ADMIN in actor.roles:
        found["Awaiting"] = awaiting_a_role(session)
    if Role.ENTERPRISE_CLERK in actor.roles:
        found["Signup"] = sum(signups_with_enterprise(session, actor, at).values())
    return found


BACKLOG = (State.AWAITING_ACCEPTANCE, State.RETURNED, State.AWAITING_REVIEW, State.AWAITING_APPROVAL)
WITH_ENTERPRISE = (State.DRAFT, State.RETURNED, State.RELEASE_REFUSED)
MENU_OF_MATTER = {
    MatterKind.NEW: "NewApplication",
    MatterKind.RENEWAL: "Renewals",
    MatterKind.TRANSFER: "Transfers",
    MatterKind.REPLACEMENT: "Replacements",
    MatterKind.CANCELLATION: "Cancellations",
}
MENU_OF_QUEUE = {Role.ACCEPTANCE_OFFICER: "Acceptance", Role.REVIEWER: "Review", Role.APPROVER: "Approval"}


def _count(session: Session, table: Any, *conditions: ColumnElement[bool], most: int = MOST_ON_TILE) -> int:
    return counts(session, table, {"": conditions}, most)[""]
