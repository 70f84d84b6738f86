"""名单核查: without signing in, an employer checks a list of names and certificate numbers, pasted or uploaded.

Nothing of the list is stored or logged: only the number of pairs is counted per address, and the result travels through the
browser, signed, to its download.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from flask import request
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response

from app.certificates.list_check import ListAnswer, check
from app.core.errors import AppError, Refusal, TooMany, Unmet
from app.core.vocabulary import CertificateStatus
from app.db.session import db
from app.files import spreadsheets
from app.files.spreadsheets import Column, Kind, Reading, SheetLimits, at_most, titles
from app.web import request_context
from app.web.base.error_pages import with_retry_after
from app.web.base.fab import BaseView, expose
from app.web.base.staged_upload import StagedUpload
from app.web.base.workbook import send_workbook
from app.web.forms import SHEETS, AppForm, LongTextField, UploadField
from app.web.public.common import not_indexed

RESULT = StagedUpload("list-check", expired=_("This answer is too old to be downloaded. Please check the list once more."))
SMALL = SheetLimits(file=2 * 1024 * 1024, part=8 * 1024 * 1024, unpacked=16 * 1024 * 1024)
LISTED = 20  # bad lines named at once
NOT_FOUND = _("No certificate fits this name and number")


COLUMNS = (
    Column("name", _("Full name"), parse=at_most(50), numbers=True, width=14, also=titles.NAME),
    Column("number", _("Certificate number"), parse=at_most(60), numbers=True, width=28, also=titles.CERTIFICATE_NUMBER),
)
ANSWERS = (
    *COLUMNS,
    Column("status", _("Certificate status"), width=30),
    Column("valid_to", _("Valid until"), width=14, kind=Kind.DAY),
)


class ListForm(AppForm):
    pairs = LongTextField(
        _("Names and certificate numbers"), numbers=True, render_kw={"rows": 8, "autocomplete": "off", "spellcheck": "false"}
    )
    sheet = UploadField(_("Or a table"), accept=SHEETS, limit_mb=2)


class ListCheckView(BaseView):
    """``/lookup/list``: checks many certificates at once."""

    route_base = "/lookup/list"
    default_view = "form"

    @expose("/", methods=["GET"])
    def form(self) -> Response:
        return self._page(ListForm(formdata=None))

    @expose("/", methods=["POST"])
    def check(self) -> Response:
        form = ListForm()
        try:
            office = request_context.current_office()
            request_context.count_use("lookup", office.lookups_per_minute, 60, public=True)
            if not form.validate_on_submit():
                return self._page(form, status=422)
            pairs = _pairs(_read(form))
            request_context.count_use("pairs", office.checks_per_hour, 60 * 60, len(pairs), public=True)
        except TooMany as error:
            return with_retry_after(self._page(form, error.refusals, status=error.status), error)
        except AppError as error:
            return self._page(form, error.refusals, status=422)
        return self._page(form, found=check(db.session, pairs, on=request_context.today()))

    @expose("/answer.xlsx", methods=["POST"])
    def answer(self) -> Response:
        """The result that was shown, as a sheet, without another check."""
        response = _workbook(ANSWERS, _signed_rows(request.form.get("answer", "")))
        response.headers["Cache-Control"] = "no-store"
        return response

    @expose("/template.xlsx", methods=["GET"])
    def template(self) -> Response:
        return _workbook(COLUMNS, ())

    def _page(
        self, form: ListForm, refusals: Sequence[Refusal] = (), *, found: Sequence[ListAnswer] = (), status: int = 200
    ) -> Response:
        office = request_context.current_office()
        form.pairs.description = gettext(
            "One person per line: the name, then the certificate number (like %(number)s), as copied from a table, or "
            "divided by a space or comma.",
            number=f"{office.short_name}建安C1({request_context.today().year})0000001",
        )
        page = self.render_template(
            "public/list.html",
            form=form,
            refusals=refusals,
            found=found,
            counts=Counter(result.status or NOT_FOUND for result in found).most_common(),
            answer=RESULT.sign([_plain(result) for result in found]) if found else "",
            not_found=NOT_FOUND,
            most=office.largest_check,
            at=request_context.office_now(),
        )
        return not_indexed(page, status)


def register(appbuilder: Any) -> None:
    appbuilder.add_view_no_menu(ListCheckView)


def _workbook(columns: Sequence[Column], rows: Sequence[Mapping[str, object]]) -> Response:
    name = gettext("List check")
    return send_workbook(spreadsheets.write(columns, rows, sheet_title=name), name)


def _read(form: ListForm) -> Reading:
    """The uploaded table, else the pasted text."""
    most = request_context.current_office().largest_check
    if form.sheet.data is None:
        return spreadsheets.read_text(form.pairs.data or "", COLUMNS, most_rows=most)
    data = request_context.uploaded_bytes(form.sheet.data)
    if data.startswith((b"PK", b"\xd0\xcf\x11\xe0")):  # a workbook, new or old; a text may have no header
        return spreadsheets.read(data, COLUMNS, most_rows=most, limits=SMALL)
    return spreadsheets.read_text(data, COLUMNS, most_rows=most)


def _pairs(reading_: Reading) -> list[tuple[str, str]]:
    if reading_.errors:
        raise Unmet([Refusal("bad-cell", _sentence(error)) for error in reading_.errors[:LISTED]])
    if not reading_.rows:
        sentence = _("There is nothing to check. Enter one person per line: the name, then the certificate number.")
        raise Unmet.because(Refusal("empty-list", sentence, field="pairs"))
    return [(row.values["name"], row.values["number"]) for row in reading_.rows]


def _sentence(error: spreadsheets.CellError) -> object:
    return _("Row %(row)s, %(title)s: %(sentence)s", row=error.row, title=error.title, sentence=error.sentence)


def _plain(result: ListAnswer) -> list[str]:
    status, valid_to = result.status, result.valid_to
    return [result.name, result.number, status.value if status else "", valid_to.isoformat() if valid_to else ""]


def _signed_rows(answer: str) -> list[dict[str, object]]:
    """The rows of a result we signed within the hour: a downloaded sheet contains nothing else."""
    statuses = {term.value: term for term in CertificateStatus}
    return [
        {"name": name, "number": number, "status": statuses.get(status, NOT_FOUND), "valid_to": _day(valid_to)}
        for name, number, status, valid_to in RESULT.open(answer)
    ]


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None
