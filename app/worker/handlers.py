"""The job handlers, by kind. Each may run twice: a worker can die after the work and before the job is marked done."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

from flask_babel import lazy_gettext as _
from sqlalchemy import delete, or_
from sqlalchemy.orm import Session, sessionmaker

from app.accounts import challenges, interrupted_forms, privileged_changes, rate_limit
from app.accounts import sessions as user_sessions
from app.accounts.pki import bindings, trust
from app.applications import checks, legacy_import, reconciliation, scan_retention, sheet_imports
from app.applications.bulk_scans import waiting
from app.applications.decision_batches import records, running
from app.applications.letters import issue
from app.applications.nightly import NIGHTLY, done_since
from app.applications.statistics import counting
from app.certificates.pdf import letter_jobs, render_jobs, zip_download
from app.core.clock import OFFICE_ZONE, office_day
from app.core.crypto.seal_provider import SealUnavailable, SealUse, Suite
from app.core.errors import AppError
from app.core.office import Office
from app.core.settings import BadSetting
from app.core.vocabulary import JobState, NightlyTask
from app.db.audit import checkpoints
from app.db.session import read_only
from app.files.storage import MIN_ORPHAN_AGE, Store
from app.models import Job, Worker
from app.outbox import notifications
from app.outbox.jobs import FUTURE, MAX_ATTEMPTS, RETENTION, WORKER_LOST, bring_back
from app.outbox.sms import deliver
from app.worker.findings import watch
from app.worker.runner import Handler, JobRun, log
from app.worker.schedule import last_night_start

RENDER_BATCH = 50  # certificates rendered between two calls of progress, stored together
SUSPECT_AFTER = 4  # workers lost in a row, all at the same certificate
PROVINCE_LOCALE = "zh"  # of sentences that are told to the operator
MESSAGE_BATCH = 10  # messages between two calls of progress; at most 10 s each, so well within LEASE
PLAUSIBLE_ORPHANS = 100  # more than so many are removed only if as many objects have a row


def send_messages(run: JobRun) -> None:
    """Send the due text messages. If none of a batch was sent, stop: the next minute's job tries again."""
    handled = 0
    while True:
        done = deliver(run.context.sessions, run.context.gateway, at=run.context.now(), most=MESSAGE_BATCH)
        tried = done.sent + done.postponed + done.failed
        handled += tried
        run.progress(handled)
        if tried < MESSAGE_BATCH or not done.sent:
            return


def nightly_checks(run: JobRun) -> None:
    """Run the nightly checks, each in its own transaction, so that a retry continues where it stopped."""
    at, office = run.office_now(), run.office()
    for number, check in enumerate(NIGHTLY, start=1):
        with run.context.sessions.begin() as session:
            check(session, office_day(at), office, at=at)
        run.progress(number, len(NIGHTLY))
    with read_only(), run.context.sessions() as session:
        result = done_since(session, last_night_start(at))
    run.report(result)


def render_certificates(run: JobRun) -> None:
    """Render the certificates of a batch. A certificate that cannot be rendered is marked and does not stop the others.

    After a lost worker they are rendered one by one, so that the one which kills it stands first and is set aside.
    """
    context, wanted, office = run.context, run.payload["versions"], run.office()
    lost = run.lease.attempts - 1 if run.lease.fault == WORKER_LOST else 0
    left, batch = _left_to_render(run, wanted, lost), 1 if lost else RENDER_BATCH
    done, errors = len(wanted) - len(left), list[Exception]()
    for start in range(0, len(left), batch):
        with read_only(), context.sessions() as session:
            some = left[start : start + batch]
            drawn = render_jobs.render_versions(session, context.store, some, office, context.seal, at=run.office_now())
        with context.sessions.begin() as session:
            render_jobs.record_results(session, drawn)
        done, errors = done + len(drawn.papers), errors + drawn.ours
        run.progress(done, len(wanted))
    if errors:
        raise errors[0]  # our fault, not the certificate's: the retry renders only what is missing


