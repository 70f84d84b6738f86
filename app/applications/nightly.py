"""What the house does by itself at night: it notes what has expired, and reminds of what expires, lies about or is due.

Law: each thing is done once: a row of ``occasion`` is written with it in one transaction, so a night that is run twice, or
by two workers, or after a crash, finds it there. A fixed number of statements, however many rows. The caller commits.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import Date, case, exists, func, insert, literal, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.accounts.access import Actor, region_prefix
from app.applications.dashboard_counts import QUEUES, queues_of
from app.applications.office_calendar import recompute_deadlines
from app.core.clock import OFFICE_ZONE
from app.core.office import Office
from app.core.vocabulary import (
    UNDER_WAY,
    CertificateEventKind,
    CertificateStatus,
    MatterKind,
    NightlyTask,
    State,
)
from app.models import (
    Account,
    Application,
    Certificate,
    CertificateEvent,
    Enterprise,
    Filing,
    NightlyDone,
    Person,
)
from app.outbox import sms
from app.outbox.sms_texts import (
    DEADLINES,
    EXPIRING_MANY,
    EXPIRING_ONE,
    UNSENT,
    Owed,
    in_writing,
    reminder,
    some,
)

SYSTEM = _("By the system itself")  # who did it, in a certificate's history
MORNING = time(8, 30)  # nobody's telephone rings at night
RENEWED_OR_ENDED = (MatterKind.RENEWAL, MatterKind.CANCELLATION)


# --- what has expired -------------------------------------------------------------------------------


def note_expired(session: Session, on: date, _office: Office, *, at: datetime) -> None:
    """One line in the history of each certificate past its last day. Its status stays computed on reading."""
    past = select(Certificate.id, Certificate.valid_to, literal(0)).where(
        Certificate.status == CertificateStatus.VALID,
        Certificate.valid_to < on,
        ~_is_done(NightlyTask.EXPIRED, Certificate.id, Certificate.valid_to, 0),
    )
    lines = [
        {
            "certificate_id": one.subject,
            "deed": CertificateEventKind.EXPIRED,
            "status": CertificateStatus.EXPIRED,
            "actor": in_writing(SYSTEM),
            "at": datetime.combine(one.day + timedelta(days=1), time(), OFFICE_ZONE),
        }
        for one in _record_once(session, NightlyTask.EXPIRED, past, at)
    ]
    if lines:
        session.execute(insert(CertificateEvent), lines)


# --- what expires soon ------------------------------------------------------------------------------


def remind_of_expiry(session: Session, on: date, office: Office, *, at: datetime) -> None:
    """Each enterprise is told of its certificates once at each threshold; after missed nights, of the nearest one only."""
    if not office.expiry_reminders:
        return
    reminded = _record_once(session, NightlyTask.EXPIRING, _expiring(on, sorted(office.expiry_reminders)), at)
    days = {one.subject: one.days for one in reminded}
    rows = session.execute(
        select(
            Certificate.id,
            Certificate.number,
            Certificate.holder,
            Certificate.valid_to,
            Certificate.enterprise_id,
            Enterprise.name,
            Enterprise.contact_mobile,
        )
        .join(Enterprise, Enterprise.id == Certificate.enterprise_id)
        .where(Certificate.id.in_(days))
        .order_by(Certificate.valid_to, Certificate.id)
    ).all()
    groups: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        groups[row.enterprise_id].append(row)
    _queue_messages(
        session, [_of_expiry(held, max(days[row.id] for row in held), office) for held in groups.values()], on, at
    )


def _expiring(on: date, thresholds: Sequence[int]) -> Any:
    """Certificates to remind of, with the nearest threshold: in force, the holder still there, nothing under way."""
    nearest = case(*((Certificate.valid_to <= on + timedelta(days=days), days) for days in thresholds), else_=thresholds[-1])
    under_way = exists().where(
        Application.certificate_id == Certificate.id,
        Application.matter.in_(RENEWED_OR_ENDED),
        Application.state.in_(UNDER_WAY),
    )
    return (
        select(Certificate.id, Certificate.valid_to, nearest)
        .join(Enterprise, Enterprise.id == Certificate.enterprise_id)
        .join(Person, Person.id == Certificate.person_id)
        .where(
            Certificate.status == CertificateStatus.VALID,
            Certificate.valid_to.between(on, on + timedelta(days=thresholds[-1])),
            Person.enterprise_id == Certificate.enterprise_id,
            Enterprise.contact_mobile.is_not(None),
            ~under_way,
            ~_is_done(NightlyTask.EXPIRING, Certificate.id, Certificate.valid_to, nearest),
        )
    )


def _of_expiry(held: Sequence[Any], days: int, office: Office) -> Owed:
    first, names = held[0], some([row.holder for row in held])
    said = {"enterprise": first.name, "names": names, "number": first.number, "day": first.valid_to, "days": days}
    return reminder(EXPIRING_MANY if len(held) > 1 else EXPIRING_ONE, first.contact_mobile, office, n=len(held), **said)


# --- what lies about --------------------------------------------------------------------------------


def remind_of_drafts(session: Session, on: date, office: Office, *, at: datetime) -> None:
    """The handler is told once of what was saved and never submitted (R73: saving is not submitting)."""
    days = office.draft_reminder_days
    if not days:
        return
    saved = func.date(Application.created_at, type_=Date)
    lying = select(Application.id, saved, literal(days)).where(
        Application.state == State.DRAFT,
        Application.round == 0,
        Application.created_at <= at - timedelta(days=days),
        ~exists().where(
            NightlyDone.kind == NightlyTask.UNSENT, NightlyDone.subject == Application.id, NightlyDone.day == saved
        ),
    )
    drafts = [one.subject for one in _record_once(session, NightlyTask.UNSENT, lying, at)]
    rows = session.execute(
        select(Filing.id, Filing.handler_mobile, Enterprise.name.label("enterprise"), Person.name)
        .join(Application, Application.filing_id == Filing.id)
        .join(Enterprise, Enterprise.id == Filing.enterprise_id)
        .join(Person, Person.id == Application.person_id)
        .where(Application.id.in_(drafts))
        .order_by(Application.id)
    ).all()
    filings: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        filings[row.id].append(row)
    owed = []
    for saved_ones in filings.values():
        first, names = saved_ones[0], some([row.name for row in saved_ones])
        said = {"enterprise": first.enterprise, "n": len(saved_ones), "names": names, "days": days}
        owed.append(reminder(UNSENT, first.handler_mobile, office, **said))
    _queue_messages(session, owed, on, at)


# --- what is due ------------------------------------------------------------------------------------


def remind_of_deadlines(session: Session, on: date, office: Office, *, at: datetime) -> None:
    """On working days, each officer with a mobile number is told how many cases of the own stage are due, if any."""
    if not office.deadline_messages or not office.calendar.is_working_day(on):
        return
    lots = _due_groups(session, on, office)
    told = _per_officer(session, lots, office)
    rows = [{"kind": NightlyTask.DEADLINES, "subject": key, "day": on, "days": 0, "at": at} for key in told]
    if not rows:
        return
    made = _insert(session).values(rows).on_conflict_do_nothing().returning(NightlyDone.subject)
    fresh = set(session.scalars(made))
    officers = session.scalars(select(Account).where(Account.id.in_(fresh)).order_by(Account.id))
    owed = [
        reminder(DEADLINES, one.mobile or "", office, officer=one.get_full_name(), days=office.due_soon_days, **told[one.id])
        for one in officers
    ]
    _queue_messages(session, owed, on, at)


DueGroup = tuple[State, str, str, int]  # stage, region, how urgent, how many


def _due_groups(session: Session, on: date, office: Office) -> list[DueGroup]:
    until = office.calendar.add_working_days(on, office.due_soon_days)
    urgency = case((Application.due_on < on, "overdue"), (Application.due_on == on, "today"), else_="soon")
    rows = session.execute(
        select(Application.state, Application.region_code, urgency.label("urgency"), func.count())
        .where(Application.state.in_(QUEUES.values()), Application.due_on <= until)
        .group_by(Application.state, Application.region_code, "urgency")
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def _per_officer(session: Session, lots: Sequence[DueGroup], office: Office) -> dict[int, dict[str, int]]:
    """How many cases are how urgent for each officer who can be told, by account."""
    RoleRow: Any = Account.roles.property.mapper.class_  # noqa: N806 - FAB's, which this room may not know
    holders = session.execute(
        select(Account.id, Account.region_code, RoleRow.name)
        .join(Account.roles)
        .where(Account.active, Account.mobile.is_not(None), Account.region_code.is_not(None))
        .where(RoleRow.name.in_([role.value for role in QUEUES]))
    ).all()
    found: dict[int, dict[str, int]] = {}
    for account_id, region, name in holders:
        role = next(role for role in QUEUES if role.value == name)
        officer = Actor(account_id, "", frozenset({role}), region)
        for state, where, urgency, n in lots:
            if state in queues_of(officer, office).values() and where.startswith(region_prefix(region)):
                found.setdefault(account_id, {"overdue": 0, "today": 0, "soon": 0})[urgency] += n
    return found


# --- once -------------------------------------------------------------------------------------------


def _insert(session: Session) -> Any:
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    return dialect.insert(NightlyDone)


def _record_once(session: Session, kind: NightlyTask, found: Any, at: datetime) -> Sequence[Any]:
    """Write down what was found as ``(subject, day, days)``; what nobody had written down before comes back."""
    kind_and_at = (literal(kind, NightlyDone.kind.type), literal(at, NightlyDone.at.type))
    made = _insert(session).from_select(["subject", "day", "days", "kind", "at"], found.add_columns(*kind_and_at))
    return session.execute(
        made.on_conflict_do_nothing().returning(NightlyDone.subject, NightlyDone.day, NightlyDone.days)
    ).all()


def _is_done(kind: NightlyTask, subject: Any, day: Any, days: Any) -> Any:
    """SQL for *it was done*, so that a night does not write what a hundred nights before have written."""
    return exists().where(
        NightlyDone.kind == kind, NightlyDone.subject == subject, NightlyDone.day == day, NightlyDone.days == days
    )


def _queue_messages(session: Session, owed: Sequence[Owed], on: date, at: datetime) -> None:
    sms.owe(session, owed, at=max(at, datetime.combine(on, MORNING, OFFICE_ZONE)))


def done_since(session: Session, since: datetime) -> dict[str, int]:
    """What was done since then, counted by kind: the result of a night, also of one that took two attempts."""
    rows = session.execute(select(NightlyDone.kind, func.count()).where(NightlyDone.at >= since).group_by(NightlyDone.kind))
    counts = {row[0]: row[1] for row in rows}
    return {kind.value: counts.get(kind, 0) for kind in NightlyTask}


def recount_limits(session: Session, _on: date, _office: Office, *, at: datetime) -> None:  # noqa: ARG001 - as all checks
    """What was submitted while somebody changed the calendar was counted by the old one."""
    recompute_deadlines(session)


NIGHTLY = (recount_limits, note_expired, remind_of_expiry, remind_of_drafts, remind_of_deadlines)
