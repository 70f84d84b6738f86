"""Downloads of an uploaded sheet with the result of each row: after the check and after the import, for every import.

A ticket names a stored object, the marks of the rows and the sheet, so that what is downloaded is what the page said. The
object waits for the nightly sweep of the store.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from flask import flash
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response

from app.core.errors import Unwritable
from app.files.row_preview import PreviewRow
from app.files.sheet_results import comes_back_whole, marks_of, refused_rows, result_book
from app.files.spreadsheets import Answers, Column, Layout, SheetMarks
from app.web import request_context
from app.web.base.fab import BaseView, permission_name, route
from app.web.base.staged_upload import StagedUpload
from app.web.base.workbook import send_workbook

EXPIRED = _("The result of this sheet has expired. Please choose the file again and check it once more.")
RESULTS = StagedUpload("sheet-results", expired=EXPIRED, field="results")
FLASH = "sheet-results"  # category of a message that is a ticket


class SheetResults(NamedTuple):
    """What a page offers. ``refused``: rows that are not taken, doubtful ones among them."""

    ticket: str
    refused: int
    is_copied: bool  # no .xlsx, or too large to be given back as it came


class ReadSheet(NamedTuple):
    """A sheet that an import has read. ``records`` is the table that it is about."""

    data: bytes
    columns: Sequence[Column]
    layout: Layout
    rows: Sequence[PreviewRow]
    answers: Answers | None
    records: str


def offer(sheet: ReadSheet, *, done: bool = False) -> SheetResults | None:
    """The downloads of a sheet that was checked; None for one without rows. ``done``: see ``offer_done``."""
    if not sheet.rows:
        return None
    marks = marks_of(sheet.columns, sheet.layout, sheet.rows, answers=sheet.answers, done=done)
    ticket = RESULTS.stage(marks.with_sheet(sheet.data), note=sheet.records)
    return SheetResults(ticket, len(marks.refused), not comes_back_whole(sheet.data, len(marks.rows)))


def offer_done(sheet: ReadSheet) -> SheetResults | None:
    """The downloads after the import, which is committed; None also where no file can be written at present."""
    with suppress(Unwritable):
        return offer(sheet, done=True)
    return None


def offer_next(sheet: ReadSheet) -> None:
    """Offer the sheet with the results of its import on the next page."""
    if results := offer_done(sheet):
        flash(results.ticket, FLASH)


class SheetResultView(BaseView):
    """The downloads, for whoever may import something; a ticket is good for the user whose sheet it was."""

    route_base = "/sheet-results"
    class_permission_name = "SheetResults"
    default_view = "book"
    base_permissions = ["can_fetch"]

    @route("/book.xlsx", "POST")
    @permission_name("fetch")
    def book(self) -> Response:
        """The uploader's own workbook, with the results in it."""
        data, marks, records = _redeemed()
        book = result_book(data, marks)
        request_context.note_export(records, list="import", rows=len(marks.rows))
        return send_workbook(book, str(marks.title))

    @route("/refused.xlsx", "POST")
    @permission_name("fetch")
    def refused(self) -> Response:
        """The rows alone that were not taken."""
        data, marks, records = _redeemed()
        book = refused_rows(data, marks)
        request_context.note_export(records, list="import", rows=len(marks.refused))
        return send_workbook(book, gettext("Rows to be put right"))


def _redeemed() -> tuple[bytes, SheetMarks, str]:
    file = RESULTS.staged()
    marks, data = SheetMarks.and_sheet(file.data)
    return data, marks, file.note


def register(appbuilder: Any) -> None:
    appbuilder.add_view_no_menu(SheetResultView)
