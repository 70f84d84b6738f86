"""What is written is read back as it was."""

import unicodedata
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.worksheet.worksheet import Worksheet

from app.files.spreadsheets import Column, Kind, read, write
from app.files.spreadsheets.cell_text import fold
from tests.files.spreadsheets.conftest import NAME, PEOPLE, SCORE, TABLE, values


def opened(data: bytes) -> Worksheet:
    return openpyxl.load_workbook(BytesIO(data)).worksheets[0]


PREFIXES = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\n=1", "\r=1", "＝1", "＋1", "－1", "＠x", "#N/A", "|cmd", "'=1"]
TRAPS = [*PREFIXES, "http://a.cn", "TRUE", "2024-01-31", "0012", "430102199001010011", "_x0041_", "&amp;<b>", "1E5"]


@pytest.mark.parametrize("text", TRAPS)
def test_written_text_is_read_back_as_text(text: str) -> None:
    data = write(PEOPLE, [{"name": text, "id_number": "x"}], sheet_title="报名")
    assert values(read(data, PEOPLE))[0]["name"] == fold(text)
    cell = opened(data)["A2"]
    assert cell.data_type == "s"
    assert cell.number_format == "@"


@given(st.lists(st.text(), min_size=1, max_size=8))
def test_any_written_text_is_read_back_folded(texts: list[str]) -> None:
    data = write((NAME, SCORE), [{"name": text, "score": 1} for text in texts], sheet_title="x")
    optional = (Column("name", "姓名", required=False), SCORE)
    lost = dict.fromkeys((0xFFFE, 0xFFFF))
    wanted = [fold(text.translate(lost)) or None for text in texts]
    reading = read(data, optional)
    assert [row.values["name"] for row in reading.rows] == wanted


@given(st.text())
def test_folding_is_idempotent(text: str) -> None:
    once = fold(text)
    assert fold(once) == once
    assert unicodedata.is_normalized("NFKC", once)


def test_dates_are_dates_and_numbers_are_numbers() -> None:
    columns = (Column("on", "日期"), Column("at", "时间"), Column("n", "成绩", kind=Kind.NUMBER), Column("t", "编号"))
    moment = datetime(2024, 1, 31, 20, 30, tzinfo=UTC)
    row = {"on": date(2024, 2, 29), "at": moment, "n": Decimal("88.5"), "t": 12}
    data = write(columns, [row], sheet_title="x")
    cells = [cell.value for cell in opened(data)[2]]
    assert cells == [datetime(2024, 2, 29), datetime(2024, 2, 1, 4, 30), 88.5, "12"]  # noqa: DTZ001 Excel has no zones
    assert values(read(data, columns)) == [{"on": "2024-02-29", "at": "2024-02-01 04:30:00", "n": "88.5", "t": "12"}]


def test_a_date_before_march_1900_is_written_as_text() -> None:
    data = write((NAME,), [{"name": date(1899, 12, 31)}], sheet_title="x")
    assert values(read(data, (NAME,))) == [{"name": "1899-12-31"}]


def test_the_sheet_has_a_frozen_header_filters_and_text_columns() -> None:
    data = write(PEOPLE, [{"name": "张三"}], sheet_title="报名[2026]/1*?:" + "长" * 40, note="Fill in one column.")
    sheet = opened(data)
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A3", "A2:C3")
    assert int(sheet.column_dimensions["B"].width) == 22  # the rest is the padding of a cell, which Excel does not show
    assert sheet["A2"].font.bold
    assert sheet["B3"].number_format == "@"  # an ID number typed there keeps its digits
    assert len(sheet.title) <= 31


