"""Checkpoints: signed statements of the end of the audit log, published outside the database too.

They are signed with a key that is not in the database, and are never removed. Entries may be removed only after export, after
``RETENTION``, and up to a checkpoint. Verification trusts signatures, not the rows beside them.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from flask_babel import lazy_gettext as _
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session, sessionmaker

from app.core.clock import OFFICE_ZONE, office_day
from app.core.crypto.signing_keys import is_signed, ring
from app.core.errors import AppError
from app.core.vocabulary import AuditAction, ChainFault
from app.db import audit
from app.db.audit import hash_chain
from app.db.audit.hash_chain import ChainBreak, ChainHead, ChainLine
from app.db.session import read_only
from app.db.tables.audit import AuditCheckpoint, AuditEntry, AuditInspection, AuditLink

RETENTION = timedelta(days=180)  # 网络安全法: at least six months; database triggers enforce the same
FORM = "anguan diary 1"  # part of what is signed, so it stays
FORM_RESTORED = "anguan diary 2"  # of a chain that a restore has continued
VERIFY_JOB = "diary"  # job kind
_TEXTS = ("hash", "at", "kid", "signature")
Sessions = sessionmaker[Session]


class AuditLogFault(AppError):
    """The audit log does not allow the request, or it would hide tampering."""

    code = "audit-log"


@dataclass(frozen=True, slots=True)
class Statement:
    """The content of a checkpoint: entries ``first`` to ``seq`` are stored, and ``hash`` is the chain's hash at ``seq``.

    ``restored``: the moment of the last restore from a backup that the chain has gone through, "" for none.
    """

    first: int
    seq: int
    hash: str
    at: str
    kid: str = ""
    signature: str = ""
    restored: str = ""

    @classmethod
    def of(cls, row: AuditCheckpoint) -> "Statement":
        return cls(row.first, row.seq, row.hash, _utc(row.at), row.kid, row.signature, row.restored)

    @property
    def signed(self) -> bytes:
        facts = (self.first, self.seq, self.hash, self.at)
        return "\n".join(map(str, (FORM_RESTORED, *facts, self.restored) if self.restored else (FORM, *facts))).encode()

    @property
    def genuine(self) -> bool:
        return is_signed(self.signed, self.kid, self.signature, ring.public)


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def create(session: Session, *, at: datetime, first: int = 0) -> AuditCheckpoint | None:
    """Sign the end of the chain if it grew, or if ``first`` changes; None otherwise. The caller commits.

    ``AuditLogFault`` if the chain is shorter than at the last checkpoint: a signature must not legitimise the cut.
    """
    last, head = newest(session), hash_chain.head(session)
    if last is not None and head.seq < last.seq:
        raise AuditLogFault(
            _("The audit log ends before its last checkpoint (line %(seq)s): its end was cut off.", seq=last.seq)
        )
    first = first or (last.first if last else 1)
    if head == hash_chain.START or (last is not None and (last.seq, last.first) == (head.seq, first)):
        return None
    return _sign(session, first, head, last.restored if last else "", at=at)


def _sign(session: Session, first: int, head: ChainHead, restored: str, *, at: datetime) -> AuditCheckpoint:
    key = ring.newest
    statement = Statement(first, head.seq, head.hash, _utc(at), restored=restored)
    checkpoint = AuditCheckpoint(
        first=first, seq=head.seq, hash=head.hash, at=at, restored=restored, kid=key.kid, signature=key.sign(statement.signed)
    )
    session.add(checkpoint)
    session.flush()
    return checkpoint


def newest(session: Session) -> AuditCheckpoint | None:
    order = (AuditCheckpoint.seq.desc(), AuditCheckpoint.first.desc(), AuditCheckpoint.id.desc())
    return session.scalar(select(AuditCheckpoint).order_by(*order).limit(1))


class Resumption(NamedTuple):
    """Where a restore continued the chain: the last line of the backup, and the last that is known to have been written."""

    line: int
    last_known: int


def resume(
    session: Session, outside: Iterable[Statement], details: Mapping[str, Any], *, by: str, at: datetime
) -> Resumption:
    """Continue the chain of a restored database, once for each restore. The caller commits.

    Signs where the chain stands and logs that lines after it were lost; from then on checkpoints of the lost lines, of which
    those ``outside`` the database may know, no longer count (``_in_force``). Nobody can do so without the signing key, and
    whoever verifies the audit log is told of every restore.
    """
    last, head = newest(session), hash_chain.head(session)
    known = [*outside, *map(Statement.of, [last] if last else [])]
    if not all(one.genuine for one in known):
        raise AuditLogFault(_("A checkpoint was not signed by this system, or changed since: run 'anguan audit verify'."))
    latest = max((datetime.fromisoformat(one.restored) for one in known if one.restored), default=at)
    at = max(at, latest + timedelta(microseconds=1)) if latest >= at and any(one.restored for one in known) else at
    _sign(session, last.first if last else 1, head, _utc(at), at=at)
    last_known = max((one.seq for one in known), default=head.seq)
    lost = {"lost": [head.seq + 1, last_known]} if last_known > head.seq else {}
    audit.log(session, by, AuditAction.CHANGE, "restore", "", {**details, "line": head.seq, **lost}, at=at)
    return Resumption(head.seq, max(last_known, head.seq))


def has_uncovered_entries(session: Session) -> bool:
    """Whether there are entries after the last checkpoint."""
    last = newest(session)
    return hash_chain.head(session).seq > (last.seq if last else 0)


def publish(session: Session, path: Path) -> int:
    """Append to the file the checkpoints missing in it; returns how many. Safe to repeat."""
    published = {statement.signature for statement in read_published(path)}
    rows = session.scalars(select(AuditCheckpoint).order_by(AuditCheckpoint.id))
    missing = [asdict(statement) for statement in map(Statement.of, rows) if statement.signature not in published]
    if missing:
        _append(path, "".join(json.dumps(statement) + "\n" for statement in missing).encode())
    return len(missing)


def _append(path: Path, data: bytes) -> None:
    """Append all of it or nothing: half a line would look like a forged checkpoint."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        size = os.fstat(handle).st_size
        try:
            wrote = os.write(handle, data)
            os.fsync(handle)
        except OSError:
            os.ftruncate(handle, size)
            raise
        if wrote < len(data):
            os.ftruncate(handle, size)
            raise AuditLogFault(_("%(file)s is full: checkpoints cannot be written down.", file=path))
    finally:
        os.close(handle)


