"""Opens an uploaded table by what it is, whatever its name says: .xlsx, .xls, or text."""

from flask_babel import lazy_gettext as _

from app.files.spreadsheets.columns import MIB, SheetLimits, SheetRefused
from app.files.spreadsheets.guard import NOT_AS_SAVED
from app.files.spreadsheets.sheet import Book
from app.files.spreadsheets.text_table import NO_TABLE, TextBook
from app.files.spreadsheets.xls_book import XlsBook
from app.files.spreadsheets.xlsx_book import XlsxBook

_OTHER_DOCUMENTS = (b"%PDF", b"{\\rtf")  # that might pass for text
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def open_book(data: bytes, limits: SheetLimits) -> Book:
    """Raises ``SheetRefused`` if it is none of these, hostile, or too large."""
    if not data:
        raise SheetRefused(_("The file is empty. Please choose the workbook again."), code="empty-file")
    if len(data) > limits.file:
        sentence = _("The file is larger than %(n)s MB. Please split the table.", n=limits.file // MIB)
        raise SheetRefused(sentence, code="file-too-large")
    if data.startswith(_OLE):
        return XlsBook(data, limits)
    if data.startswith(b"PK\x03\x04"):
        return XlsxBook(data, limits)
    if b"PK\x03\x04" in data[:MIB]:
        raise SheetRefused(NOT_AS_SAVED, code="zip-prefix")
    if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        sentence = _(
            "This is a web page under the name of a workbook. "
            "Please open it in Excel or WPS, save it as .xlsx and import that file."
        )
        raise SheetRefused(sentence, code="web-page")
    if data.startswith(_OTHER_DOCUMENTS):
        raise SheetRefused(NO_TABLE, code="not-text")
    return TextBook(data, limits)
