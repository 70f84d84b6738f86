"""An .xlsx workbook: its visible sheets, number formats, texts and rows, read piece by piece.

Transitional and strict OOXML alike: namespaces are not looked at, as no two elements that are read differ by theirs.
"""

import posixpath
from collections.abc import Iterator
from functools import cached_property

from flask_babel import lazy_gettext as _

from app.files.spreadsheets.cells import LONGEST_TEXT
from app.files.spreadsheets.columns import SheetLimits, SheetRefused
from app.files.spreadsheets.guard import NOT_AS_SAVED, Package, walk
from app.files.spreadsheets.number_format import BUILT_IN, NumberFormat, Shape, number_format
from app.files.spreadsheets.sheet import Row, Span
from app.files.spreadsheets.xlsx_cells import TextCollector, XlsxCells, merged_spans, without_empty

_UNKNOWN = NumberFormat("", Shape.UNKNOWN)


class XlsxBook:
    """``sheets``: name → part, of the visible worksheets in their order; charts do not count."""

    def __init__(self, data: bytes, limits: SheetLimits) -> None:
        """Raises ``SheetRefused`` for what is no plain workbook of a sensible size."""
        self.limits = limits
        self.package = Package(data, limits)
        if ("officeDocument", "xl/workbook.xml") not in self._relations("_rels/.rels", "").values():
            raise SheetRefused(NOT_AS_SAVED, code="other-workbook")
        self.from_1904 = False
        self.sheets: dict[str, str] = {}
        self._read_workbook()

    def open(self, name: str, most_rows: int) -> "XlsxSheet":
        return XlsxSheet(self, name, most_rows)

    @cached_property
    def strings(self) -> list[str]:
        """The shared texts; the phonetic readings beside them are left out."""
        if "xl/sharedstrings.xml" not in self.package:
            return []
        texts = TextCollector("si")
        for _piece in texts.parsed(self.package.pieces("xl/sharedstrings.xml")):
            pass
        if any(len(text) > LONGEST_TEXT for text in texts.found):
            raise SheetRefused(NOT_AS_SAVED, code="long-text")
        return texts.found

    @cached_property
    def formats(self) -> list[NumberFormat | None]:
        """By cell style; None for those that show every value as it is."""
        own: dict[str, str] = {}
        ids: list[str] = []
        within: list[str] = []  # open elements: a format in <dxfs> is conditional

        def start(name: str, attributes: dict[str, str]) -> None:
            local = name[name.rfind(":") + 1 :]
            if local == "numFmt" and within[-1:] == ["numFmts"]:
                own[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")
            elif local == "xf" and within[-1:] == ["cellXfs"]:
                ids.append(attributes.get("numFmtId", "0"))
            within.append(local)

        def end(_name: str) -> None:
            within.pop()

        if "xl/styles.xml" in self.package:
            walk(self.package.pieces("xl/styles.xml"), start, end)
        made = {key: self._format(own, key) for key in set(ids)}
        return [made[key] for key in ids]

    @staticmethod
    def _format(own: dict[str, str], key: str) -> NumberFormat | None:
        code = own[key] if key in own else BUILT_IN.get(int(key)) if key.isdecimal() and len(key) < 5 else None
        found = _UNKNOWN if code is None else number_format(code)
        return None if found.shape is Shape.GENERAL and found.texts is None else found

    def _read_workbook(self) -> None:
        targets = self._relations("xl/_rels/workbook.xml.rels", "xl")
        names: list[str] = []

        def start(name: str, attributes: dict[str, str]) -> None:
            local = name.rpartition(":")[2]
            if local == "workbookPr":
                self.from_1904 = attributes.get("date1904") in ("1", "true", "on")
            if local != "sheet" or "name" not in attributes:
                return
            names.append(attributes["name"])
            ids = [value for key, value in attributes.items() if key.endswith(":id")]
            kind, path = targets.get(ids[0], ("", "")) if len(ids) == 1 else ("", "")
            if attributes.get("state", "visible") == "visible" and kind == "worksheet" and path in self.package:
                self.sheets[attributes["name"]] = path

        walk([self.package.body("xl/workbook.xml")], start)
        if not self.sheets or len(set(names)) < len(names):
            raise SheetRefused(_("The workbook has no visible sheet with a table."), code="no-visible-sheet")

    def _relations(self, name: str, base: str) -> dict[str, tuple[str, str]]:
        """Relationship id → (kind, path of the part); external links are left out.

        The path of a sheet must be normal and its id unique: other readers might resolve them differently.
        """
        found: dict[str, tuple[str, str]] = {}

        def start(_name: str, attributes: dict[str, str]) -> None:
            if "Target" not in attributes or attributes.get("TargetMode") == "External":
                return
            target, key, kind = attributes["Target"], attributes.get("Id", ""), attributes.get("Type", "").rpartition("/")[2]
            path = posixpath.join("/", base, target)
            is_normal = posixpath.normpath(path) == path and not (base and target.startswith(f"{base}/"))
            if key in found or (kind == "worksheet" and not is_normal):
                raise SheetRefused(NOT_AS_SAVED, code="odd-relation")
            found[key] = (kind, posixpath.normpath(path).lstrip("/").casefold())

        walk([self.package.body(name)], start)
        return found


class XlsxSheet:
    """One sheet. ``rows`` streams it; ``spans`` are its merged ranges, known beforehand."""

    def __init__(self, book: XlsxBook, name: str, most_rows: int) -> None:
        self.name, self.from_1904 = name, book.from_1904
        self._book, self._most_rows = book, most_rows
        self._part = book.sheets[name]

    @cached_property
    def _found(self) -> tuple[list[Span], bool]:
        return merged_spans(self._book.package.pieces(self._part), self._book.limits.spans)

    @property
    def spans(self) -> list[Span]:
        return self._found[0]

    def rows(self) -> Iterator[Row]:
        """Raises ``SheetRefused`` while it is read, too."""
        book = self._book
        cells = XlsxCells(book.strings, book.formats, self._most_rows, book.limits)
        spans, all_placed = self._found
        pieces = book.package.pieces(self._part)
        yield from cells.rows(without_empty(pieces) if all_placed else pieces)
        if cells.merged != spans:  # hidden from merged_spans
            raise SheetRefused(NOT_AS_SAVED, code="bad-ranges")
