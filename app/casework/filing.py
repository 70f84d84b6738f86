"""安管人员新申报: the enterprise's own applications, and the form on which a filing is put together, changed and submitted.

Law: saving is all or nothing; what cannot be submitted stays a draft, and the page says so with every gap and its place.
"""

import builtins
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from flask import flash, redirect, request, url_for
from flask_appbuilder import BaseView
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from markupsafe import Markup
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from werkzeug.wrappers import Response

from app import desk
from app.applications import drafts
from app.applications.drafts import Candidate, Pick
from app.casework import outcome
from app.casework.outcome import Gap, Left, gaps_of, left_of
from app.casework.queues import CaseList, here
from app.casework.sayings import exam_words
from app.casework.words import BATCH_VERBS, VERBS
from app.core.clock import office_day
from app.core.errors import HouseError, Refusal, Unmet
from app.core.identifiers import mask_id
from app.core.vocabulary import (
    Action,
    Category,
    MatterKind,
    State,
)
from app.db.session import db
from app.eligibility.corrections import ITEMS
from app.forms import HouseForm, Required, TextField
from app.models import Application, Enterprise, Filing
from app.web.base import Link, SelInterface
from app.web.base.access_filter import ROW, WithinReach, asked_ids
from app.web.base.layout import safe_next
from app.web.base.model_view import door
from app.workflow import MOVES, carry_out, plan

CHANGEABLE = tuple(dict.fromkeys(move.source for move in MOVES if move.action is Action.SUBMIT))
WITHDRAWABLE = frozenset(move.source for move in MOVES if move.action is Action.WITHDRAW)
ENTERPRISE_WIDE = frozenset({"missing-qualification", "missing-pledge", "enterprise-not-registered"})


class OwnOfMatter(WithinReach):
    """What the enterprise itself filed in one matter; an old enterprise reaches more, and it stands on a list of its own."""

    name = "Own, of one matter"

    def apply(self, query: Any, value: Any) -> Any:
        mine = Application.enterprise_id == desk.actor().enterprise_id
        return super().apply(query, value).filter(mine, Application.matter == value)