def _left_to_render(run: JobRun, wanted: list[int], lost: int) -> list[int]:
    """What this attempt renders; ``lost``: how many attempts before it lost their worker and rendered nothing.

    Before the last attempt all that is left is marked, so that what it loses can be asked for again.
    """
    with run.context.sessions.begin() as session:
        left = render_jobs.undrawn_ids(session, wanted, set_aside=len(wanted) == 1)
        if lost >= SUSPECT_AFTER and left:
            aside = left if lost + 1 == MAX_ATTEMPTS else left[:1]
            render_jobs.set_aside(session, aside, at=run.office_now(), alone=len(wanted) == 1)
        return left[1:] if lost >= SUSPECT_AFTER and len(wanted) > 1 else left


def issue_letters(run: JobRun) -> None:
    """Number the letters of a decision, then draw and seal those without a file. One that cannot be drawn stops no other."""
    left, errors = _numbered_letters(run), list[Exception]()
    context, total = run.context, len(left)
    for start in range(0, total, RENDER_BATCH):
        with read_only(), context.sessions() as session:
            some = left[start : start + RENDER_BATCH]
            drawn = issue.draw(session, context.store, some, context.seal, at=run.office_now())
        with context.sessions.begin() as session:
            issue.record(session, drawn)
        errors += drawn.ours
        run.progress(min(start + RENDER_BATCH, total), total)
    if errors:
        raise errors[0]  # our fault, not the letter's: the retry draws only what is missing


def _numbered_letters(run: JobRun) -> list[int]:
    """The letters that the job is about and that have no file, each with its number."""
    payload, context, office = run.payload, run.context, run.office()
    if letter_jobs.LETTERS in payload:
        return list(payload[letter_jobs.LETTERS])
    at = datetime.fromisoformat(payload["at"])
    with read_only(), context.sessions() as session:
        measures = issue.measure_drafts(session, payload.get(letter_jobs.MEASURES, ()), office)
        steps = issue.case_drafts(session, payload.get(letter_jobs.APPLICATIONS, ()), office, at=at)
    with context.sessions.begin() as session:
        issue.number_measures(session, measures, at=run.office_now())
        issue.number_steps(session, steps, at=run.office_now())
    with read_only(), context.sessions() as session:
        return issue.undrawn(session, steps=steps, measures=measures)


def render_unsealed(run: JobRun) -> None:
    """Enqueue what was left unsealed by jobs that were given up, once the seal is available again."""
    at = run.office_now()
    if _has_seal(run, SealUse.CERTIFICATES):
        with run.context.sessions.begin() as session:
            waiting = render_jobs.waiting_for_seal(session)
            render_jobs.enqueue_versions(session, waiting, at=at, occasion=f"sealed{run.lease.id}")
    if _has_seal(run, SealUse.LETTERS):
        with run.context.sessions.begin() as session:
            letter_jobs.enqueue_unsealed(session, issue.waiting_for_seal(session), at=at)


def _has_seal(run: JobRun, use: SealUse) -> bool:
    try:
        run.context.seal.seal(Suite.P256, at=run.office_now(), use=use)
    except SealUnavailable:
        return False  # the next hour's job tries again
    return True


def sign_audit_log(run: JobRun) -> None:
    """Sign the end of the audit log, and write the checkpoint outside the database too."""
    with run.context.sessions.begin() as session:
        checkpoints.create(session, at=run.context.now())
    if run.context.checkpoints_file:
        with read_only(), run.context.sessions() as session:
            checkpoints.publish(session, run.context.checkpoints_file)


def verify_audit_log(run: JobRun) -> None:
    """Verify the hash chain of the audit log against all checkpoints."""
    outside = checkpoints.read_published(run.context.checkpoints_file) if run.context.checkpoints_file else []
    found = checkpoints.verify(run.context.sessions, outside, run.progress)
    with run.context.sessions.begin() as session:
        checkpoints.record_inspection(session, found, at=run.context.now())
    if found.broken is not None:
        log.error("the audit log does not verify: %s", found.broken)
    run.report({"lines": found.lines, "broken": int(found.broken is not None)})


