"""Nightly work: end suspensions; record expired certificates; remind of those about to expire, drafts and deadlines.

Each thing is done once: a ``NightlyDone`` row is inserted in the same transaction, so a second run, a second worker or a
retry after a crash skips it. A fixed number of statements, however many rows. The caller commits.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Date, case, exists, func, insert, literal, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.accounts.access import Actor, region_prefix
from app.applications.dashboard_counts import QUEUES, queues_of
from app.applications.office_calendar import recompute_deadlines
from app.certificates import impossible_proposals, status_changes
from app.certificates.status_changes import SYSTEM
from app.core.clock import OFFICE_ZONE
from app.core.office import Office
from app.core.vocabulary import (
    UNDER_WAY,
    CertificateEventKind,
    CertificateStatus,
    MatterKind,
    MeasureState,
    NightlyTask,
    NotificationKind,
    State,
)
from app.models import (
    Account,
    Application,
    Certificate,
    CertificateEvent,
    CertificateMeasure,
    Enterprise,
    Filing,
    NightlyDone,
    Person,
)
from app.outbox import notifications
from app.outbox.sms_texts import (
    CORRECTIONS,
    DEADLINES,
    EXPIRING_MANY,
    EXPIRING_ONE,
    UNSENT,
    OutgoingMessage,
    Recipient,
    in_province_language,
    name_list,
    system_message,
)

MORNING = time(8, 30)  # reminders are not sent before
RENEWED_OR_ENDED = (MatterKind.RENEWAL, MatterKind.CANCELLATION)


# --- suspensions whose term is over ------------------------------------------------------------------------


def end_suspensions(session: Session, on: date, office: Office, *, at: datetime) -> None:
    """End each suspension on the day after its last day, with an event and a text message (domain.md 2.6)."""
    over = select(CertificateMeasure.id).where(
        CertificateMeasure.kind == CertificateEventKind.SUSPENDED,
        CertificateMeasure.state == MeasureState.CONFIRMED,
        CertificateMeasure.last_day < on,
    )
    ids = session.scalars(over).all()
    status_changes.end_suspensions(session, ids, at=at, office=office, send_at=_in_the_morning(on, at))
    ended = select(CertificateMeasure.id, CertificateMeasure.last_day, literal(0)).where(
        CertificateMeasure.id.in_(ids), CertificateMeasure.state == MeasureState.ENDED
    )
    _record_once(session, NightlyTask.SUSPENSIONS, ended, at)


def close_impossible_proposals(session: Session, on: date, office: Office, *, at: datetime) -> None:
    """Close proposals of measures that a certificate no longer allows, after the night has ended terms."""
    ids = impossible_proposals.impossible(session, on)
    impossible_proposals.close_impossible(session, ids, at=at, office=office, send_at=_in_the_morning(on, at))


# --- expired certificates -------------------------------------------------------------------------------


def note_expired(session: Session, on: date, _office: Office, *, at: datetime) -> None:
    """Add one event to the history of each certificate past its last day. Its status stays computed on reading."""
    past = select(Certificate.id, Certificate.valid_to, literal(0)).where(
        Certificate.status == CertificateStatus.VALID,
        Certificate.valid_to < on,
        ~_is_done(NightlyTask.EXPIRED, Certificate.id, Certificate.valid_to, 0),
    )
    events = [
        {
            "certificate_id": row.subject,
            "deed": CertificateEventKind.EXPIRED,
            "status": CertificateStatus.EXPIRED,
            "actor": in_province_language(SYSTEM),
            "at": datetime.combine(row.day + timedelta(days=1), time(), OFFICE_ZONE),
        }
        for row in _record_once(session, NightlyTask.EXPIRED, past, at)
    ]
    if events:
        session.execute(insert(CertificateEvent), events)


# --- certificates about to expire ------------------------------------------------------------------------------


def remind_of_expiry(session: Session, on: date, office: Office, *, at: datetime) -> None:
    """Remind each enterprise of its certificates once per configured number of days; after missed nights, of the nearest."""
    if not office.expiry_reminders:
        return
    due = _record_once(session, NightlyTask.EXPIRING, _expiring(on, sorted(office.expiry_reminders)), at)
    days = {row.subject: row.days for row in due}
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
    _tell(session, [_of_expiry(held, max(days[row.id] for row in held), office) for held in groups.values()], on, at)


def _expiring(on: date, all_days: Sequence[int]) -> Any:
    """In force, holder still employed there, no renewal or cancellation under way; with the nearest number of days."""
    nearest = case(*((Certificate.valid_to <= on + timedelta(days=days), days) for days in all_days), else_=all_days[-1])
    under_way = exists().where(
        Application.certificate_id == Certificate.id,
        Application.matter.in_(RENEWED_OR_ENDED),
        Application.state.in_(UNDER_WAY),
    )
    return (
        select(Certificate.id, Certificate.valid_to, nearest)
        .join(Person, Person.id == Certificate.person_id)
        .where(
            Certificate.status == CertificateStatus.VALID,
            Certificate.valid_to.between(on, on + timedelta(days=all_days[-1])),
            Person.enterprise_id == Certificate.enterprise_id,
            ~under_way,
            ~_is_done(NightlyTask.EXPIRING, Certificate.id, Certificate.valid_to, nearest),
        )
    )


def _of_expiry(held: Sequence[Any], days: int, office: Office) -> OutgoingMessage:
    first, names = held[0], name_list([row.holder for row in held])
    values = {"enterprise": first.name, "names": names, "number": first.number, "day": first.valid_to, "days": days}
    sentence, subject = (EXPIRING_MANY, None) if len(held) > 1 else (EXPIRING_ONE, first.id)
    recipient = Recipient(NotificationKind.CERTIFICATE, subject, first.enterprise_id)
    return system_message(sentence, first.contact_mobile, office, recipient, n=len(held), **values)


# --- drafts never submitted --------------------------------------------------------------------------------


def remind_of_drafts(session: Session, on: date, office: Office, *, at: datetime) -> None:
    """Remind the handler once of drafts that were saved and never submitted (R73)."""
    days = office.draft_reminder_days
    if not days:
        return
    saved = func.date(Application.created_at, type_=Date)
    unsent = select(Application.id, saved, literal(days)).where(
        Application.state == State.DRAFT,
        Application.round == 0,
        Application.created_at <= at - timedelta(days=days),
        ~exists().where(
            NightlyDone.kind == NightlyTask.UNSENT, NightlyDone.subject == Application.id, NightlyDone.day == saved
        ),
    )
    drafts = [row.subject for row in _record_once(session, NightlyTask.UNSENT, unsent, at)]
    rows = session.execute(
        select(
            Filing.id,
            Filing.handler_mobile,
            Filing.enterprise_id,
            Application.id.label("application_id"),
            Enterprise.name.label("enterprise"),
            Person.name,
        )
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
    for filed in filings.values():
        first, names = filed[0], name_list([row.name for row in filed])
        values = {"enterprise": first.enterprise, "n": len(filed), "names": names, "days": days}
        recipient = Recipient(NotificationKind.DEADLINE, first.application_id, first.enterprise_id)
        owed.append(system_message(UNSENT, first.handler_mobile, office, recipient, **values))
    _tell(session, owed, on, at)


# --- corrections awaited ------------------------------------------------------------------------------------


def remind_of_corrections(session: Session, on: date, office: Office, *, at: datetime) -> None:
    """Remind each enterprise once, inside the system, of the corrections whose last day is near (domain.md 2.8)."""
    days = office.correction_reminder_days
    if not days:
        return
    near = select(Application.id, Application.due_on, literal(days)).where(
        Application.state == State.RETURNED,
        Application.due_on.between(on, office.calendar.add_working_days(on, days)),
        ~_is_done(NightlyTask.CORRECTIONS, Application.id, Application.due_on, days),
    )
    due = [row.subject for row in _record_once(session, NightlyTask.CORRECTIONS, near, at)]
    rows = session.execute(
        select(
            Application.id, Application.enterprise_id, Application.due_on, Enterprise.name.label("enterprise"), Person.name
        )
        .join(Enterprise, Enterprise.id == Application.enterprise_id)
        .join(Person, Person.id == Application.person_id)
        .where(Application.id.in_(due))
        .order_by(Application.due_on, Application.id)
    ).all()
    groups: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        groups[row.enterprise_id].append(row)
    owed = []
    for owner, theirs in groups.items():
        first, names = theirs[0], name_list([row.name for row in theirs])
        recipient = Recipient(NotificationKind.DEADLINE, first.id if len(theirs) == 1 else None, owner)
        values = {"enterprise": first.enterprise, "n": len(theirs), "names": names, "day": first.due_on}
        owed.append(system_message(CORRECTIONS, None, office, recipient, **values))
    _tell(session, owed, on, at)


# --- deadlines ------------------------------------------------------------------------------------


def remind_of_deadlines(session: Session, on: date, office: Office, *, at: datetime) -> None:
    """On working days, tell each officer how many cases of the officer's stages are due, if any; by SMS if switched on."""
    if not office.calendar.is_working_day(on):
        return
    counts = _per_officer(session, _due_groups(session, on, office), office)
    rows = [{"kind": NightlyTask.DEADLINES, "subject": key, "day": on, "days": 0, "at": at} for key in counts]
    if not rows:
        return
    inserted = _insert(session).values(rows).on_conflict_do_nothing().returning(NightlyDone.subject)
    fresh = set(session.scalars(inserted))
    officers = session.scalars(select(Account).where(Account.id.in_(fresh)).order_by(Account.id))
    owed = [
        system_message(
            DEADLINES,
            who.mobile if office.deadline_messages else None,
            office,
            Recipient(NotificationKind.WORK, account_id=who.id),
            officer=who.get_full_name(),
            days=office.due_soon_days,
            **counts[who.id],
        )
        for who in officers
    ]
    _tell(session, owed, on, at)


