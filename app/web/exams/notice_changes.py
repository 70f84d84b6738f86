"""What exam clerks do to a published notice: recall, publish again, cancel, attach and remove files; its attachments."""

from functools import partial

from flask import flash, redirect, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response

from app import exams
from app.core.vocabulary import NoticeState
from app.db.session import db
from app.exams.notices import FIELDS
from app.models import ExamNotice, ExamNoticeEvent, ExamNoticeFile
from app.web import request_context
from app.web.base import Link
from app.web.base.access_filter import ROW, asked_reason
from app.web.base.batch_result import run_step
from app.web.base.fab import BaseView, route
from app.web.base.file_response import file_answer
from app.web.exams.access import notice_of
from app.web.forms import AppForm, UploadField

REASONS = (
    _("The exam place cannot be used on that day."),
    _("The date collides with another event; a new one will be announced."),
    _("The notice contains an error and will be published again when it is corrected."),
    _("Too few people signed up."),
)


class NoticeFileForm(AppForm):
    file = UploadField(_("Attachment"), needed=True)


class NoticeChangeView(BaseView):
    """The buttons on the page of a notice; each is an operation of ``app.exams`` and a commit."""

    route_base = "/exam/notices"
    default_view = "recall"
    class_permission_name = "NoticeChange"
    base_permissions = ["can_recall", "can_republish", "can_cancel", "can_attach", "can_remove"]

    @route(f"/{ROW}notice_id>/recall", "POST")
    def recall(self, notice_id: int) -> Response:
        """撤回."""
        done = gettext("The notice is recalled; nobody can be signed up until you publish it again.")
        reason, acting = asked_reason(), request_context.acting()
        return run_step(lambda: exams.recall(db.session(), notice_id, reason, **acting), done, _page_of(notice_id))

    @route(f"/{ROW}notice_id>/republish", "POST")
    def republish(self, notice_id: int) -> Response:
        done = gettext("The notice is published again; the enterprises on its list are told by text message.")
        acting = request_context.acting()
        return run_step(lambda: exams.republish(db.session(), notice_id, **acting), done, _page_of(notice_id))

    @route(f"/{ROW}notice_id>/cancel", "POST")
    def cancel(self, notice_id: int) -> Response:
        """取消考试."""
        done = gettext("The exam is cancelled; the enterprises on its list are told by text message.")
        reason, acting = asked_reason(), request_context.acting()
        return run_step(lambda: exams.cancel(db.session(), notice_id, reason, **acting), done, _page_of(notice_id))

    @route(f"/{ROW}notice_id>/files", "POST")
    def attach(self, notice_id: int) -> Response:
        notice_of(notice_id)
        form = NoticeFileForm()
        form.file.limit_bytes = request_context.current_office().scan_bytes
        if not form.validate() or form.file.data is None:
            for sentence in form.file.errors:
                flash(str(sentence), "danger")
            return redirect(_page_of(notice_id))
        request_context.begin_writing()  # ``add_file`` checks the file before its first statement
        data = form.file.data.stream.read()
        name, store, acting = str(form.file.data.filename), request_context.store(), request_context.acting()
        done = gettext("The attachment is published.")
        add = partial(exams.add_file, db.session(), store, notice_id, data, name, **acting)
        return run_step(add, done, _page_of(notice_id))

    @route(f"/{ROW}notice_id>/files/{ROW}file_id>/remove", "POST")
    def remove(self, notice_id: int, file_id: int) -> Response:
        actor = request_context.current_actor()
        done = gettext("The attachment was removed.")
        return run_step(lambda: exams.remove_file(db.session(), notice_id, file_id, actor), done, _page_of(notice_id))


class NoticeFileView(BaseView):
    """Attachments, for those who may read the notice."""

    route_base = "/exam/notices"
    default_view = "open"
    class_permission_name = "NoticeFile"
    base_permissions = ["can_open"]

    @route(f"/{ROW}notice_id>/files/{ROW}file_id>")
    def open(self, notice_id: int, file_id: int) -> Response:
        notice_of(notice_id)
        return file_response(exams.file_of(db.session(), notice_id, file_id))


def file_response(file: ExamNoticeFile) -> Response:
    return file_answer(request_context.store().read(file.digest), file.mime, file.filename)


def _page_of(notice_id: int) -> str:
    return url_for("NoticeScreen.show", pk=notice_id)


def state_links(notice: ExamNotice) -> list[Link]:
    """The buttons that the state of the notice allows."""
    links = []
    if notice.state is NoticeState.RECALLED:
        sure = gettext("The notice holds again as it stands now; the enterprises on its list are told.")
        url = url_for("NoticeChangeView.republish", notice_id=notice.id)
        links.append(Link(gettext("Publish again"), url, primary=True, post=True, confirm=sure))
    if notice.state is NoticeState.PUBLISHED and not notice.scores_imported_at:
        url = url_for("NoticeChangeView.recall", notice_id=notice.id)
        links.append(Link(gettext("Recall"), url, post=True, reason=REASONS))
    if notice.state is not NoticeState.CANCELLED and not notice.scores_submitted_at:
        url = url_for("NoticeChangeView.cancel", notice_id=notice.id)
        sure = gettext("The exam is cancelled for good and all its sign-ups end.")
        links.append(Link(gettext("Cancel the exam"), url, danger=True, post=True, confirm=sure, reason=REASONS))
    return links


def story(events: list[ExamNoticeEvent]) -> list[tuple[ExamNoticeEvent, list[str]]]:
    """The events of a notice, newest first, each with what changed."""
    return [(event, _changes(event)) for event in reversed(events)]


def _changes(event: ExamNoticeEvent) -> list[str]:
    """In the order of the notice, as the database does not keep it."""
    return [
        gettext("%(field)s changed", field=label)
        if field == "body"
        else gettext(
            "%(field)s: %(old)s → %(new)s",
            field=label,
            old=event.changes[field][0] or gettext("none"),
            new=event.changes[field][1] or gettext("none"),
        )
        for field, label in FIELDS.items()
        if field in event.changes
    ]