def clean_up(run: JobRun) -> None:
    """Delete old counters, sessions, forms, scans, jobs, workers, messages, objects without a row, and future ones."""
    at, office = run.context.now(), run.office()
    rate_limit.sweep(run.context.engine, at - timedelta(days=1), at + FUTURE)
    with run.context.sessions.begin() as session:
        session.execute(delete(Job).where(Job.state == JobState.DONE, Job.finished_at < at - RETENTION))
        session.execute(delete(Worker).where(or_(Worker.seen_at < at - timedelta(days=1), Worker.seen_at > at + FUTURE)))
        bring_back(session, at=at)
        challenges.sweep(session, at=at)
        user_sessions.sweep(session, at=at)
        interrupted_forms.sweep(session, at=at)
        waiting.sweep(session, at=at, office=office)
        sheet_imports.expire(session, at=at)
        records.sweep(session, at=at)
        privileged_changes.lapse(session, at=at)
    _remove_old_notifications(run)
    _remove_orphans(run, at - MIN_ORPHAN_AGE)


def _remove_old_notifications(run: JobRun) -> None:
    """In slices, so that no transaction is long."""
    days = run.office().notification_days
    left = bool(days)
    while left:
        with run.context.sessions.begin() as session:
            left = notifications.remove_some(session, run.office_now() - timedelta(days=days))
        run.progress(0)


def _remove_orphans(run: JobRun, before: datetime) -> None:
    with read_only(), run.context.sessions() as session:
        known = scan_retention.referenced_digests(session)
    orphans = list(run.context.store.orphans(known, before))
    if len(orphans) > max(PLAUSIBLE_ORPHANS, len(known)):
        # A store with the wrong database looks like this, and removed objects cannot be restored.
        raise StoreMismatch(f"{len(orphans)} objects without a row, {len(known)} with one: nothing was removed")
    for removed, orphan in enumerate(orphans):
        run.context.store.remove(orphan, before)
        if removed % 100 == 0:
            run.progress(removed, len(orphans))
    run.progress(len(orphans), len(orphans))


def remove_scans(run: JobRun) -> None:
    """Remove scans whose retention period has passed."""
    context = run.context
    before = context.now() - MIN_ORPHAN_AGE
    count = remove_due_scans(
        context.sessions, context.store, run.office(), at=run.office_now(), before=before, progress=run.progress
    )
    run.report({"scans": count})


def remove_due_scans(
    sessions: sessionmaker[Session],
    store: Store,
    office: Office,
    *,
    at: datetime,
    before: datetime,
    progress: Callable[[int], None] = lambda _done: None,
) -> int:
    """Remove due scans in slices: the rows of each in one transaction, then the files. Returns how many.

    Files stored after ``before`` (true time) may belong to a transaction that is not committed yet, and stay.

    If the process dies in between, ``clean_up`` removes the files left without a row.
    """
    count, last = 0, 0
    while True:
        with sessions.begin() as session:
            removed = scan_retention.remove_some(session, office_day(at), office, at=at, after=last)
        with read_only(), sessions() as session:
            unnamed = scan_retention.unnamed(session, removed.digests)
        for digest in unnamed:
            store.remove(digest, before)
        count, last = count + len(removed.digests), removed.last
        if not last:
            return count
        progress(count)


class StoreMismatch(Exception):
    """Store and database do not seem to belong together."""


def run_batch(run: JobRun) -> None:
    """Carry out a confirmed batch of decisions, portion by portion; continues where a lost worker stopped."""
    with run.context.locale_context(run.payload["locale"]):  # reasons are stored as the officer reads them
        running.run_all(run.context.sessions, run.payload["batch"], run.office_now, run.office, run.progress)


