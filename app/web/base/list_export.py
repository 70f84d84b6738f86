"""A list as a sheet: the rows that its query finds, masked as on the page, with every column of the list."""

import csv
from collections.abc import Iterable, Iterator
from tempfile import TemporaryFile
from typing import IO, Any

from flask import flash, redirect, request, send_file, url_for
from flask_babel import gettext
from markupsafe import Markup
from werkzeug.wrappers import Response

from app.core.redaction import mask_numbers
from app.files.spreadsheets import Column, write
from app.web import request_context
from app.web.base.fab import route
from app.web.base.links import NOTHING, Link, text_of
from app.web.base.model_view import ModelScreen
from app.web.base.workbook import send_workbook

XLSX, CSV = "xlsx", "csv"
# What begins so in a CSV file is calculated by Excel (OWASP, CSV Injection).
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


class ExportedList(ModelScreen):
    """A list that can be taken away as .xlsx or .csv, by who holds ``can_export`` on it. Each export is a line of the audit
    log.
    """

    @route("/export", "POST")
    def export(self) -> Response:
        """All the rows found (``?format=csv``, else xlsx), masked and in the order of the page; of more than
        ``largest_export`` none, rather than a part.

        Rows are read in parts into a file, from which the sheet is made: memory does not grow with them, and no place for
        sheets is held while the database is read.
        """
        asked, most = self.asked(), request_context.current_office().largest_export
        query = self.datamodel.within_reach(*asked.conditions.values())
        if self.datamodel.count(query, most) > most:
            sentence = gettext("More than %(n)s records are found. Please narrow the query, by a period say.", n=most)
            flash(sentence, "warning")
            return redirect(url_for(f"{self.endpoint}.list", **asked.args()))
        columns = [name for column in self.list_columns for name in (column, self.sub_columns.get(column)) if name]
        form = CSV if request.args.get("format") == CSV else XLSX
        file = TemporaryFile("w+", encoding="utf-8-sig", newline="")  # noqa: SIM115 - sent, then closed by the response
        lines = csv.writer(file)
        lines.writerow([self.label(name) for name in columns])
        rows = 0
        for cells in self._exported(query, columns, asked.sort, asked.descending, most):
            lines.writerow(map(harmless, cells) if form == CSV else cells)
            rows += 1
        filters = {name: mask_numbers(value) for name, value in asked.values.items()}
        name = f"{self.list_title} {request_context.today():%Y%m%d}"
        answer = self._as_csv(file, name) if form == CSV else self._as_workbook(file, columns, name)
        request_context.note_export(self.datamodel.obj, list=self.endpoint, rows=rows, query=filters, format=form)
        return answer

    def _as_csv(self, file: IO[str], name: str) -> Response:
        file.seek(0)
        content = file.detach()  # type: ignore[attr-defined] # or it would be closed with the wrapper
        return send_file(content, "text/csv", as_attachment=True, download_name=f"{name}.csv")

    def _as_workbook(self, file: IO[str], columns: list[str], name: str) -> Response:
        file.seek(0)
        with file:
            rows: Iterable[dict[str, str]] = csv.DictReader(file, columns)
            next(iter(rows))  # the titles
            data = write([Column(name, self.label(name), width=18) for name in columns], rows, sheet_title=self.list_title)
        return send_workbook(data, name)

    def _exported(self, query: Any, columns: list[str], sort: str, descending: bool, most: int) -> Iterator[list[str]]:
        for rows in self.datamodel.in_parts(query, sort, descending, most):
            self.rows_loaded(rows)
            for row in rows:
                yield [_plain(self.value(name, row)) for name in columns]

    def export_links(self) -> list[Link]:
        """The buttons of the list; none for who may not."""
        if not self.may("export"):
            return []
        sheet, text = (url_for(f"{self.endpoint}.export", **self.asked().args(format=form)) for form in (None, CSV))
        return [
            Link(gettext("Export"), sheet, icon="download", post=True, download=True),
            Link(gettext("Export as CSV"), text, post=True, download=True),
        ]


def harmless(text: str) -> str:
    """A cell of a CSV file that no program takes for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def _plain(value: object) -> str:
    if value == NOTHING:
        return ""
    return value.striptags() if isinstance(value, Markup) else text_of(value)
