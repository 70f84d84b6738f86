"""培训考试通知: the list, form and page of exam notices, with links to the sign-ups and scores. Saving publishes (R47)."""

from dataclasses import replace
from io import BytesIO
from typing import Any

from flask import g, request, send_file, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from markupsafe import Markup
from werkzeug.wrappers import Response
from wtforms.validators import InputRequired

from app import exams
from app.core.clock import office_day
from app.core.vocabulary import CURRENT_CATEGORIES, Category, NoticeState, Role, SignupState
from app.db.session import db
from app.exams import PassRate
from app.exams.locking import free_places
from app.models import ExamNotice
from app.web import request_context
from app.web.base import Link, OpenList, SelInterface
from app.web.base.access_filter import ROW
from app.web.base.datamodel import as_id
from app.web.base.fab import route
from app.web.base.links import long_day
from app.web.base.workbook import XLSX
from app.web.exams import signup_form
from app.web.exams.access import SignupCounts, changed_among, counts_of, notice_of
from app.web.exams.labels import codes, window_state
from app.web.exams.notice_changes import NoticeFileForm, state_links, story
from app.web.forms import (
    AppForm,
    DayField,
    LongTextField,
    MomentField,
    Required,
    TextField,
    TextLength,
    WholeNumberField,
    WordsField,
)

ALL_FIELDS = [
    *("title", "number", "categories"),
    *("signup_start", "signup_end", "exam_on", "exam_time", "place", "contact", "quota", "pass_mark"),
    "body",
]
COPIED = ("title", "categories", "exam_time", "place", "contact", "quota", "pass_mark", "body")  # a new one has its own dates


class NoticeForm(AppForm):
    # Personal numbers are refused by the domain, and bank cards too: everybody reads a notice.
    title = TextField(_("Notice title"), numbers=True, validators=[Required(), TextLength(120)])
    number = TextField(
        _("Document number"), numbers=True, validators=[TextLength(60)], description=_("As on the paper; may be left empty.")
    )
    categories = WordsField(
        Category,
        _("Personnel category"),
        only=CURRENT_CATEGORIES,
        validators=[Required(_("Please choose at least one category."))],
    )
    signup_start = MomentField(_("Sign-up begins"), validators=[Required()])
    signup_end = MomentField(_("Sign-up ends"), validators=[Required()], description=_("Beijing time; both ends count."))
    exam_on = DayField(_("Exam on"), validators=[Required()])
    exam_time = TextField(
        _("Exam time"),
        numbers=True,
        validators=[TextLength(60)],
        description=_("For example 9:00 to 11:00; admission from 8:30."),
    )
    place = TextField(_("Exam place"), numbers=True, validators=[TextLength(200)])
    contact = TextField(
        _("Contact details"),
        numbers=True,
        validators=[TextLength(120)],
        description=_("Office and landline; everybody can read it."),
    )
    quota = WholeNumberField(_("Number of places"), description=_("Left empty, there is no limit."))
    pass_mark = WholeNumberField(_("Pass mark"), validators=[InputRequired(_("Please fill this in."))])
    body = LongTextField(_("Text of the notice"), numbers=True, validators=[TextLength(20_000)], render_kw={"rows": 12})


