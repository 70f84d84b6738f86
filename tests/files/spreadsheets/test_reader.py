"""Reading spreadsheets: values, rows and errors in cells."""

from collections.abc import Sequence
from datetime import date, datetime
from io import BytesIO

import openpyxl
import pytest

from app.core.errors import AppError
from app.files.spreadsheets import Column, read, write
from app.files.spreadsheets.reader import MOST_ERRORS
from tests import hostile_sheets as hostile
from tests.files.spreadsheets.conftest import NAME, PEOPLE, SCORE, TABLE, complaints, values
from tests.hostile_sheets import HEADER, ROW, workbook


def made(*rows: Sequence[object]) -> bytes:
    """A workbook as Excel would save it."""
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in rows:
        sheet.append(list(row))
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_plain_sheet_is_read_with_the_row_numbers_of_excel() -> None:
    reading = read(workbook(HEADER + ROW), TABLE)
    assert [(row.number, row.values) for row in reading.rows] == [(2, {"name": "张三", "score": 90})]


def test_columns_may_stand_in_any_order_among_others() -> None:
    data = made(["序号", "成绩", "备注", "姓名"], [1, 88, "x", "李四"])
    assert values(read(data, TABLE)) == [{"name": "李四", "score": 88}]


def test_the_header_may_stand_below_a_title_and_a_note() -> None:
    data = made(["2026年第一期"], [], ["说明：姓名 must stay"], ["姓名", "成绩"], ["张三", 90])
    reading = read(data, TABLE)
    assert [(row.number, row.values["name"]) for row in reading.rows] == [(5, "张三")]


@pytest.mark.parametrize("title", ["姓 名", " 姓名\n", "姓\u3000名", "姓\u200b名"])
def test_spaces_in_a_title_are_ignored(title: str) -> None:
    assert values(read(made([title, "成绩"], ["张三", 90]), TABLE)) == [{"name": "张三", "score": 90}]


def test_empty_rows_are_skipped_and_keep_their_numbers() -> None:
    reading = read(made(["姓名", "成绩"], [], ["张三", 1], [" ", "\u200b"], ["李四", 2]), TABLE)
    assert reading.errors == []
    assert [row.number for row in reading.rows] == [3, 5]


def test_a_single_column_keeps_its_row_numbers_over_empty_rows() -> None:
    assert [row.number for row in read(made(["姓名"], [], ["张三"], [], ["李四"]), (NAME,)).rows] == [3, 5]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("９０", "90"),
        (" 90 ", "90"),
        ("张\u200b三\ufeff", "张三"),
        ("\u202e张三\u202c", "张三"),
        ("e\u0301", "é"),
        ("（A）", "(A)"),
        ("\u3000张三\xa0", "张三"),
        ("a\r\nb", "a\nb"),
        ("NA", "NA"),
        ("1E10", "1E10"),
        (90, "90"),
        (88.50, "88.5"),
        (0.1 + 0.2, "0.3"),
        (0.0000001, "0.0000001"),
        (110105491231002, "110105491231002"),
        (date(2024, 1, 31), "2024-01-31"),
        (datetime(2024, 1, 31, 8, 30), "2024-01-31T08:30:00"),  # noqa: DTZ001 a cell has no time zone
    ],
)
def test_a_cell_is_read_as_the_text_that_excel_shows(raw: object, text: str) -> None:
    assert values(read(made(["姓名"], [raw]), (NAME,))) == [{"name": text}]


def test_an_empty_cell_of_an_optional_column_is_none() -> None:
    assert values(read(made(["姓名", "成绩"], ["张三", None]), TABLE)) == [{"name": "张三", "score": None}]


def test_hidden_rows_are_read_and_a_hidden_first_sheet_is_not() -> None:
    shown = hostile.sheet(HEADER + ROW.replace('<row r="2"', '<row r="2" hidden="1"'))
    for state in ("hidden", "veryHidden"):
        sheets = {"模板": (state, hostile.sheet(HEADER)), "报名": ("visible", shown)}
        assert len(read(hostile.pack(hostile.parts(sheets)), TABLE).rows) == 1


