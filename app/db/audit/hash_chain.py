"""The hash chain of the audit log: a keyed hash links every entry to the one before it, in the transaction that wrote it.

Links are numbered without gaps and never changed. Without the keys, nobody can change, remove or insert an entry unnoticed;
``checkpoints`` detect a cut at the end.

Links are made by the commit itself, after all other statements of the transaction: their order is the order of commits, their
lock is held briefly, and nobody who holds it waits for another lock, so it cannot cause a deadlock.
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

LOCK = 0x616E67756B  # differs from migrate.LOCK
FIRST_PREVIOUS_HASH = "0" * 64
SLICE = 5_000  # entries read at once
SEARCH_RADIUS = 20_000  # entries searched around a break for the one that belongs there

# Raw column values: a value that our types cannot read must be reported as a break, not raise.
STORED_COLUMNS = (
    *(AuditEntry.id, type_coerce(AuditEntry.at, String), AuditEntry.actor, type_coerce(AuditEntry.deed, String)),
    *(AuditEntry.table, AuditEntry.row, cast(AuditEntry.change, Text), AuditEntry.address),
)


class ChainLine(NamedTuple):
    """An audit log entry as plain JSON, the same from either database and from an export."""

    id: Any
    at: Any
    actor: Any
    deed: Any
    table: Any
    row: Any
    change: Any
    address: Any


class ChainHead(NamedTuple):
    """A position in the chain: ``hash`` covers everything up to ``seq``."""

    seq: int
    hash: str


class ChainBreak(NamedTuple):
    """The first place where the chain is broken."""

    fault: ChainFault
    seq: int | None = None
    entry_id: int | None = None
    checkpoint: int | None = None


_canonical_json = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=repr).encode  # created once
START = ChainHead(0, FIRST_PREVIOUS_HASH)


def line_of(stored: Sequence[Any]) -> ChainLine:
    """A row of ``STORED``."""
    number, at, actor, deed, table, row, change, address = (*stored,)
    if isinstance(at, datetime):  # from PostgreSQL; SQLite stores this text
        at = at.isoformat(" ", "microseconds")
    with suppress(TypeError, ValueError):  # invalid JSON is not ours and is hashed as it is
        change = json.loads(change)
    return ChainLine(number, at, actor, deed, table, row, change, address)


def link_hash(previous: str, seq: int, line: ChainLine) -> str:
    """The hash of an entry at its position."""
    return keyring.mac(f"{previous}\n{seq}\n{_canonical_json(line)}".encode(), "entry.chain")


# Not in ``session.info``, which is copied to side sessions with entries of their own.
_unlinked: WeakKeyDictionary[Session, set[int]] = WeakKeyDictionary()


def link_on_commit(session: Session, ids: Iterable[int]) -> None:
    """Have the commit of the session's transaction link these entries."""
    if new := set(ids):
        _unlinked.setdefault(session, set()).update(new)


@event.listens_for(Session, "before_commit")
def _link_new_entries(session: Session) -> None:
    if session.in_nested_transaction():
        return  # the outer transaction may still be rolled back
    session.flush()
    if ids := _unlinked.get(session):
        link(session.connection(), ids)


@event.listens_for(Session, "after_transaction_end")
def _forget(session: Session, transaction: SessionTransaction) -> None:
    if transaction.parent is None:
        _unlinked.pop(session, None)


def link(connection: Connection, ids: Collection[int]) -> None:
    """Append these entries to the chain in the order of their ids. Ids rolled back by a savepoint are skipped."""
    between = AuditEntry.id.between(min(ids), max(ids))  # not IN: a transaction may write thousands
    stored = connection.execute(select(*STORED_COLUMNS).where(between).order_by(AuditEntry.id))
    lines = [line_of(row) for row in stored if row[0] in ids]
    if not lines:
        return
    if connection.dialect.name == "postgresql":  # SQLite has one writer anyway
        connection.execute(select(func.pg_advisory_xact_lock(LOCK)))
    seq, last = head(connection)
    links = []
    for line in lines:
        seq, last = seq + 1, link_hash(last, seq + 1, line)
        links.append({"seq": seq, "entry_id": line.id, "hash": last})
    connection.execute(insert(AuditLink), links)


def head(connection: Connection | Session) -> ChainHead:
    """The end of the chain; ``START`` if it is empty."""
    last = connection.execute(select(AuditLink.seq, AuditLink.hash).order_by(AuditLink.seq.desc()).limit(1)).first()
    return START if last is None else ChainHead(*last)


def link_existing(session: Session) -> int:
    """Link the entries from before the chain existed; returns how many. The caller commits.

    Does nothing once the chain has begun: an entry outside it is a fault then.
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


class StoredLink(NamedTuple):
    """A link, and its entry if that exists."""

    seq: int
    entry_id: int
    hash: str
    line: ChainLine | None


def read_links(session: Session, after: int, *, most: int = SLICE) -> list[StoredLink]:
    """The next links after a seq, with their entries."""
    rows = session.execute(
        select(AuditLink.seq, AuditLink.entry_id, AuditLink.hash, *STORED_COLUMNS)
        .join(AuditEntry, AuditEntry.id == AuditLink.entry_id, isouter=True)
        .where(AuditLink.seq > after)
        .order_by(AuditLink.seq)
        .limit(most)
    )
    return [StoredLink(*row[:3], line_of(row[3:]) if row.id is not None else None) for row in rows]


def follow(links: Iterable[StoredLink], at: ChainHead) -> Iterator[ChainHead | ChainBreak]:
    """Follow links from ``at``: yields each intact position, or the first break and then no more."""
    seq, last = at
    for stored in links:
        seq += 1
        if stored.seq < seq:
            yield ChainBreak(ChainFault.UNLINKED, stored.seq, stored.entry_id)
        elif stored.seq > seq:
            yield ChainBreak(ChainFault.MISSING, seq)
        elif stored.line is None:
            yield ChainBreak(ChainFault.MISSING, seq, stored.entry_id)
        elif link_hash(last, seq, stored.line) != stored.hash:
            yield ChainBreak(ChainFault.CHANGED, seq, stored.entry_id)
        else:
            last = stored.hash
            yield ChainHead(seq, last)
            continue
        return


def refine_break(session: Session, broken: ChainBreak, before: ChainHead) -> ChainBreak:
    """CHANGED becomes MOVED if an entry from nearby fits the place."""
    if broken.fault is not ChainFault.CHANGED or broken.seq is None or broken.entry_id is None:
        return broken
    around = AuditEntry.id.between(broken.entry_id - SEARCH_RADIUS, broken.entry_id + SEARCH_RADIUS)
    lines = map(line_of, session.execute(select(*STORED_COLUMNS).where(around)))
    fitting = {link_hash(before.hash, broken.seq, line) for line in lines if line.id != broken.entry_id}
    beside = select(AuditLink.hash).where(AuditLink.seq.between(broken.seq - SEARCH_RADIUS, broken.seq + SEARCH_RADIUS))
    moved = any(link in fitting for link in session.scalars(beside))
    return broken._replace(fault=ChainFault.MOVED) if moved else broken


def first_unlinked(session: Session) -> ChainBreak | None:
    """The first entry without a link."""
    linked = select(AuditLink.seq).where(AuditLink.entry_id == AuditEntry.id).exists()
    number = session.scalar(select(func.min(AuditEntry.id)).where(~linked))
    return None if number is None else ChainBreak(ChainFault.UNLINKED, None, number)
