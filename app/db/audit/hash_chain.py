"""The chain of the diary: every line sealed to the one before it, in the transaction that wrote it.

Law: a link is made with its line, or neither is; links are numbered without a gap and never changed. Whoever lacks the
house's keys can neither change a line, nor take one out, nor put one in, without the walk telling where. A cut at the end
is told by ``checkpoints``.

Links are made last of all, by the commit itself, so that their order is the order of the commits and their lock is held for
as short as can be: every other lock of the transaction is taken by then, and nobody who holds this one waits for another.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, String, Text, cast, event, func, insert, select, type_coerce
from sqlalchemy.orm import Session, SessionTransaction

from app.core.crypto.encryption import keyring
from app.core.vocabulary import ChainFault
from app.db.tables.audit import AuditEntry, AuditLink

LOCK = 0x616E67756B  # beside schema.LOCK
FIRST_PREVIOUS_HASH = "0" * 64
SLICE = 5_000  # lines read at once
SEARCH_RADIUS = 20_000  # so far around a broken place is looked for the line that belongs there

# As they lie in the store: what no type of ours would read (a deed that is no word) must be told, not raised.
STORED_COLUMNS = (
    *(AuditEntry.id, type_coerce(AuditEntry.at, String), AuditEntry.actor, type_coerce(AuditEntry.deed, String)),
    *(AuditEntry.table, AuditEntry.row, cast(AuditEntry.change, Text), AuditEntry.address),
)


class ChainLine(NamedTuple):
    """A line of the diary as plain JSON, the same from either database and from an exported file."""

    id: Any
    at: Any
    actor: Any
    deed: Any
    table: Any
    row: Any
    change: Any
    address: Any


class ChainHead(NamedTuple):
    """A place in the chain: everything up to ``seq`` is in ``hash``."""

    seq: int
    hash: str


class ChainBreak(NamedTuple):
    """The first place where the chain does not hold."""

    fault: ChainFault
    seq: int | None = None
    entry_id: int | None = None
    checkpoint: int | None = None


_plainly = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=repr).encode  # made once for all lines
START = ChainHead(0, FIRST_PREVIOUS_HASH)


def line_of(stored: Sequence[Any]) -> ChainLine:
    """A row of ``STORED``."""
    number, at, actor, deed, table, row, change, address = (*stored,)
    if isinstance(at, datetime):  # PostgreSQL's; SQLite keeps the very same text
        at = at.isoformat(" ", "microseconds")
    with suppress(TypeError, ValueError):  # not what we wrote, then, and hashed as it stands
        change = json.loads(change)
    return ChainLine(number, at, actor, deed, table, row, change, address)


def link_hash(previous: str, seq: int, line: ChainLine) -> str:
    """The seal of a line in its place."""
    return keyring.mac(f"{previous}\n{seq}\n{_plainly(line)}".encode(), "entry.chain")


# --- growing ------------------------------------------------------------------------------------------

# By session, not in ``session.info``: that is handed on to sessions beside it, which have lines of their own.
_unlinked: WeakKeyDictionary[Session, set[int]] = WeakKeyDictionary()


def link_on_commit(session: Session, ids: Iterable[int]) -> None:
    """Lines that the session's transaction has written and its commit is to link."""
    if fresh := set(ids):
        _unlinked.setdefault(session, set()).update(fresh)


@event.listens_for(Session, "before_commit")
def _link_what_was_written(session: Session) -> None:
    if session.in_nested_transaction():
        return  # a savepoint may still be undone with everything around it
    session.flush()
    if ids := _unlinked.get(session):
        link(session.connection(), ids)


@event.listens_for(Session, "after_transaction_end")
def _forget(session: Session, transaction: SessionTransaction) -> None:
    if transaction.parent is None:
        _unlinked.pop(session, None)