class FilingList(CaseList):
    """The enterprise's applications in one matter (R63, R69, R73, R77)."""

    matter: ClassVar[MatterKind]
    add_word: ClassVar[object]
    base_permissions = ["can_list", "can_submit", "can_discard", "can_withdraw"]
    list_template = "casework/filings.html"
    datamodel = SelInterface(Application, eager=(Application.steps,))
    list_columns = ["person.name", "category", "filing.handler_name", "submitted_at", "due_on", "asked_for", "state"]
    sub_columns = {"person.name": "person.masked_id_number", "category": "number"}
    order_columns = ["submitted_at", "due_on"]
    search_columns = ["person.name", "category", "submitted_at"]
    label_columns = {**CaseList.label_columns, "filing.handler_name": _("Handler"), "asked_for": _("To be put right")}

    def __init__(self, **kwargs: Any) -> None:
        self.base_filters = [["id", OwnOfMatter, self.matter]]
        super().__init__(**kwargs)

    def home(self) -> str:
        return url_for(f"{self.endpoint}.list")

    @door("/")
    def list(self) -> Response | str:
        return super().list()

    @door("/submit", "POST")
    def submit(self) -> Response | str:
        """上报 for the ticked rows, or for the one whose button was pressed."""
        return outcome.batch(asked_ids(), Action.SUBMIT, self.home())

    @door("/withdraw", "POST")
    def withdraw(self) -> Response | str:
        """撤回: back into the enterprise's own hands, until it is accepted."""
        return outcome.batch(asked_ids(), Action.WITHDRAW, self.home())

    @door(f"/{ROW}application_id>/discard", "POST")
    def discard(self, application_id: int) -> Response:
        drafts.discard(db.session, [application_id], desk.actor())
        db.session.commit()
        flash(gettext("Deleted."), "success")
        return redirect(safe_next(self.home()))

    def cell(self, column: str, item: Application) -> object | None:
        if column == "state" and item.state is State.DRAFT:  # nothing is done yet, and too many think it is
            days = (desk.today() - office_day(item.created_at)).days
            word = gettext("Not submitted for %(n)s days", n=days) if days else gettext("Not submitted yet")
            return Markup('<span class="tag bad">{}</span>').format(word)
        return super().cell(column, item)

    def waiting(self) -> dict[State, int]:
        """How many are still in the enterprise's own hands, for the loud line above the list."""
        rows = self.datamodel.within_reach(Application.state.in_((State.DRAFT, State.RETURNED)))
        return dict(rows.with_entities(Application.state, func.count(Application.id)).group_by(Application.state).all())

    def head_links(self) -> builtins.list[Link]:
        return [Link(str(self.add_word), self.form_url(None), icon="plus", primary=True)]

    def form_url(self, item: Application | None) -> str:
        """The form: anew, or of the filing that a row belongs to."""
        if item is None:
            return url_for("FilingView.add")
        return url_for("FilingView.edit", filing_id=item.filing_id, next=here())

    def batch_links(self) -> builtins.list[Link]:
        url = url_for(f"{self.endpoint}.submit")
        sure = gettext("The authority can see them from then on. Whoever lacks something is left and named.")
        return [Link(BATCH_VERBS[Action.SUBMIT], url, icon="send", primary=True, post=True, confirm=sure)]

    def row_links(self, item: Application) -> builtins.list[Link]:
        links = []
        if item.state in CHANGEABLE:
            links.append(Link(VERBS[Action.SUBMIT], url_for(f"{self.endpoint}.submit", only=item.id), post=True))
            links.append(self.correction_link(item) if item.marks else Link(gettext("Edit"), self.form_url(item)))
        links.append(self.read_link(item))
        if item.state in WITHDRAWABLE:
            url = url_for(f"{self.endpoint}.withdraw", only=item.id)
            sure = gettext("Take the application of %(name)s back? It becomes a draft again.", name=item.person.name)
            links.append(Link(VERBS[Action.WITHDRAW], url, post=True, confirm=sure))
        if item.state is State.DRAFT and not item.round:
            url = url_for(f"{self.endpoint}.discard", application_id=item.id)
            sure = gettext("Delete the application of %(name)s? It cannot be brought back.", name=item.person.name)
            links.append(Link(gettext("Delete"), url, danger=True, post=True, confirm=sure))
        return [*links, *self.archive_links(item)]

    def correction_link(self, item: Application) -> Link:
        return Link(gettext("Correct"), url_for("CorrectionView.edit", application_id=item.id, next=here()))

    def empty(self) -> tuple[object, Link | None]:
        return gettext("No application yet. Add the first one here."), next(iter(self.head_links()), None)


class NewApplicationScreen(FilingList):
    """安管人员新申报."""

    matter = MatterKind.NEW
    add_word = _("Add application")
    route_base = "/applications/new"
    class_permission_name = "NewApplication"
    list_title = _("New applications of safety personnel")


# --- the form ---------------------------------------------------------------------------------------------


class FilingForm(HouseForm):
    """Drawn only: what is typed is judged by ``filings``, all mistakes at once."""

    handler_name = TextField(
        _("Handler's name"), validators=[Required()], render_kw={"maxlength": 50, "autocomplete": "name"}
    )
    handler_mobile = TextField(
        _("Handler's mobile"),
        validators=[Required()],
        description=_("The results of acceptance, review and approval are sent to this number."),
        render_kw={"maxlength": 20, "inputmode": "tel", "autocomplete": "tel"},
    )


@dataclass(frozen=True, slots=True)
class Line:
    """One person in one category on the form."""

    value: str
    name: str
    masked_id_number: str
    category: Category
    exam: str
    tone: str
    word: str
    gaps: list[Gap]
    ticked: bool
    open: bool  # may be ticked and unticked


