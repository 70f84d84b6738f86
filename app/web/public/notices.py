"""Public notices of results and exams."""

from flask import make_response, request
from flask_babel import format_date, gettext
from werkzeug.wrappers import Response

from app.core.clock import office_day
from app.core.errors import NotFound
from app.core.vocabulary import MatterKind, Stage
from app.db.session import db
from app.exams import file_of
from app.models import ExamNotice
from app.outbox.public_notices import notices_page
from app.web import request_context
from app.web.applications.archive.published import result_label
from app.web.base.access_filter import ROW
from app.web.base.fab import BaseView, expose
from app.web.base.private_urls import decode_param, encode_param, redirect_if_personal
from app.web.exams.notice_changes import file_response, story
from app.web.public.common import not_indexed, page_number, plain, signup_label, term
from app.web.public.kept_pages import kept

MEASURE = "measure"  # beside the matters in the filter


class NoticeView(BaseView):
    """``/notices`` and ``/exam-notices/…``: results of decisions, and exam notices."""

    route_base = ""
    default_view = "board"

    @expose("/notices", methods=["GET"])
    @kept
    def board(self) -> Response:
        """Published results. Invalid query parameters are ignored."""
        if (redirection := redirect_if_personal()) is not None:
            return make_response(redirection)
        asked = {"q": plain(decode_param(request.args.get("q", "")))}
        wanted = request.args.get("matter")
        matter, stage = term(MatterKind, wanted), term(Stage, request.args.get("stage"))
        asked |= {"matter": matter.value if matter else "", "stage": stage.value if stage else ""}
        office = request_context.current_office()
        if wanted == MEASURE:
            asked["matter"] = MEASURE
        page = notices_page(
            db.session,
            on=request_context.today(),
            office=office,
            text=asked["q"],
            matter=matter,
            stage=stage,
            measures=wanted == MEASURE,
            page=page_number(request.args.get("page", "")),
        )
        asked = {name: value for name, value in asked.items() if value}
        days, address = office.publicity_days, {name: encode_param(value) for name, value in asked.items()}
        matters = [*((kind.value, kind.label) for kind in MatterKind), (MEASURE, gettext("Measure of the authority"))]
        stages = [(kind.value, kind.label) for kind in Stage]
        more = {"matters": matters, "stages": stages, "word_of": result_label, "asked": asked, "address": address}
        return not_indexed(self.render_template("public/notices.html", wide=True, page=page, days=days, **more))

    @expose(f"/exam-notices/{ROW}notice_id>/files/{ROW}file_id>", methods=["GET"])
    def exam_file(self, notice_id: int, file_id: int) -> Response:
        return file_response(file_of(db.session(), notice_id, file_id))

    @expose(f"/exam-notices/{ROW}notice_id>", methods=["GET"])
    @kept
    def exam(self, notice_id: int) -> Response:
        notice = db.session.get(ExamNotice, notice_id)
        if notice is None:
            raise NotFound
        return self.rendered(
            "public/exam_notice.html",
            wide=True,
            notice=notice,
            word=signup_label(notice, request_context.office_now()),
            signed_on=office_day(notice.published_at),
            long_day=lambda day: format_date(day, "long"),
            notice_story=story,
        )
