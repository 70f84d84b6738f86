"""Finds the header of a table, of one to three rows, and the column that each title belongs to.

Nothing is guessed: a title over several columns is none of them by itself, a title that fits two columns is named.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from flask_babel import lazy_gettext as _

from app.files.spreadsheets.cell_text import fold
from app.files.spreadsheets.cells import Cell, shown_in
from app.files.spreadsheets.columns import CellError, Column
from app.files.spreadsheets.sheet import ROWS_ABOVE, Row, Span
from app.files.spreadsheets.titles import GENERAL_HEADING, title_key

DEEPEST = 3  # rows of a header
_LONGEST_HEADING = 12  # characters
_FILLED_IN = re.compile(r"[:\d]")
_MOST_FOUND = 40  # titles named in a sentence


@dataclass(frozen=True, slots=True)
class TableHeader:
    """``titles``: column number → title as it is shown, the rows of a header joined by ``·``."""

    first: int = 1
    last: int = 1
    titles: dict[int, str] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)  # column key → column number
    rivals: dict[str, list[int]] = field(default_factory=dict)  # column key → column numbers that fit alike

    def fits(self, columns: Sequence[Column]) -> bool:
        return not self.rivals and all(column.key in self.places or column.may_lack for column in columns)

    def errors(self, columns: Sequence[Column], sheet: str) -> list[CellError]:
        """What stands against reading, each fault once."""
        errors = []
        missing = [column for column in columns if not column.may_lack and column.key not in self.places | self.rivals]
        if missing:
            names = "、".join(str(column.title) for column in missing)
            errors.append(CellError(self.last, names, self._found_instead(sheet)))
        rivals = [(column.title, self.rivals[column.key]) for column in columns if column.key in self.rivals]
        return errors + [CellError(self.last, title, self._rivalry(places)) for title, places in rivals]

    def _found_instead(self, sheet: str) -> object:
        found = "、".join(list(self.titles.values())[:_MOST_FOUND])
        if not found:
            return _("This column is missing; the first %(n)s rows hold no title that is known.", n=ROWS_ABOVE)
        if not sheet:
            return _("This column is missing. Titles found in row %(row)s: %(found)s.", row=self.last, found=found)
        return _(
            "This column is missing. Titles found in row %(row)s of “%(sheet)s”: %(found)s.",
            row=self.last,
            sheet=sheet,
            found=found,
        )

    def _rivalry(self, places: list[int]) -> object:
        titles = [self.titles[place] for place in places]
        if len({title_key(title) for title in titles}) == 1:
            return _("This column title stands %(n)s times in the sheet. Please keep only one.", n=len(places))
        return _("Several titles may be meant: %(titles)s. Please keep only one.", titles="、".join(titles))


def find_header(
    rows: Sequence[Row], spans: Sequence[Span], columns: Sequence[Column], mapping: Mapping[str, str], *, from_1904: bool
) -> TableHeader:
    """The one, of all that may stand in the first rows, under which most columns are found."""
    texts = {number: _texts(cells, from_1904=from_1904) for number, cells in rows}
    spans = [span for span in spans if span.top <= ROWS_ABOVE + DEEPEST]
    best, most = TableHeader(), (0, False)
    for first in range(1, ROWS_ABOVE + 1):
        if _divides_into_groups(texts.get(first - 1, {}), spans, first - 1):
            continue  # this row is the lower one of a header
        for last in range(first, first + DEEPEST):
            if not texts.get(first) or not texts.get(last):
                break
            if any(first <= span.top <= last < span.bottom < first + DEEPEST for span in spans):
                continue  # a title of this row goes on below
            header = _header(texts, spans, first, last, columns, mapping)
            score = (len(header.places) + len(header.rivals), _is_divided(texts, first, last))
            if score > most:
                best, most = header, score
    return best


def _is_divided(texts: Mapping[int, dict[int, str]], first: int, last: int) -> bool:
    """Whether the lower rows look like titles (no digits) and stand also where the first row has none."""
    lower = [texts[row] for row in range(first + 1, last + 1)]
    is_title = not any(char.isdigit() for row in lower for text in row.values() for char in text)
    return is_title and any(place not in texts[first] for row in lower for place in row)


def _divides_into_groups(texts: Mapping[int, str], spans: Sequence[Span], row: int) -> bool:
    """Whether the row holds headings of groups of columns, rather than a title, or who fills the sheet in and when."""
    wide = any(span.top == span.bottom == row and span.right > span.left and span.left in texts for span in spans)
    return (
        wide
        and len(texts) > 1
        and all(len(text) <= _LONGEST_HEADING and not _FILLED_IN.search(text) for text in texts.values())
    )


def _texts(cells: Mapping[int, Cell], *, from_1904: bool) -> dict[int, str]:
    shown = {place: fold(shown_in(cell, from_1904=from_1904)) for place, cell in cells.items()}
    return {place: text for place, text in shown.items() if text}


def _header(
    texts: Mapping[int, dict[int, str]],
    spans: Sequence[Span],
    first: int,
    last: int,
    columns: Sequence[Column],
    mapping: Mapping[str, str],
) -> TableHeader:
    filled = [_spread(texts, spans, row, last) for row in range(first, last + 1)]
    places = sorted(set().union(*filled))
    paths = {place: list(dict.fromkeys(row[place] for row in filled if place in row)) for place in places}
    # A title over several columns that no lower row divides belongs to none of them.
    wide = {
        place for span in spans if first <= span.top <= last <= span.bottom and span.right > span.left
        for place in range(span.left, min(span.right, places[-1] if places else 0) + 1)
    }  # fmt: skip
    header = TableHeader(
        first, last, {place: "·".join(" ".join(part.split()) for part in path) for place, path in paths.items()}
    )
    keys = {place: list(_keys(path)) for place, path in paths.items() if place not in wide}
    for column in columns:
        if column.key in mapping:
            found = [place for place in keys if header.titles[place] == mapping[column.key]]
        else:
            found = _found(column, keys)
        if len(found) == 1:
            header.places[column.key] = found[0]
        elif found:
            header.rivals[column.key] = found
    return header


def _found(column: Column, keys: Mapping[int, list[str]]) -> list[int]:
    """The places of a column: those under its own title, else under the other ones."""
    own = title_key(column.title)
    if found := [place for place, known in keys.items() if own in known]:
        return found
    also = {title_key(title) for title in column.also}
    return [place for place, known in keys.items() if also.intersection(known)]


def _keys(path: Sequence[str]) -> Iterator[str]:
    """What a title over several rows may be called: joined, or without a general heading (基本信息) on top."""
    yield title_key("".join(path))
    if len(path) > 1 and GENERAL_HEADING.fullmatch(title_key(path[0])):
        yield from _keys(path[1:])


def _spread(texts: Mapping[int, dict[int, str]], spans: Sequence[Span], row: int, last: int) -> dict[int, str]:
    """The texts of a header's row by column: a text over several columns counts for each that has one below it."""
    found = dict(texts[row])
    if row == last:
        return found
    below = set().union(*(texts[lower] for lower in range(row + 1, last + 1)))
    wide = [span for span in spans if span.top == row and span.right > span.left and span.left in found]
    for span in wide:
        found |= {place: found[span.left] for place in below if span.left < place <= span.right}
    if not wide:  # not merged, but left empty to the right
        for place in sorted(below):
            if place not in found and place - 1 in found and place - 1 in below:
                found[place] = found[place - 1]
    return found
