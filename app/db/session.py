"""The database session, transaction modes and the column types of all tables."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from flask_appbuilder import Model
from flask_appbuilder.models.sqla.base import SQLA
from sqlalchemy import Connection, DateTime, Dialect, Engine, LargeBinary, String, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import OperationalError
from sqlalchemy.types import TypeDecorator

from app.core.crypto.encryption import Digest, keyring
from app.core.errors import Obstacle, Unwritable
from app.core.settings import Settings, load_keys
from app.core.vocabulary import Term


def unlock(settings: Settings) -> None:
    """Load the keys of the settings into the keyring, and the file where it finds later ones."""
    file = settings.keys_file
    keyring.unlock(*settings.keys.ring, file=file, read=lambda: load_keys(settings.home).ring)


BUSY_TIMEOUT = 30_000  # milliseconds that SQLite waits for another writer
db = SQLA(metadata=Model.metadata)

# SQLite has one writer, and a read transaction that starts to write may fail at once. So each transaction declares at its
# start whether it writes (the default). A request reads until its body has come and its files are checked.
reading: ContextVar[bool] = ContextVar("reading", default=False)


@contextmanager
def read_only() -> Iterator[None]:
    """Transactions begun inside do not take SQLite's write lock."""
    token = reading.set(True)
    try:
        yield
    finally:
        reading.reset(token)


@contextmanager
def side_connection(engine: Engine, *, for_reading: bool = False, durable: bool = True) -> Iterator[Connection]:
    """A short separate transaction, committed at the end; the request's own may be read-only.

    Unless ``durable``, the commit does not wait for the disk: should the machine fail, the last seconds may be lost.
    On SQLite, call it before the request's own transaction has begun to write, or both wait for each other.
    """
    token = reading.set(for_reading)
    try:
        with engine.connect() as connection, nullcontext() if durable else _not_waiting(connection), connection.begin():
            if not durable and engine.dialect.name == "postgresql":
                connection.exec_driver_sql("SET LOCAL synchronous_commit TO off")
            yield connection
    finally:
        reading.reset(token)


@contextmanager
def _not_waiting(connection: Connection) -> Iterator[None]:
    """SQLite's commits do not wait for the disk inside; in WAL mode that damages nothing."""
    sqlite_connection = connection.connection.driver_connection
    if not isinstance(sqlite_connection, sqlite3.Connection):
        yield
        return
    (before,) = sqlite_connection.execute("PRAGMA synchronous").fetchone()
    sqlite_connection.execute(f"PRAGMA synchronous={min(before, 1)}")  # 1: NORMAL
    try:
        yield
    finally:
        sqlite_connection.execute(f"PRAGMA synchronous={before}")


class DatabaseBusy(Exception):
    """Another connection holds SQLite's write lock."""


@contextmanager
def impatient_connection(engine: Engine) -> Iterator[Connection]:
    """A connection for short transactions that write; ``DatabaseBusy`` at once where SQLite would wait for another writer."""
    token = reading.set(False)
    try:
        with engine.connect() as connection:
            driver: Any = connection.connection if connection.dialect.name == "sqlite" else None
            if driver is not None:
                driver.execute("PRAGMA busy_timeout=0")
            try:
                yield connection
            except OperationalError as error:
                if getattr(error.orig, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
                raise DatabaseBusy from None
            finally:
                if driver is not None:
                    driver.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT}")
    finally:
        reading.reset(token)


def insert_into(bind: Engine | Connection, model: type[Any]) -> Any:
    """An INSERT that knows ON CONFLICT, in the dialect of the database."""
    return (postgresql if bind.dialect.name == "postgresql" else sqlite).insert(model)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: timezone-aware in Python, UTC in the database. Raises ``ValueError`` for a naive value."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class Choice(TypeDecorator[Term]):
    """One term of a vocabulary, stored as its code.

    Not SQLAlchemy's ``Enum``: FAB's search forms look stored values up as member names and fail on codes. A CHECK
    constraint refuses other values; see ``constraints.choice_check``.
    """

    impl = String
    cache_ok = True

    def __init__(self, term: type[Term]) -> None:
        super().__init__(length=30)
        self.term = term

    def process_bind_param(self, value: Term | str | None, dialect: Dialect) -> str | None:
        return value.value if isinstance(value, Term) else value

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[str | None], Term | None]:
        """Not ``process_result_value``: a row has up to a dozen of them, and lists and batches read thousands of rows."""
        return {None: None, **{term.value: term for term in self.term}}.__getitem__


class Choices(TypeDecorator[tuple[Term, ...]]):
    """Several terms of a vocabulary, in its order, stored as codes between commas: ``,A,B,``."""

    impl = String
    cache_ok = True

    def __init__(self, term: type[Term]) -> None:
        super().__init__(length=120)
        self.term = term

    def process_bind_param(self, value: tuple[Term, ...] | str | None, dialect: Dialect) -> str | None:
        if value is None or isinstance(value, str):
            return value
        return f",{','.join(term.value for term in self.term if term in value)},"

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[Term, ...] | None:
        return None if value is None else tuple(self.term(code) for code in value.strip(",").split(",") if code)  # type: ignore[call-arg]


