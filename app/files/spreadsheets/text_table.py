"""Tables in text form: pasted, or saved as .csv, .tsv or .txt by Excel or WPS. Only encoding and separator are guessed."""

import csv
import re
from collections.abc import Iterator, Sequence
from io import StringIO

from flask_babel import lazy_gettext as _

from app.files.spreadsheets.cells import FORMULA, Fault
from app.files.spreadsheets.columns import SheetLimits, SheetRefused
from app.files.spreadsheets.sheet import Row, Span, within

NO_TABLE = _("This is neither a workbook nor a text table. Please save the table as .xlsx or .csv.")
ENCODINGS = ("utf-8-sig", "gb18030")  # Chinese Excel saves CSV in the second by default
DIVIDERS = "\t,;，；"
_NOTHING = DIVIDERS + " \u3000\xa0\n\ufeff"
_LOOKED_AT = 20  # lines, to tell the separator of a file
_KEPT_AS_TEXT = re.compile(r'="(.*)"', re.DOTALL)  # how programs make Excel show all digits of a CSV file's number
_NAMED_DIVIDER = re.compile(r"sep=(.)\n")  # Excel's own first line


def decode_text(data: bytes) -> str:
    """The text of a file, in whichever of the usual encodings it was saved."""
    utf16 = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    for encoding in ("utf-16",) if utf16 else ENCODINGS:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise SheetRefused(NO_TABLE, code="not-text")


class TextBook:
    """One sheet without a name. ``width``: columns of a pasted text, each of whose lines may have another separator."""

    def __init__(self, data: bytes | str, limits: SheetLimits, *, width: int = 0) -> None:
        self.sheets: Sequence[str] = ("",)
        text = decode_text(data) if isinstance(data, bytes) else data
        self._text = text.replace("\r\n", "\n").replace("\r", "\n")
        self._limits, self._width = limits, width
        if not width and not any(mark in text for mark in DIVIDERS):  # a file that is any other text
            raise SheetRefused(NO_TABLE, code="not-text")

    def open(self, name: str, most_rows: int) -> "TextSheet":
        lines = self._text.split("\n")
        # A cell of several lines is quoted by Excel when it is copied.
        copied = '"' in self._text and sum("\t" in line for line in lines) * 2 >= len(lines)
        by_hand = self._width and not copied
        records = (_hand_made(line, self._width) for line in lines) if by_hand else _records(self._text)
        return TextSheet(name, records, most_rows, self._limits.columns)


class TextSheet:
    from_1904 = False
    spans: Sequence[Span] = ()

    def __init__(self, name: str, records: Iterator[list[str]], most_rows: int, most_columns: int) -> None:
        self.name, self._records, self._most_rows, self._most_columns = name, records, most_rows, most_columns

    def rows(self) -> Iterator[Row]:
        for number, texts in enumerate(self._records, start=1):
            cells = {place: _cell(text) for place, text in enumerate(texts, start=1) if text}
            if "".join(texts).strip(_NOTHING):
                yield within((number, dict(cells)), self._most_rows, self._most_columns)


def _cell(text: str) -> str | Fault:
    if found := _KEPT_AS_TEXT.fullmatch(text):
        return found[1]
    return Fault(FORMULA) if text.startswith("=") else text


def _records(text: str) -> Iterator[list[str]]:
    """The records of a file with one separator; a quoted text may go over several lines."""
    if found := _NAMED_DIVIDER.match(text):
        divider, text = found[1], text[found.end() :]
        yield []
    else:
        lines = [line for line in text[: 1 << 16].split("\n") if line.strip()][:_LOOKED_AT]
        divider = max(DIVIDERS, key=lambda mark: sum(mark in line for line in lines))
    records = csv.reader(StringIO(text), delimiter=divider, strict=True)
    try:
        yield from records
    except csv.Error:
        sentence = _("In line %(n)s, a quotation mark is opened and not closed, or a text is too long.", n=records.line_num)
        raise SheetRefused(sentence, code="bad-text") from None


def _hand_made(line: str, width: int) -> list[str]:
    """The separator is guessed for each line: lists typed by hand are not consistent."""
    divider = next((mark for mark in DIVIDERS if mark in line), "")
    if not divider:
        return line.split(maxsplit=width - 1)
    try:
        return next(csv.reader([line], delimiter=divider))
    except csv.Error:
        raise SheetRefused from None
