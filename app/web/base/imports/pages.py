"""All imports within one's reach, and the page of each: check, answers, confirmation, result, undoing.

Downloads with ID numbers or passwords are by POST and are logged.
"""

from collections.abc import Callable

from flask import flash, redirect, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import select
from werkzeug.wrappers import Response

from app.accounts.access import reach
from app.applications import legacy_import, sheet_imports
from app.core.errors import AppError, NotFound, Stale
from app.core.vocabulary import OLD_SYSTEM, ImportKind, ImportPhase, JobState, RowOutcome
from app.db.session import db
from app.models import SheetImport
from app.web import request_context
from app.web.base.access_filter import ROW
from app.web.base.fab import BaseView, route
from app.web.base.imports.preview import answers_in, layout_of, rows_of
from app.web.base.imports.receiving import JOBS, enqueue, newest_job, proceed
from app.web.base.staged_upload import remove_object
from app.web.base.workbook import send_workbook

LISTED = 50  # imports on a page of the list
PASSWORDS = "legacy_passwords"  # kind of the job


class ImportView(BaseView):
    route_base = "/imports"
    default_view = "home"
    class_permission_name = "Imports"
    base_permissions = ["can_home", "can_course", "can_step", "can_report", "can_refused", "can_passwords"]

    @route("/")
    def home(self) -> Response:
        page = request.args.get("page", "")
        number = int(page) if page.isascii() and page.isdecimal() and len(page) < 6 else 0
        mine = select(SheetImport).where(reach(request_context.current_actor(), SheetImport)).order_by(SheetImport.id.desc())
        found = db.session.scalars(mine.offset(number * LISTED).limit(LISTED + 1)).all()
        return self.rendered(
            "base/imports/list.html",
            title=gettext("Imports"),
            past=found[:LISTED],
            outcomes=list(RowOutcome),
            days=request_context.current_office().legacy_report_days,
            earlier=number + 1 if len(found) > LISTED else None,
            later=number - 1 if number else None,
        )

    @route(f"/{ROW}import_id>")
    def course(self, import_id: int) -> Response:
        """One import: progress, preview or result, and the next steps."""
        course = _course(import_id)
        passwords = FirstPasswords(course)
        response = self.rendered(
            "base/imports/import.html",
            title=gettext("Import of “%(name)s”", name=course.filename),
            crumbs=[(gettext("Imports"), url_for("ImportView.home"))],
            course=course,
            origin=_origin(course),
            after=AFTER[course.kind](course) if course.kind in AFTER and course.phase is ImportPhase.DONE else None,
            counts=[(outcome, course.counts.get(outcome.value, 0)) for outcome in RowOutcome],
            job=newest_job(JOBS[course.phase][0], import_id) if course.phase in JOBS else None,
            passwords=passwords,
            phases=ImportPhase,
            layout=layout_of(course),
            preview=rows_of(course),
            whole=sheet_imports.IMPORTERS[course.kind].whole,
            held_up=sheet_imports.is_held_up(course),
        )
        if course.phase in JOBS or passwords.under_way:
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
        return redirect(url_for("ImportView.course", import_id=import_id))

    @route(f"/{ROW}import_id>/report.xlsx", "POST")
    def report(self, import_id: int) -> Response:
        course, actor = _course(import_id), request_context.current_actor()
        name = gettext("Results of %(records)s", records=course.kind)
        data, summary = sheet_imports.report_of(db.session(), request_context.store(), import_id, actor)
        request_context.note_export(course, **summary)
        return send_workbook(data, f"{name}-{import_id}")

    @route(f"/{ROW}import_id>/refused.xlsx", "POST")
    def refused(self, import_id: int) -> Response:
        """The rows alone that were not taken."""
        course, actor = _course(import_id), request_context.current_actor()
        data, summary = sheet_imports.refused_of(db.session(), request_context.store(), import_id, actor)
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
            return redirect(url_for("ImportView.course", import_id=import_id))
        remove_object(digest)
        title = gettext("First passwords")
        return send_workbook(data, f"{title}-{import_id}")


class FirstPasswords:
    """The state of the first passwords of an import of accounts, for its page."""

    def __init__(self, course: SheetImport) -> None:
        done = course.kind is ImportKind.ACCOUNTS and course.phase is ImportPhase.DONE
        self.needed = legacy_import.without_password(db.session(), course.id) if done else 0
        self.ready = course.passwords_object is not None
        self.job = newest_job(PASSWORDS, course.id) if done else None
        self.under_way = self.job is not None and self.job.state in (JobState.READY, JobState.RUNNING)


def _origin(course: SheetImport) -> tuple[object, str]:
    """The page where sheets of this kind are handed in: its title and address."""
    if course.kind in OLD_SYSTEM:
        return _("Import from the old system"), url_for("LegacyView.home")
    return ORIGINS[course.kind](course)


ORIGINS: dict[ImportKind, Callable[[SheetImport], tuple[object, str]]] = {
    ImportKind.SCORES: lambda course: (_("Import scores"), url_for("ScoreView.scores", notice_id=course.notice_id)),
    ImportKind.ROSTER: lambda _course: (_("Import people"), url_for("RosterView.roster")),
}
# What is done next with what came in.
AFTER: dict[ImportKind, Callable[[SheetImport], tuple[object, str]]] = {
    ImportKind.SCORES: lambda course: (_("Submit scores"), url_for("ScoreView.submit", notice_id=course.notice_id)),
    ImportKind.ROSTER: lambda _course: (_("Add their scans"), url_for("PersonScreen.list", scans="incomplete")),
}


def _confirm(course: SheetImport) -> None:
    digest, actor = request.form.get("digest", ""), request_context.current_actor()
    sheet_imports.confirm(db.session(), course.id, digest, actor, at=request_context.office_now())
    proceed(course)


def _answer(course: SheetImport) -> None:
    digest, actor, answers = request.form.get("digest", ""), request_context.current_actor(), answers_in(request.form)
    sheet_imports.answer(db.session(), course.id, digest, answers, actor, at=request_context.office_now())
    proceed(course)


def _discard(course: SheetImport) -> None:
    digest, actor = request.form.get("digest", ""), request_context.current_actor()
    sheet_imports.discard(db.session(), course.id, digest, actor, at=request_context.office_now())


def _make_passwords(course: SheetImport) -> None:
    passwords = FirstPasswords(course)
    if not passwords.needed:
        raise Stale
    if not passwords.under_way:
        enqueue(PASSWORDS, course.id)


def _undo(course: SheetImport) -> None:
    sheet_imports.ask_undo(db.session(), course.id, request_context.current_actor(), at=request_context.office_now())
    proceed(course)


STEPS: dict[str, Callable[[SheetImport], None]] = {
    "confirm": _confirm,
    "answer": _answer,
    "discard": _discard,
    "make-passwords": _make_passwords,
    "undo": _undo,
}


def _course(import_id: int) -> SheetImport:
    return sheet_imports.import_of(db.session(), import_id, request_context.current_actor())


def _roll_back(error: AppError) -> None:
    db.session.rollback()
    for refusal in error.refusals:
        flash(str(refusal.sentence), "danger")
