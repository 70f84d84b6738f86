"""Reads a sheet: finds the header, then reads each cell exactly, or reports it with what to do.

No cell is silently read as empty, rounded or computed.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from io import BytesIO
from math import isfinite
from typing import Any

from flask_babel import lazy_gettext as _
from python_calamine import CalamineError

from app.core.errors import AppError
from app.core.heavy_work import SHEETS
from app.core.redaction import without_numbers
from app.files.spreadsheets.cell_scan import CellScan, too_many_rows
from app.files.spreadsheets.cell_text import fold
from app.files.spreadsheets.columns import (
    CellDoubt,
    CellError,
    Column,
    Doubtful,
    Layout,
    Reading,
    SheetLimits,
    SheetLine,
    SheetRefused,
    SheetTable,
)
from app.files.spreadsheets.guard import first_visible_sheet, unpack
from app.files.spreadsheets.titles import title_key

HEADER_WITHIN = 10  # rows: clerks like a title and a note above the table
MOST_ERRORS = 500
Answers = Mapping[tuple[int, str], str]


@SHEETS.taken()
def read(
    data: bytes,
    columns: Sequence[Column],
    *,
    most_rows: int = 20_000,
    limits: SheetLimits | None = None,
    sheet: str = "",
    mapping: Mapping[str, str] | None = None,
    answers: Answers | None = None,
) -> Reading:
    """Every row of the table in a workbook or text file: with hidden rows, without empty ones; and all bad cells.

    At most ``MOST_ERRORS`` are listed, and a last entry with the number of the others. The rest as ``read_lines``.
    """
    table = read_lines(data, columns, most_rows=most_rows, limits=limits, sheet=sheet, mapping=mapping, answers=answers)
    reading = Reading([], table.errors, table.layout)
    for line in table.lines:
        reading.add(line)
    return Reading(reading.rows, limit_errors(reading.errors), table.layout)


@SHEETS.taken()
def read_lines(
    data: bytes,
    columns: Sequence[Column],
    *,
    most_rows: int = 20_000,
    limits: SheetLimits | None = None,
    sheet: str = "",
    mapping: Mapping[str, str] | None = None,
    answers: Answers | None = None,
) -> SheetTable:
    """The table in a workbook or text file, with every non-empty row, valid or not; or the errors of its header.

    ``sheet``: read this one, else the only one that fits. ``mapping``: column key → the title to take it from, as in
    ``Layout.titles`` and ``unmapped``; an empty title: none. ``answers``: (row, column key) → the text to take in place of
    a cell that was doubtful. Raises ``SheetRefused`` if the file cannot be read as a whole, ``SeveralTables`` if more than
    one sheet fits.
    """
    limits = limits or SheetLimits()
    parts = unpack(data, limits)
    name, body = first_visible_sheet(parts)
    scan = CellScan(most_rows, HEADER_WITHIN, limits).of(body)
    grid = _grid(data, name, scan.reach)
    header, places, errors = _find_header(grid, columns)
    heads = {place: str(cell) for place, cell in enumerate(grid[header - 1] if grid else [], start=1) if fold(str(cell))}
    titles = {column.key: heads[place] for column, place in zip(columns, places, strict=bool(places)) if place}
    layout = Layout(name, header, titles, [head for place, head in heads.items() if place not in places])
    if errors:
        return SheetTable(layout, errors, iter(()))
    if len(grid) - header > most_rows:
        raise too_many_rows(most_rows)
    faults = _faults_below(header, len(grid), [place for place in places if place], scan)
    return SheetTable(layout, [], _lines(columns, grid, header, places, faults))


def _lines(
    columns: Sequence[Column],
    grid: list[list[object]],
    header: int,
    places: list[int],
    faults: Mapping[tuple[int, int], object],
) -> Iterator[SheetLine]:
    for number, cells in enumerate(grid[header:], start=header + 1):
        wanted = [(column, place, cells[place - 1] if place else "") for column, place in zip(columns, places, strict=True)]
        if (line := line_of(number, wanted, faults)) is not None:
            yield line


def _grid(data: bytes, name: str, reach: int) -> list[list[object]]:
    """The cells from A1 down to row ``reach``, all rows of the same length; an empty cell is ``""``."""
    import pandas as pd  # noqa: PLC0415 - a third of the start of every command and process, most of which read no sheet

    try:
        frame = pd.read_excel(BytesIO(data), sheet_name=name, engine="calamine", header=None, dtype=object, na_filter=False)
    except (CalamineError, ValueError, OverflowError) as error:
        raise SheetRefused from error
    except BaseException as error:
        if type(error).__name__ == "PanicException":  # Rust panics do not derive from Exception, and cannot be imported
            raise SheetRefused(code="parser-panic") from error
        raise
    grid: list[list[object]] = frame.to_numpy(dtype=object).tolist()
    below = reach - len(grid)  # formulas and errors that calamine drops at the end
    return grid + [[""] * frame.shape[1]] * below


def _find_header(grid: list[list[object]], columns: Sequence[Column]) -> tuple[int, list[int], list[CellError]]:
    """The header's row number, the column number of each column (0: missing), and the errors."""
    wanted = [{title_key(title) for title in (column.title, *column.also)} for column in columns]
    known = set().union(*wanted)
    heads = [[title_key(cell) for cell in cells] for cells in grid[:HEADER_WITHIN]] or [[]]
    at = max(range(len(heads)), key=lambda index: len(known.intersection(heads[index])))
    errors, places = [], []
    for column, titles in zip(columns, wanted, strict=True):
        found = [place for place, head in enumerate(heads[at], start=1) if head in titles]
        places.append(found[0] if found else 0)
        if not found and not column.may_lack:
            errors.append(CellError(at + 1, column.title, _("This column is missing.")))
        elif len(found) > 1:
            sentence = _("This column title stands %(n)s times in the sheet. Please keep only one.", n=len(found))
            errors.append(CellError(at + 1, column.title, sentence))
    return at + 1, [] if errors else places, errors


