"""Checkpoints: how far the diary reached, signed, and written down outside the database as well.

Law: a checkpoint is signed with a key that the database does not hold, and is never removed; lines go only after they were
exported, are half a year old and a checkpoint stands for them. The walk trusts what is signed, not what lies beside it.
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
from app.core.crypto.signing_keys import ring, vouched
from app.core.errors import AppError
from app.core.vocabulary import AuditAction, ChainFault
from app.db import audit
from app.db.audit import hash_chain
from app.db.audit.hash_chain import ChainBreak, ChainHead, ChainLine
from app.db.session import read_only
from app.db.tables.audit import AuditCheckpoint, AuditEntry, AuditInspection, AuditLink

RETENTION = timedelta(days=180)  # 网络安全法: six months at least; the triggers of the tables hold to the same
FORM = "anguan diary 1"
VERIFY_JOB = "diary"  # the job that verifies
_TEXTS = ("hash", "at", "kid", "signature")
Sessions = sessionmaker[Session]


class AuditLogFault(AppError):
    """What was asked of the diary cannot be done, or would hide that it was tampered with."""

    code = "diary"


@dataclass(frozen=True, slots=True)
class Statement:
    """What a checkpoint says: the lines from ``first`` on are kept, the last one is ``seq``, and all are in ``hash``."""

    first: int
    seq: int
    hash: str
    at: str
    kid: str = ""
    signature: str = ""

    @classmethod
    def of(cls, row: AuditCheckpoint) -> "Statement":
        return cls(row.first, row.seq, row.hash, _utc(row.at), row.kid, row.signature)

    @property
    def signed(self) -> bytes:
        return f"{FORM}\n{self.first}\n{self.seq}\n{self.hash}\n{self.at}".encode()

    @property
    def genuine(self) -> bool:
        return vouched(self.signed, self.kid, self.signature, ring.public)


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


# --- making -------------------------------------------------------------------------------------------


def create(session: Session, *, at: datetime, first: int = 0) -> AuditCheckpoint | None:
    """Sign the end of the chain, if it has grown since it was last signed, or lines before ``first`` go. The caller commits.

    ``DiaryFault`` where it is shorter than it was: a signature must not make a cut good.
    """
    last, head = newest(session), hash_chain.head(session)
    if last is not None and head.seq < last.seq:
        raise AuditLogFault(_("The diary ends before its last checkpoint (line %(seq)s): its end was cut off.", seq=last.seq))
    first = first or (last.first if last else 1)
    if head == hash_chain.START or (last is not None and (last.seq, last.first) == (head.seq, first)):
        return None
    key = ring.newest
    plain = Statement(first, head.seq, head.hash, _utc(at))
    made = AuditCheckpoint(first=first, seq=head.seq, hash=head.hash, at=at, kid=key.kid, signature=key.sign(plain.signed))
    session.add(made)
    session.flush()
    return made


def newest(session: Session) -> AuditCheckpoint | None:
    return session.scalar(select(AuditCheckpoint).order_by(AuditCheckpoint.seq.desc(), AuditCheckpoint.first.desc()).limit(1))


def has_uncovered_entries(session: Session) -> bool:
    """Whether there are lines that no checkpoint covers."""
    last = newest(session)
    return hash_chain.head(session).seq > (last.seq if last else 0)


def publish(session: Session, path: Path) -> int:
    """Write down outside the database every checkpoint that is not there yet; how many. May be called twice."""
    there = {statement.signature for statement in read_published(path)}
    rows = session.scalars(select(AuditCheckpoint).order_by(AuditCheckpoint.id))
    missing = [asdict(statement) for statement in map(Statement.of, rows) if statement.signature not in there]
    if missing:
        _append(path, "".join(json.dumps(one) + "\n" for one in missing).encode())
    return len(missing)


def _append(path: Path, data: bytes) -> None:
    """All of it or none: half a line would look like a forged one for ever."""
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
    """The checkpoints of such a file. A line that says nothing is one that nobody signed."""
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return []
    return [_read(line) for line in lines if line.strip()]


def _read(line: str) -> Statement:
    try:
        told = json.loads(line)
        first, seq, (digest, at, kid, signature) = int(told["first"]), int(told["seq"]), (str(told[name]) for name in _TEXTS)
        return Statement(first, seq, digest, at, kid, signature)
    except (ValueError, KeyError, TypeError):
        return Statement(1, 0, "", "")


# --- verifying ----------------------------------------------------------------------------------------


class Verification(NamedTuple):
    """What a walk found: how many lines hold, up to where, and the first place that does not."""

    lines: int
    head: ChainHead
    broken: ChainBreak | None


def verify(
    sessions: Sessions, outside: Iterable[Statement] = (), progress: Callable[[int], None] = lambda _lines: None
) -> Verification:
    """Walk along the whole chain and hold it against every checkpoint, those ``outside`` the database included.

    In slices, each read by itself: whoever writes meanwhile only adds to the end.
    """
    with read_only(), sessions() as session:
        said = {*map(Statement.of, session.scalars(select(AuditCheckpoint))), *outside}
    signed = sorted((one for one in said if one.genuine), key=lambda one: (one.seq, one.first))
    forged = sorted(one.seq for one in said if one not in signed)
    breaks = [ChainBreak(ChainFault.FORGED, forged[0], None, forged[0])] if forged else []
    first = max((one.first for one in signed), default=1)
    before = next((ChainHead(one.seq, one.hash) for one in signed if one.seq == first - 1), hash_chain.START)
    if before.seq != first - 1:
        return Verification(0, before, ChainBreak(ChainFault.CUT, first - 1, None, first - 1))
    lines, head, broken = _walk(sessions, before, signed, progress)
    with read_only(), sessions() as session:
        breaks += filter(None, [broken or hash_chain.first_unlinked(session)])
    return Verification(
        lines, head, min(breaks, key=lambda one: one.seq if one.seq is not None else head.seq + 1, default=None)
    )


def _walk(
    sessions: Sessions, before: ChainHead, signed: Sequence[Statement], progress: Callable[[int], None]
) -> tuple[int, ChainHead, ChainBreak | None]:
    """Step over every link; at each one that a checkpoint speaks of, ask what it says."""
    told: dict[int, set[str]] = {}
    for one in signed:
        told.setdefault(one.seq, set()).add(one.hash)
    at, after = before, 0
    while True:
        with read_only(), sessions() as session:
            some = hash_chain.read_links(session, after)
            for step in hash_chain.follow(some, at):
                if isinstance(step, ChainBreak):
                    return at.seq - before.seq, at, hash_chain.refine_break(session, step, at)
                if told.get(step.seq, {step.hash}) != {step.hash}:
                    return at.seq - before.seq, at, ChainBreak(ChainFault.CUT, step.seq, None, step.seq)
                at = step
        if not some:
            break
        after = some[-1].seq
        progress(at.seq - before.seq)
    cut = next((one for one in signed if one.seq > at.seq), None)
    return at.seq - before.seq, at, ChainBreak(ChainFault.CUT, at.seq + 1, None, cut.seq) if cut else None


def record_inspection(session: Session, found: Verification, *, at: datetime) -> None:
    """Write down what a walk found, for the page of the auditor. The caller commits."""
    broken = found.broken
    session.add(
        AuditInspection(
            at=at,
            lines=found.lines,
            fault=broken.fault if broken else None,
            seq=broken.seq if broken else None,
            entry_id=broken.entry_id if broken else None,
            checkpoint=broken.checkpoint if broken else None,
        )
    )


# --- taking lines out ---------------------------------------------------------------------------------


def export(session: Session, since: date, until: date, *, at: datetime) -> Iterator[Mapping[str, Any]]:
    """The lines of these office days in the order of the chain, up to the checkpoint that covers them; it comes last.

    A line is dated by its deed and placed by its commit, so a few of other days may stand between. Makes a checkpoint if
    none covers the last line yet, and notes the export; the caller commits, before reading on.
    """
    days = (AuditEntry.at >= _midnight(since), AuditEntry.at < _midnight(until + timedelta(days=1)))
    span = (
        select(func.min(AuditLink.seq), func.max(AuditLink.seq))
        .join(AuditEntry, AuditEntry.id == AuditLink.entry_id)
        .where(*days)
    )
    first, last = session.execute(span).one()
    if first is None:
        raise AuditLogFault(_("The diary has no lines of these days."))
    covers = select(AuditCheckpoint).where(AuditCheckpoint.seq >= last).order_by(AuditCheckpoint.seq).limit(1)
    covering = session.scalar(covers) or create(session, at=at)
    if covering is None or not Statement.of(covering).genuine:
        raise AuditLogFault(_("No genuine checkpoint covers these lines: run 'anguan audit verify'."))
    statement = Statement.of(covering)
    taken = {"lines": [first, statement.seq], "days": [since.isoformat(), until.isoformat()]}
    audit.log(session, "", AuditAction.EXPORT, AuditEntry, "", taken, at=at)
    return _exported(session, first, statement)


def _exported(session: Session, first: int, statement: Statement) -> Iterator[Mapping[str, Any]]:
    after = first - 1
    previous = session.scalar(select(AuditLink.hash).where(AuditLink.seq == after)) or session.scalar(
        select(AuditCheckpoint.hash).where(AuditCheckpoint.seq == after).limit(1)
    )
    yield {"diary": FORM, "first": first, "last": statement.seq, "previous": previous or hash_chain.FIRST_PREVIOUS_HASH}
    while after < statement.seq:
        some = hash_chain.read_links(session, after, most=min(hash_chain.SLICE, statement.seq - after))
        for linked in some:
            if linked.line is None:
                raise AuditLogFault(_("Line %(seq)s is missing: run 'anguan audit verify'.", seq=linked.seq))
            yield {"seq": linked.seq, **linked.line._asdict(), "hash": linked.hash}
        if not some:
            raise AuditLogFault(_("Line %(seq)s is missing: run 'anguan audit verify'.", seq=after + 1))
        after = some[-1].seq
    yield {"checkpoint": asdict(statement)}


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), OFFICE_ZONE)


def prune(session: Session, before: date, exported: Iterable[Mapping[str, Any]], *, at: datetime) -> tuple[int, int]:
    """Remove the lines of days before ``before``, as far as a checkpoint reaches and these exported ones prove to hold
    every one of them. First and last number of what went. The caller verifies the chain beforehand, and commits.
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
    for start_of in range(first, cut.seq + 1, hash_chain.SLICE):
        some = AuditLink.seq.between(start_of, min(start_of + hash_chain.SLICE - 1, cut.seq))
        gone = list(session.scalars(delete(AuditLink).where(some).returning(AuditLink.entry_id)))
        session.execute(delete(AuditEntry).where(AuditEntry.id.in_(gone)), execution_options={"synchronize_session": False})
    return first, cut.seq


def _cut(session: Session, before: date) -> tuple[int, ChainHead]:
    """The first line that is kept now, and the last one that may go: that of a checkpoint before any later day."""
    last = newest(session)
    first = last.first if last else 1
    later = (
        select(func.min(AuditLink.seq))
        .join(AuditEntry, AuditEntry.id == AuditLink.entry_id)
        .where(AuditEntry.at >= _midnight(before))
    )
    bound = session.scalar(later) or hash_chain.head(session).seq  # the last link stays: the next one is made from it
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
    """Every line from ``start`` to ``cut`` must be there and hash into the next, up to what the checkpoint says."""
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