def test_choices_are_offered_and_other_values_still_read() -> None:
    choices = ("土建, 房建", *(f"岗位{n}" * 9 for n in range(20)))  # a comma, and more than 255 characters
    columns = (NAME, Column("position", "职务", choices=choices), Column("day", "日期", kind=Kind.DAY))
    data = write(columns, [{"name": "张三", "position": "别的", "day": date(2024, 2, 29)}], sheet_title="x", note="n")
    book = openpyxl.load_workbook(BytesIO(data))
    [rule] = book.worksheets[0].data_validations.dataValidation
    assert (str(rule.sqref), rule.formula1, rule.showErrorMessage) == ("B3:B1048576", "lists!$A$1:$A$21", False)
    assert [cell.value for cell in book["lists"]["A"]] == list(choices)
    assert book["lists"].sheet_state == "hidden"
    assert book.worksheets[0].column_dimensions["C"].number_format == "yyyy-mm-dd"  # a day typed there is one
    assert values(read(data, columns)) == [{"name": "张三", "position": "别的", "day": "2024-02-29"}]


def test_titles_of_a_sheet_to_be_filled_in_have_notes_and_no_other_sheet_is_protected() -> None:
    columns = (
        replace(NAME, locked=True),
        Column("kind", "类别", choices=("甲", "乙")),
        Column("day", "日期", required=False, kind=Kind.DAY),
        Column("remark", "备注", required=False),
    )
    sheet = opened(write(columns, [], sheet_title="x", note="n", to_fill_in=True))
    notes = [cell.comment.text if cell.comment else "" for cell in sheet[2]]
    assert notes == ["Not to be changed.", "Must be filled in.\nOne of: 甲、乙", "A day like 2024-05-01.", ""]
    other = opened(write(columns[1:], [], sheet_title="x"))
    assert (sheet.protection.sheet, other.protection.sheet, other["A1"].comment) == (True, False, None)


def test_a_printed_sheet_is_as_wide_as_the_page_and_repeats_its_header() -> None:
    sheet = opened(write(PEOPLE, [{"name": "张三"}] * 3, sheet_title="报名", note="n"))
    assert (sheet.print_title_rows, sheet.print_area.split("!")[1]) == ("$1:$2", "$A$1:$C$5")
    assert sheet.sheet_properties.pageSetUpPr.fitToPage
    assert (sheet.page_setup.fitToHeight, sheet.page_setup.orientation) == (0, "landscape")


CELLS = {
    Kind.TEXT: st.text(max_size=12),
    Kind.NUMBER: st.decimals(allow_nan=False, allow_infinity=False, places=4) | st.integers(),
    Kind.DAY: st.dates(date(1900, 3, 1)),
}


@settings(max_examples=50)
@given(st.data())
def test_what_is_exported_and_imported_again_unchanged_is_the_same(data: st.DataObject) -> None:
    kinds = data.draw(st.lists(st.sampled_from(list(Kind)), min_size=1, max_size=5))
    columns = [Column(f"k{n}", f"列{n}", required=False, kind=kind, numbers=True) for n, kind in enumerate(kinds)]
    row = st.fixed_dictionaries({column.key: st.none() | CELLS[column.kind] for column in columns})
    rows = data.draw(st.lists(row, max_size=6))
    first = read(write(columns, rows, sheet_title="x", note="n"), columns)
    assert first.errors == []
    parsed = {Kind.TEXT: str, Kind.NUMBER: Decimal, Kind.DAY: date.fromisoformat}
    taken = [
        {
            column.key: parsed[column.kind](text) if (text := one.values[column.key]) is not None else None
            for column in columns
        }
        for one in first.rows
    ]
    wanted = [{key: fold(value) or None if isinstance(value, str) else value for key, value in one.items()} for one in rows]
    assert taken == [one for one in wanted if any(value is not None for value in one.values())]
    assert [one.values for one in read(write(columns, taken, sheet_title="x"), columns).rows] == [
        one.values for one in first.rows
    ]


def test_a_sheet_without_rows_still_has_its_header() -> None:
    assert values(read(write(TABLE, [], sheet_title=""), TABLE)) == []


def test_row_order_and_empty_values_are_preserved() -> None:
    rows: list[dict[str, object]] = [{"name": "乙", "score": None}, {"name": "甲", "score": 0}]
    assert values(read(write(TABLE, rows, sheet_title="x", note="n"), TABLE)) == rows