def run_checks(run: JobRun) -> None:
    """Store what the automatic checks say of the cases that await a decision."""
    checks.refresh(run.context.sessions, run.office(), at=run.office_now(), progress=run.progress)


def count_statistics(run: JobRun) -> None:
    """Count the months asked for; by night those that are due."""
    at = run.office_now()
    if asked := run.payload.get("months"):
        months = [date.fromisoformat(month) for month in asked]
    else:
        with read_only(), run.context.sessions() as session:
            months = counting.months_due(session, office_day(at))
    counting.count_months(run.context.sessions, months, run.office(), at=at, progress=run.progress)
    run.report({"months": len(months)})


def fetch_revocation_lists(run: JobRun) -> None:
    """Download revocation lists and end the sessions of newly revoked certificates. One failed list stops no other."""
    context, done, faults = run.context, 0, list[str]()
    for name, fetch in context.revocation_lists.items():
        run.progress(done, len(context.revocation_lists))
        at, trusted = context.now(), trust.load_trust(context.ukeys, required=True)
        try:
            new = trust.check_list(fetch(), trusted, at=at)
        except (OSError, AppError) as error:
            faults.append(f"{name}: {error if isinstance(error, AppError) else type(error).__name__}")
            continue
        with context.sessions.begin() as session:  # first: a retry would find the same certificates newly listed
            bindings.end_sessions_of(session, new.authority, new.newly, at=at)
        trust.install_list(context.ukeys, new)
        done += 1
    run.progress(done, len(context.revocation_lists))
    if faults:
        raise RevocationListUnavailable("; ".join(faults))


def make_backup(run: JobRun) -> None:
    """Make a backup. A second run of the same job makes another, which stores only what the first has not.

    Raises ``BadSetting`` on a machine without a place for backups: the next try may be on one that has it.
    """
    if run.context.back_up is None:
        raise BadSetting("Backups are due, but ANGUAN_BACKUP_FOLDER is not set on this machine.")
    made = run.context.back_up(run.progress)
    run.report({"files": made.files, "missing": made.missing})


def backup_key(at: datetime, hours: int) -> str:
    """The job key that changes every so many hours, every 24 at one o'clock at night in the office."""
    since = at - datetime(2026, 1, 1, 1, tzinfo=OFFICE_ZONE)
    return f"backup:{hours}:{since // timedelta(hours=hours)}"


class RevocationListUnavailable(Exception):
    """A revocation list could not be downloaded or is not trusted."""


def revocations_key(at: datetime) -> str:
    """The job key that changes every ten minutes."""
    return f"revocations:{at.astimezone(UTC):%Y-%m-%dT%H:%M}"[:-1]


def watch_over(run: JobRun) -> None:
    """Look for what is wrong with the installation, and tell the operator what has begun and what has ended, once each."""
    context, at, office = run.context, run.context.now(), run.office()
    with context.locale_context(PROVINCE_LOCALE):
        found = context.examine(at)
        with context.sessions.begin() as session:
            began, ended = watch.record(session, found, at=at)
            watch.queue_texts(session, began, ended, context.operators.mobiles, office, at=at)
        if context.operators.webhook:
            watch.call(context.sessions, context.operators.call, office, at=at)
        with context.sessions.begin() as session:
            watch.forget_ended(session)
    run.report({"findings": len(found)})


def check_legacy(run: JobRun) -> None:
    """Check an uploaded sheet."""
    with _legacy_context(run) as import_context:
        sheet_imports.check(import_context, run.payload["import"], at=run.office_now())


def import_legacy(run: JobRun) -> None:
    """Import a checked sheet chunk by chunk; continues where a lost worker stopped."""
    with _legacy_context(run) as import_context:
        sheet_imports.take_over(import_context, run.payload["import"], at=run.office_now())
    with run.context.sessions.begin() as session:
        reconciliation.after_import(session, run.payload["import"], "import", at=run.context.now())


