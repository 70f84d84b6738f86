"""What a preview says of its rows, as marks; and which form a sheet comes back in."""

import os
import signal
from io import BytesIO

from flask_babel import force_locale
from openpyxl import load_workbook

from app.core.limited_process import LimitedProcess
from app.core.vocabulary import RowOutcome
from app.files.row_preview import PreviewRow
from app.files.sheet_results import MOST_ROWS, marks_of, refused_rows, result_book
from app.files.spreadsheets import Layout, titles
from app.files.spreadsheets.titles import is_result
from tests.files.spreadsheets.marked import COLUMNS, mark, marks_for, office_workbook

LAYOUT = Layout("名单", 2, places={"name": 1, "score": 2}, width=4)


def row(number: int, outcome: RowOutcome, faults: dict[str, str] | None = None, *reasons: str) -> PreviewRow:
    faults = faults or {}
    return PreviewRow(number, outcome, {}, {}, {}, faults, {}, [*reasons, *faults.values()])


def test_a_row_says_its_result_and_why_cell_by_cell():
    rows = [
        row(3, RowOutcome.ADDED),
        row(4, RowOutcome.REFUSED, {"score": "Too high."}, "Twice."),
        row(5, RowOutcome.UNCHANGED),
    ]
    answers = {(3, "name"): "张三", (4, "score"): "101", (9, "name"): "x"}
    made = marks_of(COLUMNS, LAYOUT, rows, answers=answers, done=False)
    refused = made.rows[1]
    assert [one.text for one in made.rows] == [str(RowOutcome.ADDED), refused.text, str(RowOutcome.UNCHANGED)]
    assert refused.text.endswith("Twice.　成绩: Too high.")
    assert (refused.faults, [one.answers for one in made.rows]) == ({2: "Too high."}, [{1: "张三"}, {}, {}])
    assert [one.number for one in made.refused] == [4]


def test_records_of_one_row_share_its_mark():
    made = marks_of(COLUMNS, LAYOUT, [row(3, RowOutcome.ADDED), row(3, RowOutcome.REFUSED, {"name": "?"})], done=True)
    assert [(one.number, one.is_refused, one.text.count("\n")) for one in made.rows] == [(3, True, 1)]


def test_the_titles_of_results_are_known_in_every_language(app):
    for locale in ("zh", "en"):
        with app.test_request_context(), force_locale(locale):
            for title in (titles.CHECKED, titles.IMPORTED):
                assert is_result(str(title)), (locale, str(title))
                assert is_result(f"有效期·{title}")
    assert not is_result("考试结果")


def test_a_workbook_comes_back_as_it_was_and_anything_else_as_a_copy():
    process = LimitedProcess("app.files.spreadsheets.marked_book", seconds=60)
    data = office_workbook()
    marks = marks_for(data, mark(3, "拒绝", {2: "?"}), mark(4, "新增"))
    try:
        own = load_workbook(BytesIO(result_book(data, marks, process=process)))
        assert (own.sheetnames, own["名单"].column_dimensions["A"].width) == (["名单", "统计"], 33)
        os.kill(process._running.pid, signal.SIGSTOP)  # too heavy
        process.seconds = 0.1
        assert load_workbook(BytesIO(result_book(data, marks, process=process))).sheetnames == ["名单"]
    finally:
        process.stop()
    text = "姓名,成绩,日期\n张三,101,\n李四,80,\n".encode()
    few = marks_for(text, mark(2, "拒绝", {2: "?"}), mark(3, "新增"))
    assert load_workbook(BytesIO(result_book(text, few))).active["D3"].value == "新增"
    assert [cell.value for cell in load_workbook(BytesIO(refused_rows(text, few))).active["A"]] == ["姓名", "张三"]


def test_a_large_workbook_is_not_opened_whole():
    data = office_workbook()
    marks = marks_for(data, *(mark(n, "新增") for n in range(MOST_ROWS + 1)))
    assert load_workbook(BytesIO(result_book(data, marks))).sheetnames == ["名单"]
