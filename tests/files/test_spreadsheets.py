"""Reading and writing spreadsheets: values, cell errors, refused files, round trips."""

import random
import tracemalloc
import unicodedata
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl.worksheet.worksheet import Worksheet

from app.core.errors import AppError
from app.files.spreadsheets import Column, Reading, SheetLimits, SheetRefused, read, write
from app.files.spreadsheets.reader import MOST_ERRORS, fold
from tests import hostile_sheets as hostile
from tests.hostile_sheets import HEADER, ROW, text_cell, workbook


def whole(text: str) -> int:
    if not text.isdigit():
        raise ValueError("Not a whole number.")
    return int(text)


NAME = Column("name", "姓名")
SCORE = Column("score", "成绩", parse=whole, required=False, text=False)
TABLE = (NAME, SCORE)
PEOPLE = (NAME, Column("id_number", "身份证号", width=22), Column("remark", "备注", required=False))


def made(*rows: Sequence[object]) -> bytes:
    """A workbook as Excel would save it."""
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in rows:
        sheet.append(list(row))
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def opened(data: bytes) -> Worksheet:
    return openpyxl.load_workbook(BytesIO(data)).worksheets[0]


def values(reading: Reading) -> list[dict[str, object]]:
    assert reading.errors == []
    return [row.values for row in reading.rows]


def complaints(reading: Reading) -> list[tuple[int, str, str]]:
    return [(error.row, str(error.title), str(error.sentence)) for error in reading.errors]


def cell_below(cell: str) -> bytes:
    """A workbook whose second row holds a name and this cell."""
    return workbook(f'{HEADER}<row r="2">{text_cell("A2", "张三")}{cell}</row>')


# --- reading -----------------------------------------------------------------------------------------------------


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


# --- errors in cells ----------------------------------------------------------------------------------------------


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
        ('<c r="B2"><v>ninety</v></c>', "Not a whole number"),
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


# --- refused files ------------------------------------------------------------------------------------------------

NOISE = random.Random(1).randbytes(1 << 20)  # noqa: S311 anything that does not compress
SMALL = SheetLimits(file=1 << 20, part=1 << 20, other_part=1 << 18, unpacked=1 << 21, parts=16)

REFUSED = [
    ("empty-file", b""),
    ("not-xlsx", "姓名,成绩\n张三,90".encode()),
    ("not-xlsx", b"PK"),
    ("not-xlsx", hostile.pack({"word/document.xml": "<x/>"})),
    ("web-page", "\ufeff \n<html><table><tr><td>姓名</td></tr></table>".encode()),
    ("old-or-encrypted", hostile.ole_file()),
    ("truncated", hostile.truncated()),
    ("truncated", b"PK\x03\x04" + bytes(100)),
    ("zip-trailer", hostile.appended(b"<script>")),
    ("zip-prefix", hostile.prefixed(b"GIF89a")),
    ("zip-prefix", hostile.prefixed(b"<html></html>")),
    ("zip-trailer", hostile.prefixed(b"PK\x03\x04")),
    ("zip-overlap", hostile.overlapping()),
    ("duplicate-part", hostile.duplicate_part()),
    ("too-many-parts", hostile.many_parts(100)),
    ("zip-method", hostile.pack(hostile.parts(), zipfile.ZIP_LZMA)),
    ("encrypted", hostile.encrypted_flag()),
    ("wrong-checksum", hostile.lying_size()),
    ("wrong-checksum", hostile.bad_checksum()),
    ("part-name", hostile.with_part("../../etc/cron.d/x")),
    ("part-name", hostile.with_part("/xl/x.xml")),
    ("part-name", hostile.with_part("xl\\x.xml")),
    ("part-name", hostile.with_part("C:x.xml")),
    ("macros", hostile.with_part("xl/vbaProject.bin")),
    ("macros", hostile.with_part("xl/macrosheets/sheet1.xml")),
    ("external-links", hostile.with_part("xl/externalLinks/externalLink1.xml")),
    ("embedded-files", hostile.with_part("xl/embeddings/oleObject1.bin")),
    ("file-too-large", hostile.with_part("xl/media/image1.png", NOISE)),
    ("unpacks-too-large", hostile.zip_bomb(2 << 20)),
    ("unpacks-too-large", hostile.many_styles(20_000)),
    ("too-many-rows", hostile.last_cell_only()),
    ("too-many-columns", hostile.wide_rows()),
    ("too-many-rows", hostile.tall(1011)),
    ("too-many-rows", hostile.tall(1001)),
    ("xml-doctype", hostile.laughing_entities()),
    ("xml-doctype", hostile.outside_entity()),
    ("xml-encoding", hostile.utf16_sheet()),
    ("bad-xml", workbook(HEADER + "<row")),
    ("bad-xml", workbook(HEADER + ROW + ROW)),
    ("bad-xml", cell_below('<c r="B2"><v>1</v></c><c r="B2"><v>2</v></c>')),
    ("bad-xml", cell_below('<c r="B7"><v>1</v></c>')),
    ("bad-workbook", cell_below('<c r="B2" t="zz"><v>90</v></c>')),
    ("bad-workbook", cell_below('<c r="B2" t="s"><v>ninety</v></c>')),
    ("parser-panic", hostile.endless_duration()),
    ("bad-ranges", workbook(tail='<mergeCell ref="A1:B"/>')),
    ("bad-ranges", workbook(tail='<mergeCell ref="A1:B2"/>' * 5_001)),
    ("overlapping-ranges", workbook(tail='<mergeCell ref="A1:XFD1048576"/>' * 2)),
    ("odd-relation", hostile.two_targets("worksheets/sheet1.xml")),
    ("odd-relation", hostile.two_targets("xl/worksheets/sheet1.xml", key="rId2")),
    ("odd-relation", hostile.two_targets("./worksheets/sheet1.xml", key="rId2")),
    ("missing-part", hostile.without("_rels/.rels")),
    ("missing-part", hostile.without("xl/_rels/workbook.xml.rels")),
    ("no-visible-sheet", hostile.without(hostile.SHEET)),
    ("no-visible-sheet", hostile.pack(hostile.parts({"x": ("hidden", hostile.sheet())}))),
]


