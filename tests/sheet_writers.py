"""The same cells as different programs write them: real files of libraries, and parts as other programs put them together.

A cell is ``(row, column, value, number format)``, counted from 0; a text that begins with ``=`` is a formula. Rich texts and
links are marked by ``Rich`` and ``Link``.
"""

import csv
from collections.abc import Callable, Sequence
from datetime import date
from io import BytesIO, StringIO
from xml.sax.saxutils import escape

import openpyxl
import pandas as pd
import xlsxwriter
import xlwt
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from tests.hostile_sheets import KIND, MAIN, SHEET, TYPES, XML, pack, parts


class Rich(str):
    """A text of which the first character is bold."""

    __slots__ = ()


class Link(str):
    """A text that leads to a page."""

    __slots__ = ()


PAGE = "https://example.org/"
Cell = tuple[int, int, object, str]
Writer = Callable[[Sequence[Cell], bool], bytes]


def by_openpyxl(cells: Sequence[Cell], from_1904: bool) -> bytes:
    book = openpyxl.Workbook()
    if from_1904:
        book.epoch = CALENDAR_MAC_1904
    for row, column, value, code in cells:
        cell = book.worksheets[0].cell(row + 1, column + 1)
        rich = CellRichText(TextBlock(InlineFont(b=True), value[0]), value[1:]) if isinstance(value, Rich) else None
        cell.value = rich or (str(value) if isinstance(value, Link) else value)
        if isinstance(value, Link):
            cell.hyperlink = PAGE
        if code:
            cell.number_format = code
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def by_xlsxwriter(cells: Sequence[Cell], from_1904: bool) -> bytes:
    out = BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "date_1904": from_1904})
    sheet = book.add_worksheet()
    bold = book.add_format({"bold": True})
    for row, column, value, code in cells:
        shape = book.add_format({"num_format": code}) if code else None
        if isinstance(value, Rich):
            sheet.write_rich_string(row, column, bold, value[0], value[1:])
        elif isinstance(value, Link):
            sheet.write_url(row, column, PAGE, string=str(value))
        elif isinstance(value, date):
            sheet.write_datetime(row, column, value, shape)
        elif isinstance(value, str) and not value.startswith("="):
            sheet.write_string(row, column, value, shape)
        else:
            sheet.write(row, column, value, shape)
    book.close()
    return out.getvalue()


def by_xlwt(cells: Sequence[Cell], from_1904: bool) -> bytes:
    book = xlwt.Workbook()
    book.dates_1904 = from_1904
    sheet = book.add_sheet("Sheet1")
    bold = xlwt.easyxf("font: bold on").font
    for row, column, value, code in cells:
        shape = xlwt.easyxf(num_format_str=code) if code else xlwt.Style.default_style
        if isinstance(value, Rich):
            sheet.write_rich_text(row, column, [(value[0], bold), value[1:]])
        elif isinstance(value, Link):
            sheet.write(row, column, xlwt.Formula(f'HYPERLINK("{PAGE}";"{value}")'))
        elif isinstance(value, str) and value.startswith("="):
            sheet.write(row, column, xlwt.Formula(value[1:]), shape)
        else:
            sheet.write(row, column, value, shape)
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def by_pandas(cells: Sequence[Cell], from_1904: bool) -> bytes:
    """It knows no number formats but its own of days; what it writes through is openpyxl."""
    assert not from_1904
    grid: list[list[object]] = [
        [None] * (1 + max(cell[1] for cell in cells)) for _row in range(1 + max(cell[0] for cell in cells))
    ]
    for row, column, value, _code in cells:
        grid[row][column] = value
    out = BytesIO()
    pd.DataFrame(grid, dtype=object).to_excel(out, header=False, index=False)
    return out.getvalue()


def _serial(day: date, *, from_1904: bool) -> int:
    return (day - (date(1904, 1, 1) if from_1904 else date(1899, 12, 30))).days


def _styles(codes: Sequence[str]) -> str:
    own = "".join(
        f'<numFmt numFmtId="{176 + n}" formatCode="{escape(code, {chr(34): "&quot;"})}"/>' for n, code in enumerate(codes)
    )
    xfs = "".join(f'<xf numFmtId="{176 + n}"/>' for n in range(len(codes)))
    return f'{XML}<styleSheet xmlns="{MAIN}"><numFmts>{own}</numFmts><cellXfs><xf numFmtId="0"/>{xfs}</cellXfs></styleSheet>'


