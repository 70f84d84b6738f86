"""Formulas, errors and merged cells are found, wherever calamine would hide them."""

import pytest

from app.files.spreadsheets import SheetRefused, read
from app.files.spreadsheets.xlsx_cells import merged_spans, without_empty
from tests.files.spreadsheets.conftest import TABLE, cell_below, complaints, values
from tests.hostile_sheets import HEADER, ROW, sheet, text_cell, workbook


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        ('<c r="B2"><f>1+1</f></c>', "formula"),
        ('<c r="B2"><f>1+1</f><v>2</v></c>', "formula"),
        ('<c r="B2" t="str"><f>"9"&amp;"0"</f><v>90</v></c>', "formula"),
        ('<c r="B2" t="e"><f>1/0</f><v>#DIV/0!</v></c>', "formula"),
        ('<c r="B2" t="e"><v>#N/A</v></c>', "Excel error"),
        ('<c r="B2" t="b"><v>1</v></c>', "TRUE or FALSE"),
        ('<c r="B2"><v>NaN</v></c>', "number that can be read"),
        ('<c r="B2"><v>inf</v></c>', "number that can be read"),
        ('<c r="B2"><v>1e308</v></c>', "lost the last digits"),
        ('<c r="B2"><v>ninety</v></c>', "number that can be read"),
    ],
)
def test_formulas_and_excel_errors_are_reported(cell: str, sentence: str) -> None:
    [(row, title, complaint)] = complaints(read(cell_below(cell), TABLE))
    assert (row, title) == (2, "成绩")
    assert sentence in complaint


def test_a_last_row_with_only_a_formula_is_reported() -> None:
    data = workbook(HEADER + ROW + '<row r="9"><c r="B9"><f>AVERAGE(B2:B8)</f></c></row>')
    assert [(row, title) for row, title, _ in complaints(read(data, TABLE))] == [(9, "姓名"), (9, "成绩")]


def test_a_formula_in_another_column_is_ignored() -> None:
    assert len(read(cell_below('<c r="C2"><f>ROW()-1</f><v>1</v></c>'), TABLE).rows) == 1


def test_the_other_cells_of_an_array_formula_are_formulas_too() -> None:
    rows = "".join(f'<row r="{n}">{text_cell(f"A{n}", "x")}<c r="B{n}"><v>9</v></c></row>' for n in (3, 4))
    first = f'<row r="2">{text_cell("A2", "x")}<c r="B2"><f t="array" ref="B2:B4">C2:C4</f><v>9</v></c></row>'
    assert [
        row for row, _, sentence in complaints(read(workbook(HEADER + first + rows), TABLE)) if "formula" in sentence
    ] == [2, 3, 4]


def test_merged_cells_are_reported_once_per_range() -> None:
    rows = "".join(f'<row r="{n}">{text_cell(f"A{n}", "x")}</row>' for n in range(2, 402))
    ranges = "".join(f'<mergeCell ref="B{n}:B{n + 1}"/>' for n in range(2, 402, 2))
    reading = read(workbook(HEADER + rows, tail=f"<mergeCells>{ranges}</mergeCells>"), TABLE)
    assert len(reading.errors) == 200
    assert complaints(reading)[0][:2] == (2, "成绩")
    assert "B2:B3" in complaints(reading)[0][2]


def test_a_merged_title_above_the_table_is_accepted() -> None:
    title = f'<row r="1">{text_cell("A1", "2026")}</row>'
    head = f'<row r="2">{text_cell("A2", "姓名")}{text_cell("B2", "成绩")}</row>'
    rows = title + head + f'<row r="3">{text_cell("A3", "张三")}<c r="B3"><v>90</v></c></row>'
    reading = read(workbook(rows, tail='<mergeCells><mergeCell ref="A1:F1"/></mergeCells>'), TABLE)
    assert values(reading) == [{"name": "张三", "score": 90}]


FLOODS = {
    "empty rows": "".join(f'<row r="{n}"/>' for n in range(3, 100_000)),
    "rows with a height": "".join(f'<row r="{n}" spans="1:2" ht="15" customHeight="1"></row>' for n in range(3, 100_000)),
    "cells with a format": "".join(f'<row r="{n}"><c r="A{n}" s="1"/><c r="B{n}" s="12"/></row>' for n in range(3, 100_000)),
}


@pytest.mark.parametrize("flood", FLOODS)
def test_rows_that_hold_nothing_are_not_walked_through(flood: str) -> None:
    rows = HEADER + ROW + FLOODS[flood]
    spans, all_placed = merged_spans([sheet(rows).encode()], 0)
    assert (spans, all_placed) == ([], True)
    assert b"".join(without_empty([sheet(rows).encode()])).count(b"<row") == 2
    assert len(read(workbook(rows), TABLE).rows) == 1


def test_a_value_far_below_is_still_found() -> None:
    far = FLOODS["empty rows"] + '<row r="100003"><c r="A100003"><v>1</v></c></row>'
    with pytest.raises(SheetRefused) as caught:
        read(workbook(HEADER + ROW + far), TABLE)
    assert caught.value.code == "too-many-rows"


def test_rows_without_a_number_keep_their_place_and_have_a_limit() -> None:
    assert [
        (row.number, row.values["name"])
        for row in read(
            workbook(HEADER + "<row/>" * 3 + '<row><c t="inlineStr"><is><t>张三</t></is></c><c><v>90</v></c></row>'), TABLE
        ).rows
    ] == [(5, "张三")]
    with pytest.raises(SheetRefused) as caught:
        read(workbook(HEADER + "<row/>" * 200_001), TABLE)
    assert caught.value.code == "too-many-rows"


def test_a_text_that_no_cell_can_hold_is_refused_before_it_is_put_together() -> None:
    with pytest.raises(SheetRefused) as caught:
        read(cell_below(text_cell("B2", "x" * (2 << 20))), TABLE)
    assert caught.value.code == "bad-xml"


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ('<c r="A2" t="inlineStr"><is><r><t>张</t></r><r><t>三</t></r><rPh sb="0" eb="1"><t>z</t></rPh></is></c>', "张三"),
        ('<c r="A2" t="str"><v>张三_x000D_</v></c>', "张三"),
        ('<c r="A2" t="str"><v>_x0041_B_x005F_x0041_</v></c>', "AB_x0041_"),
        ('<c r="A2" t="str"><v>_xD842__xDFB7_</v></c>', "𠮷"),
        ('<c r="A2" t="str"><v>a_x0000__x0007_b</v></c>', "ab"),
        ('<c r="A2" t="d"><v>2024-01-31</v></c>', "2024-01-31"),
        ('<c r="A2" t="d"><v>2024-01-31T08:30:00</v></c>', "2024-01-31 08:30:00"),
        ('<x:c r="A2" t="str"><x:v>张三</x:v></x:c>', "张三"),
    ],
)
def test_every_form_of_a_text_is_read(cell: str, text: str) -> None:
    rows = f'{HEADER}<row xmlns:x="urn:x" r="2">{cell}<c r="B2"><v>1</v></c></row>'
    assert values(read(workbook(rows), TABLE)) == [{"name": text, "score": 1}]