@pytest.mark.parametrize(("code", "data"), REFUSED)
def test_hostile_and_malformed_workbooks_are_refused(code: str, data: bytes) -> None:
    with pytest.raises(SheetRefused) as refused:
        read(data, TABLE, most_rows=1_000, limits=SMALL)
    assert refused.value.code == code
    assert str(refused.value).endswith(".")


def test_a_zip_bomb_is_refused_in_constant_memory() -> None:
    data = hostile.zip_bomb(100 << 20)
    tracemalloc.start()
    with pytest.raises(SheetRefused):
        read(data, TABLE)
    assert tracemalloc.get_traced_memory()[1] < 80 << 20
    tracemalloc.stop()


def test_a_deeply_nested_workbook_is_read() -> None:
    assert len(read(hostile.nested(100_000), TABLE).rows) == 1


@given(at=st.integers(0, 3_000), value=st.integers(0, 255))
def test_a_damaged_byte_is_refused_or_makes_no_difference(at: int, value: int) -> None:
    data = bytearray(workbook())
    data[at % len(data)] = value
    with suppress(SheetRefused):
        assert [row.values for row in read(bytes(data), TABLE).rows] == [{"name": "张三", "score": 90}]


@given(st.data())
def test_damaged_sheet_xml_is_read_or_refused_and_raises_nothing_else(data: st.DataObject) -> None:
    body = bytearray(hostile.sheet().encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(150, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 3))] = data.draw(st.sampled_from(SPLINTERS))
    with suppress(SheetRefused):
        read(hostile.pack({**hostile.parts(), hostile.SHEET: bytes(body)}), TABLE)


SPLINTERS = [b"", b"0", b"9999999", b"-1", b"<", b"/>", b'"', b"&#0;", b"&lt;", b"s", b"d", b"e", b"A1", b"XFE", b"\xff"]


# --- writing ------------------------------------------------------------------------------------------------------

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
    columns = (Column("on", "日期"), Column("at", "时间"), Column("n", "成绩", text=False), Column("t", "编号"))
    moment = datetime(2024, 1, 31, 20, 30, tzinfo=UTC)
    row = {"on": date(2024, 2, 29), "at": moment, "n": Decimal("88.5"), "t": 12}
    data = write(columns, [row], sheet_title="x")
    cells = [cell.value for cell in opened(data)[2]]
    assert cells == [datetime(2024, 2, 29), datetime(2024, 2, 1, 4, 30), 88.5, "12"]  # noqa: DTZ001 Excel has no zones
    assert values(read(data, columns)) == [{"on": "2024-02-29", "at": "2024-02-01T04:30:00", "n": "88.5", "t": "12"}]


def test_a_date_before_march_1900_is_written_as_text() -> None:
    data = write((NAME,), [{"name": date(1899, 12, 31)}], sheet_title="x")
    assert values(read(data, (NAME,))) == [{"name": "1899-12-31"}]


def test_the_sheet_has_a_frozen_header_filters_and_text_columns() -> None:
    data = write(PEOPLE, [{"name": "张三"}], sheet_title="报名[2026]/1*?:" + "长" * 40, note="Fill in one column.")
    sheet = opened(data)
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A3", "A2:C3")
    assert sheet.column_dimensions["B"].width == 22
    assert sheet["A2"].font.bold
    assert sheet["B3"].number_format == "@"  # an ID number typed there keeps its digits
    assert len(sheet.title) <= 31


def test_a_sheet_without_rows_still_has_its_header() -> None:
    assert values(read(write(TABLE, [], sheet_title=""), TABLE)) == []


def test_row_order_and_empty_values_are_preserved() -> None:
    rows: list[dict[str, object]] = [{"name": "乙", "score": None}, {"name": "甲", "score": 0}]
    assert values(read(write(TABLE, rows, sheet_title="x", note="n"), TABLE)) == rows
