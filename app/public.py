"""The public counter: front page, certificate lookup, the board of results, exam notices. Nobody signs in here.

Law: it reads and never writes (but for the count of tries); an ID number never leaves it in full, not even back to whoever
typed it; who is unknown and whose name does not match get the same answer for the same work.

The addresses are fixed: QR codes on paper and the menu 电子证照查询 of the province's WeChat account (R128), which simply
links to ``/lookup``, hold on to them.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Any, TypeVar

from flask import make_response, redirect, request, url_for
from flask_appbuilder import BaseView, expose
from flask_babel import format_date, gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import func, select, union
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app import desk, throttle
from app.certificates.seal.authority import published
from app.certificates.seal.verdict import trusted, verify
from app.clock import office_day
from app.db import db, reading
from app.errors import NotFound, TooMany
from app.forms import HouseForm, Required, TextField, TextLength, UploadField
from app.identity import fold_certificate_number, fold_name, mask_id_publicly
from app.models import Certificate, CertificateVersion, Enterprise, ExamNotice, Person
from app.publicity import latest, listed
from app.scope import NOBODY
from app.screens.reach import ROW
from app.vocabulary import Action, Category, CertificateStatus, MatterKind, Role, Stage
from app.workflow import MOVES, make_public

Word = TypeVar("Word", MatterKind, Stage)
LARGEST_PAPER = 4 * 1024 * 1024  # fifty times an e-certificate; a check costs some milliseconds
TOKEN = re.compile(r"[A-Za-z0-9_-]{1,32}")

# What a published result is called: the very word that the officer pressed.
RESULTS: dict[tuple[Stage, bool], Action] = {
    (move.stage, move.agreed): move.action for move in MOVES if move.stage is not None and make_public in move.then
}


# --- what the public may know ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shown:
    """One certificate as anybody may see it."""

    holder: str
    masked_id_number: str
    category: Category
    number: str
    enterprise: str
    first_issued_on: date
    issued_on: date
    valid_from: date
    valid_to: date
    status: CertificateStatus
    reason: str


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a QR code leads to: the certificate as it stands now, and whether the print it was scanned from is the newest."""

    certificate: Shown
    version: int
    newest: int
    replaced_at: datetime | None

    @property
    def is_outdated(self) -> bool:
        return self.version < self.newest


def certificates_of(session: Session, name: str, number: str, *, on: date) -> tuple[Shown, ...]:
    """Every certificate of the person with this name and this ID or certificate number (R129, R130), in one query.

    Nothing if there is nobody, and nothing if the name is another: the caller cannot tell which.
    """
    typed = fold_certificate_number(number)
    known = union(
        select(Person.id).where(Person.id_number_key == typed),
        select(Certificate.person_id).where(Certificate.number == typed),
    )
    rows = session.execute(
        select(Certificate, Person.name, Person.id_number, Enterprise.name)
        .join(Person, Person.id == Certificate.person_id)
        .join(Enterprise, Enterprise.id == Certificate.enterprise_id)
        .where(Certificate.person_id.in_(known.subquery().select()))
        .order_by(Certificate.category, Certificate.issued_on.desc(), Certificate.id)
    ).all()
    names = {
        _same(known_as) for certificate, name_now, _id, _enterprise in rows for known_as in (certificate.holder, name_now)
    }
    if _same(name) not in names:
        return ()
    return tuple(_shown(certificate, id_number, enterprise, on) for certificate, _name, id_number, enterprise in rows)


