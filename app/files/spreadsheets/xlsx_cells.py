"""Reads the XML of a sheet and of shared texts piece by piece: every cell once, with its style, in memory row by row.

A cell is what the XML says or a fault; a formula is one, whatever result is stored beside it.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from xml.parsers import expat

from flask_babel import lazy_gettext as _

from app.files.spreadsheets.cells import EXCEL_ERROR, FORMULA, LONGEST_TEXT, Cell, Fault, cell_of
from app.files.spreadsheets.columns import SheetLimits, SheetRefused
from app.files.spreadsheets.guard import NOT_AS_SAVED
from app.files.spreadsheets.number_format import NumberFormat, Shape
from app.files.spreadsheets.sheet import ROWS_ABOVE, Row, Span, too_many_columns, too_many_rows

_NO_NUMBER = Fault(_("This cell does not hold a number that can be read. Please type the value again."))
_UNKNOWN = NumberFormat("", Shape.UNKNOWN)
_PIECE_WITHOUT_TAG = 1 << 20  # bytes; a text in a cell has 32,767 characters
_RANGE = re.compile(r"([A-Z]{1,3})([1-9]\d{0,6})(?::([A-Z]{1,3})([1-9]\d{0,6}))?", re.ASCII)
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


def column_number(letters: str) -> int:
    """``C`` → 3; 0 for what is no column of Excel."""
    number = 0
    for letter in letters:
        if not "A" <= letter <= "Z":
            return 0
        number = number * 26 + ord(letter) - 64
    return number if number <= 16_384 else 0


def span_of(ref: str) -> Span:
    """``B2:C9``. Raises ``SheetRefused`` for anything else."""
    found = _RANGE.fullmatch(ref)
    if found is None:
        raise SheetRefused(NOT_AS_SAVED, code="bad-ranges")
    left, top, right, bottom = found.groups()
    return Span(int(top), column_number(left), int(bottom or top), column_number(right or left), ref)


def unescaped(text: str) -> str:
    """A text of the XML as Excel reads it: ``_x000D_`` is a carriage return. No control character but line ends and tabs."""
    if "_x" not in text:
        return text
    text = _ESCAPED.sub(lambda found: mark if (mark := chr(int(found[1], 16))) >= " " or mark in "\t\n\r" else "", text)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class TextCollector:
    """The texts of every element of one name, without the phonetic readings beside them."""

    def __init__(self, element: str) -> None:
        self.found: list[str] = []
        self._element = element
        self._texts: list[str] | None = None  # of the open element
        self._is_text = self._is_phonetic = False

    def parsed(self, pieces: Iterable[bytes]) -> Iterator[None]:
        """Parses a piece with each step."""
        yield from parse(pieces, self._start, self._end, self._characters)

    def _start(self, name: str, _attributes: dict[str, str]) -> None:
        local = name[name.rfind(":") + 1 :]
        if local == self._element:
            self._texts = []
        elif local == "rPh":
            self._is_phonetic = True
        elif local == "t":
            self._is_text = not self._is_phonetic

    def _end(self, name: str) -> None:
        local = name[name.rfind(":") + 1 :]
        if local == "t":
            self._is_text = False
        elif local == "rPh":
            self._is_phonetic = False
        elif local == self._element and self._texts is not None:
            self.found.append(unescaped("".join(self._texts)))
            self._texts = None

    def _characters(self, text: str) -> None:
        if self._is_text and self._texts is not None:
            self._texts.append(text)


class XlsxCells:
    """The cells of one sheet. ``merged`` is complete when all rows were read."""

    def __init__(self, strings: list[str], formats: list[NumberFormat | None], most_rows: int, limits: SheetLimits) -> None:
        self.merged: list[Span] = []
        self._strings, self._formats, self._most_rows, self._limits = strings, formats, most_rows, limits
        shapes = {str(style): shape for style, shape in enumerate(formats) if shape and shape.texts is not None}
        self._text_styles = shapes  # that show a text otherwise than it is stored
        self._ready: list[Row] = []
        self._arrays: list[Span] = []  # ranges of array formulas, whose other cells hold only values
        self._is_inside = self._is_over = self._is_phonetic = False
        self._number = self._column = self._rows = self._faults = self._characters_read = 0
        self._row: dict[int, Cell] = {}
        self._columns: dict[str, int] = {}  # letters → number
        self._texts: list[str] | None = None  # of the open <v> or <t>
        self._attributes: dict[str, str] | None = None  # of the open <c>
        self._value: str | None = None
        self._inline: list[str] | None = None
        self._fault: Fault | None = None

    def rows(self, pieces: Iterable[bytes]) -> Iterator[Row]:
        """The rows that hold anything. Raises ``SheetRefused`` on the way."""
        for _piece in parse(pieces, self._start, self._end, self._characters):
            yield from self._ready
            self._ready.clear()

    def _characters(self, text: str) -> None:
        if self._texts is not None:
            self._texts.append(text)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        local = name[name.rfind(":") + 1 :] if ":" in name else name
        if not self._is_inside:
            if local == "sheetData":
                if self._is_over:
                    raise SheetRefused(code="bad-xml")
                self._is_inside = True
            elif local == "mergeCell":
                self.merged.append(span_of(attributes.get("ref", "")))
        elif local == "c":
            self._start_cell(attributes)
        elif local == "row":
            self._start_row(attributes)
        elif self._attributes is not None:
            self._start_content(local, attributes)

    def _start_content(self, local: str, attributes: dict[str, str]) -> None:
        if local == "v":
            self._texts = []
        elif local == "t" and self._inline is not None and not self._is_phonetic:
            self._texts = self._inline
        elif local == "is":
            self._inline = []
        elif local == "rPh":
            self._is_phonetic = True
        elif local == "f":
            self._fault = Fault(FORMULA)
            if attributes.get("t") in ("array", "dataTable"):
                self._arrays.append(span_of(attributes.get("ref", "")))
                if len(self._arrays) > self._limits.columns:  # over one row: some overlap
                    raise SheetRefused(NOT_AS_SAVED, code="bad-ranges")

    def _end(self, name: str) -> None:
        local = name[name.rfind(":") + 1 :] if ":" in name else name
        if local == "c" and self._attributes is not None:
            self._end_cell()
        elif local == "v" and self._texts is not None:
            self._value, self._texts = "".join(self._texts), None
        elif local == "t":
            self._texts = None
        elif local == "rPh":
            self._is_phonetic = False
        elif local == "row" and self._row:
            self._ready.append((self._number, self._row))
            self._row = {}
        elif local == "sheetData" and self._is_inside:
            self._is_inside, self._is_over = False, True

    def _start_row(self, attributes: dict[str, str]) -> None:
        self._rows += 1
        if self._rows > self._limits.rows:
            raise too_many_rows(self._most_rows)
        row = attributes.get("r", str(self._number + 1))
        if self._row or not row.isascii() or not row.isdigit() or len(row) > 7 or int(row) <= self._number:
            raise SheetRefused(code="bad-xml")
        self._number, self._column = int(row), 0
        if self._arrays:
            self._arrays = [span for span in self._arrays if span.bottom >= self._number]

    def _start_cell(self, attributes: dict[str, str]) -> None:
        if self._attributes is not None:
            raise SheetRefused(code="bad-xml")
        ref = attributes.get("r")
        column = self._column_of(ref) if ref else self._column + 1
        if column <= self._column:  # the same cell twice: Excel and this module might differ
            raise SheetRefused(code="bad-xml")
        self._column, self._attributes = column, attributes
        self._value = self._inline = self._fault = None

    def _column_of(self, ref: str) -> int:
        """``C7`` in row 7 → 3; 0 for what is no cell of this row."""
        row = str(self._number)
        if not ref.endswith(row):
            return 0
        letters = ref[: -len(row)]
        if letters not in self._columns:
            self._columns[letters] = column_number(letters)
        return self._columns[letters]

    def _end_cell(self) -> None:
        attributes, self._attributes = self._attributes or {}, None
        kind = attributes.get("t", "n")
        if self._fault is None and kind != "e" and not self._value and not self._inline:
            return
        if self._number > self._most_rows + ROWS_ABOVE:
            raise too_many_rows(self._most_rows)
        if self._column > self._limits.columns:
            raise too_many_columns(self._limits.columns)
        cell = self._fault or self._read(kind, attributes)
        if self._text_styles and isinstance(cell, str) and (shape := self._text_styles.get(attributes.get("s", "0"))):
            cell = cell_of(cell, shape)
        if self._arrays and any(
            span.top <= self._number and span.left <= self._column <= span.right for span in self._arrays
        ):
            cell = Fault(FORMULA)
        if isinstance(cell, Fault):
            self._faults += 1
            if self._faults > self._limits.faults:
                raise SheetRefused(FORMULA, code="too-many-formulas")
        elif isinstance(cell, str):
            self._characters_read += len(cell)
            if self._characters_read > self._limits.unpacked or len(cell) > LONGEST_TEXT:
                raise SheetRefused(NOT_AS_SAVED, code="long-text")
        if cell != "":
            self._row[self._column] = cell

    def _read(self, kind: str, attributes: dict[str, str]) -> Cell:
        value = self._value
        if kind == "s":
            if value is None or not value.isascii() or not value.isdigit() or int(value) >= len(self._strings):
                raise SheetRefused
            return self._strings[int(value)]
        if kind in ("str", "inlineStr") or (kind == "n" and value is None):
            return unescaped("".join(self._inline) if self._inline is not None else value or "")
        if kind == "n":
            return self._number_in(value or "", attributes.get("s", "0"))
        if kind == "e":
            return Fault(EXCEL_ERROR)
        if kind == "b":
            return value not in ("0", "false")
        if kind != "d":
            raise SheetRefused
        try:
            return datetime.fromisoformat(value or "")
        except ValueError:
            return value or ""

    def _number_in(self, text: str, style: str) -> Cell:
        try:
            value = float(text) if "_" not in text else None
        except ValueError:
            value = None
        if value is None:
            return _NO_NUMBER
        if not self._formats:
            return value
        known = style.isascii() and style.isdigit() and int(style) < len(self._formats)
        number_format = self._formats[int(style)] if known else _UNKNOWN
        return cell_of(value, number_format) if number_format else value


def parse(
    pieces: Iterable[bytes],
    start: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None],
    characters: Callable[[str], None],
) -> Iterator[None]:
    """Parses a piece with each step. Raises ``SheetRefused`` for bad XML."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, characters
    try:
        for piece in pieces:
            parser.Parse(piece, False)
            yield
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise SheetRefused(code="bad-xml") from error
    yield


