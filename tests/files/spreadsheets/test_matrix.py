"""docs/sheets.md: what every oddity gives from every program; made from real files, by
``python -m tests.files.spreadsheets.test_matrix``."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path

import pytest

from app.files.spreadsheets import CellDoubt, Column, Kind, read, titles
from tests.sheet_writers import WRITERS, Cell, Link, Rich

PAGE = Path(__file__).parents[3] / "docs" / "sheets.md"
BEGIN, END = "<!-- matrix -->\n", "<!-- end -->\n"


def number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError("Not a number.") from None


PLACES = {Kind.TEXT: 1, Kind.NUMBER: 2, Kind.DAY: 3}
COLUMNS = (
    Column("name", "姓名"),
    Column("text", "证书编号", required=False, numbers=True, also=titles.CERTIFICATE_NUMBER),
    Column("number", "成绩", parse=number, required=False, kind=Kind.NUMBER),
    Column("day", "日期", required=False, kind=Kind.DAY),
)


@dataclass(frozen=True)
class Oddity:
    """One cell; ``csv``: what Excel saves of it as text, if that is another."""

    label: str
    kind: Kind
    value: object
    code: str = ""
    csv: str | None = None


FIFTH = date(2018, 3, 5)
ODDITIES = (
    Oddity("123 shown as 湘建安A0000123", Kind.TEXT, 123, '"湘建安A"0000000', "湘建安A0000123"),
    Oddity("0.85 shown as 85 %", Kind.NUMBER, 0.85, "0%", "85%"),
    Oddity("59.6 shown as 60", Kind.NUMBER, 59.6, "0", "60"),
    Oddity("85.5 shown as 85.50", Kind.NUMBER, 85.5, "0.00", "85.50"),
    Oddity("5 under an unknown format (`[DBNum1]0`)", Kind.TEXT, 5, "[DBNum1]0", "五"),
    Oddity("the text A01 shown as 湘建安A01", Kind.TEXT, "A01", '"湘建安"@', "湘建安A01"),
    Oddity("the text 0012", Kind.TEXT, "0012"),
    Oddity("an ID number typed as a number", Kind.TEXT, 430199198801012014, "", "4.30199E+17"),
    Oddity("a day, shown whole", Kind.DAY, FIFTH, "yyyy/m/d", "2018/3/5"),
    Oddity("a day, shown as a month", Kind.DAY, FIFTH, 'yyyy"年"m"月"', "2018年3月"),
    Oddity("a count of days (43164)", Kind.DAY, 43164),
    Oddity("the text 2018年3月5日", Kind.DAY, "2018年3月5日"),
    Oddity("the text 2018.3.5", Kind.DAY, "2018.3.5"),
    Oddity("the text 5/3/2018", Kind.DAY, "5/3/2018"),
    Oddity("the text 2028年7月", Kind.DAY, "2028年7月"),
    Oddity("the text 2018-02-30", Kind.DAY, "2018-02-30"),
    Oddity("full-width ４３０", Kind.TEXT, "４３０"),
    Oddity("invisible characters around it", Kind.TEXT, "\u202d湘建安A\u202c\u200e"),
    Oddity("a line end at its end", Kind.TEXT, "湘建安A\r\n"),
    Oddity("`_x000D_` at its end", Kind.TEXT, "湘建安A_x000D_"),
    Oddity("a typed apostrophe before it", Kind.TEXT, "'0731"),
    Oddity("rich text", Kind.TEXT, Rich("湘建安A")),
    Oddity("a link", Kind.TEXT, Link("湘建安A")),
    Oddity("a formula", Kind.NUMBER, "=40+50", "", "90"),
    Oddity("TRUE", Kind.NUMBER, True, "", "TRUE"),
)  # fmt: skip


def outcome(writer: str, oddity: Oddity, *, from_1904: bool = False) -> str:
    """How the cell is read: the value, the readings that are asked about, or the first words of the refusal."""
    is_text = "SV" in writer
    value = oddity.csv if is_text and oddity.csv is not None else oddity.value
    code = "" if is_text or writer == "pandas" else oddity.code
    cells: list[Cell] = [(0, place, str(column.title), "") for place, column in enumerate(COLUMNS)]
    cells += [(1, 0, "张三", ""), (1, PLACES[oddity.kind], value, code)]
    reading = read(WRITERS[writer](cells, from_1904), COLUMNS)
    if reading.errors:
        [error] = reading.errors
        is_doubt = isinstance(error, CellDoubt)
        return "asked: " + " / ".join(error.readings) if is_doubt else "refused"
    return str(reading.rows[0].values[oddity.kind.value])


def _named(writers: list[str]) -> str:
    texts = [writer for writer in WRITERS if "SV" in writer]
    return "text files" if writers == texts else ", ".join(writers)


def matrix() -> str:
    """A row for each oddity; writers that give the same stand together."""
    lines = ["| cell | column | gives |", "|---|---|---|"]
    for oddity in ODDITIES:
        found: dict[str, list[str]] = {}
        for writer in WRITERS:
            found.setdefault(outcome(writer, oddity), []).append(writer)
        most = max(found, key=lambda one: len(found[one]))
        given = [f"**{most}**", *(f"{one} ({_named(writers)})" for one, writers in found.items() if one != most)]
        lines.append(f"| {oddity.label} | {oddity.kind.value} | {'; '.join(given)} |")
    return "\n".join(lines) + "\n"


def test_the_page_says_what_every_file_gives() -> None:
    text = PAGE.read_text()
    assert text[text.index(BEGIN) + len(BEGIN) : text.index(END)] == matrix()


@pytest.mark.parametrize("writer", ["openpyxl", "XlsxWriter", "xlwt (.xls)", "like WPS", "strict"])
def test_a_workbook_that_counts_from_1904_gives_the_same_days(writer: str) -> None:
    for oddity in (Oddity("", Kind.DAY, FIFTH, "yyyy/m/d"), Oddity("", Kind.DAY, 41702)):
        assert outcome(writer, oddity, from_1904=True) == "2018-03-05"


def test_a_file_of_sheetjs_itself_is_read() -> None:
    columns = (Column("name", "姓名"), Column("day", "日期", kind=Kind.DAY))
    reading = read(Path(__file__).with_name("sheetjs-people.xlsx").read_bytes(), columns)
    assert [row.values for row in reading.rows] == [{"name": name, "day": "2018-03-05"} for name in ("张三", "李四")]


if __name__ == "__main__":
    before, after = PAGE.read_text().split(BEGIN)[0], PAGE.read_text().split(END)[1]
    PAGE.write_text(before + BEGIN + matrix() + END + after)