class FilingView(BaseView):  # type: ignore[misc]
    """添加申报 and 修改: handler, people, 保存 or 保存并上报 (R70–R77)."""

    route_base = "/filings"
    class_permission_name = "Filing"
    default_view = "add"

    @door("/add", "GET", "POST")
    def add(self) -> Response | str:
        if request.method == "GET" or request.form.get("then") == "tick":
            return self._form(None)
        return self._keep(None)

    @door(f"/{ROW}filing_id>/edit", "GET", "POST")
    def edit(self, filing_id: int) -> Response | str:
        filing = drafts.own_filing(db.session, filing_id, desk.actor())
        if filing.matter is not MatterKind.NEW:  # every place that names a filing leads here first
            return redirect(url_for("ClaimView.edit", filing_id=filing_id, next=request.args.get("next")))
        if request.method == "GET" or request.form.get("then") == "tick":
            return self._form(filing)
        return self._keep(filing)

    def _keep(self, filing: Filing | None) -> Response | str:
        """Save, and submit where that was asked for; a failure shows the form again as it was typed."""
        filing_id = filing.id if filing else None
        try:
            kept = _stored(filing)
            left, n = sent(kept) if request.form.get("then") == "submit" else ([], 0)
            kept_id = kept.id
            db.session.commit()
        except (HouseError, IntegrityError) as no:
            db.session.rollback()
            if isinstance(no, HouseError) and no.status != HouseError.status:
                raise
            again = db.session.get(Filing, filing_id) if filing_id else None
            return self._form(again, refusals=no.refusals if isinstance(no, HouseError) else (CLASH,))
        return redirect(after(kept_id, left, n))

    def _form(self, filing: Filing | None, refusals: Sequence[Refusal] = ()) -> Response | str:
        form = FilingForm(formdata=request.form if request.method == "POST" else None, **handler_of(filing))
        for refusal in refusals:
            if refusal.field in form:
                form[refusal.field].errors = [*form[refusal.field].errors, refusal.sentence]
        candidates = drafts.candidates(db.session, MatterKind.NEW, desk.actor(), at=desk.moment(), office=desk.office())
        lines = sorted((_line(candidate, filing) for candidate in candidates), key=lambda line: not line.ticked)
        tried = filing is not None and request.method == "GET" and "tried" in request.args
        page = self.render_template(
            "casework/filing.html",
            title=gettext("Edit application") if filing else gettext("Add application"),
            crumbs=[(gettext("New applications of safety personnel"), url_for("NewApplicationScreen.list"))],
            form=form,
            filing=filing,
            lines=lines,
            returned=[a for a in filing.applications if a.marks] if filing else [],
            items=ITEMS,
            settled=[a for a in filing.applications if a.state is not State.DRAFT] if filing else [],
            changeable=CHANGEABLE,
            common=gaps_of([g for c in candidates for g in c.gaps if g.code in ENTERPRISE_WIDE], here()),
            loose=[refusal.sentence for refusal in refusals if refusal.field not in form],
            left=left_in(filing) if tried and filing else [],
            back=safe_next(url_for("NewApplicationScreen.list")),
        )
        return Response(page, 422 if refusals else 200, mimetype="text/html")


CLASH = Refusal("clash", _("Somebody else has just filed for one of these people. Please look at the list again."))


def handler_of(filing: Filing | None) -> dict[str, str]:
    """Who handles it: as saved, else as last time, else the enterprise's contact."""
    if filing is None:
        mine = select(Filing).where(Filing.enterprise_id == desk.actor().enterprise_id)
        filing = db.session.scalars(mine.order_by(Filing.id.desc()).limit(1)).first()
    if filing is not None:
        return {"handler_name": filing.handler_name, "handler_mobile": filing.handler_mobile}
    enterprise = db.session.get(Enterprise, desk.actor().enterprise_id)
    return {"handler_name": enterprise.contact, "handler_mobile": enterprise.contact_mobile or ""} if enterprise else {}


