"""安管人员新申报: the form on which an enterprise picks people; and what it shares with the form for certificates."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from flask import flash, redirect, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from werkzeug.wrappers import Response

from app.applications import drafts
from app.applications.drafts import FilingCandidate, Pick
from app.core.errors import AppError, Refusal, Stale, Unmet
from app.core.identifiers import mask_id
from app.core.vocabulary import CHANGEABLE, CURRENT_CATEGORIES, Action, Category, MatterKind, State
from app.db.session import db
from app.eligibility.corrections import ITEMS
from app.models import Application, Enterprise, Filing, Person
from app.web import request_context
from app.web.applications.review.presentation import exam_label
from app.web.applications.review.queues import skipped_cases
from app.web.base.access_filter import ROW
from app.web.base.batch_result import Gap, SkippedRow, gaps_of
from app.web.base.datamodel import as_id
from app.web.base.error_pages import refusals_after
from app.web.base.fab import BaseView, route
from app.web.base.form_version import FormVersion
from app.web.base.layout import safe_next, this_page
from app.web.base.picker import is_look, picker_query, ticks_all
from app.web.forms import AppForm, Required, TextField, TicksField
from app.workflow import carry_out, plan

ENTERPRISE_WIDE = frozenset({"missing-qualification", "missing-pledge", "enterprise-not-registered"})


class FilingForm(AppForm):
    """For display only: the domain validates the input, all mistakes at once."""

    handler_name = TextField(
        _("Handler's name"), validators=[Required()], render_kw={"maxlength": 50, "autocomplete": "name"}
    )
    handler_mobile = TextField(
        _("Handler's mobile"),
        validators=[Required()],
        numbers=True,
        description=_("The results of acceptance, review and approval are sent to this number."),
        render_kw={"maxlength": 20, "inputmode": "tel", "autocomplete": "tel"},
    )


class PeopleForm(FilingForm):
    rowid = TicksField(_("People with a passed exam"), id="h-people")


@dataclass(frozen=True, slots=True)
class CandidateLine:
    """A person in a category, or a certificate, that can be chosen on the form, or why it cannot."""

    value: str
    name: str
    masked_id_number: str
    category: Category
    tone: str
    word: str
    gaps: list[Gap]
    ticked: bool
    open: bool  # may be ticked and unticked
    exam: str = ""
    number: str = ""
    until: str = ""


class FilingView(BaseView):
    """添加申报 and 修改: handler, people, 保存 or 保存并上报 (R70–R77)."""

    route_base = "/filings"
    class_permission_name = "Filing"
    default_view = "add"

    @route("/add", "GET", "POST")
    def add(self) -> Response | str:
        if request.method == "GET" or is_look():
            return self._form(None)
        return self._keep(None)

    @route(f"/{ROW}filing_id>/edit", "GET", "POST")
    def edit(self, filing_id: int) -> Response | str:
        filing = drafts.own_filing(db.session, filing_id, request_context.current_actor())
        if filing.matter is not MatterKind.NEW:  # links to any filing lead here first
            return redirect(url_for("ClaimView.edit", filing_id=filing_id, next=request.args.get("next")))
        form = _form_of(filing)
        version = FormVersion(form, filing_version(filing))
        if version.wants_theirs:
            version.take_theirs(_form_of(filing, typed=False))
        elif request.method == "POST" and not is_look():
            return self._keep(filing, version)
        return self._form(filing, form=form, version=version)

    def _keep(self, filing: Filing | None, version: FormVersion | None = None) -> Response | str:
        """Save, and submit if asked to; an error, or a change by somebody else, shows the form again with the input."""
        filing_id = filing.id if filing else None
        try:
            if filing and version:
                filing = drafts.own_filing(db.session, filing.id, request_context.current_actor(), lock=True)
                if version.differs(_form_of(filing, typed=False)):
                    db.session.rollback()
                    return self._form(filing, form=version.form, version=version)
            kept = _stored(filing)
            left, n = submit(kept) if request.form.get("then") == "submit" else ([], 0)
            kept_id = kept.id
            db.session.commit()
        except (AppError, IntegrityError) as error:
            refusals = refusals_or_clash(error)
            filing = db.session.get(Filing, filing_id) if filing_id else None
            return self._form(filing, refusals, version and version.form, version)
        return redirect(page_after_saving(kept_id, left, n))

    def _form(
        self, filing: Filing | None, refusals: Sequence[Refusal] = (), form: Any = None, version: FormVersion | None = None
    ) -> Response | str:
        form = form or _form_of(filing)
        for refusal in refusals:
            if refusal.field in form:
                form[refusal.field].errors = [*form[refusal.field].errors, refusal.sentence]
        asked, acting = picker_query(), request_context.acting()
        ready = drafts.all_ready(db.session, MatterKind.NEW, asked=asked, **acting) if ticks_all() else []
        chosen = list(dict.fromkeys([*_readable(form.rowid.data), *ready]))
        most = acting["office"].largest_batch
        found = drafts.candidates(db.session, MatterKind.NEW, asked=asked, ticked=chosen[:most], **acting)
        ticks = {_value(*pick) for pick in chosen}
        lines = sorted((_line(one, filing, ticks) for one in found.candidates), key=lambda line: not line.ticked)
        tried = filing is not None and request.method == "GET" and "tried" in request.args
        page = self.render_template(
            "applications/new_form.html",
            title=gettext("Edit application") if filing else gettext("Add application"),
            crumbs=[(gettext("New applications of safety personnel"), url_for("NewApplicationScreen.list"))],
            form=form,
            version=version,
            filing=filing,
            lines=lines,
            asked=asked,
            found=found,
            beyond=[_value(*pick) for pick in chosen[most:]],
            categories=CURRENT_CATEGORIES,
            returned=[a for a in filing.applications if a.marks] if filing else [],
            items=ITEMS,
            settled=[a for a in filing.applications if a.state is not State.DRAFT] if filing else [],
            changeable=CHANGEABLE,
            common=gaps_of([g for c in found.candidates for g in c.gaps if g.code in ENTERPRISE_WIDE], this_page()),
            loose=[refusal.sentence for refusal in refusals if refusal.field not in form],
            left=skipped_in(filing) if tried and filing else [],
            back=safe_next(url_for("NewApplicationScreen.list")),
        )
        return Response(page, status_of(refusals, version), mimetype="text/html")


def filing_version(filing: Filing) -> str:
    """What a version of its form is of."""
    return f"filings.{filing.id}"


def status_of(refusals: Sequence[Refusal], version: FormVersion | None) -> int:
    """The HTTP status of the page with the form."""
    if version and version.differences:
        return Stale.status
    return Unmet.status if refusals else 200


def _form_of(filing: Filing | None, *, typed: bool = True) -> PeopleForm:
    """As typed; on a GET, or if not ``typed``, as stored. Only people of the own enterprise are named."""
    drafted = {_value(a.person_id, a.category): a.person.name for a in _drafted(filing)}
    sent = request.form if typed and request.method == "POST" else None
    form = PeopleForm(formdata=sent, rowid=list(drafted), **handler_of(filing))
    named = dict(drafted)
    if filing and (others := [pick for pick in _readable(form.rowid.data) if _value(*pick) not in drafted]):
        own = select(Person.id, Person.name).where(Person.enterprise_id == filing.enterprise_id)
        most = request_context.current_office().largest_batch  # more are refused on saving
        found = db.session.execute(own.where(Person.id.in_({key for key, _category in others[:most]})))
        names = {row.id: row.name for row in found}
        named |= {_value(key, category): names[key] for key, category in others if key in names}
    form.rowid.choices = [(value, f"{name} {value.partition('-')[2]}") for value, name in named.items()]
    return form


def _drafted(filing: Filing | None) -> list[Application]:
    return [a for a in filing.applications if a.state is State.DRAFT] if filing else []


def _value(person_id: int, category: Category) -> str:
    return f"{person_id}-{category.value}"


def refusals_or_clash(error: AppError | IntegrityError) -> Sequence[Refusal]:
    """As ``refusals_after``, also if somebody else was faster."""
    if isinstance(error, AppError):
        return refusals_after(error)
    db.session.rollback()
    sentence = _("Somebody else has just filed for one of these people. Please look at the list again.")
    return (Refusal("clash", sentence),)


def handler_of(filing: Filing | None) -> dict[str, str]:
    """Who handles it: as saved, else as last time, else the enterprise's contact."""
    if filing is None:
        mine = select(Filing).where(Filing.enterprise_id == request_context.current_actor().enterprise_id)
        filing = db.session.scalars(mine.order_by(Filing.id.desc()).limit(1)).first()
    if filing is not None:
        return {"handler_name": filing.handler_name, "handler_mobile": filing.handler_mobile}
    enterprise = db.session.get(Enterprise, request_context.current_actor().enterprise_id)
    return {"handler_name": enterprise.contact, "handler_mobile": enterprise.contact_mobile or ""} if enterprise else {}


