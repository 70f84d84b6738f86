"""导入成绩 and 上报: upload of a score sheet, preview with its errors, import of exactly that sheet, submission (R60–R62)."""

from collections.abc import Sequence
from decimal import Decimal

from flask import flash, redirect, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import func, select
from werkzeug.wrappers import Response

from app import exams
from app.core.errors import AppError, NotFound, Refusal
from app.core.vocabulary import SCORED, Role, SignupState
from app.db.session import db
from app.exams import ScorePreview
from app.files.spreadsheets import Answers, SheetLimits
from app.models import ExamNotice, ExamSignup, Person
from app.web import request_context
from app.web.base.access_filter import ROW
from app.web.base.batch_result import gaps_of
from app.web.base.fab import BaseView, permission_name, route
from app.web.base.sheet_preview import PlaceAsked, answered_cells, answers_noted, as_note, preview_page
from app.web.base.sheet_results import ReadSheet, offer, offer_next
from app.web.base.staged_upload import StagedUpload, remove
from app.web.exams.access import SignupCounts, counts_of, notice_of
from app.web.exams.labels import score_text
from app.web.forms import MEGABYTE, SHEETS, AppForm, UploadField

LARGEST = SheetLimits().file
UPLOAD = StagedUpload("scores", minutes=30)
LISTED = 100  # names shown


class ScoreForm(AppForm):
    sheet = UploadField(_("Score sheet"), accept=SHEETS, limit_bytes=LARGEST, needed=True)


class ScoreView(BaseView):
    """The scores of one exam: check, import, submit."""

    route_base = "/exam/notices"
    default_view = "scores"
    class_permission_name = "Scores"
    base_permissions = ["can_scores", "can_bring_in", "can_submit", "can_discard"]

    @route(f"/{ROW}notice_id>/scores", "GET", "POST")
    def scores(self, notice_id: int) -> Response:
        """The upload form; after an upload, the preview."""
        notice, form = _notice(notice_id), ScoreForm()
        if request.method == "GET":
            return self._page(notice, form)
        file = form.sheet.data if form.validate() else None
        if file is None:
            large = (request.content_length or 0) > LARGEST
            return self._page(notice, form, status=413 if large else 422)
        return self._checked(notice, request_context.uploaded_bytes(file), {})

    @route(f"/{ROW}notice_id>/scores/check", "POST")
    @permission_name("scores")
    def check(self, notice_id: int) -> Response:
        """The preview of the same sheet with what was answered to it, or other rows of it."""
        notice = _notice(notice_id)
        try:
            file = UPLOAD.staged(notice_id)
        except AppError as error:
            return self._refused(notice_id, error)
        return self._checked(notice, file.data, answers_noted(file.note) | answered_cells(request.form))

    @route(f"/{ROW}notice_id>/scores/import", "POST")
    def bring_in(self, notice_id: int) -> Response:
        """确认导入: all of them, or none."""
        _notice(notice_id)
        session, actor, at = db.session(), request_context.current_actor(), request_context.office_now()
        try:
            file = UPLOAD.staged(notice_id)
            answers = answers_noted(file.note)
            if typed := answered_cells(request.form):  # it was not checked yet
                return self._checked(notice_of(notice_id), file.data, answers | typed)
            preview = exams.import_scores(session, notice_id, file.data, actor, at=at, digest=file.digest, answers=answers)
            session.commit()
        except AppError as error:
            session.rollback()
            return self._refused(notice_id, error)
        remove(file)
        count = gettext("%(n)s scores were imported.", n=len(preview.changes) + preview.counts["unchanged"])
        final = gettext("They are not final until you submit them.")
        flash(f"{count} {final}", "success")
        offer_next(_sheet(file.data, preview, answers))
        return redirect(url_for("ScoreView.submit", notice_id=notice_id))

    @route(f"/{ROW}notice_id>/scores/submit", "GET", "POST")
    def submit(self, notice_id: int) -> Response:
        """上报 (R62): shows all the numbers for confirmation, then makes the scores final."""
        notice = _notice(notice_id)
        if request.method == "GET":
            return self._submit_page(notice)
        try:
            passed = exams.submit_scores(
                db.session(), notice_id, request_context.current_actor(), at=request_context.office_now()
            )
            db.session.commit()
        except AppError as error:
            db.session.rollback()
            if error.status in (NotFound.status, 403):
                raise
            return self._submit_page(notice_of(notice_id), error.refusals, error.status)
        flash(gettext("The scores are final. %(n)s people passed and stand on the pass list.", n=passed), "success")
        return redirect(url_for("ScoreView.scores", notice_id=notice_id))

    @route(f"/{ROW}notice_id>/scores/discard", "POST")
    def discard(self, notice_id: int) -> Response:
        """Delete the imported draft, so that pass mark and exam day can be changed again."""
        _notice(notice_id)
        session, actor, at = db.session(), request_context.current_actor(), request_context.office_now()
        try:
            count = exams.discard_scores(session, notice_id, actor, at=at)
            session.commit()
        except AppError as error:
            session.rollback()
            return self._refused(notice_id, error)
        flash(gettext("%(n)s imported scores were discarded.", n=count), "success")
        return redirect(url_for("ScoreView.scores", notice_id=notice_id))

    def _page(
        self,
        notice: ExamNotice,
        form: ScoreForm,
        preview: ScorePreview | None = None,
        ticket: str = "",
        sheet: ReadSheet | None = None,
        status: int = 200,
    ) -> Response:
        asked = PlaceAsked.of(request.form.get("go", ""))
        text = self.render_template(
            "exams/scores.html",
            title=gettext("Scores") if notice.scores_submitted_at else gettext("Import scores"),
            crumbs=_crumbs(notice),
            notice=notice,
            form=form,
            preview=preview,
            rows=preview_page(exams.READ_COLUMNS, preview.rows, asked, may_answer=True) if preview else None,
            ticket=ticket,
            results=offer(sheet) if sheet else None,
            standing=ExamSummary(notice),
            listed=LISTED,
            limit=LARGEST // MEGABYTE,
            rates=exams.pass_rates(db.session(), notice.id, request_context.current_actor())
            if notice.scores_submitted_at
            else [],
            mark=mark,
        )
        return Response(text, status, mimetype="text/html")

    def _checked(self, notice: ExamNotice, data: bytes, answers: Answers) -> Response:
        session, actor, at = db.session(), request_context.current_actor(), request_context.office_now()
        try:
            preview = exams.read_scores(session, notice.id, data, actor, at=at, answers=answers)
        except AppError as error:
            return self._refused(notice.id, error)
        ticket = UPLOAD.stage(data, notice.id, note=as_note(answers)) if preview.rows else ""
        sheet, status = _sheet(data, preview, answers), 422 if preview.errors else 200
        return self._page(notice, ScoreForm(formdata=None), preview, ticket, sheet, status)

    def _refused(self, notice_id: int, error: AppError) -> Response:
        """The upload page with the reasons; not found and not allowed become error pages."""
        if error.status in (NotFound.status, 403):
            raise error
        form = ScoreForm(formdata=None)
        form.sheet.errors = [refusal.sentence for refusal in error.refusals]
        return self._page(notice_of(notice_id), form, status=error.status)

    def _submit_page(self, notice: ExamNotice, refusals: Sequence[Refusal] = (), status: int = 200) -> Response:
        text = self.render_template(
            "exams/submit.html",
            title=gettext("Submit scores"),
            crumbs=_crumbs(notice),
            notice=notice,
            standing=ExamSummary(notice),
            refusals=gaps_of(refusals),
            listed=LISTED,
        )
        return Response(text, status, mimetype="text/html")