def read_published(path: Path) -> list[Statement]:
    """The checkpoints of a published file. An unreadable line counts as a forged one."""
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return []
    return [_read(line) for line in lines if line.strip()]


def _read(line: str) -> Statement:
    try:
        read = json.loads(line)
        first, seq, (digest, at, kid, signature) = int(read["first"]), int(read["seq"]), (str(read[name]) for name in _TEXTS)
        return Statement(first, seq, digest, at, kid, signature, str(read.get("restored", "")))
    except (ValueError, KeyError, TypeError):
        return Statement(1, 0, "", "")


class Verification(NamedTuple):
    """Result of a verification: the number of intact entries, the end reached, the first break, and every restore."""

    lines: int
    head: ChainHead
    broken: ChainBreak | None
    restores: tuple[Statement, ...] = ()


def verify(
    sessions: Sessions, outside: Iterable[Statement] = (), progress: Callable[[int], None] = lambda _lines: None
) -> Verification:
    """Verify the whole chain against all checkpoints, including those ``outside`` the database.

    Reads in slices of one transaction each; entries written meanwhile are only appended.
    """
    with read_only(), sessions() as session:
        stored = [*map(Statement.of, session.scalars(select(AuditCheckpoint)))]
    statements = {*stored, *outside}
    genuine = {one for one in statements if one.genuine}
    after_restores = sorted((one for one in {*stored} & genuine if one.restored), key=lambda one: one.seq, reverse=True)
    restores = tuple({one.restored: one for one in after_restores}.values())  # the first checkpoint after each
    signed = sorted(_in_force(genuine, restores), key=lambda one: (one.seq, one.first))
    forged = sorted(one.seq for one in statements - genuine)
    breaks = [ChainBreak(ChainFault.FORGED, forged[0], None, forged[0])] if forged else []
    first = max((one.first for one in signed), default=1)
    before = next((ChainHead(one.seq, one.hash) for one in signed if one.seq == first - 1), hash_chain.START)
    if before.seq != first - 1:
        return Verification(0, before, ChainBreak(ChainFault.CUT, first - 1, None, first - 1), restores)
    lines, head, broken = _follow_chain(sessions, before, signed, progress)
    with read_only(), sessions() as session:
        breaks += filter(None, [broken or hash_chain.first_unlinked(session)])
    earliest = min(breaks, key=lambda one: one.seq if one.seq is not None else head.seq + 1, default=None)
    return Verification(lines, head, earliest, restores)


