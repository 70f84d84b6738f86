"""The sheet that an import read, given back with the result of each row: the uploader's own workbook where possible.

One way for every import: it makes ``SheetMarks`` of the rows that its preview shows.
"""

from collections.abc import Callable, Iterable, Sequence

from flask_babel import lazy_gettext as _

from app.core.heavy_work import SHEETS
from app.core.limited_process import LimitedProcess, Overran
from app.core.vocabulary import RowOutcome
from app.files.row_preview import PreviewRow
from app.files.spreadsheets import Answers, Column, Layout, RowMark, SheetLimits, SheetMarks, marked_copy, titles

MOST_ROWS = 20_000  # of a workbook that is given back as it came
SECONDS = 40  # the time of the processor is limited in ``marked_book``
PROCESS = LimitedProcess("app.files.spreadsheets.marked_book", seconds=SECONDS)


def marks_of(
    columns: Sequence[Column], layout: Layout, rows: Iterable[PreviewRow], *, answers: Answers | None = None, done: bool
) -> SheetMarks:
    """What the rows of a preview say, as it is written into the sheet. ``done``: after the import.

    Rows with one number (a row of the sheet that is several records) share their mark.
    """
    known = {column.key: str(column.title) for column in columns}
    marks: dict[int, RowMark] = {}
    for row in rows:
        mark = _mark(known, layout, row, answers or {})
        earlier = marks.get(row.number)
        marks[row.number] = mark if earlier is None else _joined(earlier, mark)
    title = titles.IMPORTED if done else titles.CHECKED
    return SheetMarks(layout.sheet, layout.header, layout.result, layout.width, str(title), list(marks.values()))


def _mark(known: dict[str, str], layout: Layout, row: PreviewRow, answers: Answers) -> RowMark:
    named = [f"{known[key]}: {fault}" for key, fault in row.faults.items() if key in known]
    reasons = [*(reason for reason in row.reasons if reason not in row.faults.values()), *named]
    text = str(_("%(outcome)s: %(why)s", outcome=row.outcome, why="　".join(reasons)) if reasons else row.outcome)
    faults = {layout.places[key]: fault for key, fault in row.faults.items() if key in layout.places}
    answered = {key: answers[row.number, key] for key in layout.places if (row.number, key) in answers}
    given = {layout.places[key]: text for key, text in answered.items() if key not in row.faults}
    is_refused = row.outcome is RowOutcome.REFUSED
    return RowMark(row.number, row.outcome is RowOutcome.DOUBTFUL, is_refused, text, faults, given)


def _joined(one: RowMark, other: RowMark) -> RowMark:
    text = one.text if one.text == other.text else f"{one.text}\n{other.text}"
    is_doubtful, is_refused = one.is_doubtful or other.is_doubtful, one.is_refused or other.is_refused
    faults, answers = {**one.faults, **other.faults}, {**one.answers, **other.answers}
    return RowMark(one.number, is_doubtful, is_refused, text, faults, answers)


def comes_back_whole(data: bytes, rows: int) -> bool:
    """Whether a sheet with so many rows is given back as the uploader's own workbook, if that can be written."""
    return data.startswith(b"PK") and rows <= MOST_ROWS


@SHEETS.taken()
def result_book(
    data: bytes,
    marks: SheetMarks,
    limits: SheetLimits | None = None,
    *,
    process: LimitedProcess = PROCESS,
    alive: Callable[[], None] = lambda: None,
) -> bytes:
    """The upload with the result of each row, as .xlsx.

    The same workbook, or a copy of the table alone: of another kind of file, of one with more than ``MOST_ROWS`` rows, and
    of one that cannot be written back within the limits of the process. ``alive`` is called now and then while it is written.
    """
    if comes_back_whole(data, len(marks.rows)):
        try:
            if book := process.ask(marks.with_sheet(data)):
                return book
        except Overran:
            pass
    return marked_copy(data, marks, limits or SheetLimits(), alive=alive)


def refused_rows(data: bytes, marks: SheetMarks, limits: SheetLimits | None = None) -> bytes:
    """A workbook with the header of the sheet and the rows that are not taken, to be put right and handed in."""
    return marked_copy(data, marks, limits or SheetLimits(), refused_only=True)