def is_filed(candidate: FilingCandidate, applications: Iterable[Application]) -> bool:
    return not {a.id for a in applications}.isdisjoint(candidate.facts.open_applications)


def candidate_line(
    candidate: FilingCandidate, value: str, *, filed: bool, ticked: bool, removable: bool = False, **columns: str
) -> CandidateLine:
    """``filed``: in this very filing, which then is no bar. ``removable``: can be unticked in spite of bars."""
    bars = [bar for bar in candidate.bars if not (filed and bar.code == "already-open")]
    own = [gap for gap in candidate.gaps if gap.code not in ENTERPRISE_WIDE]
    if bars:
        tone, word = "off", gettext("Cannot be filed for")
    elif own:
        tone, word = "todo", gettext("%(n)s missing", n=len(own))
    elif candidate.gaps and not candidate.ready:
        tone, word = "todo", gettext("Enterprise papers")
    else:
        tone, word = "ok", gettext("Ready")
    is_open = not bars or removable
    return CandidateLine(
        value,
        candidate.facts.name,
        mask_id(candidate.facts.person["id_number"]),
        candidate.category,
        tone,
        word,
        gaps_of([*bars, *own], this_page()),
        ticked=ticked and is_open,
        open=is_open,
        **columns,
    )


def _line(candidate: FilingCandidate, filing: Filing | None, chosen: Collection[str]) -> CandidateLine:
    filed, value = is_filed(candidate, _drafted(filing)), _value(candidate.person_id, candidate.category)
    return candidate_line(
        candidate, value, filed=filed, ticked=value in chosen, exam=exam_label(candidate.facts.record()["exam"])
    )


