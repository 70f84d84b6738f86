"""Work nobody waits for: a table of jobs that is the truth, and the hands that work it off.

Law: a job is written in its deed's own transaction and taken by one conditional statement, under a lease and a token.
Whoever announces jobs may forget them, the table does not. A worker may die after the work and before the mark, so each
handler must bear to run twice; test_jobs runs each one twice.
"""

import logging
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import ColumnElement, Engine, and_, delete, exists, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, sessionmaker

from app.accounts import challenges, rate_limit
from app.accounts import sessions as user_sessions
from app.accounts.access import Actor
from app.accounts.pki import bindings, trust
from app.applications import legacy_import, scan_retention
from app.applications.nightly import NIGHTLY, done_since
from app.applications.office_settings import office_of
from app.certificates.pdf import render_jobs, zip_download
from app.core.clock import OFFICE_ZONE, office_day
from app.core.crypto.seal_provider import (
    NoSeal,
    SealAway,
    SealProvider,
    Suite,
)
from app.core.errors import HouseError, NotFound
from app.core.office import Office
from app.core.vocabulary import (
    Deed,
    JobState,
    MessageState,
    OccasionKind,
    Role,
)
from app.db import audit
from app.db.audit import checkpoints
from app.db.session import only_reading
from app.files.storage import Store
from app.models import Job, Message, Worker
from app.outbox import jobs
from app.outbox.sms import Gateway, deliver

LEASE = timedelta(minutes=2)  # longer than a handler may work without a word; see Run.progress
TRIES = 8
LONGEST_WAIT = 300  # seconds between two attempts
SILENCE = timedelta(seconds=60)  # a worker that says nothing for so long is missed
KEPT = timedelta(days=30)  # finished jobs, for whoever asks
UNTOUCHED = timedelta(hours=24)  # an object that no row knows may still be on its way into one
SOME = 20  # papers drawn between two signs of life and written down together
ROUND = 10  # messages between two signs of life; at most 10 s each, so well within LEASE
DISTRUST = 100  # so many objects without a row are always believed; more, only beside as many that have one

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tools:
    """What handlers work with, handed in by the worker or by a test."""

    engine: Engine
    gateway: Gateway
    store: Store
    now: Callable[[], datetime]
    chance: Callable[[], float] = secrets.SystemRandom().random  # evenly in [0, 1): spreads second attempts
    office: Office = field(default_factory=Office)  # as the settings say it; a handler asks ``Run.office``
    seal: SealProvider = field(default_factory=NoSeal)
    heads: Path | None = None  # where checkpoints of the diary are written down outside the database
    speaking: Callable[[str], AbstractContextManager[object]] = lambda _locale: nullcontext()  # for what people will read
    ukeys: Path = Path()  # authorities whose certificates sign in, and their lists
    lists: Mapping[str, Callable[[], bytes]] = field(default_factory=dict)  # whence newer lists are had, by name
    fresh_password: Callable[[], tuple[str, str]] = lambda: ("", "")  # a one-time password and its hash

    @property
    def sessions(self) -> sessionmaker[Session]:
        return sessionmaker(self.engine, expire_on_commit=False)


@dataclass(frozen=True, slots=True)
class Claim:
    """A job that is ours for the length of its lease; ``token`` proves it."""

    id: int
    kind: str
    payload: Mapping[str, Any]
    token: str
    attempts: int


class LeaseLost(Exception):
    """Somebody else holds the job by now: whatever is left of it is theirs to do."""


@dataclass(frozen=True, slots=True)
class Run:
    """A job in its handler's hands."""

    claim: Claim
    tools: Tools

    @property
    def payload(self) -> Mapping[str, Any]:
        return self.claim.payload

    def office(self) -> Office:
        """The office as it stands now: what the administrator changed counts without a restart of the worker."""
        with only_reading(), self.tools.sessions() as session:
            return office_of(session, self.tools.office)

    def progress(self, done: int, total: int | None = None) -> None:
        """Say how far the work is, and keep the job for another ``LEASE``. Call it at least once a minute.

        Raises ``LeaseLost`` once the job is somebody else's; a handler lets that pass through and does no more.
        """
        until = self.tools.now() + LEASE
        if not _write(self.tools, self.claim, {"lease_until": until, "done": done, "total": total}):
            raise LeaseLost(self.claim.id)

    def tell(self, result: Mapping[str, int]) -> None:
        """Say what came of it, for the list of jobs. Raises as ``progress`` does."""
        if not _write(self.tools, self.claim, {"result": dict(result)}):
            raise LeaseLost(self.claim.id)