class Encrypted(TypeDecorator[str]):
    """Text encrypted at rest (AES-256-GCM). Searched by a ``BlindIndex`` column beside it."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, purpose: str) -> None:
        super().__init__()
        self.purpose = purpose

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        return None if value is None else keyring.encrypt(value, self.purpose)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:
        return None if value is None else keyring.decrypt(bytes(value), self.purpose)


class EncryptedRecord(TypeDecorator[dict[str, Any]]):
    """A JSON object, encrypted at rest as a whole."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, purpose: str) -> None:
        super().__init__()
        self.purpose = purpose

    def process_bind_param(self, value: dict[str, Any] | None, dialect: Dialect) -> bytes | None:
        return None if value is None else keyring.encrypt(json.dumps(value, ensure_ascii=False), self.purpose)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> dict[str, Any] | None:
        return None if value is None else dict(json.loads(keyring.decrypt(bytes(value), self.purpose)))


class BlindIndex(TypeDecorator[str]):
    """Keyed digest of an encrypted value, for search by equality: ``where(Person.id_number_key == "4301…")``."""

    impl = String
    cache_ok = True

    def __init__(self, purpose: str) -> None:
        super().__init__(length=40)
        self.purpose = purpose

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None or isinstance(value, Digest):
            return value
        return keyring.digest(value, self.purpose)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Digest | None:
        return None if value is None else Digest(value)


@event.listens_for(Engine, "connect")
def _prepare_sqlite(connection: Any, _record: object) -> None:
    if not isinstance(connection, sqlite3.Connection):
        return
    connection.isolation_level = None  # ``_begin_sqlite`` begins transactions
    for pragma in ("foreign_keys=ON", "journal_mode=WAL", "synchronous=FULL", f"busy_timeout={BUSY_TIMEOUT}"):
        connection.execute(f"PRAGMA {pragma}")


# A machine that loses its power or its network closes no connection: PostgreSQL would keep the locks of its transactions for
# two hours, and a process that waits for an answer would wait as long. Both sides give the other up after 30 seconds.
SILENCE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 4}  # seconds, seconds, times
SILENCE |= {"tcp_user_timeout": 30_000}  # milliseconds until what was sent must have arrived
CONNECT_SECONDS = 10
_OF_THE_SERVER = " ".join(f"-c tcp_{name.removeprefix('tcp_')}={value}" for name, value in SILENCE.items())


@event.listens_for(Engine, "do_connect")
def _give_up_a_silent_network(dialect: Dialect, _record: object, _arguments: object, given: dict[str, Any]) -> None:
    """For both sides, unless the address says otherwise."""
    if dialect.name == "postgresql":
        options = f"{_OF_THE_SERVER} {given.get('options', '')}".strip()
        given.update({"connect_timeout": CONNECT_SECONDS, **SILENCE, **given, "options": options})


@event.listens_for(Engine, "begin")
def _begin_sqlite(connection: Any) -> None:
    if connection.dialect.name == "sqlite":
        reads = connection.info["reads"] = reading.get()
        connection.connection.execute(f"PRAGMA query_only={reads}")  # a forgotten ``begin_writing`` fails always
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


SQLITE_OBSTACLES = {  # by extended code
    sqlite3.SQLITE_FULL: Obstacle.DISK_FULL,
    sqlite3.SQLITE_READONLY: Obstacle.DATABASE_READ_ONLY,
    sqlite3.SQLITE_READONLY_DBMOVED: Obstacle.DATABASE_READ_ONLY,
    sqlite3.SQLITE_READONLY_DIRECTORY: Obstacle.DATABASE_READ_ONLY,
    sqlite3.SQLITE_IOERR_WRITE: Obstacle.DISK_FAULT,  # as on a file system that turned read-only under the open file
    sqlite3.SQLITE_IOERR_FSYNC: Obstacle.DISK_FAULT,
    sqlite3.SQLITE_IOERR_TRUNCATE: Obstacle.DISK_FAULT,
    sqlite3.SQLITE_IOERR_SHMSIZE: Obstacle.DISK_FAULT,
}
SQLSTATE_OBSTACLES = {"25006": Obstacle.DATABASE_READ_ONLY, "53100": Obstacle.DISK_FULL}


@event.listens_for(Engine, "handle_error", retval=True)
def _say_why_nothing_can_be_written(context: Any) -> Exception | None:
    """``Unwritable`` in place of the driver's error, so that forms and pages say it in words.

    SQLite's own refusal in a transaction that has declared to read is a defect of ours, and stays an error of the driver.
    """
    error = context.original_exception
    if isinstance(error, sqlite3.Error):
        declared = context.connection is not None and context.connection.info.get("reads")
        obstacle = None if declared else SQLITE_OBSTACLES.get(getattr(error, "sqlite_errorcode", 0))
    else:
        obstacle = SQLSTATE_OBSTACLES.get(getattr(error, "sqlstate", None) or "")
    return None if obstacle is None else Unwritable(obstacle)
