"""导入成绩 and 上报: upload of a score sheet, whose import has its own page (``web.base.imports``); submission (R60–R62)."""

from collections.abc import Sequence
from decimal import Decimal

from flask import flash, redirect, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import func, select
from werkzeug.wrappers import Response

from app import exams
from app.core.errors import AppError, NotFound, Refusal
from app.core.vocabulary import SCORED, ImportKind, Role, SignupState
from app.db.session import db
from app.files.spreadsheets import LARGE_SHEET, MOST_ROWS
from app.models import ExamNotice, ExamSignup, Person
from app.web import request_context
from app.web.base.access_filter import ROW
from app.web.base.batch_result import gaps_of
from app.web.base.fab import BaseView, route
from app.web.base.imports import take_in
from app.web.exams.access import SignupCounts, counts_of, notice_of
from app.web.exams.labels import score_text
from app.web.forms import MEGABYTE, SHEETS, AppForm, UploadField

LISTED = 100  # names shown


class ScoreForm(AppForm):
    sheet = UploadField(_("Score sheet"), accept=SHEETS, limit_bytes=LARGE_SHEET.file, needed=True)


class ScoreView(BaseView):
    """The scores of one exam: upload, submission."""

    route_base = "/exam/notices"
    default_view = "scores"
    class_permission_name = "Scores"
    base_permissions = ["can_scores", "can_submit", "can_discard"]

    @route(f"/{ROW}notice_id>/scores", "GET", "POST")
    def scores(self, notice_id: int) -> Response:
        """The upload form; an upload leads to the page of its import."""
        notice, form = _notice(notice_id), ScoreForm()
        if request.method == "GET":
            return self._page(notice, form)
        file = form.sheet.data if form.validate() else None
        if file is None:
            return self._page(notice, form, 413 if (request.content_length or 0) > LARGE_SHEET.file else 422)
        try:
            number = take_in(ImportKind.SCORES, file, notice_id)
        except AppError as error:
            db.session.rollback()
            return self._refused(notice_id, error)
        return redirect(url_for("ImportView.course", import_id=number))

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

    def _page(self, notice: ExamNotice, form: ScoreForm, status: int = 200) -> Response:
        return self.rendered(
            "exams/scores.html",
            status,
            title=gettext("Scores") if notice.scores_submitted_at else gettext("Import scores"),
            crumbs=_crumbs(notice),
            notice=notice,
            form=form,
            standing=ExamSummary(notice),
            listed=LISTED,
            limit=LARGE_SHEET.file // MEGABYTE,
            most=MOST_ROWS,
            rates=exams.pass_rates(db.session(), notice.id, request_context.current_actor())
            if notice.scores_submitted_at
            else [],
            mark=mark,
        )

    def _refused(self, notice_id: int, error: AppError) -> Response:
        """The upload page with the reasons; not found and not allowed become error pages."""
        if error.status in (NotFound.status, 403):
            raise error
        form = ScoreForm(formdata=None)
        form.sheet.errors = [refusal.sentence for refusal in error.refusals]
        return self._page(notice_of(notice_id), form, error.status)

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