def _readable(values: Iterable[str]) -> list[Pick]:
    """The ticks that are well-formed."""
    found = []
    for value in values:
        number, _dash, code = value.partition("-")
        category = next((term for term in Category if term.value == code), None)
        if category is not None and (person_id := as_id(number)) is not None:
            found.append((person_id, category))
    return found


def _picks() -> list[Pick]:
    """The ticked people. Raises ``Unmet`` for a malformed value."""
    ticked = request.form.getlist("rowid")
    found = _readable(ticked)
    if len(found) < len(ticked):
        raise Unmet.because(Refusal("unknown-pick", _("Please choose people from the list."), "picks"))
    return found


def _stored(filing: Filing | None) -> Filing:
    typed = (request.form.get("handler_name", ""), request.form.get("handler_mobile", ""))
    if filing is None:
        return drafts.draft(db.session, MatterKind.NEW, _picks(), *typed, **request_context.acting())
    return drafts.amend(db.session, filing.id, *typed, _picks(), **request_context.acting())


def submittable(filing: Filing) -> list[int]:
    """Ids of the applications of a filing that can be submitted."""
    mine = select(Application.id).where(Application.filing_id == filing.id, Application.state.in_(CHANGEABLE))
    return list(db.session.scalars(mine.order_by(Application.id)))


def submit(filing: Filing) -> tuple[Collection[int], int]:
    """Submit what the filing holds: the ids left as drafts, and how many were submitted."""
    planned = carry_out(db.session, submittable(filing), Action.SUBMIT, **request_context.acting())
    return list(planned.refused), len(planned.passes)


def page_after_saving(
    filing_id: int, left: Collection[int], sent: int, endpoint: str = "NewApplicationScreen", edit: str = "FilingView.edit"
) -> str:
    """The page to go to after saving; flashes what was submitted and what was only saved."""
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


def skipped_in(filing: Filing) -> list[SkippedRow]:
    """What prevents submitting this filing, person by person."""
    ids = submittable(filing)
    return skipped_cases(plan(db.session, ids, Action.SUBMIT, **request_context.acting()), this_page()) if ids else []
