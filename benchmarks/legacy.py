"""Compares importing the old system's certificates in chunks with the same work row by row, in the same run.

    .venv/bin/python benchmarks/legacy.py [ROWS] [DATABASE_URL]

Prints seconds for reading, checking and importing ROWS rows (5,000), for the same sheet again, and for a tenth as many
imported one by one, each in its own transaction. Uses a database of its own, as ``benchmarks/engine.py`` does.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.orm import Session, sessionmaker

sys.path.insert(0, str(Path(__file__).parent.parent))

from app.accounts.access import Actor
from app.applications import legacy_import
from app.applications.legacy_import import run
from app.applications.legacy_import.columns import COLUMNS
from app.core.identifiers import ID_CHECKS, ID_WEIGHTS
from app.core.office import Office
from app.core.settings import Keys
from app.core.vocabulary import LegacyKind, Role
from app.db import migrate
from app.db.session import keyring
from app.files.folder_store import FolderStore
from app.files.spreadsheets import write
from app.models import LegacyImport, Region

AT = datetime(2026, 3, 2, 4, tzinfo=UTC)
ADMIN = Actor(None, "benchmark", frozenset({Role.ADMIN}))
KIND = LegacyKind.CERTIFICATES


def main(rows: int = 5000, url: str = "") -> None:
    keys = Keys.fresh()
    keyring.unlock(keys.index, keys.data)
    with tempfile.TemporaryDirectory() as folder:
        engine = create_engine(url or f"sqlite:///{folder}/bench.db")
        migrate.migrate_to(engine)
        with Session(engine) as session:
            session.add(Region(code="430000", name="湖南省"))
            session.commit()
        store = FolderStore(Path(folder) / "blobs")
        means = legacy_import.ImportContext(sessionmaker(engine, expire_on_commit=False), store, lambda _done, _all: None)
        many, few = sheet(0, rows), sheet(rows, rows + rows // 10)
        first = hand_in(means, many)
        whole = measured(f"check {rows} rows", lambda: legacy_import.check(means, first, at=AT), rows)
        whole += measured(f"take {rows} over, {run.CHUNK} to a transaction", lambda: take_over(means, first), rows)
        again = hand_in(means, many)
        legacy_import.check(means, again, at=AT)
        measured("the same sheet again", lambda: take_over(means, again), rows)
        run.CHUNK = 1
        single = hand_in(means, few)
        slow = measured(f"check {rows // 10} rows one by one", lambda: legacy_import.check(means, single, at=AT), rows // 10)
        slow += measured(f"take {rows // 10} over one by one", lambda: take_over(means, single), rows // 10)
        print(f"{'one by one, for each row':<44}{slow * 10 / whole:8.1f} times the time")
        engine.dispose()


def hand_in(means: legacy_import.ImportContext, data: bytes) -> int:
    with means.sessions.begin() as session:
        return legacy_import.receive(session, means.store, KIND, data, "bench.xlsx", ADMIN, at=AT, office=Office()).id


def take_over(means: legacy_import.ImportContext, import_id: int) -> None:
    with means.sessions.begin() as session:
        legacy_import.confirm(session, import_id, session.get_one(LegacyImport, import_id).sha256, ADMIN, at=AT)
    legacy_import.take_over(means, import_id, at=AT)


def sheet(first: int, last: int) -> bytes:
    given = {"name": "样本", "category": "C1", "enterprise": "湖南样本建设有限公司", "uscc": "91430100MA4L000150"}
    given |= {"issued_on": "2024-05-01", "valid_to": "2027-04-30"}
    rows = ({**given, "number": f"湘建安C1(2024){n:07d}", "id_number": id_number(n)} for n in range(first, last))
    return write(COLUMNS[KIND], rows, sheet_title="原系统")


def id_number(n: int) -> str:
    body = f"430102{date(1970, 1, 1) + timedelta(days=n // 999):%Y%m%d}{n % 999 + 1:03d}"
    return body + ID_CHECKS[sum(w * int(d) for w, d in zip(ID_WEIGHTS, body, strict=True)) % 11]


def measured(what: str, work: Callable[[], object], rows: int) -> float:
    start = time.perf_counter()
    work()
    seconds = time.perf_counter() - start
    print(f"{what:<44}{seconds:8.2f} s{rows / seconds:10.0f} rows/s", flush=True)
    return seconds


if __name__ == "__main__":
    main(*(int(word) if word.isdigit() else word for word in sys.argv[1:]))  # type: ignore[arg-type]