def certificate_scanned(session: Session, token: str, *, on: date) -> Scanned:
    """The certificate a QR code belongs to (R131), in one query; ``NotFound`` for what is not electronic (R133), too."""
    if not TOKEN.fullmatch(token):
        raise NotFound(UNKNOWN_CODE)
    later = select(func.max(CertificateVersion.version)).where(CertificateVersion.certificate_id == Certificate.id)
    row = session.execute(
        select(
            Certificate,
            Person.id_number,
            Enterprise.name,
            CertificateVersion.version,
            CertificateVersion.replaced_at,
            later.correlate(Certificate).scalar_subquery(),
        )
        .join(CertificateVersion, CertificateVersion.certificate_id == Certificate.id)
        .join(Person, Person.id == Certificate.person_id)
        .join(Enterprise, Enterprise.id == Certificate.enterprise_id)
        .where(CertificateVersion.token == token, Certificate.is_electronic)
    ).one_or_none()
    if row is None:
        raise NotFound(UNKNOWN_CODE)
    certificate, id_number, enterprise, version, replaced_at, newest = row
    return Scanned(_shown(certificate, id_number, enterprise, on), version, newest, replaced_at)


def certificate_sealed(session: Session, digest: str, *, on: date) -> Scanned | None:
    """The certificate whose file has exactly these bytes, as it stands now. Whoever has the file has its code, too."""
    token = session.scalar(select(CertificateVersion.token).where(CertificateVersion.digest == digest).limit(1))
    return certificate_scanned(session, token, on=on) if token else None


UNKNOWN_CODE = _(
    "This code belongs to no electronic certificate of this system. Scan it once more, or look it up by name and number."
)


def _same(name: str) -> str:
    return fold_name(name).casefold()


def _shown(certificate: Certificate, id_number: str, enterprise: str, on: date) -> Shown:
    status = certificate.status_on(on)
    return Shown(
        holder=certificate.holder,
        masked_id_number=mask_id_publicly(id_number),
        category=certificate.category,
        number=certificate.number,
        enterprise=enterprise,
        first_issued_on=certificate.first_issued_on,
        issued_on=certificate.issued_on,
        valid_from=certificate.valid_from,
        valid_to=certificate.valid_to,
        status=status,
        reason=certificate.status_reason if status is CertificateStatus.OTHER else "",  # 99 means nothing without it
    )


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
            _count_a_try()
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
        try:
            scanned = certificate_scanned(db.session, token, on=desk.today())
        except NotFound as no:
            return self._form(LookupForm(formdata=None), refusal=str(no), status=no.status)
        return self._result((scanned.certificate,), scanned if scanned.is_outdated else None)

    def _form(self, form: LookupForm, *, refusal: str = "", missed: bool = False, status: int = 200) -> Response:
        form.number.data = ""  # whoever stands behind the reader need not see it twice
        office = desk.office()
        form.number.description = gettext(
            "18 characters, or a number like %(number)s; brackets of either width, capital or small letters.",
            number=f"{office.short_name}建安C1({desk.today().year})0000001",
        )
        return _unlisted(self.render_template("public/lookup.html", form=form, refusal=refusal, missed=missed), status)

    def _result(self, found: tuple[Shown, ...], outdated: Scanned | None = None) -> Response:
        return _unlisted(self.render_template("public/result.html", found=found, outdated=outdated, at=desk.moment()))


class SealForm(HouseForm):
    paper = UploadField(_("E-certificate"), accept=(".pdf",), limit_bytes=LARGEST_PAPER, needed=True)


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
            _count_a_try()
        except TooMany as no:
            answer = self._page(SealForm(formdata=None), refusal=str(no), status=no.status)
            answer.headers["Retry-After"] = str(no.retry_after)
            return answer
        form = SealForm()
        if not form.validate_on_submit():
            return self._page(form, status=422)
        assert form.paper.data is not None  # noqa: S101 - the field is needed
        data = form.paper.data.read()
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
        asked = {"q": _plain(request.args.get("q", ""))}
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
        days = desk.office().publicity_days
        words = {"matters": MatterKind, "stages": Stage, "word_of": _word_of}
        return _unlisted(self.render_template("public/notices.html", wide=True, page=page, asked=asked, days=days, **words))

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


def _count_a_try() -> None:
    """One lookup more from this address, whatever comes of it; then the rest of the request only reads."""
    db.session.rollback()  # SQLite has one writer, and the count is written beside this session
    office, at = desk.office(), desk.moment()
    throttle.hit(db.engine, f"lookup:{throttle.origin(desk.address())}", limit=office.lookups_per_minute, seconds=60, at=at)
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
