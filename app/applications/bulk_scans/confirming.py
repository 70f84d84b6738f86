"""A waiting file becomes a paper of its person: through ``attachments.attach``, as a scan sent singly.

First the bytes are prepared, without a lock; then each paper is attached in a transaction of its own, which also removes
what waited: of two confirmations at once one finds the rows gone, and nothing is attached twice.
"""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import delete
from sqlalchemy.orm import Session

from app.accounts.access import Actor, must_reach
from app.applications.attachments import attach
from app.applications.bulk_scans.judging import Ready
from app.core.errors import Stale
from app.core.office import Office
from app.core.vocabulary import PaperKind
from app.files.images import FileFault, stacked
from app.files.inspect import refusal
from app.files.storage import FileMissing, KeptScan, Store, keep_scan
from app.models import Paper, Person, WaitingScan


class PreparedScan(NamedTuple):
    """See ``storage.KeptScan``."""

    name: str
    digest: str
    mime: str
    size: int


def prepare(store: Store, ready: Ready, office: Office) -> KeptScan:
    """The scan to attach; front and back in one picture. Its bytes are stored. Raises ``FileRefused``, ``FileMissing``."""
    first, *others = ready.scans
    if others:
        return _together(store, ready, office)
    if ready.kind is PaperKind.PHOTO:
        return portrait(store, first, office)
    if not store.has(first.digest):
        raise FileMissing
    return PreparedScan(first.filename, first.digest, first.mime, first.size)


def portrait(store: Store, scan: WaitingScan, office: Office) -> KeptScan:
    """A waiting file as a photo, checked as one. Raises ``FileRefused``, ``FileMissing``."""
    if scan.portrait_digest and scan.portrait_size and store.has(scan.portrait_digest):
        return PreparedScan(scan.filename, scan.portrait_digest, scan.mime, scan.portrait_size)
    return _without_bytes(keep_scan(store, store.read(scan.digest), scan.filename, photo=True, office=office))


def _together(store: Store, ready: Ready, office: Office) -> KeptScan:
    front, back = ready.scans
    try:
        both = stacked(store.read(front.digest), store.read(back.digest))
    except FileFault as fault:
        raise refusal(front.filename, fault.code, **fault.figures) from None
    return _without_bytes(keep_scan(store, both, front.filename, office=office))


def _without_bytes(scan: KeptScan) -> KeptScan:
    """A hundred are prepared before the first is attached."""
    return PreparedScan(scan.name, scan.digest, scan.mime, scan.size)


def confirm(session: Session, actor: Actor, ready: Ready, scan: KeptScan, *, at: datetime) -> Paper:
    """Attach one prepared paper; the caller commits. ``Stale`` if its files were taken, changed or discarded meanwhile."""
    unchanged = (
        WaitingScan.account_id == actor.id,
        WaitingScan.id.in_([file.id for file in ready.scans]),
        WaitingScan.person_id == ready.person_id,
        WaitingScan.kind == ready.kind,
        WaitingScan.doubt.is_(None),
    )
    # Without looking at loaded rows: those of this page are as old as the page.
    taken = session.execute(delete(WaitingScan).where(*unchanged), execution_options={"synchronize_session": False})
    if taken.rowcount != len(ready.scans):  # type: ignore[attr-defined]
        raise Stale
    return attach(session, must_reach(actor, session.get(Person, ready.person_id)), ready.kind, scan, actor, at=at)
