"""What the same work costs at least: raw SQL for the rows of a batch, a bare WSGI function, a plain writer and reader."""

import io
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

from openpyxl import Workbook
from python_calamine import CalamineWorkbook
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from app.models import Person
from benchmarks import ROOT
from benchmarks.data import Built
from benchmarks.lines import PEOPLE_LOOKED_UP, SECONDS, Result
from benchmarks.load import Request, send
from benchmarks.server import started
from benchmarks.works import BATCHES

_COLUMNS = 14  # of the export of sign-ups
_ENDORSE = (  # the rows of a batch in review, and nothing of its rules
    "CREATE TEMP TABLE chosen AS SELECT id FROM application WHERE state = 'awaiting_review' ORDER BY id LIMIT :size",
    "UPDATE application SET state = 'awaiting_approval' WHERE id IN (SELECT id FROM chosen)",
    """INSERT INTO step (application_id, round, action, source, target, actor, reason, at)
       SELECT id, 1, 'endorse', 'awaiting_review', 'awaiting_approval', 'x', '', '2026-01-01 00:00:00' FROM chosen""",
    """INSERT INTO public_notice (application_id, matter, category, stage, agreed, name, masked_id_number, enterprise_name,
         certificate_number, region_code, published_at)
       SELECT a.id, a.matter, a.category, 'review', true, p.name, '430', e.name, '', a.region_code, '2026-01-01 00:00:00'
       FROM application a JOIN chosen c ON c.id = a.id JOIN person p ON p.id = a.person_id
         JOIN enterprise e ON e.id = a.enterprise_id""",
    """INSERT INTO message (mobile, text, application_id, state, due_at, next_try_at, tries, fault)
       SELECT f.handler_mobile, 'x', a.id, 'queued', '2026-01-01 00:00:00', '2026-01-01 00:00:00', 0, ''
       FROM application a JOIN chosen c ON c.id = a.id JOIN filing f ON f.id = a.filing_id""",
)


def measure_floors(province: Built, seconds: float = SECONDS, sizes: tuple[int, ...] = BATCHES) -> Iterator[Result]:
    yield _bare_lookup(province, seconds)
    for size in sizes:
        yield _raw_decision(province, size)
    for rows in (max(province.size.people // 100, 1), max(province.size.people // 10, 1)):
        yield from _sheet(rows)


def _bare_lookup(province: Built, seconds: float) -> Result:
    engine, step = create_engine(province.url), max(province.size.people // PEOPLE_LOOKED_UP, 1)
    with Session(engine) as session:
        keys = session.scalars(select(Person.id_number_key).where(Person.id % step == 0).limit(PEOPLE_LOOKED_UP)).all()
    engine.dispose()
    command = [sys.executable, "-m", "gunicorn", "benchmarks.bare:app", "--workers", "2", "--worker-class", "gthread"]
    command += ["--threads", "8", "--keep-alive", "5", "--log-level", "error", "--bind", "127.0.0.1:{port}"]
    environment = {**os.environ, "BARE_URL": province.url}
    with started(command, environment, "/?key=", ROOT) as server:
        requests = [Request(f"/?key={key}") for key in keys]
        send(server.port, requests, seconds=min(seconds, 1))
        found = send(server.port, requests, seconds=seconds)
        more = {"p50_ms": round(found.p50, 1), "p99_ms": round(found.p99, 1)}
        return Result("floors", "bare WSGI, one indexed SELECT", round(found.rate, 1), "requests/s", found.status, more)


def _raw_decision(province: Built, size: int) -> Result:
    """State, step, public notice and message of ``size`` applications by set-based SQL; rolled back."""
    engine = create_engine(province.url)
    pooled = engine.raw_connection()
    driver: Any = pooled.driver_connection
    began = time.perf_counter()
    _begin(driver)
    for statement in _ENDORSE:
        driver.execute(statement.replace(":size", str(size)))
    lasted = time.perf_counter() - began
    driver.execute("ROLLBACK") if engine.dialect.name == "sqlite" else driver.rollback()
    pooled.invalidate()
    engine.dispose()
    return Result("floors", f"raw SQL: endorse {size:,}", round(lasted, 3), "s")


def _begin(driver: Any) -> None:
    """psycopg begins by itself; sqlite3 is told to, as the application's connections are."""
    if driver.__class__.__module__.startswith("sqlite3"):
        driver.execute("BEGIN IMMEDIATE")


def _sheet(rows: int) -> Iterator[Result]:
    """Writing and reading as many cells as the export of ``rows`` sign-ups has, and nothing else."""
    book, out = Workbook(write_only=True), io.BytesIO()
    sheet = book.create_sheet("x")
    began = time.perf_counter()
    for n in range(rows):
        sheet.append([f"{column}-{n}" for column in range(_COLUMNS)])
    book.save(out)
    yield Result("floors", f"write {rows:,} × {_COLUMNS} cells (openpyxl)", round(time.perf_counter() - began, 2), "s")
    began = time.perf_counter()
    CalamineWorkbook.from_filelike(io.BytesIO(out.getvalue())).get_sheet_by_index(0).to_python()
    yield Result("floors", f"read {rows:,} × {_COLUMNS} cells (calamine)", round(time.perf_counter() - began, 2), "s")
