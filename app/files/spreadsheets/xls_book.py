"""An .xls workbook of Excel 97 to 2003 (MS-XLS), read by xlrd; what xlrd hides is found in the records themselves."""

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from typing import TYPE_CHECKING, NamedTuple

from flask_babel import lazy_gettext as _

from app.files.spreadsheets.cells import EXCEL_ERROR, FORMULA, Cell, Fault, cell_of
from app.files.spreadsheets.columns import SheetLimits, SheetRefused
from app.files.spreadsheets.guard import EXTERNAL_LINKS, MACROS
from app.files.spreadsheets.number_format import BUILT_IN, NumberFormat, number_format
from app.files.spreadsheets.sheet import Row, Span, within

if TYPE_CHECKING:
    import xlrd

_ENCRYPTED = _("This workbook is protected by a password. Please save it without a password and import that file.")
_RECORD = struct.Struct("<2H")
_FORMULA, _END, _SUPPLIER, _SHEET, _START = 0x0006, 0x000A, 0x01AE, 0x0085, 0x0809
_MACRO_SHEET, _WORKSHEET = 1, 0
_OWN_CELLS, _ADD_INS = b"\x01\x04", b"\x01\x3a"  # a supplier that is this workbook, or functions of an add-in
_BROKEN = (ValueError, LookupError, ArithmeticError, AssertionError, TypeError, AttributeError, EOFError, struct.error)


@contextmanager
def _damage_refused() -> Iterator[None]:
    from xlrd.biffh import XLRDError  # noqa: PLC0415
    from xlrd.compdoc import CompDocError  # noqa: PLC0415

    try:
        yield
    except (XLRDError, CompDocError, *_BROKEN) as error:
        is_locked = "encrypted" in str(error).lower()
        raise SheetRefused(_ENCRYPTED if is_locked else None, code="encrypted" if is_locked else "") from error


class _Place(NamedTuple):
    start: int
    is_visible: bool


class XlsBook:
    """``sheets``: name → number of the visible worksheets, in their order."""

    def __init__(self, data: bytes, limits: SheetLimits) -> None:
        """Raises ``SheetRefused`` for macros, external links, passwords and what is damaged."""
        import xlrd  # noqa: PLC0415 - most processes read no .xls

        if "EncryptedPackage".encode("utf-16-le") in data:
            raise SheetRefused(_ENCRYPTED, code="encrypted")
        if "_VBA_PROJECT_CUR".encode("utf-16-le") in data:
            raise SheetRefused(MACROS, code="macros")
        self._limits = limits
        with _damage_refused():
            self._book = xlrd.open_workbook(
                file_contents=data, logfile=StringIO(), formatting_info=True, on_demand=True, ragged_rows=True
            )
            self._places = self._checked()
            names = dict(zip(self._book.sheet_names(), enumerate(self._places), strict=True))
        self.sheets = {name: at for name, (at, place) in names.items() if place.is_visible}
        if not self.sheets:
            raise SheetRefused(_("The workbook has no visible sheet with a table."), code="no-visible-sheet")

    def open(self, name: str, most_rows: int) -> "XlsSheet":
        at = self.sheets[name]
        with _damage_refused():
            sheet = self._book.sheet_by_index(at)
            return XlsSheet(self._book, sheet, self._formulas(self._places[at].start), most_rows, self._limits)

    def _records(self, at: int) -> Iterator[tuple[int, bytes]]:
        memory = self._book.mem or b""
        while at + _RECORD.size <= self._book.base + self._book.stream_len:
            kind, size = _RECORD.unpack_from(memory, at)
            yield kind, memory[at + _RECORD.size : at + _RECORD.size + size]
            at += _RECORD.size + size

    def _checked(self) -> list[_Place]:
        """Where each worksheet stands. Raises ``SheetRefused`` for macro sheets and links to other files."""
        places = []
        for kind, body in self._records(self._book.base):
            if kind == _END:
                break
            if kind == _SUPPLIER and body[2:4] not in (_OWN_CELLS, _ADD_INS):
                raise SheetRefused(EXTERNAL_LINKS, code="external-links")
            if kind == _SHEET:
                start, state, what = struct.unpack_from("<L2B", body)
                if what == _MACRO_SHEET:
                    raise SheetRefused(MACROS, code="macros")
                if what == _WORKSHEET:
                    places.append(_Place(self._book.base + start, is_visible=state & 3 == 0))
        return places

    def _formulas(self, start: int) -> set[tuple[int, int]]:
        """The cells that hold formulas; charts within the sheet are passed over."""
        found: set[tuple[int, int]] = set()
        depth = 0
        for kind, body in self._records(start):
            depth += (kind == _START) - (kind == _END)
            if depth == 0:
                break
            if kind == _FORMULA and depth == 1:
                found.add(struct.unpack_from("<2H", body))
                if len(found) > self._limits.faults:
                    raise SheetRefused(FORMULA, code="too-many-formulas")
        return found


class XlsSheet:
    def __init__(
        self,
        book: "xlrd.book.Book",
        sheet: "xlrd.sheet.Sheet",
        formulas: set[tuple[int, int]],
        most_rows: int,
        limits: SheetLimits,
    ) -> None:
        from xlrd import cellname  # noqa: PLC0415

        self.name: str = sheet.name
        self.from_1904 = book.datemode == 1
        self._book, self._sheet, self._formulas, self._most_rows, self._limits = book, sheet, formulas, most_rows, limits
        if len(sheet.merged_cells) > limits.spans:
            raise SheetRefused(code="bad-ranges")
        self.spans: Sequence[Span] = [
            Span(top + 1, left + 1, bottom, right, f"{cellname(top, left)}:{cellname(bottom - 1, right - 1)}")
            for top, bottom, left, right in sheet.merged_cells
        ]

    def rows(self) -> Iterator[Row]:
        for number in (row for row in range(self._sheet.nrows) if self._sheet.row_len(row)):
            with _damage_refused():
                cells = {column + 1: self._cell(number, column) for column in range(self._sheet.row_len(number))}
            cells = {place: cell for place, cell in cells.items() if cell != ""}
            if cells:
                yield within((number + 1, cells), self._most_rows, self._limits.columns)

    def _cell(self, row: int, column: int) -> Cell:
        if (row, column) in self._formulas:
            return Fault(FORMULA)
        kind, value = self._sheet.cell_type(row, column), self._sheet.cell_value(row, column)
        match kind:
            case 1:  # text
                return cell_of(str(value).replace("\0", ""), self._format(row, column))
            case 2 | 3:  # number, and what xlrd takes for a date
                return cell_of(float(value), self._format(row, column))
            case 4:
                return bool(value)
            case 5:
                return Fault(EXCEL_ERROR)
        return ""

    def _format(self, row: int, column: int) -> NumberFormat:
        key = self._book.xf_list[self._sheet.cell_xf_index(row, column)].format_key
        found = self._book.format_map.get(key)
        return number_format(BUILT_IN.get(key) or (found.format_str if found else "[?]"))