def _in_force(signed: Iterable[Statement], restores: Sequence[Statement]) -> Iterator[Statement]:
    """Without those of lines that a later restore gave up: after the line where it continued, or of a chain that an earlier
    restore had continued and that is not the one in the database.
    """
    own = {"", *(one.restored for one in restores)}
    for one in signed:
        later = (restore for restore in restores if restore.restored > one.restored)
        if not any(one.seq > restore.seq or one.restored not in own for restore in later):
            yield one


def _follow_chain(
    sessions: Sessions, before: ChainHead, signed: Sequence[Statement], progress: Callable[[int], None]
) -> tuple[int, ChainHead, ChainBreak | None]:
    """Follow every link, and compare it with the checkpoints of its position."""
    expected: dict[int, set[str]] = {}
    for one in signed:
        expected.setdefault(one.seq, set()).add(one.hash)
    at, after = before, 0
    while True:
        with read_only(), sessions() as session:
            links = hash_chain.read_links(session, after)
            for step in hash_chain.follow(links, at):
                if isinstance(step, ChainBreak):
                    return at.seq - before.seq, at, hash_chain.refine_break(session, step, at)
                if expected.get(step.seq, {step.hash}) != {step.hash}:
                    return at.seq - before.seq, at, ChainBreak(ChainFault.CUT, step.seq, None, step.seq)
                at = step
        if not links:
            break
        after = links[-1].seq
        progress(at.seq - before.seq)
    cut = next((one for one in signed if one.seq > at.seq), None)
    return at.seq - before.seq, at, ChainBreak(ChainFault.CUT, at.seq + 1, None, cut.seq) if cut else None


def record_inspection(session: Session, result: Verification, *, at: datetime) -> None:
    """Store the result for the auditor's page. The caller commits."""
    broken = result.broken._asdict() if result.broken else {}
    session.add(AuditInspection(at=at, lines=result.lines, **broken))


def export(session: Session, since: date, until: date, *, at: datetime) -> Iterator[Mapping[str, Any]]:
    """The entries of these office days in chain order, up to and including the checkpoint that covers them.

    Entries are dated by their action but ordered by commit, so a few of other days may be among them. Creates a checkpoint if
    none covers the last entry, and logs the export; the caller commits before iterating.
    """
    span = select(func.min(AuditLink.seq), func.max(AuditLink.seq)).join(AuditEntry, AuditEntry.id == AuditLink.entry_id)
    days = (AuditEntry.at >= _midnight(since), AuditEntry.at < _midnight(until + timedelta(days=1)))
    first, last = session.execute(span.where(*days)).one()
    if first is None:
        raise AuditLogFault(_("The audit log has no lines of these days."))
    covers = select(AuditCheckpoint).where(AuditCheckpoint.seq >= last).order_by(AuditCheckpoint.seq).limit(1)
    covering = session.scalar(covers) or create(session, at=at)
    if covering is None or not Statement.of(covering).genuine:
        raise AuditLogFault(_("No genuine checkpoint covers these lines: run 'anguan audit verify'."))
    statement = Statement.of(covering)
    details = {"lines": [first, statement.seq], "days": [since.isoformat(), until.isoformat()]}
    audit.log(session, "", AuditAction.EXPORT, AuditEntry, "", details, at=at)
    return _exported(session, first, statement)


