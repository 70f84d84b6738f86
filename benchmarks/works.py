"""The lines that write or take long: batches of decisions, import and export of sheets, cold start. Seconds and memory."""

import io
import json
import re
import time
from collections.abc import Iterator
from typing import Any

from openpyxl import Workbook
from python_calamine import CalamineWorkbook
from sqlalchemy import create_engine, func, select
from sqlalchemy.orm import Session

from app.core.crypto.encryption import keyring
from app.core.office import Office
from app.core.vocabulary import Action, State
from app.models import Application, ExamNotice, ExamSignup, Person
from benchmarks.client import Client, signed_in
from benchmarks.data import Built
from benchmarks.lines import Result
from benchmarks.server import Serve, Server, serving

# Each stage: its queue, who decides there, what it is called in the addresses, what waits there.
STAGES = (
    (Action.ACCEPT, "acceptance_officer", "/acceptance/", State.AWAITING_ACCEPTANCE),
    (Action.ENDORSE, "reviewer", "/review/", State.AWAITING_REVIEW),
    (Action.APPROVE, "approver", "/approval/", State.AWAITING_APPROVAL),
)
BATCHES = (1_000, 10_000)
LONGEST_BATCH = 900.0  # seconds
_DIGEST = re.compile(rb'name="digest" value="([^"]+)"')  # of an import that can be confirmed
_CAN_BE_UNDONE = re.compile(rb'action="/imports/\d+/(undo)"')


def measure_batches(province: Built, sizes: tuple[int, ...] = BATCHES, serve: Serve = serving) -> Iterator[Result]:
    """Accept, endorse and approve: seconds from the plan to the end of the batch, and the memory of the largest process.

    One warm-up batch of each is dropped. A batch that is too large to be decided at once is carried out by the job process.
    """
    cookies = signed_in(province, *(username for _action, username, _queue, _state in STAGES))
    with serve(province, background=1) as server:
        for action, username, queue, state in STAGES:
            client = Client(server.port, dict(cookies[username]))
            _decided(client, province, action, queue, state, 10)
            for size in sizes:
                server.forget_peaks()
                plan, done, answer = _decided(client, province, action, queue, state, size)
                more = {"plan_s": round(plan, 2), "peak_mb": round(server.peak()), "refused": answer}
                yield Result("batches", f"{action.value} {size:,} in one batch", round(plan + done, 2), "s", 200, more)


def _decided(
    client: Client, province: Built, action: Action, queue: str, state: State, size: int
) -> tuple[float, float, int]:
    """Seconds of the plan and of carrying it out, and how many were not carried out."""
    engine = create_engine(province.url)
    with Session(engine) as session:
        asked = select(Application.id).where(Application.state == state).order_by(Application.due_on, Application.id)
        ids = list(session.scalars(asked.limit(size)))
    client.get(queue)
    whole = len(ids) >= Office().largest_batch
    fields = [("page", f"{action.value}{size}{time.monotonic_ns()}"), ("next", queue)]
    fields += [("whole", "1")] if whole else [("rowid", str(key)) for key in ids]
    began = time.monotonic()
    planned = client.post(f"{queue}batch/{action.value}", fields)
    batch = re.match(r"/batches/(\d+)", planned.location)
    if batch is None:
        raise RuntimeError(f"{action.value} {size}: no plan, status {planned.status}, {planned.location}")
    plan = time.monotonic() - began
    client.get(planned.location)
    began = time.monotonic()
    client.post(f"/batches/{batch[1]}/confirm", {"next": queue})
    while json.loads(client.get(f"/batches/{batch[1]}/progress").body)["waiting"]:
        if time.monotonic() - began > LONGEST_BATCH:
            raise TimeoutError(f"{action.value} {size}")
        time.sleep(0.1)
    seconds = time.monotonic() - began
    with Session(engine) as session:
        left = session.scalar(select(func.count()).where(Application.id.in_(ids), Application.state == state))
    engine.dispose()
    return plan, seconds, left or 0


