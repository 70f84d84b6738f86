"""【系统】历史数据导入: templates, upload, preview and confirmation of sheets; result of each; first passwords.

Jobs check and import. Downloads with ID numbers or passwords are by POST and are logged.
"""

from collections.abc import Callable

from flask import flash, redirect, request, url_for
from flask_babel import get_locale, gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import select
from werkzeug.wrappers import Response

from app.applications import legacy_import
from app.core.errors import AppError, NotFound, Stale
from app.core.vocabulary import JobState, LegacyKind, LegacyPhase, Role, RowOutcome
from app.db.session import db
from app.models import Job, LegacyImport
from app.outbox import jobs
from app.web import request_context
from app.web.admin.legacy_import.preview import answers_in, layout_of, rows_of
from app.web.base.access_filter import ROW
from app.web.base.fab import BaseView, route
from app.web.base.staged_upload import remove_object
from app.web.base.workbook import send_workbook
from app.web.forms import MEGABYTE, SHEETS, AppForm, UploadField

LISTED = 50  # past imports shown
DESCRIPTIONS: dict[LegacyKind, object] = {
    LegacyKind.ACCOUNTS: _("Enterprises and the accounts they signed in with. They come in with a first password made here."),
    LegacyKind.PASSES: _("Who passed an exam in the old system, for new applications within two years."),
    LegacyKind.CERTIFICATES: _(
        "Certificates that the old system issued, for renewal, transfer, replacement and cancellation."
    ),
}
RUNNING = (LegacyPhase.CHECKING, LegacyPhase.IMPORTING, LegacyPhase.UNDOING)


class LegacySheetForm(AppForm):
    sheet = UploadField(_("Sheet"), accept=SHEETS, limit_bytes=legacy_import.LARGEST, needed=True)


class LegacyView(BaseView):
    """The administrator's page of all imports, and the page of each."""

    route_base = "/legacy"
    default_view = "home"
    class_permission_name = "Legacy"
    base_permissions = [
        "can_home",
        "can_template",
        "can_hand_in",
        "can_course",
        "can_step",
        "can_report",
        "can_refused",
        "can_passwords",
    ]

    @route("/")
    def home(self) -> Response:
        return self._home()

    @route("/template/<code>.xlsx")
    def template(self, code: str) -> Response:
        kind = _kind(code)
        return send_workbook(legacy_import.template(kind), gettext("Template of %(records)s", records=kind))

    @route("/hand-in/<code>", "POST")
    def hand_in(self, code: str) -> Response:
        """导入: stores the sheet and enqueues its check."""
        request_context.current_actor().demand(Role.ADMIN)
        kind, form = _kind(code), LegacySheetForm()
        file = form.sheet.data if form.validate() else None
        if file is None:
            return self._home(kind, form, 413 if (request.content_length or 0) > legacy_import.LARGEST else 422)
        request_context.begin_writing()  # its first statement comes after the sheet is checked
        try:
            course = _received(kind, file.stream.read(), file.filename or "")
        except AppError as error:
            db.session.rollback()
            form.sheet.errors = [refusal.sentence for refusal in error.refusals]
            return self._home(kind, form, error.status)
        return redirect(url_for("LegacyView.course", import_id=course))

    @route(f"/{ROW}import_id>")
    def course(self, import_id: int) -> Response:
        """One import: progress, preview or result, and the next steps."""
        course = _course(import_id)
        response = self.rendered(
            "admin/legacy_import/progress.html",
            title=gettext("Import of “%(name)s”", name=course.filename),
            crumbs=[(gettext("Import from the old system"), url_for("LegacyView.home"))],
            course=course,
            counts=[(outcome, course.counts.get(outcome.value, 0)) for outcome in RowOutcome],
            job=_job(course),
            passwords=FirstPasswords(course),
            phases=LegacyPhase,
            layout=layout_of(course),
            preview=rows_of(course),
        )
        if course.phase in RUNNING or _passwords_under_way(course):
            response.headers["Refresh"] = "3"  # works without a script
        return response

    @route(f"/{ROW}import_id>/<code>", "POST")
    def step(self, import_id: int, code: str) -> Response:
        """确认导入, 回答, 放弃, 撤回, 生成首次登录密码."""
        course = _course(import_id)
        take_step = STEPS.get(code)
        if take_step is None:
            raise NotFound
        try:
            take_step(course)
            db.session.commit()
        except AppError as error:
            _roll_back(error)
        return redirect(url_for("LegacyView.course", import_id=import_id))

    @route(f"/{ROW}import_id>/report.xlsx", "POST")
    def report(self, import_id: int) -> Response:
        course, actor = _course(import_id), request_context.current_actor()
        name = gettext("Results of %(records)s", records=course.kind)
        data, summary = legacy_import.report_of(db.session(), request_context.store(), import_id, actor)
        request_context.note_export(course, **summary)
        return send_workbook(data, f"{name}-{import_id}")

    @route(f"/{ROW}import_id>/refused.xlsx", "POST")
    def refused(self, import_id: int) -> Response:
        """The rows alone that were not taken."""
        course, actor = _course(import_id), request_context.current_actor()
        data, summary = legacy_import.refused_of(db.session(), request_context.store(), import_id, actor)
        request_context.note_export(course, **summary)
        return send_workbook(data, gettext("Rows to be put right"))

    @route(f"/{ROW}import_id>/passwords.xlsx", "POST")
    def passwords(self, import_id: int) -> Response:
        """领取: only once; then the file is removed."""
        _course(import_id)
        request_context.require_second_factor()
        session, actor, at = db.session(), request_context.current_actor(), request_context.now()
        try:
            data, digest = legacy_import.read_passwords(session, request_context.store(), import_id, actor)
            request_context.begin_writing()
            legacy_import.take_passwords(session, import_id, digest, actor, at=at)
            session.commit()
        except Stale as error:
            _roll_back(error)
            return redirect(url_for("LegacyView.course", import_id=import_id))
        remove_object(digest)
        title = gettext("First passwords")
        return send_workbook(data, f"{title}-{import_id}")

    def _home(self, kind: LegacyKind | None = None, form: LegacySheetForm | None = None, status: int = 200) -> Response:
        request_context.current_actor().demand(Role.ADMIN)
        past = select(LegacyImport).order_by(LegacyImport.id.desc()).limit(LISTED)
        return self.rendered(
            "admin/legacy_import/home.html",
            status,
            title=gettext("Import from the old system"),
            cards=[
                (one, DESCRIPTIONS[one], form if one is kind and form else LegacySheetForm(formdata=None))
                for one in LegacyKind
            ],
            failed=form,
            past=db.session.scalars(past).all(),
            outcomes=list(RowOutcome),
            limit=legacy_import.LARGEST // MEGABYTE,
            most=legacy_import.MOST_ROWS,
        )