def _exported(session: Session, first: int, statement: Statement) -> Iterator[Mapping[str, Any]]:
    after = first - 1
    previous = session.scalar(select(AuditLink.hash).where(AuditLink.seq == after)) or session.scalar(
        select(AuditCheckpoint.hash).where(AuditCheckpoint.seq == after).limit(1)
    )
    yield {"diary": FORM, "first": first, "last": statement.seq, "previous": previous or hash_chain.FIRST_PREVIOUS_HASH}
    while after < statement.seq:
        links = hash_chain.read_links(session, after, most=min(hash_chain.SLICE, statement.seq - after))
        for linked in links:
            if linked.line is None:
                raise AuditLogFault(_("Line %(seq)s is missing: run 'anguan audit verify'.", seq=linked.seq))
            yield {"seq": linked.seq, **linked.line._asdict(), "hash": linked.hash}
        if not links:
            raise AuditLogFault(_("Line %(seq)s is missing: run 'anguan audit verify'.", seq=after + 1))
        after = links[-1].seq
    yield {"checkpoint": asdict(statement)}


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), OFFICE_ZONE)


def prune(session: Session, before: date, exported: Iterable[Mapping[str, Any]], *, at: datetime) -> tuple[int, int]:
    """Remove the entries of days before ``before``, up to a checkpoint, if ``exported`` holds every one of them.

    Returns the first and last seq removed. The caller verifies the chain beforehand, and commits.
    """
    if _midnight(before) > at - RETENTION:
        latest = office_day(at - RETENTION)
        raise AuditLogFault(
            _("Lines are kept for %(n)s days: name a day no later than %(day)s.", n=RETENTION.days, day=latest)
        )
    first, cut = _cut(session, before)
    start = ChainHead(first - 1, hash_chain.FIRST_PREVIOUS_HASH)
    if first > 1:
        start = ChainHead(
            first - 1, session.scalars(select(AuditCheckpoint.hash).where(AuditCheckpoint.seq == first - 1)).first() or ""
        )
    _demand_exported(start, cut, exported)
    audit.log(session, "", AuditAction.DELETE, AuditEntry, "", {"lines": [first, cut.seq]}, at=at)
    create(session, at=at, first=cut.seq + 1)
    for start_seq in range(first, cut.seq + 1, hash_chain.SLICE):
        in_slice = AuditLink.seq.between(start_seq, min(start_seq + hash_chain.SLICE - 1, cut.seq))
        entry_ids = list(session.scalars(delete(AuditLink).where(in_slice).returning(AuditLink.entry_id)))
        session.execute(
            delete(AuditEntry).where(AuditEntry.id.in_(entry_ids)), execution_options={"synchronize_session": False}
        )
    return first, cut.seq


def _cut(session: Session, before: date) -> tuple[int, ChainHead]:
    """The first stored seq, and the last that may be removed: that of a checkpoint before any entry of a later day."""
    last = newest(session)
    first = last.first if last else 1
    later = select(func.min(AuditLink.seq)).join(AuditEntry, AuditEntry.id == AuditLink.entry_id)
    later = later.where(AuditEntry.at >= _midnight(before))
    bound = session.scalar(later) or hash_chain.head(session).seq  # that link stays: the next one is computed from it
    reached = (
        select(AuditCheckpoint)
        .where(AuditCheckpoint.seq >= first, AuditCheckpoint.seq < bound)
        .order_by(AuditCheckpoint.seq.desc())
    )
    statements = (Statement.of(row) for row in session.scalars(reached))
    cut = next((one for one in statements if one.genuine), None)
    if cut is None:
        raise AuditLogFault(_("No checkpoint stands between lines before that day and later ones: nothing can be removed."))
    return first, ChainHead(cut.seq, cut.hash)


def _demand_exported(start: ChainHead, cut: ChainHead, exported: Iterable[Mapping[str, Any]]) -> None:
    """Raise unless ``exported`` holds every entry after ``start`` up to ``cut``, with the hashes of the chain."""
    seq, last = start
    for record in exported:
        if record.get("seq") == seq + 1:
            line = ChainLine(*(record.get(name) for name in ChainLine._fields))
            seq, last = seq + 1, hash_chain.link_hash(last, seq + 1, line)
        if seq == cut.seq:
            break
    if (seq, last) != cut:
        ends = {"first": start.seq + 1, "last": cut.seq}
        raise AuditLogFault(
            _("These files do not hold lines %(first)s to %(last)s as they were written: export them.", **ends)
        )