def _line(candidate: Candidate, filing: Filing | None) -> Line:
    mine = {a.id for a in filing.applications if a.state is State.DRAFT} if filing else set()
    kept = bool(mine & set(candidate.facts.open_applications))
    bars = [bar for bar in candidate.bars if not (kept and bar.code == "already-open")]
    own = [gap for gap in candidate.gaps if gap.code not in ENTERPRISE_WIDE]
    value = f"{candidate.person_id}-{candidate.category.value}"
    if bars:
        tone, word = "off", gettext("Cannot be filed for")
    elif own:
        tone, word = "todo", gettext("%(n)s missing", n=len(own))
    else:
        tone, word = (
            ("ok", gettext("Ready")) if candidate.ready or not candidate.gaps else ("todo", gettext("Enterprise papers"))
        )
    return Line(
        value,
        candidate.facts.name,
        mask_id(candidate.facts.person["id_number"]),
        candidate.category,
        exam_words(candidate.facts.record()["exam"]),
        tone,
        word,
        gaps_of([*bars, *own], here()),
        ticked=not bars and _ticked(value, kept=kept, ready=candidate.ready),
        open=not bars,
    )


def _ticked(value: str, *, kept: bool, ready: bool) -> bool:
    if request.method == "POST":
        return value in request.form.getlist("rowid") or (ready and request.form.get("then") == "tick")
    return kept


def _picks() -> list[Pick]:
    """The ticked people; a value that no box of ours has names nobody, as whom the domain refuses it."""
    found = []
    for value in request.form.getlist("rowid"):
        number, _dash, code = value.partition("-")
        category = next((term for term in Category if term.value == code), None)
        if category is None or not (number.isascii() and number.isdigit() and len(number) < 19):
            raise Unmet.because(Refusal("unknown-pick", _("Please choose people from the list."), "picks"))
        found.append((int(number), category))
    most = desk.office().largest_batch
    if len(found) > most:
        sentence = _("At most %(n)s records can be handled at once.", n=most)
        raise Unmet.because(Refusal("batch-too-large", sentence, "picks"))
    return found


def _stored(filing: Filing | None) -> Filing:
    typed = (request.form.get("handler_name", ""), request.form.get("handler_mobile", ""))
    actor, at, office = desk.actor(), desk.moment(), desk.office()
    if filing is None:
        return drafts.draft(db.session, MatterKind.NEW, _picks(), *typed, actor, at=at, office=office)
    return drafts.amend(db.session, filing.id, *typed, _picks(), actor, at=at, office=office)


def in_hand(filing: Filing) -> list[int]:
    """What of a filing can be submitted."""
    mine = select(Application.id).where(Application.filing_id == filing.id, Application.state.in_(CHANGEABLE))
    return list(db.session.scalars(mine.order_by(Application.id)))


def sent(filing: Filing) -> tuple[Collection[int], int]:
    """Submit what the filing holds: those left as drafts, and how many were sent."""
    office, at = desk.office(), desk.moment()
    planned = carry_out(db.session, in_hand(filing), Action.SUBMIT, desk.actor(), at=at, office=office)
    return list(planned.refused), len(planned.passes)


def after(
    filing_id: int, left: Collection[int], sent: int, endpoint: str = "NewApplicationScreen", edit: str = "FilingView.edit"
) -> str:
    """Where to go after saving, with a word on what was sent and what was only saved."""
    home = url_for(f"{endpoint}.list")
    if sent:
        flash(gettext("%(n)s applications were submitted.", n=sent), "success")
    if left:
        flash(
            gettext(
                "Saved, but NOT submitted: %(n)s applications stay drafts until what is named below is added.", n=len(left)
            ),
            "warning",
        )
        return url_for(edit, filing_id=filing_id, tried=1)
    if not sent:
        flash(gettext("Saved. Not submitted yet: the authority sees nothing until you press Submit."), "warning")
        return url_for(f"{endpoint}.list", state=State.DRAFT.value)
    return safe_next(home)


def left_in(filing: Filing) -> list[Left]:
    """Everything that stands in the way of submitting this filing, person by person."""
    ids = in_hand(filing)
    if not ids:
        return []
    office, at = desk.office(), desk.moment()
    return left_of(plan(db.session, ids, Action.SUBMIT, desk.actor(), at=at, office=office), here())
