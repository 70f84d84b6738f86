"""A rehearsal: restores a backup into a scratch place and looks whether a system could run on it."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from secrets import token_hex

from sqlalchemy import Engine, create_engine, make_url, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from app.backup.restoring import CannotRestore, Restored
from app.core.crypto.verify_signature import describe, trusted_roots, verify
from app.core.vocabulary import PaperKind
from app.db import key_rotation
from app.db.audit import checkpoints
from app.db.session import read_only
from app.files.folder_store import FolderStore
from app.files.inspect import FileRefused, inspect
from app.files.storage import FileMissing, Store
from app.models import CertificateVersion, Letter, Paper

SAMPLE = 100  # of the newest scans, certificates and letters that are opened
SHOWN = 20  # faults of one kind


@dataclass(frozen=True, slots=True)
class RehearsedCheck:
    """One line of the result: what was looked at, how many, and what is wrong."""

    what: str
    count: int
    faults: tuple[str, ...] = ()


@contextmanager
def scratch_database(kind: str, folder: Path, database_url: str) -> Iterator[str]:
    """The address of an empty database of this kind, gone afterwards. PostgreSQL: on the server of ``database_url``."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'anguan.db'}"
        return
    name = f"anguan_rehearsal_{token_hex(4)}"
    server = create_engine(database_url, isolation_level="AUTOCOMMIT", hide_parameters=True)
    try:
        with server.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
    except DBAPIError as fault:
        raise CannotRestore(
            f"No scratch database can be made ({str(fault.orig).strip()}): name an empty one by --database."
        ) from None
    try:
        yield make_url(database_url).set(database=name).render_as_string(hide_password=False)
    finally:
        with server.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        server.dispose()


def examine(
    restored: Restored, home: Path, database_url: str, outside: Iterable[checkpoints.Statement], *, at: datetime
) -> Iterator[RehearsedCheck]:
    """What was restored, one check after the other."""
    store, engine = FolderStore(home / "blobs"), create_engine(database_url, hide_parameters=True)
    backup, expected, found = restored.backup, restored.expected, restored.found
    yield RehearsedCheck("archive as its statement says (bytes)", backup.bytes)
    rows = {name: (count, found.counts[name]) for name, count in expected.counts.items()}
    differ = tuple(f"{name}: {now} instead of {then} rows" for name, (then, now) in rows.items() if then != now)
    yield RehearsedCheck("rows, compared table by table", sum(expected.counts.values()), differ)
    yield RehearsedCheck("database itself (indexes, foreign keys)", len(rows), tuple(_database_faults(engine)))
    lost = (f"{backup.missing} files that the database names were missing from the store",) if backup.missing else ()
    yield RehearsedCheck("files, each compared with its digest", len(restored.files), lost)
    with read_only(), Session(engine) as session:
        yield _scans(session, store)
        yield _seals(session, store, home / "seal", at)
    misplaced = tuple(islice(key_rotation.misplaced_secrets(engine), SHOWN))
    yield RehearsedCheck("tables with encrypted values, each value opened", len(key_rotation.encrypted_tables()), misplaced)
    yield _audit_log(restored, engine, outside)
    engine.dispose()


def _database_faults(engine: Engine) -> Iterator[str]:
    """PostgreSQL has built every index and checked every key while it restored."""
    if engine.dialect.name == "sqlite":
        with read_only(), engine.connect() as connection:
            said = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
            yield from (line for line in said[:SHOWN] if line != "ok")
            for row in connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(SHOWN):
                yield f"{row[0]} {row[1]} refers to a row of {row[2]} that does not exist"


def _scans(session: Session, store: Store) -> RehearsedCheck:
    newest = select(Paper.digest, Paper.filename, Paper.kind).where(Paper.removed_at.is_(None)).order_by(Paper.id.desc())
    faults, count = [], 0
    for digest, filename, kind in session.execute(newest.limit(SAMPLE)):
        count += 1
        try:
            inspect(store.read(digest), filename, photo=kind is PaperKind.PHOTO)
        except (FileRefused, FileMissing) as fault:
            faults.append(f"{digest[:12]}: {fault}")
    return RehearsedCheck("newest scans, opened", count, tuple(faults[:SHOWN]))


def _seals(session: Session, store: Store, folder: Path, at: datetime) -> RehearsedCheck:
    faults, count, roots = [], 0, trusted_roots(folder)
    for column in (CertificateVersion.digest, Letter.digest):
        stored = select(column).where(column.is_not(None), column != "").order_by(column.class_.id.desc()).limit(SAMPLE)
        for digest in map(str, session.scalars(stored)):
            count += 1
            verdict = verify(store.read(digest) if store.has(digest) else b"", roots, at=at)
            if not verdict.good:
                faults.append(f"{digest[:12]}: {'; '.join(describe(verdict))}")
    return RehearsedCheck("newest certificates and letters, seals verified", count, tuple(faults[:SHOWN]))


def _audit_log(restored: Restored, engine: Engine, outside: Iterable[checkpoints.Statement]) -> RehearsedCheck:
    result = checkpoints.verify(sessionmaker(engine), outside)
    faults = [f"broken: {result.broken}"] if result.broken else []
    if restored.expected.head != restored.found.head:
        faults.append(f"ends at line {restored.found.head[0]} instead of {restored.expected.head[0]}")
    return RehearsedCheck("lines of the audit log, against its checkpoints", result.lines, tuple(faults))