DueGroup = tuple[State, str, str, int]  # state, region, urgency, number of cases


def _due_groups(session: Session, on: date, office: Office) -> list[DueGroup]:
    until = office.calendar.add_working_days(on, office.due_soon_days)
    urgency = case((Application.due_on < on, "overdue"), (Application.due_on == on, "today"), else_="soon")
    rows = session.execute(
        select(Application.state, Application.region_code, urgency.label("urgency"), func.count())
        .where(Application.state.in_(QUEUES.values()), Application.due_on <= until)
        .group_by(Application.state, Application.region_code, "urgency")
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def _per_officer(session: Session, groups: Sequence[DueGroup], office: Office) -> dict[int, dict[str, int]]:
    """Number of cases by urgency, for each account of an officer."""
    RoleRow: Any = Account.roles.property.mapper.class_  # noqa: N806 - FAB's class, not importable here
    holders = session.execute(
        select(Account.id, Account.region_code, RoleRow.name)
        .join(Account.roles)
        .where(Account.active, Account.region_code.is_not(None))
        .where(RoleRow.name.in_([role.value for role in QUEUES]))
    ).all()
    counts: dict[int, dict[str, int]] = {}
    for account_id, region, name in holders:
        role = next(role for role in QUEUES if role.value == name)
        officer = Actor(account_id, "", frozenset({role}), region)
        for state, where, urgency, n in groups:
            if state in queues_of(officer, office).values() and where.startswith(region_prefix(region)):
                counts.setdefault(account_id, {"overdue": 0, "today": 0, "soon": 0})[urgency] += n
    return counts


# --- at most once -------------------------------------------------------------------------------------------


def _insert(session: Session) -> Any:
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    return dialect.insert(NightlyDone)


def _record_once(session: Session, kind: NightlyTask, found: Any, at: datetime) -> Sequence[Any]:
    """Insert the selected ``(subject, day, days)`` rows; returns those that were not there before."""
    kind_and_at = (literal(kind, NightlyDone.kind.type), literal(at, NightlyDone.at.type))
    new = _insert(session).from_select(["subject", "day", "days", "kind", "at"], found.add_columns(*kind_and_at))
    return session.execute(
        new.on_conflict_do_nothing().returning(NightlyDone.subject, NightlyDone.day, NightlyDone.days)
    ).all()


def _is_done(kind: NightlyTask, subject: Any, day: Any, days: Any) -> Any:
    """SQL: already recorded. Keeps each night's insert small."""
    return exists().where(
        NightlyDone.kind == kind, NightlyDone.subject == subject, NightlyDone.day == day, NightlyDone.days == days
    )


def _tell(session: Session, owed: Sequence[OutgoingMessage], on: date, at: datetime) -> None:
    notifications.tell(session, owed, at=at, send_at=_in_the_morning(on, at))


def _in_the_morning(on: date, at: datetime) -> datetime:
    return max(at, datetime.combine(on, MORNING, OFFICE_ZONE))


def done_since(session: Session, since: datetime) -> dict[str, int]:
    """Number of things done since then, by task: the result of a night, also if it took several attempts."""
    rows = session.execute(select(NightlyDone.kind, func.count()).where(NightlyDone.at >= since).group_by(NightlyDone.kind))
    counts = {row[0]: row[1] for row in rows}
    return {kind.value: counts.get(kind, 0) for kind in NightlyTask}


def recount_limits(session: Session, _on: date, _office: Office, *, at: datetime) -> None:  # noqa: ARG001 - signature of all tasks
    """Deadlines computed while somebody was changing the calendar used the old one."""
    recompute_deadlines(session)


NIGHTLY = (
    recount_limits,
    end_suspensions,
    close_impossible_proposals,
    note_expired,
    remind_of_expiry,
    remind_of_drafts,
    remind_of_corrections,
    remind_of_deadlines,
)
