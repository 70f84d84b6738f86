"""Measures the cost of the hash chain of the audit log per entry, and the speed of its verification.

python benchmarks/audit_log.py [postgresql://…]     an empty database; default: SQLite in a temporary folder
"""

import random
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

from sqlalchemy import Engine, create_engine, event, insert, select, text
from sqlalchemy.orm import Session, sessionmaker

from app.core.crypto.signing_keys import make, ring
from app.core.settings import Keys
from app.core.vocabulary import AuditAction, ChainFault
from app.db import audit, migrate
from app.db.audit import checkpoints, hash_chain
from app.db.session import keyring
from app.models import AuditEntry, AuditLink

NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)
ENTRIES, LINES, TAMPERED = 500, 100_000, 1_000
WRITERS, SECONDS = (1, 4, 8, 16), 3
LINE = {"at": NOON, "actor": "李四", "deed": AuditAction.CHANGE, "table": "person", "address": "203.0.113.7"}


@contextmanager
def without_the_chain() -> Iterator[None]:
    event.remove(Session, "before_commit", hash_chain._link_new_entries)
    yield
    event.listen(Session, "before_commit", hash_chain._link_new_entries)


def write_entries(sessions: sessionmaker[Session]) -> float:
    began = perf_counter()
    for number in range(ENTRIES):
        with sessions.begin() as session:
            audit.log(session, "李四", AuditAction.CHANGE, "person", number, {"name": ["甲", "乙"]}, at=NOON)
    return (perf_counter() - began) / ENTRIES


def ceiling(engine: Engine, writers: int) -> tuple[float, float]:
    """Lines a second that so many threads write, one a transaction, and the longest wait for one in ms."""
    sessions, waits = sessionmaker(engine), list[float]()

    def write(number: int) -> None:
        until = perf_counter() + SECONDS
        while (began := perf_counter()) < until:
            with sessions.begin() as session:
                audit.log(session, "李四", AuditAction.CHANGE, "person", number, {"name": ["甲", "乙"]}, at=NOON)
            waits.append(perf_counter() - began)

    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(write, range(writers)))
    return len(waits) / SECONDS, 1000 * max(waits)


def fill(sessions: sessionmaker[Session]) -> None:
    for start in range(0, LINES, 20_000):
        with sessions.begin() as session:
            lines = [{**LINE, "row": str(n), "change": {"name": ["甲", f"乙{n}"]}} for n in range(start, start + 20_000)]
            audit.log_many(session, lines)


def walk(sessions: sessionmaker[Session]) -> tuple[checkpoints.Verification, float]:
    began = perf_counter()
    found = checkpoints.verify(sessions)
    return found, perf_counter() - began


def tamper(sessions: sessionmaker[Session]) -> tuple[int, int]:
    """Change each column of a thousand random lines, in memory; how many were tried and detected."""
    chance = random.Random(15)  # noqa: S311 - not secret
    tried = detected = 0
    with sessions() as session:
        last = hash_chain.head(session).seq
        for seq in chance.sample(range(2, last), TAMPERED):
            before, linked = hash_chain.read_links(session, seq - 2, most=2)
            for name, value in linked.line._asdict().items():
                line = linked.line._replace(**{name: f"{value}x"})
                step = next(hash_chain.follow([linked._replace(line=line)], hash_chain.ChainHead(seq - 1, before.hash)))
                tried, detected = (
                    tried + 1,
                    detected + (step == hash_chain.ChainBreak(ChainFault.CHANGED, seq, linked.entry_id)),
                )
    return tried, detected


def search(engine: Engine) -> Iterator[tuple[str, float]]:
    questions = {
        "record": AuditEntry.row == "99999",
        "address": AuditEntry.address == "198.51.100.1",
        "action": AuditEntry.deed == AuditAction.EXPORT,
        "person, anywhere in the name": AuditEntry.actor.like("%王%"),
    }
    for name, question in questions.items():
        with Session(engine) as session:
            wanted = (
                select(AuditEntry)
                .where(question, AuditEntry.table == "person")
                .order_by(AuditEntry.at.desc(), AuditEntry.id.desc())
                .limit(20)
            )
            began = perf_counter()
            session.scalars(wanted).all()
            yield name, perf_counter() - began


def main(url: str, home: Path) -> None:
    keys = Keys.fresh()
    keyring.unlock(keys.index, keys.data)
    make(home / "codes.json", at=NOON)
    ring.open(home / "codes.json")
    engine = create_engine(url, pool_size=max(WRITERS))
    unlinked = select(AuditEntry.id).where(~select(AuditLink.seq).where(AuditLink.entry_id == AuditEntry.id).exists())
    migrate.migrate_to(engine)
    sessions = sessionmaker(engine)
    with engine.begin() as connection:
        if connection.scalar(text("SELECT count(*) FROM entry")):
            raise SystemExit("This database has audit entries already: name an empty one.")
    with without_the_chain():
        write_entries(sessions)  # warm-up
        plain = write_entries(sessions)
    with sessions.begin() as session:
        hash_chain.link_existing(session)
    chained = write_entries(sessions)
    print(f"one entry: {plain * 1000:.2f} ms without the chain, {chained * 1000:.2f} ms with it: × {chained / plain:.2f}")
    for writers in WRITERS if engine.dialect.name == "postgresql" else ():  # SQLite has one writer anyway
        with without_the_chain():
            free, _longest = ceiling(engine, writers)
        with sessions.begin() as session:
            hash_chain.link(session.connection(), set(session.scalars(unlinked)))
        chained, longest = ceiling(engine, writers)
        print(
            f"{writers} writers: {free:.0f} lines/s without the chain, {chained:.0f} with it; longest wait {longest:.0f} ms"
        )
    fill(sessions)
    with sessions.begin() as session:
        checkpoints.create(session, at=NOON)
    found, seconds = walk(sessions)
    print(f"verification: {found.lines} lines in {seconds:.1f} s, {found.lines / seconds:,.0f}/s; broken: {found.broken}")
    tried, detected = tamper(sessions)
    print(f"tampered: {tried} values of {TAMPERED} random lines, detected at their line: {detected}")
    for name, seconds in search(engine):
        print(f"a search by {name}: {seconds * 1000:.0f} ms")
    with engine.begin() as connection:
        connection.execute(insert(AuditEntry), {**LINE, "row": "1", "change": {}})
    print(f"an inserted line: {walk(sessions)[0].broken}")
    engine.dispose()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{folder}/audit.db", Path(folder))