def test_the_declared_size_of_a_sheet_is_ignored() -> None:
    assert len(read(hostile.lying_dimension(), TABLE).rows) == 1


def test_a_streamed_workbook_is_read() -> None:
    assert len(read(hostile.streamed(), TABLE).rows) == 1


@pytest.mark.parametrize("name", ["A &amp; B", " 报名 ", "&lt;1&gt;", "&#39;x"])
def test_a_sheet_may_have_any_name(name: str) -> None:
    assert len(read(hostile.pack(hostile.parts({name: ("visible", hostile.sheet())})), TABLE).rows) == 1


def test_mail_links_and_printer_settings_are_accepted() -> None:
    link = f'<Relationship Id="r1" Type="{hostile.KIND}/hyperlink" Target="mailto:a@b.cn" TargetMode="External"/>'
    extra: dict[str, str | bytes] = {
        "xl/worksheets/_rels/sheet1.xml.rels": f"<Relationships>{link}</Relationships>",
        "xl/printerSettings/printerSettings1.bin": b"\0\1",
    }
    assert len(read(hostile.pack({**hostile.parts(), **extra}), TABLE).rows) == 1


def test_ten_thousand_rows_are_read_without_loss() -> None:
    rows = [{"name": f"张{n}", "score": n % 101} for n in range(10_000)]
    assert values(read(write(TABLE, rows, sheet_title="成绩"), TABLE)) == rows


def test_all_missing_columns_are_reported_at_once() -> None:
    reading = read(made(["姓名", "分数"], ["张三", 90]), (*PEOPLE, SCORE))
    assert [(row, title) for row, title, _ in complaints(reading)] == [(1, "身份证号"), (1, "备注"), (1, "成绩")]
    assert reading.rows == []


def test_for_an_empty_sheet_all_columns_are_reported() -> None:
    assert [title for _, title, _ in complaints(read(made([]), TABLE))] == ["姓名", "成绩"]


def test_a_duplicate_title_is_reported() -> None:
    reading = read(made(["姓名", "成绩", "成 绩"], ["张三", 90, 91]), TABLE)
    assert complaints(reading) == [(1, "成绩", "This column title stands 2 times in the sheet. Please keep only one.")]


def test_all_bad_cells_are_reported_and_valid_rows_are_returned() -> None:
    reading = read(made(["姓名", "成绩"], ["", 90], ["张三", "ab"], ["李四", 90], ["王五", -1]), TABLE)
    assert complaints(reading) == [
        (2, "姓名", "Please fill this in."),
        (3, "成绩", "Not a whole number."),
        (5, "成绩", "Not a whole number."),
    ]
    assert [row.number for row in reading.rows] == [4]


def test_a_parser_may_raise_an_app_error() -> None:
    def parse(text: str) -> str:
        raise AppError("Nobody is called so.")

    reading = read(made(["姓名"], ["张三"]), (Column("name", "姓名", parse),))
    assert complaints(reading) == [(2, "姓名", "Nobody is called so.")]


def test_the_list_of_bad_cells_is_limited_and_counts_the_others() -> None:
    reading = read(made(["姓名", "成绩"], *[["张三", "x"]] * 700), TABLE)
    assert len(reading.errors) == MOST_ERRORS + 1
    assert str(reading.errors[-1].sentence).startswith("200 more cells")


@pytest.mark.parametrize("raw", [430102199001010000, 4.30102199001010e17, "4.30102E+17", 10**15, -(10**16)])
def test_an_id_number_that_lost_digits_in_excel_is_reported(raw: object) -> None:
    reading = read(made(["姓名", "身份证号", "备注"], ["张三", raw, ""]), PEOPLE)
    [(row, title, sentence)] = complaints(reading)
    assert (row, title) == (2, "身份证号")
    assert "has lost the last digits" in sentence
