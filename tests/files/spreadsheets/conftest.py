"""Columns, sheets and what was read from them."""

from app.files.spreadsheets import Column, Kind, Reading
from tests.hostile_sheets import HEADER, text_cell, workbook


def whole(text: str) -> int:
    if not text.isdigit():
        raise ValueError("Not a whole number.")
    return int(text)


NAME = Column("name", "姓名", numbers=True)  # any text, for tests of how cells are read
SCORE = Column("score", "成绩", parse=whole, required=False, kind=Kind.NUMBER)
TABLE = (NAME, SCORE)
PEOPLE = (NAME, Column("id_number", "身份证号", numbers=True, width=22), Column("remark", "备注", required=False))


def values(reading: Reading) -> list[dict[str, object]]:
    assert reading.errors == []
    return [row.values for row in reading.rows]


def complaints(reading: Reading) -> list[tuple[int, str, str]]:
    return [(error.row, str(error.title), str(error.sentence)) for error in reading.errors]


def cell_below(cell: str) -> bytes:
    """A workbook whose second row holds a name and this cell."""
    return workbook(f'{HEADER}<row r="2">{text_cell("A2", "张三")}{cell}</row>')