def link(connection: Connection, ids: Collection[int]) -> None:
    """Put these lines at the end of the chain, in the order of their numbers; what a savepoint has undone is not there."""
    between = AuditEntry.id.between(min(ids), max(ids))  # not IN: a transaction may have written thousands
    stored = connection.execute(select(*STORED_COLUMNS).where(between).order_by(AuditEntry.id))
    lines = [line_of(row) for row in stored if row[0] in ids]
    if not lines:
        return
    if connection.dialect.name == "postgresql":  # SQLite has one writer, and this is it
        connection.execute(select(func.pg_advisory_xact_lock(LOCK)))
    seq, last = head(connection)
    links = []
    for line in lines:
        seq, last = seq + 1, link_hash(last, seq + 1, line)
        links.append({"seq": seq, "entry_id": line.id, "hash": last})
    connection.execute(insert(AuditLink), links)


def head(connection: Connection | Session) -> ChainHead:
    """The end of the chain; ``START`` where there is none yet."""
    last = connection.execute(select(AuditLink.seq, AuditLink.hash).order_by(AuditLink.seq.desc()).limit(1)).first()
    return START if last is None else ChainHead(*last)


def link_existing(session: Session) -> int:
    """Link the lines from before there was a chain, once: where one has begun, a line outside it is a fault. The caller
    commits. How many lines there were.
    """
    connection, last, linked = session.connection(), 0, 0
    if head(connection) != START:
        return 0
    while ids := set(
        connection.scalars(select(AuditEntry.id).where(AuditEntry.id > last).order_by(AuditEntry.id).limit(SLICE))
    ):
        link(connection, ids)
        last, linked = max(ids), linked + len(ids)
    return linked


# --- walking ------------------------------------------------------------------------------------------


class StoredLink(NamedTuple):
    """A link as it lies in the store, and its line, if that is there."""

    seq: int
    entry_id: int
    hash: str
    line: ChainLine | None


def read_links(session: Session, after: int, *, most: int = SLICE) -> list[StoredLink]:
    """The next links after a number, with their lines."""
    rows = session.execute(
        select(AuditLink.seq, AuditLink.entry_id, AuditLink.hash, *STORED_COLUMNS)
        .join(AuditEntry, AuditEntry.id == AuditLink.entry_id, isouter=True)
        .where(AuditLink.seq > after)
        .order_by(AuditLink.seq)
        .limit(most)
    )
    return [StoredLink(*row[:3], line_of(row[3:]) if row.id is not None else None) for row in rows]


def follow(some: Iterable[StoredLink], at: ChainHead) -> Iterator[ChainHead | ChainBreak]:
    """Step from ``at`` over some links; each place that holds, or the first that does not, and then no more."""
    seq, last = at
    for found in some:
        seq += 1
        if found.seq < seq:
            yield ChainBreak(ChainFault.UNLINKED, found.seq, found.entry_id)
        elif found.seq > seq:
            yield ChainBreak(ChainFault.MISSING, seq)
        elif found.line is None:
            yield ChainBreak(ChainFault.MISSING, seq, found.entry_id)
        elif link_hash(last, seq, found.line) != found.hash:
            yield ChainBreak(ChainFault.CHANGED, seq, found.entry_id)
        else:
            last = found.hash
            yield ChainHead(seq, last)
            continue
        return


def refine_break(session: Session, broken: ChainBreak, before: ChainHead) -> ChainBreak:
    """The same break by its better name: where a line from nearby fits the place, the order was changed."""
    if broken.fault is not ChainFault.CHANGED or broken.seq is None or broken.entry_id is None:
        return broken
    around = AuditEntry.id.between(broken.entry_id - SEARCH_RADIUS, broken.entry_id + SEARCH_RADIUS)
    lines = map(line_of, session.execute(select(*STORED_COLUMNS).where(around)))
    fitting = {link_hash(before.hash, broken.seq, line) for line in lines if line.id != broken.entry_id}
    beside = select(AuditLink.hash).where(AuditLink.seq.between(broken.seq - SEARCH_RADIUS, broken.seq + SEARCH_RADIUS))
    moved = any(one in fitting for one in session.scalars(beside))
    return broken._replace(fault=ChainFault.MOVED) if moved else broken


def first_unlinked(session: Session) -> ChainBreak | None:
    """The first line that no link holds."""
    linked = select(AuditLink.seq).where(AuditLink.entry_id == AuditEntry.id).exists()
    number = session.scalar(select(func.min(AuditEntry.id)).where(~linked))
    return None if number is None else ChainBreak(ChainFault.UNLINKED, None, number)
