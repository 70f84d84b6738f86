"""The public counter: front page, certificate lookup, the board of results, exam notices. Nobody signs in here.

Law: it reads and never writes (but for the count of tries); an ID number never leaves it in full, not even back to whoever
typed it; who is unknown and whose name does not match get the same answer for the same work.

The addresses are fixed: QR codes on paper and the menu 电子证照查询 of the province's WeChat account (R128), which simply
links to ``/lookup``, hold on to them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, TypeVar

from flask import make_response, redirect, request, url_for
from flask_appbuilder import BaseView, expose
from flask_babel import format_date, gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import select
from werkzeug.wrappers import Response

from app import desk
from app.accounts import rate_limit
from app.accounts.access import NOBODY
from app.certificates.lookup import (
    Scanned,
    Shown,
    certificate_scanned,
    certificate_sealed,
    certificates_of,
)
from app.core.clock import office_day
from app.core.crypto.demo_ca import published
from app.core.crypto.verify_signature import trusted, verify
from app.core.errors import HouseError, NotFound, TooMany
from app.core.vocabulary import (
    Action,
    CertificateStatus,
    MatterKind,
    Role,
    Stage,
)
from app.db.session import db, reading
from app.forms import HouseForm, Required, TextField, TextLength, UploadField
from app.models import ExamNotice
from app.outbox.public_notices import latest, listed
from app.web.base.access_filter import ROW
from app.web.base.private_urls import heard, sheltered, straightened
from app.workflow import MOVES, make_public

Word = TypeVar("Word", MatterKind, Stage)
LARGEST_PAPER = 4 * 1024 * 1024  # fifty times an e-certificate; a check costs some milliseconds

# What a published result is called: the very word that the officer pressed.
RESULTS: dict[tuple[Stage, bool], Action] = {
    (move.stage, move.agreed): move.action for move in MOVES if move.stage is not None and make_public in move.then
}


# What each status means for whoever stands before the holder.
MEANS: Mapping[CertificateStatus, object] = {
    CertificateStatus.VALID: _("The certificate is in force."),
    CertificateStatus.SUSPENDED: _("It must not be used until the suspension is lifted."),
    CertificateStatus.REVOKED: _("The grant was revoked. It must not be used."),
    CertificateStatus.CANCELLED: _("It was given up and no longer counts."),
    CertificateStatus.EXPIRED: _("Its last day is past. It must not be used."),
    CertificateStatus.TRANSFERRED_OUT: _("It was moved to another province and no longer counts here."),
    CertificateStatus.WITHDRAWN: _("It was withdrawn as a penalty. It must not be used."),
    CertificateStatus.OTHER: _("Please ask the issuing authority what this means."),
}


# --- the procedure as a picture (R22) ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Node:
    """One box of the flow diagram: what is done, by whom, and what else may come of it."""

    label: object
    by: object
    onward: tuple[Action, ...] = ()
    otherwise: tuple[Action, ...] = ()


def stages() -> list[Node]:
    """The deciding stages, drawn from the table of moves, so that the picture cannot differ from the procedure."""
    found = []
    for stage in Stage:
        moves = [move for move in MOVES if move.stage is stage]
        onward = tuple(move.action for move in moves if move.agreed)
        found.append(Node(stage, moves[0].by, onward, tuple(move.action for move in moves if not move.agreed)))
    return found


EXAM_FLOW = (
    Node(_("Publish the exam notice"), Role.EXAM_CLERK),
    Node(_("Sign up online"), Role.ENTERPRISE_CLERK),
    Node(_("Review the sign-ups"), Role.EXAM_CLERK),
    Node(_("Export the sign-up details"), Role.EXAM_CLERK),
    Node(_("Import the scores"), Role.EXAM_CLERK),
)


# --- doors -------------------------------------------------------------------------------------------


class FrontPage(BaseView):  # type: ignore[misc]
    """``/``: the way in for those who work here (R27), the way to the counter for everybody else."""

    route_base = ""
    default_view = "index"

    @expose("/", methods=["GET"])  # type: ignore[untyped-decorator]
    def index(self) -> Response:
        if desk.actor() is not NOBODY:
            return redirect(url_for("WorkView.home"))
        at, on, office = desk.moment(), desk.today(), desk.office()
        newest = select(ExamNotice).order_by(ExamNotice.published_at.desc(), ExamNotice.id.desc()).limit(5)
        page = self.render_template(
            "public/front.html",
            wide=True,
            exam_flow=EXAM_FLOW,
            stages=stages(),
            exam_notices=[(notice, _signup_word(notice, at)) for notice in db.session.scalars(newest)],
            results=latest(db.session, on=on, office=office, most=6),
            word_of=_word_of,
        )
        return make_response(page)


class LookupForm(HouseForm):
    name = TextField(
        _("Holder's name"), validators=[Required(), TextLength(50)], render_kw={"autocomplete": "name", "maxlength": 50}
    )
    number = TextField(
        _("ID number or certificate number"),
        validators=[Required(), TextLength(60)],
        render_kw={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false", "maxlength": 60},
    )


class LookupView(BaseView):  # type: ignore[misc]
    """``/lookup`` and ``/v/…``: is this certificate real, and does it hold?"""

    route_base = ""
    default_view = "form"

    @expose("/lookup", methods=["GET"])  # type: ignore[untyped-decorator]
    def form(self) -> Response:
        """The empty form. What stands in the address is not looked at, and does not stay there: it might be an ID number."""
        if request.query_string:
            return redirect(url_for(".form"))
        return self._form(LookupForm(formdata=None))

    @expose("/lookup", methods=["POST"])  # type: ignore[untyped-decorator]
    def find(self) -> Response:
        try:
            _count_a_try("lookup")
        except TooMany as no:
            answer = self._form(LookupForm(formdata=None), refusal=str(no), status=no.status)
            answer.headers["Retry-After"] = str(no.retry_after)
            return answer
        form = LookupForm()
        if not form.validate_on_submit():
            return self._form(form, status=422)
        found = certificates_of(db.session, form.name.data, form.number.data, on=desk.today())
        return self._result(found) if found else self._form(form, missed=True)

    @expose("/v/<token>", methods=["GET"])  # type: ignore[untyped-decorator]
    def scanned(self, token: str) -> Response:
        """The page behind a code. Only what leads nowhere is counted: a real print is never refused."""
        try:
            scanned = certificate_scanned(db.session, token, on=desk.today())
        except NotFound as no:
            return self._not_ours(no)
        return self._result((scanned.certificate,), scanned)

    def _not_ours(self, no: HouseError) -> Response:
        try:
            _count_a_try("code")
        except TooMany as too_many:
            no = too_many
        answer = _unlisted(self.render_template("public/not_ours.html", no=no), no.status)
        if isinstance(no, TooMany):
            answer.headers["Retry-After"] = str(no.retry_after)
        return answer

    def _form(self, form: LookupForm, *, refusal: str = "", missed: bool = False, status: int = 200) -> Response:
        form.number.data = ""  # whoever stands behind the reader need not see it twice
        office = desk.office()
        form.number.description = gettext(
            "18 characters, or a number like %(number)s; brackets of either width, capital or small letters.",
            number=f"{office.short_name}建安C1({desk.today().year})0000001",
        )
        return _unlisted(self.render_template("public/lookup.html", form=form, refusal=refusal, missed=missed), status)

    def _result(self, found: tuple[Shown, ...], scanned: Scanned | None = None) -> Response:
        page = self.render_template("public/result.html", found=found, scanned=scanned, means=MEANS, at=desk.moment())
        return _unlisted(page)


class SealForm(HouseForm):
    paper = UploadField(_("E-certificate"), accept=(".pdf", ".ofd"), limit_bytes=LARGEST_PAPER, needed=True)


class SealView(BaseView):  # type: ignore[misc]
    """``/verify-file`` and ``/seal/…``: was this file sealed here, and is it as it was? What is handed in is not kept."""

    route_base = ""
    default_view = "form"

    @expose("/verify-file", methods=["GET"])  # type: ignore[untyped-decorator]
    def form(self) -> Response:
        return self._page(SealForm(formdata=None))

    @expose("/verify-file", methods=["POST"])  # type: ignore[untyped-decorator]
    def check(self) -> Response:
        try:
            _count_a_try("lookup")
        except TooMany as no:
            answer = self._page(SealForm(formdata=None), refusal=str(no), status=no.status)
            answer.headers["Retry-After"] = str(no.retry_after)
            return answer
        form = SealForm()
        if not form.validate_on_submit():
            return self._page(form, status=422)
        assert form.paper.data is not None  # noqa: S101 - the field is needed
        try:
            data = desk.handed_in(form.paper.data)
        except HouseError as no:
            return self._page(SealForm(formdata=None), refusal=str(no), status=no.status)
        verdict = verify(data, trusted(desk.settings().seals), at=desk.moment())
        kept = certificate_sealed(db.session, sha256(data).hexdigest(), on=desk.today())
        return self._page(SealForm(formdata=None), verdict=verdict, kept=kept)

    @expose("/seal/<name>", methods=["GET"])  # type: ignore[untyped-decorator]
    def part(self, name: str) -> Response:
        """Our root, and the lists of revoked seals where the certificates say that they are."""
        data = published(desk.settings().seals, name)
        if data is None:
            raise NotFound
        kind = "application/pkix-crl" if name.endswith(".crl") else "application/x-x509-ca-cert"
        return Response(data, mimetype=kind, headers={"Cache-Control": "public, max-age=3600"})

    def _page(self, form: SealForm, *, status: int = 200, **what: Any) -> Response:
        return _unlisted(self.render_template("public/seal.html", form=form, **what), status)


class NoticeView(BaseView):  # type: ignore[misc]
    """``/notices`` and ``/exam-notices/…``: results of decisions, and exams to come."""

    route_base = ""
    default_view = "board"

    @expose("/notices", methods=["GET"])  # type: ignore[untyped-decorator]
    def board(self) -> Response:
        """Results on the board. A part of the address that makes no sense is read as if it were not there."""
        if (elsewhere := straightened()) is not None:
            return make_response(elsewhere)
        asked = {"q": _plain(heard(request.args.get("q", "")))}
        matter, stage = _term(MatterKind, request.args.get("matter")), _term(Stage, request.args.get("stage"))
        asked |= {"matter": matter.value if matter else "", "stage": stage.value if stage else ""}
        page = listed(
            db.session,
            on=desk.today(),
            office=desk.office(),
            text=asked["q"],
            matter=matter,
            stage=stage,
            page=_page_number(request.args.get("page", "")),
        )
        asked = {name: value for name, value in asked.items() if value}
        days, address = desk.office().publicity_days, {name: sheltered(value) for name, value in asked.items()}
        words = {"matters": MatterKind, "stages": Stage, "word_of": _word_of, "asked": asked, "address": address}
        return _unlisted(self.render_template("public/notices.html", wide=True, page=page, days=days, **words))

    @expose(f"/exam-notices/{ROW}notice_id>", methods=["GET"])  # type: ignore[untyped-decorator]
    def exam(self, notice_id: int) -> Response:
        notice = db.session.get(ExamNotice, notice_id)
        if notice is None:
            raise NotFound
        page = self.render_template(
            "public/exam_notice.html",
            wide=True,
            notice=notice,
            word=_signup_word(notice, desk.moment()),
            signed_on=office_day(notice.published_at),
            long_day=lambda day: format_date(day, "long"),
        )
        return make_response(page)


def register_public(appbuilder: Any) -> None:
    """Open the counter."""
    appbuilder.add_view_no_menu(FrontPage)
    appbuilder.add_view_no_menu(LookupView)
    appbuilder.add_view_no_menu(SealView)
    appbuilder.add_view_no_menu(NoticeView)


# --- small things of the doors -----------------------------------------------------------------------


def _count_a_try(kind: str) -> None:
    """One more from this address, whatever comes of it; then the rest of the request only reads."""
    db.session.rollback()  # SQLite has one writer, and the count is written beside this session
    office, at = desk.office(), desk.moment()
    rate_limit.hit(
        db.engine, f"{kind}:{rate_limit.origin(desk.address())}", limit=office.lookups_per_minute, seconds=60, at=at
    )
    reading.set(True)


def _unlisted(page: str, status: int = 200) -> Response:
    """A page that names people: no search engine and no cache keeps it."""
    answer = make_response(page, status)
    answer.headers["X-Robots-Tag"] = "noindex, nofollow"
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _word_of(notice: Any) -> Action:
    return RESULTS[notice.stage, notice.agreed]


def _signup_word(notice: ExamNotice, at: datetime) -> tuple[str, object]:
    """Whether one can sign up at this moment: the tone and the word."""
    if at < notice.signup_start:
        return "run", _("Sign-up not yet open")
    if at <= notice.signup_end:
        return "ok", _("Sign-up open")
    return "off", _("Sign-up closed")


def _term(kind: type[Word], code: str | None) -> Word | None:
    return next((term for term in kind if term.value == code), None)


def _plain(text: str) -> str:
    """What was typed into a search field, without marks that no database takes."""
    return re.sub("[\x00-\x1f\x7f]", "", text).strip()[:100]


def _page_number(text: str) -> int:
    return int(text) if re.fullmatch("[0-9]{1,6}", text) else 1
