"""Compares the set-based workflow with the same work row by row, in the same run.

    .venv/bin/python benchmarks/engine.py [ROWS] [DATABASE_URL]

Prints seconds and ratios; compare the ratios, because the load of a shared machine varies. Uses SQLite in a temporary
folder unless an empty database is named, which is not cleaned up.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

from sqlalchemy import create_engine, insert
from sqlalchemy.orm import Session

sys.path.insert(0, str(Path(__file__).parent.parent))

from app.accounts.access import Actor
from app.core.crypto.signing_keys import make, ring
from app.core.office import Office
from app.core.settings import Keys
from app.core.vocabulary import Action, Category, MatterKind, PassSource, Role, Sex, State
from app.db.session import keyring
from app.files import spreadsheets
from app.models import Application, Enterprise, ExamPass, Filing, Model, Person, Region
from app.web.public.lookup import certificates_of
from app.workflow import carry_out

AT = datetime(2026, 3, 2, 4, tzinfo=UTC)
OFFICE = Office()
APPROVER = Actor(None, "benchmark", frozenset({Role.APPROVER}), region="430000")


def main(rows: int = 1000, url: str = "") -> None:
    keys = Keys.fresh()
    keyring.unlock(keys.index, keys.data)
    with tempfile.TemporaryDirectory() as folder:
        open_code_keys(folder)
        engine = create_engine(url or f"sqlite:///{folder}/bench.db")
        Model.metadata.create_all(engine)
        with Session(engine, expire_on_commit=False) as session:
            fill(session, 2 * rows)
            together(session, rows)
            lookups(session, rows)
        engine.dispose()
    workbook(rows)


def open_code_keys(folder: str) -> None:
    """Open the keys that sign QR codes."""
    make(Path(folder) / "codes.json", at=AT)
    ring.open(Path(folder) / "codes.json")


def fill(session: Session, count: int) -> None:
    session.add(Region(code="430000", name="湖南省"))
    enterprise = Enterprise(name="湖南样本建设有限公司", uscc="91430100MA4L000150", region_code="430000")
    session.add(enterprise)
    session.flush()
    filing = Filing(
        number="F1", matter=MatterKind.NEW, enterprise=enterprise, handler_name="经办", handler_mobile="13800000000"
    )
    filing.created_at, filing.created_by = AT, "bench"
    session.add(filing)
    session.flush()
    numbers = [f"43010219850101{n:04d}"[:18] for n in range(count)]
    people = [
        {"id": n + 1, "enterprise_id": enterprise.id, "name": f"样本{n}", "id_number": number, "id_number_key": number}
        | {"sex": Sex.MALE, "birth_date": date(1985, 1, 1)}
        for n, number in enumerate(numbers)
    ]
    session.execute(insert(Person), people)
    passes = [{"person_id": n + 1, "category": Category.C1, "passed_on": date(2026, 1, 1)} for n in range(count)]
    examined = [{"name": person["name"], "id_number": person["id_number"]} for person in people]
    rows = [row | {"source": PassSource.LEGACY, "identity": who} for row, who in zip(passes, examined, strict=True)]
    session.execute(insert(ExamPass), rows)
    cases = [
        {"id": n + 1, "number": f"AG{n}", "filing_id": filing.id, "matter": MatterKind.NEW, "category": Category.C1}
        | {"state": State.AWAITING_APPROVAL, "round": 1, "person_id": n + 1, "enterprise_id": enterprise.id}
        | {"region_code": "430000", "created_at": AT, "submitted_at": AT, "accepted_at": AT, "acceptance_number": f"SL{n}"}
        for n in range(count)
    ]
    session.execute(insert(Application), cases)
    session.commit()


def together(session: Session, rows: int) -> None:
    """Approve as many at once as one by one: facts, rules, numbers, certificates, notices, messages, steps."""

    def batch() -> None:
        done = carry_out(session, range(1, rows + 1), Action.APPROVE, APPROVER, at=AT, office=OFFICE)
        assert len(done.passes) == rows, next(iter(done.refused.values()))  # noqa: S101 - else nothing is measured
        session.commit()

    def single() -> None:
        for number in range(rows + 1, 2 * rows + 1):
            carry_out(session, [number], Action.APPROVE, APPROVER, at=AT, office=OFFICE)
            session.commit()

    compare(f"approve {rows} in one batch", batch, f"the same {rows} one by one", single)


def lookups(session: Session, rows: int) -> None:
    def hit() -> None:
        for n in range(200):
            certificates_of(session, f"样本{n % rows}", f"43010219850101{n % rows:04d}", on=AT.date())

    def miss() -> None:
        for n in range(200):
            certificates_of(session, "无此人", f"43010219850101{n % rows:04d}", on=AT.date())

    compare("200 lookups that hit", hit, "200 lookups with a wrong name", miss)


def workbook(rows: int) -> None:
    columns = [spreadsheets.Column(f"c{n}", f"列{n}") for n in range(9)]
    data = [{f"c{n}": f"值{n}-{row}" for n in range(9)} for row in range(rows)]
    written: list[bytes] = []
    compare(
        f"write {rows} × 9 cells",
        lambda: written.append(spreadsheets.write(columns, data, sheet_title="表")),
        f"read and check {rows} × 9 cells",
        lambda: spreadsheets.read(written[0], columns),
    )


def compare(first: str, one: Callable[[], object], second: str, other: Callable[[], object]) -> None:
    a, b = timed(one), timed(other)
    print(f"{first:<42}{a:8.3f} s\n{second:<42}{b:8.3f} s   {b / a:6.1f} times the first\n")


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main(*(int(word) if word.isdigit() else word for word in sys.argv[1:]))  # type: ignore[arg-type]
