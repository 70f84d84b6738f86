"""The programs of ``make bench``, at a few hundred rows: every page opens, every batch and sheet is carried out."""

from random import Random

from sqlalchemy import func, select

from app.core.office import Office
from app.core.vocabulary import PaperKind, RowResult
from app.models import Application, DecisionBatchRow, ExamSignup
from benchmarks.cases import Frame, Officer, Province
from benchmarks.filling import OFFICERS
from benchmarks.floors import _raw_decision
from benchmarks.lines import Result, measure_lists, measure_public
from benchmarks.peer import medians
from benchmarks.population import firms, humans
from benchmarks.report import Measured, document
from benchmarks.sizes import measure_sizes
from benchmarks.works import measure_batches, measure_exports, measure_imports
from tests.benchmarks.conftest import SIZE
from tests.make import NOON


def test_every_line_is_measured(filled, session, serve):
    province = filled.province
    results = [
        *measure_sizes(province),
        *measure_lists(province, 1, serve),
        *measure_public(province, 0.05, serve),
        *measure_exports(province, serve),
        *measure_imports(province, serve),
        *measure_batches(province, (15,), serve),
        _raw_decision(province, 5),
    ]
    assert [result for result in results if result.status != 200] == []
    assert session.scalar(select(func.count()).where(ExamSignup.notice_id == 1, ExamSignup.score.is_not(None))) == 40
    done = dict(session.execute(select(DecisionBatchRow.result, func.count()).group_by(DecisionBatchRow.result)).all())
    assert done == {RowResult.DONE: 3 * (10 + 15)}
    assert session.scalar(select(func.count()).where(Application.state == "awaiting_approval")) > 0
    text = document(SIZE, 1, [Measured(province.database, results, [])], {"commit": "x"})
    assert "| lookup: slowest hundredth, ms |" in text
    assert "| people: first page |" in text
    sizes = {result.line: result.value for result in results if result.work == "sizes"}
    assert min(sizes["application"], sizes["person"], sizes["step"]) > 10


def test_a_line_that_fails_is_shown_and_a_ratio_is_judged():
    ours = [Result("lists", "people: first page", 30, "ms"), Result("lists", "people: by name", 10, "ms", 500)]
    theirs = [Result("lists", "person:first", value, "ms") for value in (40, 50, 60)]
    assert medians(theirs) == {("lists", "person:first"): 50}
    text = document(SIZE, 1, [Measured("sqlite", ours, theirs)], {})
    assert "| people: first page | 30 ms | 50 ms | 0.60 | ≤ 0.5 × peer | no |" in text
    assert "| people: by name | **500** |" in text


def test_the_same_seed_makes_the_same_rows():
    officers = {role.value: Officer(1, "员") for role in OFFICERS}
    frame = Frame(NOON.date(), Office(), officers, dict.fromkeys(PaperKind, "0" * 64), "k")
    once, again, other = (list(Province(60, seed, frame).rows()) for seed in (1, 1, 2))
    assert once == again
    assert once != other
    people = list(humans(Random(1), 3_000, NOON.date()))  # noqa: S311 - not secret
    assert len({human.id_number for human in people}) == len(people)
    assert len({firm.name for firm in firms(Random(1), 20_000)}) == 20_000  # noqa: S311 - not secret