# --- before the cells are read ----------------------------------------------------------------------


_END_OF_CELLS = re.compile(rb"</(?:[\w.-]+:)?sheetData\s*>|<(?:[\w.-]+:)?sheetData\s*/>")
_MERGED = re.compile(rb"<(?:[\w.-]+:)?mergeCell\s[^>]*?\bref\s*=\s*[\"']([^\"']*)")
_TAGS = {b"c": re.compile(rb"<c[ />]"), b"row": re.compile(rb"<row[ />]")}
_EMPTY_CELL = re.compile(rb'<c r="[A-Z]{1,3}[1-9][0-9]{0,6}"(?: s="[0-9]+")?/>')
_EMPTY_ROW = re.compile(rb'<row r="[1-9][0-9]{0,6}"[^<>]*(?:/>|></row>)')


def merged_spans(pieces: Iterable[bytes], most: int) -> tuple[list[Span], bool]:
    """The merged ranges, which stand below the cells; and whether every row and cell says where it is.

    Found without a parser, and compared with what the parser finds. Raises ``SheetRefused`` for more than ``most``.
    """
    spans: list[Span] = []
    all_placed, is_below = True, False
    for piece in _whole_tags(pieces):
        for name, tag in _TAGS.items():
            all_placed = all_placed and len(tag.findall(piece)) == piece.count(b'<%b r="' % name)
        end = None if is_below else _END_OF_CELLS.search(piece)
        if end or is_below:
            merged = _MERGED.finditer(piece, end.end() if end else 0)
            spans += [span_of(found[1].decode("ascii", "replace")) for found in merged]
            is_below = True
        if len(spans) > most:
            raise SheetRefused(NOT_AS_SAVED, code="bad-ranges")
    return spans, all_placed


def without_empty(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The sheet without the rows and cells that hold nothing, of which a sheet formatted to its end has a million.

    Only where every row and cell says where it is: else the place of one follows from those before it.
    """
    for piece in _whole_tags(pieces):
        yield _EMPTY_ROW.sub(b"", _EMPTY_CELL.sub(b"", piece))


def _whole_tags(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes, cut only behind a ``>``."""
    rest = b""
    for piece in pieces:
        whole = rest + piece
        cut = whole.rfind(b">") + 1
        if len(whole) - cut > _PIECE_WITHOUT_TAG:
            raise SheetRefused(code="bad-xml")
        yield whole[:cut]
        rest = whole[cut:]
    yield rest