Handler = Callable[[Run], None]
enqueue = jobs.enqueue  # asked for by rooms below as well


# --- asking anew ------------------------------------------------------------------------------------


def again(session: Session, job_id: int, actor: Actor, *, at: datetime, address: str = "") -> None:
    """Give a dead job all its attempts anew. The caller commits. ``NotFound`` unless there is such a job and it is dead."""
    actor.demand(Role.ADMIN)
    fresh = {"state": JobState.READY, "attempts": 0, "due_at": at, "finished_at": None, "fault": ""}
    here = (Job.id == job_id, Job.state == JobState.DEAD)
    revived = update(Job).where(*here).values(**fresh).returning(Job.id).execution_options(synchronize_session=False)
    if session.execute(revived).first() is None:
        raise NotFound
    change = {"state": [JobState.DEAD.value, JobState.READY.value]}
    audit.note(session, actor.name, Deed.CHANGE, Job.__tablename__, job_id, change, at=at, address=address)


# --- doing it ---------------------------------------------------------------------------------------


def run_due(tools: Tools, handlers: Mapping[str, Handler], *, most: int) -> list[JobState | None]:
    """Work off what is due, at most so many; what became of each. Any number may do so at once."""
    became = []
    for _n in range(most):
        claimed = _claimed(tools, handlers, None)
        if claimed is None:
            break
        became.append(_work(tools, handlers[claimed.kind], claimed))
    return became


def run_one(tools: Tools, handlers: Mapping[str, Handler], job_id: int) -> JobState | None:
    """Work this job off if it is still to be done. None if it is not, or if it was lost to somebody else on the way."""
    claimed = _claimed(tools, handlers, job_id)
    return None if claimed is None else _work(tools, handlers[claimed.kind], claimed)


def claim(session: Session, kinds: Mapping[str, object], *, at: datetime, job_id: int | None = None) -> Claim | None:
    """Take one job that is due, this one or the oldest. The condition is asked again on the locked row, so one wins."""
    due = (_due(at), Job.attempts < TRIES, Job.kind.in_(kinds), *([] if job_id is None else [Job.id == job_id]))
    oldest = select(Job.id).where(*due).order_by(Job.due_at, Job.id).limit(1).with_for_update(skip_locked=True)
    token = secrets.token_hex(16)
    taken = session.execute(
        update(Job)
        .where(Job.id == oldest.scalar_subquery(), *due)  # not IN: PostgreSQL may ask a locking subquery anew for each row
        .values(state=JobState.RUNNING, token=token, lease_until=at + LEASE, attempts=Job.attempts + 1)
        .returning(Job.id, Job.kind, Job.payload, Job.token, Job.attempts)
        .execution_options(synchronize_session=False)
    ).first()
    return None if taken is None else Claim(*taken)


def bury_lost(session: Session, *, at: datetime) -> None:
    """A job whose every worker died on the way would be tried for ever: it is dead, too. The caller commits."""
    session.execute(
        update(Job)
        .where(_due(at), Job.attempts >= TRIES)
        .values(state=JobState.DEAD, finished_at=at, lease_until=None, token=None, fault="worker lost")
        .execution_options(synchronize_session=False)
    )


def due(session: Session, *, at: datetime, most: int) -> list[int]:
    """The ids of jobs that wait for a hand, the longest waiting first: new ones, and those whose worker was lost."""
    return list(session.scalars(select(Job.id).where(_due(at)).order_by(Job.due_at, Job.id).limit(most)))


def _due(at: datetime) -> ColumnElement[bool]:
    ready = and_(Job.state == JobState.READY, Job.due_at <= at)
    return or_(ready, and_(Job.state == JobState.RUNNING, Job.lease_until <= at))


def _claimed(tools: Tools, handlers: Mapping[str, Handler], job_id: int | None) -> Claim | None:
    with tools.sessions.begin() as session:
        at = tools.now()
        bury_lost(session, at=at)
        return claim(session, handlers, at=at, job_id=job_id)


def _work(tools: Tools, handler: Handler, claimed: Claim) -> JobState | None:
    """Call the handler outside any transaction of ours, then write down what became of the job."""
    try:
        handler(Run(claimed, tools))
    except LeaseLost:
        _log.warning("job %s (%s) went on in other hands", claimed.id, claimed.kind)
        return None
    except Exception as fault:  # noqa: BLE001 - whatever a handler raises, the other jobs must still be done
        _log.exception("job %s (%s), attempt %s", claimed.id, claimed.kind, claimed.attempts)
        return _failed(tools, claimed, f"{type(fault).__name__}: {fault}".splitlines()[0][:200])
    done = {"state": JobState.DONE, "finished_at": tools.now(), "lease_until": None, "token": None, "fault": ""}
    return JobState.DONE if _write(tools, claimed, done) else None


