"""Workbooks as other programs put them together."""

import tracemalloc
from contextlib import suppress
from io import BytesIO

import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from app.files.spreadsheets import Column, Kind, SheetLimits, SheetRefused, read, read_lines
from app.files.spreadsheets.xlsx_book import XlsxBook
from tests import hostile_sheets as hostile
from tests.files.spreadsheets.conftest import TABLE, complaints, values
from tests.hostile_sheets import MAIN, SHEET, TYPES, XML, pack, parts, sheet, text_cell

DAYS = (Column("day", "日期", kind=Kind.DAY), Column("number", "编号"))
HEAD = f'<row r="1">{text_cell("A1", "日期")}{text_cell("B1", "编号")}</row>'
STYLES = (
    f'{XML}<styleSheet xmlns="{MAIN}"><numFmts><numFmt numFmtId="164" formatCode="0000&quot;号&quot;"/></numFmts>'
    '<cellStyleXfs><xf numFmtId="9"/></cellStyleXfs>'
    '<cellXfs><xf numFmtId="0"/><xf numFmtId="164"/><xf numFmtId="31"/></cellXfs>'
    '<dxfs><dxf><numFmt numFmtId="164" formatCode="0%"/></dxf></dxfs></styleSheet>'
)


def styled(cells: str, **more: str) -> bytes:
    body = sheet(f'{HEAD}<row r="2">{cells}</row>')
    return pack({**parts(), SHEET: body, "xl/styles.xml": STYLES, **more})


def test_number_formats_come_from_the_cell_styles_alone() -> None:
    data = styled('<c r="A2" s="2"><v>43164</v></c><c r="B2" s="1"><v>7</v></c>')
    assert values(read(data, DAYS)) == [{"day": "2018-03-05", "number": "0007号"}]


def test_a_style_that_the_workbook_does_not_have_is_doubtful() -> None:
    data = styled('<c r="A2" s="2"><v>43164</v></c><c r="B2" s="9"><v>7</v></c>')
    [(_row, title, sentence)] = complaints(read(data, DAYS))
    assert (title, "stores 7" in sentence) == ("编号", True)


def test_a_workbook_may_count_from_1904() -> None:
    book = str(parts()["xl/workbook.xml"]).replace("<sheets>", '<workbookPr date1904="1"/><sheets>')
    data = styled('<c r="A2"><v>41702</v></c><c r="B2" s="2"><v>41702</v></c>', **{"xl/workbook.xml": book})
    assert values(read(data, DAYS)) == [{"day": "2018-03-05", "number": "2018年3月5日"}]


def test_strict_workbooks_differ_only_in_their_namespaces() -> None:
    made = {
        name: str(body)
        .replace("http://schemas.openxmlformats.org/spreadsheetml/2006/main", "http://purl.oclc.org/ooxml/spreadsheetml/main")
        .replace(hostile.KIND, "http://purl.oclc.org/ooxml/officeDocument/relationships")
        for name, body in parts().items()
    }
    assert values(read(pack(made), TABLE)) == [{"name": "张三", "score": 90}]


def test_types_that_are_declared_for_no_part_are_no_macros() -> None:
    """As SheetJS writes them."""
    binary = '<Default Extension="bin" ContentType="application/vnd.ms-excel.sheet.binary.macroEnabled.main"/>'
    declared = str(parts()[TYPES]).replace("<Override", f"{binary}<Override")
    assert len(read(pack({**parts(), TYPES: declared}), TABLE).rows) == 1


def test_shared_texts_are_read_without_their_phonetics() -> None:
    shared = f'{XML}<sst xmlns="{MAIN}"><si><r><t>张</t></r><r><t>三</t></r><rPh sb="0" eb="1"><t>z</t></rPh></si><si/></sst>'
    book = XlsxBook(pack({**parts(), "xl/sharedStrings.xml": shared}), SheetLimits())
    assert book.strings == ["张三", ""]


def test_reading_twice_as_many_rows_takes_no_more_memory() -> None:
    def peak(rows: int) -> int:
        made = "".join(
            f'<row r="{n}">{text_cell(f"A{n}", f"张{n}" * 20)}<c r="B{n}"><v>9</v></c></row>' for n in range(2, rows)
        )
        data = hostile.workbook(hostile.HEADER + made)
        tracemalloc.start()
        try:
            assert sum(1 for _line in read_lines(data, TABLE).lines) == rows - 2
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(8_000) < peak(4_000) + (1 << 19)


NUMBERS = st.floats(allow_nan=False, min_value=-1e14, max_value=1e14) | st.integers(-(10**14), 10**14)


@settings(max_examples=50)
@given(
    st.lists(st.lists(st.none() | st.text(st.characters(exclude_categories=("Cs", "Cc"))) | NUMBERS, min_size=2, max_size=4))
)
def test_another_reader_finds_the_same_values(rows: list[list[object]]) -> None:
    out = BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        page = book.add_worksheet("x")
        for number, row in enumerate(rows):
            for place, value in enumerate(row):
                if isinstance(value, str):
                    page.write_string(number, place, value)
                elif value is not None:
                    page.write_number(number, place, value)
    ours = {
        (number, place): cell
        for number, cells in XlsxBook(out.getvalue(), SheetLimits()).open("x", 9_999).rows()
        for place, cell in cells.items()
    }
    sheet = CalamineWorkbook.from_filelike(BytesIO(out.getvalue())).get_sheet_by_index(0)
    top, left = sheet.start or (0, 0)
    theirs = {
        (top + number, left + place): cell
        for number, row in enumerate(sheet.to_python(), start=1)
        for place, cell in enumerate(row, start=1)
        if cell != ""
    }
    assert ours == theirs


SPLINTERS = [
    b"",
    b"0",
    b"9999999",
    b"-1",
    b"<",
    b"/>",
    b'"',
    b"&#0;",
    b"s",
    b"e",
    b"A1",
    b"\xff",
    b"@",
    b";",
    b"[",
    b"%",
    b"1e300",
]
WHOLE = {
    **parts(),
    SHEET: sheet(f'{HEAD}<row r="2"><c r="A2" s="2"><v>43164</v></c><c r="B2" s="1" t="s"><v>0</v></c></row>'),
    "xl/styles.xml": STYLES,
    "xl/sharedStrings.xml": f'{XML}<sst xmlns="{MAIN}"><si><t>_x0041_1</t></si></sst>',
}


@given(st.data())
def test_damage_of_any_part_is_read_or_refused_and_raises_nothing_else(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(WHOLE)))
    body = bytearray(str(WHOLE[name]).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body)))
        body[at : at + data.draw(st.integers(0, 3))] = data.draw(st.sampled_from(SPLINTERS))
    with suppress(SheetRefused):
        read(pack({**WHOLE, name: bytes(body)}), DAYS)