def measure_imports(province: Built, serve: Serve = serving) -> Iterator[Result]:
    """Check and commit of a score sheet for each of the three large notices, the smallest first."""
    keyring.unlock(*province.settings().keys.ring)
    cookies = signed_in(province, "exam_clerk")
    for notice in (3, 2, 1):
        data, count = score_sheet(province, notice)
        with serve(province, background=1) as server:
            client = Client(server.port, dict(cookies["exam_clerk"]))
            client.get(f"/exam/notices/{notice}/scores")
            server.forget_peaks()
            began = time.monotonic()
            page = client.upload(f"/exam/notices/{notice}/scores", "sheet", "scores.xlsx", data).location
            digest = _shown(client, page, _DIGEST)
            yield _done("check", count, began, server, digest)
            if digest is not None:
                server.forget_peaks()
                began = time.monotonic()
                client.post(f"{page}/confirm", {"digest": digest})
                yield _done("import", count, began, server, _shown(client, page, _CAN_BE_UNDONE))


def _shown(client: Client, page: str, what: re.Pattern[bytes]) -> str | None:
    """What the page of an import shows at last; None if it does not: large sheets are checked and imported by a job."""
    began = time.monotonic()
    while page and time.monotonic() - began < LONGEST_BATCH:
        if found := what.search(client.get(page).body):
            return found[1].decode()
        time.sleep(0.1)
    return None


def _done(what: str, count: int, began: float, server: Server, found: str | None) -> Result:
    more = {"peak_mb": round(server.peak())}
    status = 200 if found is not None else 500
    return Result("imports", f"{what} {count:,} scores", round(time.monotonic() - began, 2), "s", status, more)


def score_sheet(province: Built, notice: int) -> tuple[bytes, int]:
    """A workbook with a mark for every sign-up of a notice, as a clerk fills it in; how many rows."""
    engine, book = create_engine(province.url), Workbook(write_only=True)
    sheet = book.create_sheet("成绩")
    sheet.append(["报名编号", "姓名", "身份证号码", "成绩", "是否合格"])
    asked = (
        select(ExamSignup.number, Person.name, Person.id_number, ExamSignup.id)
        .join(Person, Person.id == ExamSignup.person_id)
        .where(ExamSignup.notice_id == notice)
        .order_by(ExamSignup.id)
    )
    count = 0
    with Session(engine) as session:
        for row in session.execute(asked):
            sheet.append([row.number, row.name, row.id_number, 40 + row.id % 60, None])
            count += 1
    engine.dispose()
    out = io.BytesIO()
    book.save(out)
    return out.getvalue(), count


def measure_exports(province: Built, serve: Serve = serving) -> Iterator[Result]:
    """The sign-up details of the two largest notices, from the click to the last byte; the workbook is read again."""
    cookies = signed_in(province, "exam_clerk")
    for notice in (2, 1):
        with serve(province) as server:
            client = Client(server.port, dict(cookies["exam_clerk"]))
            client.get("/exam/notices/")
            server.forget_peaks()
            answer = client.post(f"/exam/notices/{notice}/export", {})
            more: dict[str, Any] = {"peak_mb": round(server.peak()), "mb": round(len(answer.body) / 1e6, 1)}
            if answer.status == 200:
                rows = CalamineWorkbook.from_filelike(io.BytesIO(answer.body)).get_sheet_by_index(0).to_python()
                more |= {"rows": len(rows), "columns": len(rows[-1])}
            name = f"export {signed_up(province, notice):,} sign-ups"
            yield Result("exports", name, round(answer.seconds, 2), "s", answer.status, more)


def signed_up(province: Built, notice: int) -> int:
    engine = create_engine(province.url)
    with Session(engine) as session:
        count = session.scalar(select(func.count()).select_from(ExamSignup).where(ExamSignup.notice_id == notice))
        assert session.get(ExamNotice, notice) is not None  # noqa: S101 - else nothing is measured
    engine.dispose()
    return count or 0


def measure_starts(province: Built, turns: int = 3) -> Iterator[Result]:
    """From the start of the server to its first answer, and the memory of a web worker that has answered it."""
    for _turn in range(turns):
        with serving(province) as server:
            yield Result("starts", "cold start to the first answer", round(server.seconds, 2), "s")
            yield Result("starts", "web worker at rest", round(server.at_rest()), "MB")