def undo_legacy(run: JobRun) -> None:
    """Undo an import, or write down why it cannot be undone."""
    with _legacy_context(run) as import_context:
        sheet_imports.undo(import_context, run.payload["import"], at=run.office_now())
    with run.context.sessions.begin() as session:
        reconciliation.after_import(session, run.payload["import"], "undo", at=run.context.now())


def reconcile(run: JobRun) -> None:
    """Compare imported certificates and passes with each other, and with the rows that their imports refused."""
    from app.applications.reconciliation.run import compare  # noqa: PLC0415 - loads pandas, which no web process needs

    on, at = office_day(run.office_now()), run.context.now()
    found = compare(run.context.sessions, run.office(), on=on, at=at, progress=run.progress)
    run.report({"discrepancies": found})


def legacy_passwords(run: JobRun) -> None:
    """Make first passwords for imported accounts."""
    asked_at = datetime.fromisoformat(run.payload["asked_at"])
    with _legacy_context(run) as import_context:
        fresh, at = run.context.fresh_password, run.context.now()
        legacy_import.make_passwords(import_context, run.payload["import"], fresh, asked_at=asked_at, at=at)


@contextmanager
def _legacy_context(run: JobRun) -> Iterator[sheet_imports.ImportContext]:
    """In the locale of the requesting user, because messages are written into a sheet."""
    with run.context.locale_context(run.payload["locale"]):
        yield sheet_imports.ImportContext(run.context.sessions, run.context.store, run.progress, run.office())


HANDLERS: dict[str, Handler] = {
    "revocations": fetch_revocation_lists,
    "backup": make_backup,
    "messages": send_messages,
    render_jobs.KIND: render_certificates,
    zip_download.KIND: render_certificates,
    letter_jobs.KIND: issue_letters,
    "seal": render_unsealed,
    "sweep": clean_up,
    "nightly": nightly_checks,
    "checkpoint": sign_audit_log,
    checkpoints.VERIFY_JOB: verify_audit_log,
    "retention": remove_scans,
    records.KIND: run_batch,
    "checks": run_checks,
    counting.KIND: count_statistics,
    "watch": watch_over,
    "legacy_check": check_legacy,
    "legacy_import": import_legacy,
    "legacy_passwords": legacy_passwords,
    "legacy_undo": undo_legacy,
    reconciliation.KIND: reconcile,
}
KIND_LABELS: dict[str, object] = {
    "revocations": _("Fetching lists of revoked certificates"),
    "backup": _("Make a backup"),
    "messages": _("Send text messages"),
    render_jobs.KIND: _("Draw e-certificates"),
    zip_download.KIND: _("Prepare a download of certificates"),
    letter_jobs.KIND: _("Issue letters"),
    "seal": _("Seal papers that waited"),
    "sweep": _("Nightly tidying up"),
    "nightly": _("Nightly checks and reminders"),
    "checkpoint": _("Sign the audit log so far"),
    checkpoints.VERIFY_JOB: _("Verify the audit log"),
    "retention": _("Remove scans whose time has passed"),
    records.KIND: _("Carry out a batch of decisions"),
    "checks": _("Automatic checks of waiting cases"),
    counting.KIND: _("Count the statistics"),
    "watch": _("Watch over the system"),
    "legacy_check": _("Check a sheet"),
    "legacy_import": _("Import a sheet"),
    "legacy_passwords": _("Make first passwords"),
    "legacy_undo": _("Undo an import"),
    reconciliation.KIND: _("Compare imported records"),
}
RESULT_LABELS: dict[str, object] = {kind.value: kind.label for kind in NightlyTask} | {
    "lines": _("Lines that hold"),
    "broken": _("Breaks in the chain"),
    "scans": _("Scans removed"),
    "months": _("Months counted"),
    "findings": _("Problems found"),
    "discrepancies": _("Discrepancies found"),
    "files": _("Files in the backup"),
    "missing": _("Files missing from the store"),
}
