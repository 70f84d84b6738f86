"""Reading spreadsheets: values, rows and errors in cells."""

from collections.abc import Sequence
from datetime import date, datetime
from io import BytesIO

import openpyxl
import pytest

from app.core.errors import AppError
from app.files.spreadsheets import CellDoubt, Column, Doubtful, Kind, SeveralTables, SheetRefused, read, read_lines, write
from app.files.spreadsheets.reader import MOST_ERRORS
from tests import hostile_sheets as hostile
from tests.files.spreadsheets.conftest import NAME, PEOPLE, SCORE, TABLE, complaints, values, whole
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
        (datetime(2024, 1, 31, 8, 30), "2024-01-31 8:30:00"),  # noqa: DTZ001 a cell has no time zone
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


def test_missing_columns_are_said_once_with_the_titles_that_were_found() -> None:
    reading = read(made(["姓名", "分数"], ["张三", 90]), (*PEOPLE, SCORE))
    [(row, title, sentence)] = complaints(reading)
    assert (row, title) == (1, "身份证号、备注、成绩")
    assert sentence.endswith("Titles found in row 1 of “Sheet”: 姓名、分数.")
    assert reading.rows == []


def test_for_an_empty_sheet_all_columns_are_reported() -> None:
    [(_row, title, sentence)] = complaints(read(made([]), TABLE))
    assert title == "姓名、成绩"
    assert "no title that is known" in sentence


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


# --- which sheet, which rows --------------------------------------------------------------------


def book(*sheets: tuple[str, Sequence[Sequence[object]]]) -> bytes:
    made_of = openpyxl.Workbook()
    made_of.remove(made_of.worksheets[0])
    for name, rows in sheets:
        page = made_of.create_sheet(name)
        for row in rows:
            page.append(list(row))
    out = BytesIO()
    made_of.save(out)
    return out.getvalue()


LIST = [["姓名", "成绩"], ["张三", 90]]
NOTES = ("说明", [["请先阅读：姓名必填"], ["一、成绩"]])


def test_the_only_sheet_that_fits_is_read_and_named() -> None:
    reading = read(book(NOTES, ("名单", LIST), ("空表", LIST[:1])), TABLE)
    assert values(reading) == [{"name": "张三", "score": 90}]
    assert (reading.layout.sheet, reading.layout.other_sheets) == ("名单", ["说明", "空表"])


def test_of_several_sheets_that_fit_one_is_asked_for() -> None:
    data = book(NOTES, ("一班", LIST), ("二班", [LIST[0], ["李四", 80]]))
    with pytest.raises(SeveralTables) as caught:
        read(data, TABLE)
    assert caught.value.sheets == ("一班", "二班")
    assert "“一班”、“二班”" in str(caught.value)
    assert values(read(data, TABLE, sheet="二班")) == [{"name": "李四", "score": 80}]
    with pytest.raises(SheetRefused) as missing:
        read(data, TABLE, sheet="三班")
    assert missing.value.code == "no-such-sheet"


def test_another_sheet_may_hold_what_could_not_be_read() -> None:
    wide = ("计算", [["x"] * 90])
    assert read(book(wide, ("名单", LIST)), TABLE).layout.sheet == "名单"
    with pytest.raises(SheetRefused) as caught:
        read(book(wide, NOTES), TABLE)
    assert caught.value.code == "too-many-columns"


def test_if_no_sheet_fits_the_faults_of_the_best_one_are_said() -> None:
    [(_row, title, sentence)] = complaints(read(book(NOTES, ("名单", [["姓名", "分"], ["张三", 9]])), TABLE))
    assert title == "成绩"
    assert "“名单”: 姓名、分" in sentence


def test_notes_totals_and_a_repeated_header_are_left_out_and_listed() -> None:
    rows = [
        ["姓名", "身份证号（必填）", "备注"],
        ["注：一人一行"],
        ["张三", "1", ""],
        ["姓名", "身份证号（必填）", "备注"],
        ["李四", "2", ""],
    ]
    tail = [["合计：2人", "", 2], ["制表人：王五", "", "审核人：赵六"], ["以下空白"]]
    reading = read(made(*rows, *tail), PEOPLE)
    assert [row.number for row in reading.rows] == [3, 5]
    assert [(row.row, row.text) for row in reading.layout.left_out] == [
        (2, "注:一人一行"),
        (4, "姓名 身份证号(必填) 备注"),
        (6, "合计:2人 2"),
        (7, "制表人:王五 审核人:赵六"),
        (8, "以下空白"),
    ]


def test_a_record_is_never_left_out_for_its_words() -> None:
    reading = read(made(["姓名", "身份证号", "备注"], ["合计", "1", ""], ["附", "2", "注：缺"], ["", "3", ""]), PEOPLE)
    assert ([row.number for row in reading.rows], reading.layout.left_out) == ([2, 3], [])
    assert [row for row, _title, _sentence in complaints(reading)] == [4]


# --- what is doubtful ---------------------------------------------------------------------------


def test_a_doubtful_cell_is_an_error_with_its_readings_until_it_is_answered() -> None:
    source = openpyxl.Workbook()
    for row in (["姓名", "成绩"], ["张三", 0.85], ["李四", 59.6]):
        source.worksheets[0].append(row)
    source.worksheets[0]["B2"].number_format, source.worksheets[0]["B3"].number_format = "0%", "0"
    out = BytesIO()
    source.save(out)
    columns = (NAME, Column("score", "成绩", parse=whole, kind=Kind.NUMBER))
    reading = read(out.getvalue(), columns)
    assert reading.rows == []
    assert [
        (doubt.row, doubt.key, doubt.shown, doubt.readings) for doubt in reading.errors if isinstance(doubt, CellDoubt)
    ] == [(2, "score", "85%", ("85", "0.85")), (3, "score", "60", ("60", "59.6"))]
    assert "shows “85%”, but stores 0.85" in complaints(reading)[0][2]
    answered = read(out.getvalue(), columns, answers={(2, "score"): "85", (3, "score"): "x"})
    assert [row.values["score"] for row in answered.rows] == [85]
    assert complaints(answered) == [(3, "成绩", "Not a whole number.")]


def test_a_parser_may_be_in_doubt_itself() -> None:
    def parse(text: str) -> str:
        if text == "A+B":
            raise Doubtful("A or B?", "A", "B")
        return text

    columns = (Column("category", "类别", parse),)
    [doubt] = read(made(["类别"], ["A+B"]), columns).errors
    assert doubt == CellDoubt(2, "类别", "A or B?", "category", "A+B", ("A", "B"))
    assert values(read(made(["类别"], ["A+B"]), columns, answers={(2, "category"): "B"})) == [{"category": "B"}]


def test_a_request_for_lines_reads_no_further_than_it_is_asked() -> None:
    rows = "".join(f'<row r="{n}">{hostile.text_cell(f"A{n}", "x" * 9000)}</row>' for n in range(3, 99))
    broken = workbook(f"{HEADER}{ROW}{rows}<row")
    table = read_lines(broken, TABLE)
    assert next(table.lines).values == {"name": "张三", "score": 90}
    with pytest.raises(SheetRefused):
        list(table.lines)