def _faults_below(header: int, last: int, places: list[int], scan: CellScan) -> dict[tuple[int, int], object]:
    """The faults of the scan within the table: (row, column number) → sentence, or None if reported already.

    A merged range is one fault, reported at its first cell.
    """
    faults = {spot: sentence for spot, sentence in scan.faults.items() if header < spot[0] <= last}
    remaining = (last - header) * len(places)  # more covered cells than this means overlapping ranges
    for top, left, bottom, right, sentence, once in scan.spans:
        covered = [place for place in sorted(places) if left <= place <= right]
        rows = range(max(top, header + 1), min(bottom, last) + 1)
        remaining -= len(rows) * len(covered)
        if remaining < 0:
            raise SheetRefused(code="overlapping-ranges")
        for index, spot in enumerate((row, place) for row in rows for place in covered):
            faults[spot] = None if once and index else sentence
    return faults


def line_of(
    number: int, cells: list[tuple[Column, int, object]], faults: Mapping[tuple[int, int], object]
) -> SheetLine | None:
    """None if the row is empty."""
    reported = {place: faults[number, place] for _column, place, _raw in cells if (number, place) in faults}
    if not reported and all(isinstance(raw, str) and not fold(raw) for _column, _place, raw in cells):
        return None
    line = SheetLine(number, {column.key: str(raw) for column, _place, raw in cells}, {}, [])
    for column, place, raw in cells:
        if place in reported:
            if reported[place]:
                line.errors.append(CellError(number, column.title, reported[place]))
            continue
        try:
            line.values[column.key] = _value(column, raw)
        except Doubtful as doubt:
            line.errors.append(
                CellDoubt(number, column.title, doubt.sentence, column.key, line.shown[column.key], doubt.readings)
            )
        except AppError as error:
            line.errors.append(CellError(number, column.title, error.sentence))
        except ValueError as error:
            line.errors.append(CellError(number, column.title, error.args[0]))
    return line


def _value(column: Column, raw: object) -> Any:
    text = _text(raw)
    if text:
        value = column.parse(text)
        return value if column.numbers or not isinstance(value, str) else without_numbers(value, column.title, column.key)
    if column.required:
        raise ValueError(_("Please fill this in."))
    return None


def limit_errors(errors: list[CellError]) -> list[CellError]:
    errors.sort(key=lambda error: error.row)
    if len(errors) <= MOST_ERRORS:
        return errors
    more = _(
        "%(n)s more cells have to be put right; only the first %(most)s are listed.",
        n=len(errors) - MOST_ERRORS,
        most=MOST_ERRORS,
    )
    return [*errors[:MOST_ERRORS], CellError(errors[MOST_ERRORS].row, "", more)]


# --- one cell --------------------------------------------------------------------------------


_FLOATED = re.compile(r"\d(?:\.\d+)?E\+(?:1[5-9]|[2-9]\d)", re.IGNORECASE)  # 4.30102E+17


def _text(raw: object) -> str:
    """The text that Excel shows, dates in ISO form; ``ValueError`` if Excel has lost digits."""
    match raw:
        case str():
            text = fold(raw)
            if _FLOATED.fullmatch(text):
                raise _lost_digits(text)  # the same loss, through a CSV file
            return text
        case bool():
            raise ValueError(_("This cell holds TRUE or FALSE. Please type the value as text."))
        case int() | float():
            return _number(raw)
        case datetime():
            return raw.date().isoformat() if raw.time() == time() else raw.isoformat()
        case date() | time():
            return raw.isoformat()
        case timedelta():
            return str(raw)
    raise TypeError(type(raw).__name__)


def _number(raw: float) -> str:
    """Fifteen digits, as Excel shows: later ones are rounding noise."""
    if not isfinite(raw):
        raise ValueError(_("This cell does not hold a number that can be read. Please type the value again."))
    if abs(raw) >= 10**15:
        raise _lost_digits(f"{raw:.6E}")
    return format(Decimal(f"{raw:.15g}"), "f")


def _lost_digits(shown: str) -> ValueError:
    return ValueError(
        _(
            "Excel holds this as a number (%(shown)s) and has lost the last digits. "
            "Please format the column as text and type the ID numbers again.",
            shown=shown,
        )
    )
