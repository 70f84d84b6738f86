"""Public lookup of certificates: by number and name, and behind the QR code."""

from typing import Any

from flask import current_app, redirect, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response

from app.applications.letters.lookup import PublicLetter, letter_numbered
from app.certificates.lookup import PublicCertificate, ScannedCertificate, certificate_scanned, certificates_of
from app.core.errors import AppError, NotFound, TooMany
from app.db.session import db
from app.web import request_context
from app.web.base import private_urls
from app.web.base.error_pages import with_retry_after
from app.web.base.fab import BaseView, expose
from app.web.base.layout import preference
from app.web.forms import AppForm, Required, TextField, TextLength
from app.web.public.common import count_a_try, not_indexed
from app.web.public.front import MEANS, FrontPage
from app.web.public.kept_pages import kept
from app.web.public.notices import NoticeView
from app.web.public.signature_check import SealView


class LookupForm(AppForm):
    class Meta:
        csrf = False  # see ``OPEN_FORMS``

    name = TextField(
        _("Holder's name"),
        validators=[Required(), TextLength(50)],
        numbers=True,
        render_kw={"autocomplete": "name", "maxlength": 50},
    )
    number = TextField(
        _("ID number, certificate number or number of a letter"),
        validators=[Required(), TextLength(60)],
        numbers=True,
        render_kw={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false", "maxlength": 60},
    )


class LookupView(BaseView):
    """``/lookup`` and ``/v/…``: whether a certificate is genuine and in force, or a letter was issued."""

    route_base = ""
    default_view = "form"

    @expose("/lookup", methods=["GET"])
    @kept
    def form(self) -> Response:
        """The empty form. A query string is ignored and removed from the URL: it might be an ID number."""
        if request.query_string:
            return redirect(url_for(".form"))
        return self._form(LookupForm(formdata=None))

    @expose("/lookup", methods=["POST"])
    def find(self) -> Response:
        try:
            count_a_try("lookup")
        except TooMany as error:
            return with_retry_after(self._form(LookupForm(formdata=None), refusal=str(error), status=error.status), error)
        form = LookupForm()
        if not form.validate_on_submit():
            return self._form(form, status=422)
        found = certificates_of(db.session, form.name.data, form.number.data, on=request_context.today())
        if found:
            return self._result(found)
        letter = letter_numbered(db.session(), form.name.data, form.number.data)
        return self._letter(letter) if letter else self._form(form, missed=True)

    @expose("/v/<token>", methods=["GET"])
    def scanned(self, token: str) -> Response:
        """The page of a QR code. Only unknown codes are counted: a genuine certificate is never refused."""
        try:
            scanned = certificate_scanned(db.session, token, on=request_context.today())
        except NotFound as error:
            return self._unknown_code(error)
        return self._result((scanned.certificate,), scanned)

    def _unknown_code(self, error: AppError) -> Response:
        try:
            count_a_try("code")
        except TooMany as too_many:
            error = too_many
        return with_retry_after(not_indexed(self.render_template("public/not_ours.html", no=error), error.status), error)

    def _form(self, form: LookupForm, *, refusal: str = "", missed: bool = False, status: int = 200) -> Response:
        form.number.data = ""  # not shown again: it may be an ID number
        office = request_context.current_office()
        form.number.description = gettext(
            "18 characters, or a number like %(number)s; brackets of either width, capital or small letters.",
            number=f"{office.short_name}建安C1({request_context.today().year})0000001",
        )
        return not_indexed(self.render_template("public/lookup.html", form=form, refusal=refusal, missed=missed), status)

    def _letter(self, letter: PublicLetter) -> Response:
        return not_indexed(self.render_template("public/letter.html", letter=letter, at=request_context.office_now()))

    def _result(self, found: tuple[PublicCertificate, ...], scanned: ScannedCertificate | None = None) -> Response:
        page = self.render_template(
            "public/result.html", found=found, scanned=scanned, means=MEANS, at=request_context.office_now()
        )
        return not_indexed(page)


# They change nothing but the visitor's own cookies, so their forms carry no token: with it no page would be the same twice.
OPEN_FORMS = (preference, private_urls.ask, LookupView.find)


def register_public(appbuilder: Any) -> None:
    for view in OPEN_FORMS:
        current_app.extensions["csrf"].exempt(f"{view.__module__}.{view.__name__}")
    for view in (FrontPage, LookupView, SealView, NoticeView):
        appbuilder.add_view_no_menu(view)