def _failed(tools: Tools, claimed: Claim, fault: str) -> JobState | None:
    """Wait longer each time, half of it for sure and half by chance, so that many do not come back at once."""
    at, free = tools.now(), {"lease_until": None, "token": None, "fault": fault}
    if claimed.attempts >= TRIES:
        state, values = JobState.DEAD, {"finished_at": at}
    else:
        longest = min(2**claimed.attempts, LONGEST_WAIT)
        state, values = JobState.READY, {"due_at": at + timedelta(seconds=longest * (1 + tools.chance()) / 2)}
    return state if _write(tools, claimed, {"state": state, **values, **free}) else None


def _write(tools: Tools, claimed: Claim, values: Mapping[str, object]) -> bool:
    """Write to the job if it is still ours."""
    ours = (Job.id == claimed.id, Job.token == claimed.token, Job.state == JobState.RUNNING)
    written = update(Job).where(*ours).values(**values).returning(Job.id).execution_options(synchronize_session=False)
    with tools.sessions.begin() as session:
        return session.execute(written).first() is not None


# --- work that comes round --------------------------------------------------------------------------


def _this_minute(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M}"


def _this_hour(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H}"


def _last_night(at: datetime) -> str:
    """The office day on which it last was two in the morning."""
    return office_day(at - timedelta(hours=2)).isoformat()


def _since_last_night(at: datetime) -> datetime:
    return datetime.combine(office_day(at - timedelta(hours=2)), time(2), OFFICE_ZONE)


def _always(_session: Session, _at: datetime) -> bool:
    return True


def _messages_wait(session: Session, at: datetime) -> bool:
    return bool(session.scalar(select(exists().where(Message.state == MessageState.QUEUED, Message.due_at <= at))))


@dataclass(frozen=True, slots=True)
class Round:
    """Work that comes round: once per period, and only where there is anything to do."""

    period: Callable[[datetime], str]
    called_for: Callable[[Session, datetime], bool] = _always


def _papers_wait(session: Session, _at: datetime) -> bool:
    return bool(render_jobs.unsealed(session, most=1))


def _diary_grew(session: Session, _at: datetime) -> bool:
    return checkpoints.news(session)


ROUNDS: dict[str, Round] = {
    "messages": Round(_this_minute, _messages_wait),
    "seal": Round(_this_hour, _papers_wait),
    "sweep": Round(_last_night),
    "nightly": Round(_last_night),
    "checkpoint": Round(_this_hour, _diary_grew),
    checkpoints.WALK: Round(_last_night),
    "retention": Round(_last_night),
}


def called_for(session: Session, *, at: datetime) -> dict[str, str]:
    """Kind → key of each job that this moment asks for and that nobody has enqueued yet. Reads only."""
    keys = {kind: f"{kind}:{round_.period(at)}" for kind, round_ in ROUNDS.items()}
    there = set(session.scalars(select(Job.key).where(Job.key.in_(keys.values()))))
    return {kind: key for kind, key in keys.items() if key not in there and ROUNDS[kind].called_for(session, at)}


def tick(session: Session, *, at: datetime) -> int:
    """Enqueue what this moment asks for; how many. The caller commits. However many tick at once, one job per period."""
    return sum(enqueue(session, kind, key, {}, at=at) for kind, key in called_for(session, at=at).items())


# --- who is at work ---------------------------------------------------------------------------------