def _notice(notice_id: int) -> ExamNotice:
    request_context.current_actor().demand(Role.EXAM_CLERK)
    return notice_of(notice_id)


def _sheet(data: bytes, preview: ScorePreview, answers: Answers) -> ReadSheet:
    return ReadSheet(data, exams.READ_COLUMNS, preview.layout, preview.rows, answers, "exam_notice")


def _crumbs(notice: ExamNotice) -> list[tuple[object, str]]:
    return [
        (gettext("Training and exam notices"), url_for("NoticeScreen.list")),
        (notice.title, url_for("NoticeScreen.show", pk=notice.id)),
    ]


def mark(value: object) -> object:
    """A mark without trailing zeros; a dash for none."""
    return "—" if value is None else score_text(value) if isinstance(value, Decimal) else value


class ExamSummary:
    """How many are admitted, marked and missing, and how many pass by the present marks."""

    def __init__(self, notice: ExamNotice) -> None:
        self.counts: SignupCounts = counts_of([notice.id])[notice.id]
        self.is_final = notice.scores_submitted_at is not None
        self.too_early = request_context.today() < notice.exam_on
        self.waiting = self.counts.get(SignupState.SUBMITTED, 0)
        self.admitted = self.counts.get(SignupState.ADMITTED, 0) + sum(self.counts.get(state, 0) for state in SCORED)
        self.passed, self.failed, self.absent = self._results(notice)
        self.missing = 0 if self.is_final else self.admitted - self.passed - self.failed - self.absent
        self.nameless = self._missing(notice) if self.missing else []

    @property
    def may_submit(self) -> bool:
        """For the button only: the domain checks again."""
        return bool(self.admitted) and not (self.is_final or self.too_early or self.waiting or self.missing)

    def _results(self, notice: ExamNotice) -> tuple[int, int, int]:
        if self.is_final:
            passed, failed, absent = (self.counts.get(state, 0) for state in SCORED)
            return passed, failed, absent
        good = ExamSignup.score >= notice.pass_mark
        row = db.session.execute(
            select(
                func.count().filter(good),
                func.count().filter(ExamSignup.score < notice.pass_mark),
                func.count().filter(ExamSignup.absent),
            ).where(ExamSignup.notice_id == notice.id, ExamSignup.state == SignupState.ADMITTED)
        ).one()
        return (row[0], row[1], row[2])

    @staticmethod
    def _missing(notice: ExamNotice) -> list[tuple[str, str]]:
        """Sign-up number and name of the admitted without a mark."""
        query = (
            select(ExamSignup.number, Person.name)
            .join(Person, Person.id == ExamSignup.person_id)
            .where(ExamSignup.notice_id == notice.id, ExamSignup.state == SignupState.ADMITTED)
            .where(ExamSignup.score.is_(None), ExamSignup.absent.is_(False))
        )
        return [(number, name) for number, name in db.session.execute(query.order_by(ExamSignup.id).limit(LISTED))]
