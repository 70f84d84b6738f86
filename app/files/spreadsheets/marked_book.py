"""The uploader's own workbook with the result of each row; and the process that writes it, limited in time and memory.

openpyxl holds a whole workbook in memory: 20,000 rows of 14 columns take 160 MB and seven seconds of processor time. What it
does not know (charts of new kinds, shapes) is not kept.
"""

from copy import copy
from io import BytesIO
from typing import TYPE_CHECKING

from app.core.limited_process import serve
from app.files.spreadsheets.cell_text import legal
from app.files.spreadsheets.columns import SheetLimits
from app.files.spreadsheets.guard import Package
from app.files.spreadsheets.marks import DOUBTFUL_COLOUR, FLAG, MOST_COMMENTS, REFUSED_COLOUR, WIDTH, SheetMarks

if TYPE_CHECKING:
    from openpyxl.cell.cell import Cell
    from openpyxl.worksheet.worksheet import Worksheet

MEMORY = 400 * 1024**2
CPU_SECONDS = 25
_OURS = {f"00{DOUBTFUL_COLOUR}", f"FF{DOUBTFUL_COLOUR}", f"00{REFUSED_COLOUR}", f"FF{REFUSED_COLOUR}"}
_AUTHOR = "anguan"
_COMMENT_SIZE = {"height": 110, "width": 320}  # in pixels


def marked_book(data: bytes, marks: SheetMarks) -> bytes:
    """The workbook with a column for the result, faulty cells coloured and commented, answered ones filled in.

    Marks of an earlier result are replaced. What we write is text, even if it begins like a formula. Raises ``SheetRefused``
    or anything else for a workbook that openpyxl does not read.
    """
    from openpyxl import load_workbook  # noqa: PLC0415 - the parent process only asks

    Package(data, SheetLimits())
    book = load_workbook(BytesIO(data), rich_text=True)
    sheet = book[marks.sheet]
    _clear_marks(sheet, marks)
    place = marks.result or 1 + max([marks.width, *(cell.column for cell in _cells(sheet) if cell.value is not None)])
    _write_results(sheet, marks, place)
    left = MOST_COMMENTS
    for row in marks.rows:
        for column, answer in row.answers.items():
            _write_text(_cell(sheet, row.number, column), answer)
        for column, fault in row.faults.items():
            if cell := _cell(sheet, row.number, column):
                _mark_fault(cell, fault if left > 0 else "", row.colour)
                left -= 1
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def _cells(sheet: "Worksheet") -> "list[Cell]":
    """All that there are (``iter_rows`` would make those between them), but for those that a merged one covers."""
    from openpyxl.cell.cell import Cell  # noqa: PLC0415

    return [cell for cell in sheet._cells.values() if isinstance(cell, Cell)]


def _cell(sheet: "Worksheet", row: int, column: int) -> "Cell | None":
    """None if it is covered by a merged one."""
    from openpyxl.cell.cell import Cell  # noqa: PLC0415

    cell = sheet.cell(row, column)
    return cell if isinstance(cell, Cell) else None


def _clear_marks(sheet: "Worksheet", marks: SheetMarks) -> None:
    from openpyxl.styles import PatternFill  # noqa: PLC0415

    for cell in _cells(sheet):
        if cell.has_style and cell.fill.fill_type == "solid" and cell.fill.fgColor.rgb in _OURS:
            cell.fill = PatternFill()
        if cell.comment is not None and FLAG in cell.comment.text:
            theirs, _mark, _ours = cell.comment.text.partition(FLAG)
            _comment(cell, theirs.rstrip(), cell.comment.author or "")
        if cell.column == marks.result and cell.row > marks.header:
            cell.value = None


def _write_results(sheet: "Worksheet", marks: SheetMarks, place: int) -> None:
    from openpyxl.styles import Alignment  # noqa: PLC0415
    from openpyxl.utils import get_column_letter  # noqa: PLC0415

    title, beside = _cell(sheet, marks.header, place), _cell(sheet, marks.header, place - 1 or 1)
    _write_text(title, marks.title)
    if title and beside:
        for look in ("font", "fill", "border", "alignment"):
            setattr(title, look, copy(getattr(beside, look)))
    sheet.column_dimensions[get_column_letter(place)].width = WIDTH
    for row in marks.rows:
        if cell := _cell(sheet, row.number, place):
            _write_text(cell, row.text)
            cell.alignment = Alignment(wrap_text=True, vertical="top")
            _paint(cell, row.colour)


def _mark_fault(cell: "Cell", fault: str, colour: str) -> None:
    _paint(cell, colour)
    if fault:
        theirs, author = (cell.comment.text, cell.comment.author) if cell.comment else ("", "")
        _comment(cell, f"{theirs}\n{FLAG}{legal(fault)}".lstrip(), author or _AUTHOR)


def _comment(cell: "Cell", text: str, author: str) -> None:
    from openpyxl.comments import Comment  # noqa: PLC0415

    cell.comment = Comment(text, author, **_COMMENT_SIZE) if text else None


def _paint(cell: "Cell", colour: str) -> None:
    from openpyxl.styles import PatternFill  # noqa: PLC0415

    if colour:
        cell.fill = PatternFill("solid", fgColor=f"FF{colour}")


def _write_text(cell: "Cell | None", text: str) -> None:
    if cell is None:
        return
    cell.value = legal(text)
    cell.data_type = "s"  # also for what begins like a formula, or reads like an error
    cell.number_format = "@"


def answer(question: bytes) -> bytes:
    """The marked workbook for ``SheetMarks.with_sheet``; nothing for one that cannot be written back."""
    marks, data = SheetMarks.and_sheet(question)
    try:
        return marked_book(data, marks)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - a stranger's workbook, in a library that raises whatever happens
        return b""


if __name__ == "__main__":
    serve(answer, memory=MEMORY, cpu_seconds=CPU_SECONDS)