def _by_hand(cells: Sequence[Cell], from_1904: bool, text: Callable[[str, str, str], str]) -> dict[str, str | bytes]:
    """Parts with the cells; ``text`` makes the element of a text from its reference, style and value."""
    codes = [code for code in dict.fromkeys(cell[3] for cell in cells) if code]
    rows: dict[int, str] = {}
    for row, column, value, code in cells:
        ref, style = f"{chr(65 + column)}{row + 1}", f' s="{codes.index(code) + 1}"' if code else ""
        number = _serial(value, from_1904=from_1904) if isinstance(value, date) else value
        if isinstance(value, str) and value.startswith("="):
            element = f'<c r="{ref}"{style}><f>{escape(value[1:])}</f><v>90</v></c>'
        elif isinstance(value, str):
            element = text(ref, style, escape(str(value)))
        elif isinstance(value, bool):
            element = f'<c r="{ref}"{style} t="b"><v>{int(value)}</v></c>'
        else:
            element = f'<c r="{ref}"{style}><v>{number!r}</v></c>'
        rows[row] = rows.get(row, "") + element
    body = "".join(f'<row r="{row + 1}" spans="1:4">{made}</row>' for row, made in rows.items())
    book = str(parts()["xl/workbook.xml"]).replace("<sheets>", f'<workbookPr date1904="{int(from_1904)}"/><sheets>')
    sheet = f'{XML}<worksheet xmlns="{MAIN}"><sheetData>{body}</sheetData></worksheet>'
    return {**parts(), SHEET: sheet, "xl/workbook.xml": book, "xl/styles.xml": _styles(codes)}


def like_wps(cells: Sequence[Cell], from_1904: bool) -> bytes:
    """Shared texts, its own parts beside the usual ones."""
    shared: list[str] = []

    def text(ref: str, style: str, value: str) -> str:
        shared.append(f"<si><t>{value}</t></si>")
        return f'<c r="{ref}"{style} t="s"><v>{len(shared) - 1}</v></c>'

    made = _by_hand(cells, from_1904, text)
    made["xl/sharedStrings.xml"] = f'{XML}<sst xmlns="{MAIN}" count="{len(shared)}">{"".join(shared)}</sst>'
    made["docProps/custom.xml"] = f'{XML}<Properties><property name="KSOProductBuildVer"/></Properties>'
    made["xl/cellimages.xml"] = f"{XML}<cellImages/>"
    return pack(made)


def like_sheetjs(cells: Sequence[Cell], from_1904: bool) -> bytes:
    """Texts as results of formulas that do not exist, types declared for parts that it does not write."""
    made = _by_hand(cells, from_1904, lambda ref, style, value: f'<c r="{ref}"{style} t="str"><v>{value}</v></c>')
    binary = '<Default Extension="bin" ContentType="application/vnd.ms-excel.sheet.binary.macroEnabled.main"/>'
    made[TYPES] = str(made[TYPES]).replace("<Override", f"{binary}<Override", 1)
    return pack(made)


def strict(cells: Sequence[Cell], from_1904: bool) -> bytes:
    """Excel's “Strict Open XML”: other namespaces, inline texts."""
    made = _by_hand(
        cells, from_1904, lambda ref, style, value: f'<c r="{ref}"{style} t="inlineStr"><is><t>{value}</t></is></c>'
    )
    strictly = "http://purl.oclc.org/ooxml/"
    return pack(
        {
            name: str(body)
            .replace(KIND, f"{strictly}officeDocument/relationships")
            .replace(MAIN, f"{strictly}spreadsheetml/main")
            for name, body in made.items()
        }
    )


def as_csv(encoding: str, divider: str = ",") -> Writer:
    """What Excel saves: texts as they are shown, which the caller gives as the format."""

    def write(cells: Sequence[Cell], from_1904: bool) -> bytes:
        assert not from_1904
        grid = [[""] * (1 + max(cell[1] for cell in cells)) for _row in range(1 + max(cell[0] for cell in cells))]
        for row, column, value, _code in cells:
            grid[row][column] = str(value)
        out = StringIO()
        csv.writer(out, delimiter=divider).writerows(grid)
        return out.getvalue().encode(encoding)

    return write


WRITERS: dict[str, Writer] = {
    "openpyxl": by_openpyxl,
    "XlsxWriter": by_xlsxwriter,
    "xlwt (.xls)": by_xlwt,
    "pandas": by_pandas,
    "like WPS": like_wps,
    "like SheetJS": like_sheetjs,
    "strict": strict,
    "CSV, GB18030": as_csv("gb18030"),
    "CSV, UTF-8 with BOM": as_csv("utf-8-sig"),
    "TSV, UTF-16": as_csv("utf-16", "\t"),
}