class FirstPasswords:
    """The state of the first passwords of an import, for its page."""

    def __init__(self, course: LegacyImport) -> None:
        done = course.kind is LegacyKind.ACCOUNTS and course.phase is LegacyPhase.DONE
        self.needed = legacy_import.without_password(db.session(), course.id) if done else 0
        self.ready = course.passwords_object is not None
        self.job = _passwords_job(course) if done else None
        self.under_way = _passwords_under_way(course)


def _passwords_job(course: LegacyImport) -> Job | None:
    mine = Job.key.startswith(f"legacy_passwords:{course.id}:", autoescape=True)
    newest: Job | None = db.session.scalars(select(Job).where(mine).order_by(Job.id.desc()).limit(1)).first()
    return newest


def _passwords_under_way(course: LegacyImport) -> bool:
    job = _passwords_job(course) if course.kind is LegacyKind.ACCOUNTS else None
    return job is not None and job.state in (JobState.READY, JobState.RUNNING)


def _received(kind: LegacyKind, data: bytes, name: str) -> int:
    session, store, actor = db.session(), request_context.store(), request_context.current_actor()
    office, at = request_context.current_office(), request_context.office_now()
    course = legacy_import.receive(session, store, kind, data, name, actor, at=at, office=office)
    _enqueue("legacy_check", course.id)
    number = course.id
    session.commit()
    return number


def _enqueue(kind: str, import_id: int, **more: str) -> None:
    locale, key = get_locale(), ":".join((kind, str(import_id), *more.values()))
    payload = {"import": import_id, "locale": str(locale) if locale else "zh", **more}
    jobs.enqueue(db.session(), kind, key, payload, at=request_context.now())


def _confirm(course: LegacyImport) -> None:
    digest, actor = request.form.get("digest", ""), request_context.current_actor()
    legacy_import.confirm(db.session(), course.id, digest, actor, at=request_context.office_now())
    _enqueue("legacy_import", course.id)


def _answer(course: LegacyImport) -> None:
    digest, actor, answers = request.form.get("digest", ""), request_context.current_actor(), answers_in(request.form)
    legacy_import.answer(db.session(), course.id, digest, answers, actor, at=request_context.office_now())
    _enqueue("legacy_check", course.id, revision=str(course.revision))


def _discard(course: LegacyImport) -> None:
    digest, actor = request.form.get("digest", ""), request_context.current_actor()
    legacy_import.discard(db.session(), course.id, digest, actor, at=request_context.office_now())


def _make_passwords(course: LegacyImport) -> None:
    if course.phase is not LegacyPhase.DONE or not legacy_import.without_password(db.session(), course.id):
        raise Stale
    if not _passwords_under_way(course):
        _enqueue("legacy_passwords", course.id, asked_at=request_context.now().isoformat())


def _undo(course: LegacyImport) -> None:
    legacy_import.ask_undo(db.session(), course.id, request_context.current_actor(), at=request_context.office_now())
    _enqueue("legacy_undo", course.id, asked_at=request_context.now().isoformat())


STEPS: dict[str, Callable[[LegacyImport], None]] = {
    "confirm": _confirm,
    "answer": _answer,
    "discard": _discard,
    "make-passwords": _make_passwords,
    "undo": _undo,
}


def _kind(code: str) -> LegacyKind:
    found = next((kind for kind in LegacyKind if kind.value == code), None)
    if found is None:
        raise NotFound
    return found


def _course(import_id: int) -> LegacyImport:
    request_context.current_actor().demand(Role.ADMIN)
    found: LegacyImport | None = db.session.get(LegacyImport, import_id)
    if found is None:
        raise NotFound
    return found


def _roll_back(error: AppError) -> None:
    db.session.rollback()
    for refusal in error.refusals:
        flash(str(refusal.sentence), "danger")


def _job(course: LegacyImport) -> Job | None:
    """The job that this import waits for, if any."""
    kind = {LegacyPhase.CHECKING: "legacy_check", LegacyPhase.IMPORTING: "legacy_import"}.get(course.phase)
    key = f"{kind}:{course.id}:{course.revision}" if kind == "legacy_check" and course.revision else f"{kind}:{course.id}"
    found: Job | None = db.session.scalars(select(Job).where(Job.key == key)).one_or_none()
    return found