def sign_of_life(session: Session, name: str, *, at: datetime) -> None:
    """A worker says that it is there. The caller commits."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    seen = dialect.insert(Worker).values(name=name, seen_at=at)
    session.execute(seen.on_conflict_do_update(index_elements=["name"], set_={"seen_at": at}))


def worker_is_missed(session: Session, *, at: datetime) -> bool:
    """Work has been waiting for a minute, and in that minute no worker gave a sign of life."""
    seen = session.scalar(select(func.max(Worker.seen_at)))
    if seen is not None and seen > at - SILENCE:
        return False
    return bool(due(session, at=at - SILENCE, most=1)) or _messages_wait(session, at - SILENCE)


# --- the handlers -----------------------------------------------------------------------------------


def send_messages(run: Run) -> None:
    """Text messages that are due.

    A round in which none went out ends it: a silent gateway is asked again by the next minute's job, not by this one.
    """
    handled = 0
    while True:
        done = deliver(run.tools.sessions, run.tools.gateway, at=run.tools.now(), most=ROUND)
        tried = done.sent + done.postponed + done.failed
        handled += tried
        run.progress(handled)
        if tried < ROUND or not done.sent:
            return


def nightly_checks(run: Run) -> None:
    """What expired, expires, lies about or is due: one transaction each, so a broken night goes on where it was."""
    at, office = run.tools.now(), run.office()
    for number, check in enumerate(NIGHTLY, start=1):
        with run.tools.sessions.begin() as session:
            check(session, office_day(at), office, at=at)
        run.progress(number, len(NIGHTLY))
    with only_reading(), run.tools.sessions() as session:
        result = done_since(session, _since_last_night(at))
    run.tell(result)


def draw_papers(run: Run) -> None:
    """The papers of a batch, some at a time. What cannot be drawn is written down and holds up no other."""
    tools, asked, office = run.tools, run.payload["versions"], run.office()
    with only_reading(), tools.sessions() as session:
        left = render_jobs.missing(session, asked)
    done, ours = len(asked) - len(left), list[Exception]()
    for start in range(0, len(left), SOME):
        with only_reading(), tools.sessions() as session:
            some = left[start : start + SOME]
            drawn = render_jobs.draw_some(session, tools.store, some, office, tools.seal, at=tools.now())
        with tools.sessions.begin() as session:
            render_jobs.keep(session, drawn)
        done, ours = done + len(drawn.papers), ours + drawn.ours
        run.progress(done, len(asked))
    if ours:
        raise ours[0]  # the machine's fault, not the paper's: the job is tried again, and draws only what is missing


def seal_late(run: Run) -> None:
    """Papers that waited for a seal longer than their jobs had patience: asked for anew, once it is there again."""
    at = run.tools.now()
    try:
        run.tools.seal.seal(Suite.P256, at=at)
    except SealAway:
        return  # the next hour asks again
    with run.tools.sessions.begin() as session:
        render_jobs.have_drawn(session, render_jobs.unsealed(session), at=at, occasion=f"sealed{run.claim.id}")


def sign_diary(run: Run) -> None:
    """Sign how far the diary has grown, and write that down outside the database."""
    with run.tools.sessions.begin() as session:
        checkpoints.make(session, at=run.tools.now())
    if run.tools.heads is not None:
        with only_reading(), run.tools.sessions() as session:
            checkpoints.publish(session, run.tools.heads)


def walk_diary(run: Run) -> None:
    """Every line of the diary against its seal, and the end of it against what was signed."""
    outside = checkpoints.written(run.tools.heads) if run.tools.heads is not None else []
    found = checkpoints.verify(run.tools.sessions, outside, run.progress)
    with run.tools.sessions.begin() as session:
        checkpoints.keep(session, found, at=run.tools.now())
    if found.broken is not None:
        _log.error("the diary does not hold: %s", found.broken)
    run.tell({"lines": found.lines, "broken": int(found.broken is not None)})


def sweep(run: Run) -> None:
    """What nobody needs any more: old counts, challenges, sessions, jobs, objects without a row, workers that are gone."""
    at = run.tools.now()
    rate_limit.sweep(run.tools.engine, at - timedelta(days=1))
    with run.tools.sessions.begin() as session:
        session.execute(delete(Job).where(Job.state == JobState.DONE, Job.finished_at < at - KEPT))
        session.execute(delete(Worker).where(Worker.seen_at < at - timedelta(days=1)))
        challenges.sweep(session, at=at)
        user_sessions.sweep(session, at=at)
        legacy_import.expire(session, at=at)
    _sweep_objects(run, at - UNTOUCHED)


def _sweep_objects(run: Run, before: datetime) -> None:
    with only_reading(), run.tools.sessions() as session:
        known = scan_retention.named(session)
    orphans = list(run.tools.store.orphans(known, before))
    if len(orphans) > max(DISTRUST, len(known)):
        # A folder beside the wrong database looks like this, and what is swept away does not come back.
        raise OtherPeoplesObjects(f"{len(orphans)} objects without a row, {len(known)} with one: nothing was removed")
    for swept, orphan in enumerate(orphans):
        run.tools.store.remove(orphan, before)
        if swept % 100 == 0:
            run.progress(swept, len(orphans))
    run.progress(len(orphans), len(orphans))


def remove_scans(run: Run) -> None:
    """Scans whose time has passed."""
    tools = run.tools
    run.tell({"scans": remove_due_scans(tools.sessions, tools.store, run.office(), at=tools.now(), told=run.progress)})


def remove_due_scans(
    sessions: sessionmaker[Session],
    store: Store,
    office: Office,
    *,
    at: datetime,
    told: Callable[[int], None] = lambda _done: None,
) -> int:
    """Slice by slice, each in a transaction of its own, and after each the bytes; how many.

    Whoever dies in between leaves objects without a row, which the sweeper takes.
    """
    count, last = 0, 0
    while True:
        with sessions.begin() as session:
            gone = scan_retention.remove_some(session, office_day(at), office, at=at, after=last)
        with only_reading(), sessions() as session:
            scan_retention.clear(session, store, gone.digests, at - UNTOUCHED)
        count, last = count + len(gone.digests), gone.last
        if not last:
            return count
        told(count)


class OtherPeoplesObjects(Exception):
    """The store and the database do not seem to belong together."""


def take_lists(run: Run) -> None:
    """Newer lists of revoked certificates; whoever is newly on one is out. A list that cannot be had holds up no other."""
    tools, done, faults = run.tools, 0, list[str]()
    for name, fetch in tools.lists.items():
        run.progress(done, len(tools.lists))
        at, believed = tools.now(), trust.trusted(tools.ukeys, required=True)
        try:
            new = trust.examine(fetch(), believed, at=at)
        except (OSError, HouseError) as no:
            faults.append(f"{name}: {no if isinstance(no, HouseError) else type(no).__name__}")
            continue
        with tools.sessions.begin() as session:  # first: a worker that dies now finds the same names newly listed again
            bindings.end_sessions_of(session, new.authority, new.newly, at=at)
        trust.keep(tools.ukeys, new)
        done += 1
    run.progress(done, len(tools.lists))
    if faults:
        raise ListAway("; ".join(faults))


class ListAway(Exception):
    """A list of revoked certificates could not be had, or was none to be believed."""


def lists_key(at: datetime) -> str:
    """Lists are asked for every ten minutes."""
    return f"revocations:{at.astimezone(UTC):%Y-%m-%dT%H:%M}"[:-1]


def check_legacy(run: Run) -> None:
    """The dry run of a sheet of the old system."""
    with _legacy_means(run) as means:
        legacy_import.check(means, run.payload["import"], at=run.tools.now())


def import_legacy(run: Run) -> None:
    """Such a sheet, chunk by chunk; goes on where a lost worker stopped."""
    with _legacy_means(run) as means:
        legacy_import.take_over(means, run.payload["import"], at=run.tools.now())


def legacy_passwords(run: Run) -> None:
    """First passwords for the accounts that came with it."""
    asked_at = datetime.fromisoformat(run.payload["asked_at"])
    with _legacy_means(run) as means:
        fresh, at = run.tools.fresh_password, run.tools.now()
        legacy_import.make_passwords(means, run.payload["import"], fresh, asked_at=asked_at, at=at)


@contextmanager
def _legacy_means(run: Run) -> Iterator[legacy_import.Means]:
    """Speaks the language of whoever asked, as sentences end in a sheet."""
    with run.tools.speaking(run.payload["locale"]):
        yield legacy_import.Means(run.tools.sessions, run.tools.store, run.progress)


HANDLERS: dict[str, Handler] = {
    "revocations": take_lists,
    "messages": send_messages,
    render_jobs.KIND: draw_papers,
    zip_download.KIND: draw_papers,
    "seal": seal_late,
    "sweep": sweep,
    "nightly": nightly_checks,
    "checkpoint": sign_diary,
    checkpoints.WALK: walk_diary,
    "retention": remove_scans,
    "legacy_check": check_legacy,
    "legacy_import": import_legacy,
    "legacy_passwords": legacy_passwords,
}
NAMES: dict[str, object] = {
    "revocations": _("Fetching lists of revoked certificates"),
    "messages": _("Send text messages"),
    render_jobs.KIND: _("Draw e-certificates"),
    zip_download.KIND: _("Prepare a download of certificates"),
    "seal": _("Seal papers that waited"),
    "sweep": _("Nightly tidying up"),
    "nightly": _("Nightly checks and reminders"),
    "checkpoint": _("Sign the diary so far"),
    checkpoints.WALK: _("Verify the diary"),
    "retention": _("Remove scans whose time has passed"),
    "legacy_check": _("Check a sheet of the old system"),
    "legacy_import": _("Import a sheet of the old system"),
    "legacy_passwords": _("Make first passwords"),
}
RESULTS: dict[str, object] = {kind.value: kind.label for kind in OccasionKind} | {
    "lines": _("Lines that hold"),
    "broken": _("Breaks in the chain"),
    "scans": _("Scans removed"),
}
