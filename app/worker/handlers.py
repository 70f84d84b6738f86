"""The handlers of jobs, by kind. A worker may die after the work and before the mark, so each handler bears to run twice."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from flask_babel import lazy_gettext as _
from sqlalchemy import delete
from sqlalchemy.orm import Session, sessionmaker

from app.accounts import challenges, rate_limit
from app.accounts import sessions as user_sessions
from app.accounts.pki import bindings, trust
from app.applications import legacy_import, scan_retention
from app.applications.nightly import NIGHTLY, done_since
from app.certificates.pdf import render_jobs, zip_download
from app.core.clock import office_day
from app.core.crypto.seal_provider import SealAway, Suite
from app.core.errors import AppError
from app.core.office import Office
from app.core.vocabulary import JobState, NightlyTask
from app.db.audit import checkpoints
from app.db.session import read_only
from app.files.storage import Store
from app.models import Job, Worker
from app.outbox.jobs import RETENTION
from app.outbox.sms import deliver
from app.worker.runner import Handler, JobRun, log
from app.worker.schedule import last_night_start

MIN_ORPHAN_AGE = timedelta(hours=24)  # an object that no row knows may still be on its way into one
RENDER_BATCH = 20  # papers drawn between two signs of life and written down together
MESSAGE_BATCH = 10  # messages between two signs of life; at most 10 s each, so well within LEASE
PLAUSIBLE_ORPHANS = 100  # so many objects without a row are always believed; more, only beside as many that have one


# --- the handlers -----------------------------------------------------------------------------------


def send_messages(run: JobRun) -> None:
    """Text messages that are due.

    A round in which none went out ends it: a silent gateway is asked again by the next minute's job, not by this one.
    """
    handled = 0
    while True:
        done = deliver(run.tools.sessions, run.tools.gateway, at=run.tools.now(), most=MESSAGE_BATCH)
        tried = done.sent + done.postponed + done.failed
        handled += tried
        run.progress(handled)
        if tried < MESSAGE_BATCH or not done.sent:
            return


def nightly_checks(run: JobRun) -> None:
    """What expired, expires, lies about or is due: one transaction each, so a broken night goes on where it was."""
    at, office = run.tools.now(), run.office()
    for number, check in enumerate(NIGHTLY, start=1):
        with run.tools.sessions.begin() as session:
            check(session, office_day(at), office, at=at)
        run.progress(number, len(NIGHTLY))
    with read_only(), run.tools.sessions() as session:
        result = done_since(session, last_night_start(at))
    run.tell(result)


def render_certificates(run: JobRun) -> None:
    """The papers of a batch, some at a time. What cannot be drawn is written down and holds up no other."""
    tools, asked, office = run.tools, run.payload["versions"], run.office()
    with read_only(), tools.sessions() as session:
        left = render_jobs.missing(session, asked)
    done, ours = len(asked) - len(left), list[Exception]()
    for start in range(0, len(left), RENDER_BATCH):
        with read_only(), tools.sessions() as session:
            some = left[start : start + RENDER_BATCH]
            drawn = render_jobs.draw_some(session, tools.store, some, office, tools.seal, at=tools.now())
        with tools.sessions.begin() as session:
            render_jobs.keep(session, drawn)
        done, ours = done + len(drawn.papers), ours + drawn.ours
        run.progress(done, len(asked))
    if ours:
        raise ours[0]  # the machine's fault, not the paper's: the job is tried again, and draws only what is missing


def render_unsealed(run: JobRun) -> None:
    """Papers that waited for a seal longer than their jobs had patience: asked for anew, once it is there again."""
    at = run.tools.now()
    try:
        run.tools.seal.seal(Suite.P256, at=at)
    except SealAway:
        return  # the next hour asks again
    with run.tools.sessions.begin() as session:
        render_jobs.have_drawn(session, render_jobs.unsealed(session), at=at, occasion=f"sealed{run.claim.id}")


def sign_audit_log(run: JobRun) -> None:
    """Sign how far the diary has grown, and write that down outside the database."""
    with run.tools.sessions.begin() as session:
        checkpoints.create(session, at=run.tools.now())
    if run.tools.heads is not None:
        with read_only(), run.tools.sessions() as session:
            checkpoints.publish(session, run.tools.heads)


def verify_audit_log(run: JobRun) -> None:
    """Every line of the diary against its seal, and the end of it against what was signed."""
    outside = checkpoints.read_published(run.tools.heads) if run.tools.heads is not None else []
    found = checkpoints.verify(run.tools.sessions, outside, run.progress)
    with run.tools.sessions.begin() as session:
        checkpoints.record_inspection(session, found, at=run.tools.now())
    if found.broken is not None:
        log.error("the diary does not hold: %s", found.broken)
    run.tell({"lines": found.lines, "broken": int(found.broken is not None)})


def clean_up(run: JobRun) -> None:
    """What nobody needs any more: old counts, challenges, sessions, jobs, objects without a row, workers that are gone."""
    at = run.tools.now()
    rate_limit.sweep(run.tools.engine, at - timedelta(days=1))
    with run.tools.sessions.begin() as session:
        session.execute(delete(Job).where(Job.state == JobState.DONE, Job.finished_at < at - RETENTION))
        session.execute(delete(Worker).where(Worker.seen_at < at - timedelta(days=1)))
        challenges.sweep(session, at=at)
        user_sessions.sweep(session, at=at)
        legacy_import.expire(session, at=at)
    _sweep_objects(run, at - MIN_ORPHAN_AGE)


def _sweep_objects(run: JobRun, before: datetime) -> None:
    with read_only(), run.tools.sessions() as session:
        known = scan_retention.referenced_digests(session)
    orphans = list(run.tools.store.orphans(known, before))
    if len(orphans) > max(PLAUSIBLE_ORPHANS, len(known)):
        # A folder beside the wrong database looks like this, and what is swept away does not come back.
        raise StoreMismatch(f"{len(orphans)} objects without a row, {len(known)} with one: nothing was removed")
    for swept, orphan in enumerate(orphans):
        run.tools.store.remove(orphan, before)
        if swept % 100 == 0:
            run.progress(swept, len(orphans))
    run.progress(len(orphans), len(orphans))


def remove_scans(run: JobRun) -> None:
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
        with read_only(), sessions() as session:
            scan_retention.delete_objects(session, store, gone.digests, at - MIN_ORPHAN_AGE)
        count, last = count + len(gone.digests), gone.last
        if not last:
            return count
        told(count)


class StoreMismatch(Exception):
    """The store and the database do not seem to belong together."""


def fetch_revocation_lists(run: JobRun) -> None:
    """Newer lists of revoked certificates; whoever is newly on one is out. A list that cannot be had holds up no other."""
    tools, done, faults = run.tools, 0, list[str]()
    for name, fetch in tools.lists.items():
        run.progress(done, len(tools.lists))
        at, believed = tools.now(), trust.load_trust(tools.ukeys, required=True)
        try:
            new = trust.check_list(fetch(), believed, at=at)
        except (OSError, AppError) as no:
            faults.append(f"{name}: {no if isinstance(no, AppError) else type(no).__name__}")
            continue
        with tools.sessions.begin() as session:  # first: a worker that dies now finds the same names newly listed again
            bindings.end_sessions_of(session, new.authority, new.newly, at=at)
        trust.install_list(tools.ukeys, new)
        done += 1
    run.progress(done, len(tools.lists))
    if faults:
        raise RevocationListUnavailable("; ".join(faults))


class RevocationListUnavailable(Exception):
    """A list of revoked certificates could not be had, or was none to be believed."""


def revocations_key(at: datetime) -> str:
    """Lists are asked for every ten minutes."""
    return f"revocations:{at.astimezone(UTC):%Y-%m-%dT%H:%M}"[:-1]


def check_legacy(run: JobRun) -> None:
    """The dry run of a sheet of the old system."""
    with _legacy_means(run) as means:
        legacy_import.check(means, run.payload["import"], at=run.tools.now())


def import_legacy(run: JobRun) -> None:
    """Such a sheet, chunk by chunk; goes on where a lost worker stopped."""
    with _legacy_means(run) as means:
        legacy_import.take_over(means, run.payload["import"], at=run.tools.now())


def legacy_passwords(run: JobRun) -> None:
    """First passwords for the accounts that came with it."""
    asked_at = datetime.fromisoformat(run.payload["asked_at"])
    with _legacy_means(run) as means:
        fresh, at = run.tools.fresh_password, run.tools.now()
        legacy_import.make_passwords(means, run.payload["import"], fresh, asked_at=asked_at, at=at)


@contextmanager
def _legacy_means(run: JobRun) -> Iterator[legacy_import.ImportContext]:
    """Speaks the language of whoever asked, as sentences end in a sheet."""
    with run.tools.speaking(run.payload["locale"]):
        yield legacy_import.ImportContext(run.tools.sessions, run.tools.store, run.progress)


HANDLERS: dict[str, Handler] = {
    "revocations": fetch_revocation_lists,
    "messages": send_messages,
    render_jobs.KIND: render_certificates,
    zip_download.KIND: render_certificates,
    "seal": render_unsealed,
    "sweep": clean_up,
    "nightly": nightly_checks,
    "checkpoint": sign_audit_log,
    checkpoints.VERIFY_JOB: verify_audit_log,
    "retention": remove_scans,
    "legacy_check": check_legacy,
    "legacy_import": import_legacy,
    "legacy_passwords": legacy_passwords,
}
KIND_LABELS: dict[str, object] = {
    "revocations": _("Fetching lists of revoked certificates"),
    "messages": _("Send text messages"),
    render_jobs.KIND: _("Draw e-certificates"),
    zip_download.KIND: _("Prepare a download of certificates"),
    "seal": _("Seal papers that waited"),
    "sweep": _("Nightly tidying up"),
    "nightly": _("Nightly checks and reminders"),
    "checkpoint": _("Sign the diary so far"),
    checkpoints.VERIFY_JOB: _("Verify the diary"),
    "retention": _("Remove scans whose time has passed"),
    "legacy_check": _("Check a sheet of the old system"),
    "legacy_import": _("Import a sheet of the old system"),
    "legacy_passwords": _("Make first passwords"),
}
RESULT_LABELS: dict[str, object] = {kind.value: kind.label for kind in NightlyTask} | {
    "lines": _("Lines that hold"),
    "broken": _("Breaks in the chain"),
    "scans": _("Scans removed"),
}
