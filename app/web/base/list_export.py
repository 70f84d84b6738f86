"""A list as a sheet: the rows that its query finds, with the columns and values that the page shows."""

from collections.abc import Iterator
from typing import Any

from flask import flash, redirect, url_for
from flask_babel import gettext
from markupsafe import Markup
from werkzeug.wrappers import Response

from app.core.redaction import mask_numbers
from app.files.spreadsheets import Column, write
from app.web import request_context
from app.web.base.datamodel import COUNT_CAP
from app.web.base.fab import route
from app.web.base.links import NOTHING, Link, text_of
from app.web.base.model_view import ModelScreen
from app.web.base.workbook import send_workbook


class ExportedList(ModelScreen):
    """A list that can be taken away as .xlsx, by who holds ``can_export`` on it. Each export is a line of the audit log."""

    @route("/export", "POST")
    def export(self) -> Response:
        """All the rows found, masked as on the page; none if there are more than ``COUNT_CAP``, rather than a part."""
        asked = self.asked()
        query = self.datamodel.within_reach(*asked.conditions.values())
        if self.datamodel.count(query) > COUNT_CAP:
            sentence = gettext("More than %(n)s records are found. Please narrow the query, by a period say.", n=COUNT_CAP)
            flash(sentence, "warning")
            return redirect(url_for(f"{self.endpoint}.list", **asked.args()))
        columns = [name for column in self.list_columns for name in (column, self.sub_columns.get(column)) if name]
        rows = list(self._exported(query, columns, asked.sort, asked.descending))
        data = write([Column(name, self.label(name), width=18) for name in columns], rows, sheet_title=self.list_title)
        filters = {name: mask_numbers(value) for name, value in asked.values.items()}
        request_context.note_export(self.datamodel.obj, list=self.endpoint, rows=len(rows), query=filters)
        return send_workbook(data, f"{self.list_title} {request_context.today():%Y%m%d}")

    def _exported(self, query: Any, columns: list[str], sort: str, descending: bool) -> Iterator[dict[str, str]]:
        for rows in self.datamodel.in_parts(query, sort, descending, COUNT_CAP):
            self.rows_loaded(rows)
            for row in rows:
                yield {name: _plain(self.value(name, row)) for name in columns}

    def export_link(self) -> Link | None:
        """The button of the list; None for who may not."""
        if not self.may("export"):
            return None
        url = url_for(f"{self.endpoint}.export", **self.asked().args())
        return Link(gettext("Export"), url, icon="download", post=True, download=True)


def _plain(value: object) -> str:
    if value == NOTHING:
        return ""
    return value.striptags() if isinstance(value, Markup) else text_of(value)
