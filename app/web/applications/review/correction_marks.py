"""补正 on the officer's page: the items that can be marked, the preview of the notice, and the result of the last correction.

Preview and sent notice come from the same ``corrections.notice``. A tick without a reason is refused, never dropped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import request, url_for
from flask_babel import gettext
from markupsafe import Markup

from app.core.errors import Refusal
from app.core.vocabulary import Action
from app.eligibility import corrections
from app.eligibility.acceptance_limit import open_items
from app.eligibility.corrections import CorrectionMark
from app.eligibility.facts import Facts
from app.matters import correctable
from app.models import Application, Step
from app.web import request_context
from app.web.applications.review.matter_details import BeforeAfter, readable
from app.web.base.access_filter import asked_reason, without_controls


@dataclass(frozen=True, slots=True)
class MarkLine:
    """One item that can be marked, with what was ticked and typed for it."""

    item: str
    label: object
    stock: Sequence[object]
    ticked: bool = False
    why: str = ""
    wrong: object = ""


@dataclass(frozen=True, slots=True)
class Marking:
    """The part of the decision form that is about marks."""

    lines: Mapping[str, MarkLine]
    notice: str  # as it would be sent now


def marking_of(case: Facts, refusals: Sequence[Refusal] = ()) -> Marking:
    """The items that can be marked on this case, with the posted ticks, reasons and refusals."""
    asked = {mark.item: mark.why for mark in asked_marks()}
    wrong = {refusal.field: refusal.sentence for refusal in refusals}
    lines = {
        item: MarkLine(
            item,
            corrections.ITEMS[item],
            corrections.STOCK.get(item, ()),
            item in asked,
            asked.get(item, ""),
            wrong.get(f"why-{item}", ""),
        )
        for item in open_items(case, correctable(case, request_context.today()))
    }
    marks = [CorrectionMark(line.item, line.why) for line in lines.values() if line.ticked]
    return Marking(lines, corrections.notice(marks, asked_reason()) if marks else "")


def asked_marks() -> list[CorrectionMark]:
    """The items ticked or given a reason; without JavaScript typing a reason does not tick the box."""
    ticked = set(request.form.getlist("mark"))
    typed = {name.removeprefix("why-"): _one_line(text) for name, text in request.form.items() if name.startswith("why-")}
    known = [item for item in corrections.ITEMS if item in ticked or typed.get(item)]
    return [CorrectionMark(item, typed.get(item, "")) for item in [*known, *sorted(ticked - set(corrections.ITEMS))]]


def _one_line(text: str) -> str:
    """Joins the lines of a field (one stock reason each) into one line of the notice."""
    return str(gettext("; ")).join(
        part.strip().rstrip("。.；;") for part in without_controls(text).splitlines() if part.strip()
    )


@dataclass(frozen=True, slots=True)
class Corrected:
    """A resubmitted case compared with the submission before: marked items first, then the other differences."""

    changes: list[BeforeAfter]
    unchanged: list[MarkLine]  # marked and not changed
    note: str  # note of the enterprise


def corrected_since(application: Application, case: Facts, *, in_full: bool = False) -> Corrected | None:
    """The comparison with the submission before; None for a first submission."""
    before = application.snapshot_before
    if not before or not case.snapshot:
        return None
    returned = _step(application, Action.RETURN, application.round - 1)
    marks = corrections.parse_marks(returned.marks if returned else None)
    asked = [mark.item for mark in marks]
    differences = sorted(corrections.changes(before, case.snapshot), key=lambda change: change.item not in asked)
    changes = [
        BeforeAfter(
            change.label,
            _readable(change.item, change.before, gettext("Old scan"), in_full=in_full),
            _readable(change.item, change.after, gettext("New scan"), in_full=in_full),
            item=change.item,
        )
        for change in differences
    ]
    changed = {change.item for change in differences}
    left = [MarkLine(mark.item, corrections.ITEMS[mark.item], (), why=mark.why) for mark in marks if mark.item not in changed]
    submitted = _step(application, Action.SUBMIT, application.round)
    return Corrected(changes, left, submitted.reason if submitted else "")


def _step(application: Application, action: Action, of_round: int) -> Step | None:
    return next((step for step in application.steps if step.action is action and step.round == of_round), None)


def _readable(item: str, value: Any, word: object, *, in_full: bool) -> object:
    """A value as text; scans as links."""
    section, _dot, name = item.partition(".")
    if section not in ("papers", "pledge", "qualifications"):
        return readable(name, str(value or ""), in_full)
    link = Markup('<a href="{}" target="_blank" rel="noopener">{}</a>')
    papers = value if isinstance(value, list) else [value] if value else []
    links = [link.format(url_for("PaperView.open", paper_id=paper_id), word) for paper_id in papers]
    return Markup("<br>").join(links) if links else gettext("Not uploaded")