class NoticeScreen(OpenList):
    """The list of notices, each with the actions now possible on its exam."""

    datamodel = SelInterface(ExamNotice)
    route_base = "/exam/notices"
    class_permission_name = "Notices"
    base_permissions = ["can_list", "can_show", "can_add", "can_edit", "can_delete", "can_signup", "can_export"]
    exclude_route_methods = set()
    empty_text = _("No exam notice yet. As soon as one is published here, enterprises can sign up for it.")
    list_title, show_title = _("Training and exam notices"), _("View the notice")
    add_title, edit_title = _("Publish an exam notice"), _("Change the exam notice")
    list_columns = ["title", "window", "exam_on", "categories", "signups"]
    sub_columns = {"title": "number", "exam_on": "place"}
    show_columns = ["title"]
    search_columns = ["title", "number", "categories", "exam_on"]
    order_columns = ["exam_on"]
    base_order = ("published_at", "desc")
    label_columns = {
        "title": _("Notice title"),
        "number": _("Document number"),
        "window": _("Sign-up"),
        "exam_on": _("Exam on"),
        "place": _("Exam place"),
        "categories": _("Personnel category"),
        "signups": _("Sign-ups"),
    }
    add_form = edit_form = NoticeForm
    add_columns = edit_columns = ALL_FIELDS
    add_fieldsets = edit_fieldsets = [
        (_("The notice"), {"fields": ALL_FIELDS[:3]}),
        (_("Sign-up and exam"), {"fields": ALL_FIELDS[3:-1]}),
        (_("Text of the notice"), {"fields": ALL_FIELDS[-1:]}),
    ]
    show_template = "exams/notice.html"
    add_template = edit_template = "exams/notice_form.html"

    def render_template(self, template: str, **context: Any) -> str:
        """Counts the sign-ups of all notices of the page in one query, for its cells."""
        rows = [row.id for row in (*context.get("rows", ()), *filter(None, [context.get("item")]))]
        g.signup_counts, g.changed_notices = counts_of(rows), changed_among(rows)
        return str(super().render_template(template, notice_story=story, **context))

    def counts(self, item: ExamNotice) -> SignupCounts:
        found: dict[int, SignupCounts] = g.signup_counts
        return found[item.id]

    def _init_properties(self) -> None:
        """No notice can be for the undivided category of old certificates."""
        super()._init_properties()
        current = {category.value for category in CURRENT_CATEGORIES}
        self.boxes = [
            replace(box, options=tuple(option for option in box.options if option[0] in current))
            if box.name == "categories"
            else box
            for box in self.boxes
        ]

    def walk(self, item: ExamNotice, column: str) -> Any:
        return item.title if column in ("window", "signups") else super().walk(item, column)

    def cell(self, column: str, item: ExamNotice) -> object | None:
        if column == "window":
            tone, word, left = window_state(item, request_context.office_now())
            left = left or gettext("ended on %(day)s", day=office_day(item.signup_end))
            return Markup('<span class="tag {}">{}</span><br><span class="muted small nowrap">{}</span>').format(
                tone, word, left
            )
        if column == "signups":
            return self._tally(item)
        if column == "title" and item.id in g.get("changed_notices", ()):
            return Markup('{} <span class="tag todo">{}</span>').format(item.title, gettext("Changed after publishing"))
        return codes(item.categories) if column == "categories" else None

    def _tally(self, item: ExamNotice) -> object:
        counts = self.counts(item)
        if not counts:
            return gettext("none yet")
        total = gettext("%(n)s people", n=sum(counts.values()))
        unsent = counts.get(SignupState.SELECTED, 0)
        waiting = counts.get(SignupState.SUBMITTED, 0)
        if item.scores_submitted_at:
            passed, failed = counts.get(SignupState.PASSED, 0), counts.get(SignupState.FAILED, 0)
            rate = PassRate(None, passed, failed, 0)
            more = gettext("%(n)s passed (%(rate)s)", n=passed, rate=rate.percent)
        elif unsent:
            more = Markup('<span class="err">{}</span>').format(gettext("%(n)s not yet submitted", n=unsent))
        elif waiting:
            more = gettext("%(n)s awaiting review", n=waiting)
        else:
            more = gettext("%(n)s admitted", n=counts.get(SignupState.ADMITTED, 0))
        return Markup('<span class="two"><b>{}</b><span>{}</span></span>').format(total, more)

    def note(self) -> object:
        if Role.ENTERPRISE_CLERK in request_context.current_actor().roles:
            return gettext("Sign your people up online; after saving, you still have to submit them.")
        return gettext("A notice is published as soon as it is saved.")

    def head_links(self) -> list[Link]:
        return [Link(link.label, link.url, icon="plus", primary=True) for link in super().head_links()]

    def row_links(self, item: ExamNotice) -> list[Link]:
        links = [Link(gettext("View"), self.url("show", pk=item.id))]
        if self.may("signup"):
            return links + self._enterprise_links(item)
        own = []
        if self.may("edit") and item.state is not NoticeState.CANCELLED:
            own.append(Link(gettext("Edit"), self.url("edit", pk=item.id)))
        if self.may("add"):
            own.append(Link(gettext("Copy"), self.url("add", copy=item.id)))
        work = self._clerk_links(item)
        return [*links, *work, *own] if self.counts(item) else [*links, *own, *work]

    def _enterprise_links(self, item: ExamNotice) -> list[Link]:
        links = []
        if item.state is NoticeState.PUBLISHED and item.signup_start <= request_context.office_now() <= item.signup_end:
            links.append(Link(gettext("Sign up online"), self.url("signup", notice_id=item.id), primary=True))
        if self.counts(item):
            links.append(Link(gettext("My sign-ups"), url_for("SignupScreen.list", notice=item.id)))
        return links

    def _clerk_links(self, item: ExamNotice) -> list[Link]:
        counts, has_access = self.counts(item), self.appbuilder.sm.has_access
        if not counts:
            sure = gettext("Delete this notice? Enterprises will no longer see it.")
            delete = Link(gettext("Delete"), self.url("delete", pk=item.id), danger=True, post=True, confirm=sure)
            return [delete] if self.may("delete") else []
        links = []
        if has_access("can_list", "SignupReview"):
            waiting = counts.get(SignupState.SUBMITTED, 0)
            label = gettext("Review sign-ups (%(n)s)", n=waiting) if waiting else gettext("Review of sign-ups")
            state = None if waiting else "all"
            links.append(Link(label, url_for("SignupReviewScreen.list", notice=item.id, state=state)))
        if self.may("export"):
            links.append(
                Link(gettext("Export sign-up details"), self.url("export", notice_id=item.id), post=True, download=True)
            )
        if has_access("can_scores", "Scores"):
            links += self._score_links(item)
        return links

    @staticmethod
    def _score_links(item: ExamNotice) -> list[Link]:
        if item.scores_submitted_at:
            return [Link(gettext("Scores"), url_for("ScoreView.scores", notice_id=item.id))]
        links = [Link(gettext("Import scores"), url_for("ScoreView.scores", notice_id=item.id))]
        if item.scores_imported_at:
            links.append(Link(gettext("Submit scores"), url_for("ScoreView.submit", notice_id=item.id)))
        return links

    def prepare_form(self, form: Any, item: ExamNotice, *, new: bool) -> None:  # noqa: ARG002 - the screen's signature
        if not new or request.method != "GET":
            return
        form.pass_mark.data = request_context.current_office().pass_mark
        if copied := as_id(request.args.get("copy", "")):
            earlier = notice_of(copied)
            for name in COPIED:
                form[name].process_data(getattr(earlier, name))

    def save(self, item: ExamNotice, form: Any, *, new: bool) -> None:
        ends = {name: getattr(item, name) for name in ("signup_start", "signup_end")}
        with db.session.no_autoflush:
            form.populate_obj(item)
            for name, moment in ends.items():  # the form has minutes only: an unchanged time keeps its seconds
                if moment and getattr(item, name) == moment.replace(second=0, microsecond=0):
                    setattr(item, name, moment)
        if new:
            exams.publish(db.session(), item, request_context.current_actor(), at=request_context.office_now())
        else:
            exams.amend(db.session(), item, **request_context.acting())

    def saved_message(self, item: ExamNotice, *, new: bool) -> str:
        if not new:
            return super().saved_message(item, new=new)
        return str(gettext("The notice is published: enterprises can read it and sign their people up within the time set."))

    def redirect_after(self, item: ExamNotice, *, new: bool) -> str | None:
        return url_for("NoticeScreen.show", pk=item.id) if new else None

    def delete_item(self, item: ExamNotice) -> None:
        exams.withdraw(db.session(), item.id, request_context.current_actor())

    def show_links(self, item: ExamNotice) -> list[Link]:
        links = [link for link in super().show_links(item) if not link.post]
        return links + (state_links(item) if self._changes("recall") else [])

    def may_attach(self, item: ExamNotice) -> bool:
        return self._changes("attach") and item.state is not NoticeState.CANCELLED

    def _changes(self, action: str) -> bool:
        return bool(self.appbuilder.sm.has_access(f"can_{action}", "NoticeChange"))

    def file_form(self) -> Any:
        field = NoticeFileForm(formdata=None).file
        field.limit_bytes = request_context.current_office().scan_bytes
        return field

    def free(self, item: ExamNotice) -> int | None:
        """Places left; None without a limit."""
        return free_places(db.session(), [item]).get(item.id)

    def long_day(self, item: ExamNotice) -> str:
        return long_day(item.exam_on)

    def signed_on(self, item: ExamNotice) -> str:
        return long_day(office_day(item.published_at))

    def standing(self, item: ExamNotice) -> tuple[str, str, str]:
        return window_state(item, request_context.office_now())

    @route(f"/{ROW}notice_id>/signup", "GET", "POST")
    def signup(self, notice_id: int) -> Response | str:
        """在线报名 (R51–R53)."""
        return signup_form.page(notice_id)

    @route(f"/{ROW}notice_id>/export", "POST")
    def export(self, notice_id: int) -> Response:
        """导出报名明细 (R58); POST, because each export of ID numbers is written to the audit log."""
        notice, actor = notice_of(notice_id), request_context.current_actor()
        name, data, summary = exams.signup_sheet(db.session(), notice_id, actor, at=request_context.office_now())
        request_context.note_export(notice, **summary)
        return send_file(BytesIO(data), XLSX, as_attachment=True, download_name=name)
