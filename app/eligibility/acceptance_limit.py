"""The limit for acceptance (行政许可法 art. 32): what may be asked for until when, and what follows once it has passed.

What is to be corrected is told once, within ``Office.accept_days``; otherwise the application counts as accepted from the day
it was received.
"""

from collections.abc import Iterator, Sequence
from datetime import date

from flask_babel import lazy_gettext as _

from app.core.errors import Refusal
from app.core.office import Office
from app.core.vocabulary import State
from app.eligibility import corrections
from app.eligibility.corrections import ITEMS, CorrectionMark
from app.eligibility.facts import Facts


def counts_as_accepted(state: State, due_on: date | None, on: date) -> bool:
    """Whether the office let the limit for acceptance pass without a word."""
    return state is State.AWAITING_ACCEPTANCE and due_on is not None and on > due_on


def limit_has_not_passed(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """Within the limit only, an application is returned for correction or not accepted."""
    if counts_as_accepted(case.state, case.due_on, on):
        sentence = _(
            "%(name)s: the limit for acceptance passed on %(day)s, so the application counts as accepted since it was "
            "received on %(received)s (Administrative Licensing Law, article 32). Accept it; what speaks against it is "
            "decided in the review.",
            name=case.name, day=case.due_on, received=case.due_from,
        )  # fmt: skip
        yield Refusal("counts-as-accepted", sentence, "decision")


def correction_is_overdue(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """An application is closed for want of correction only after the day that the notice named."""
    if case.due_on is None:
        sentence = _("%(name)s: the notice of correction named no day, so the application stays open.", name=case.name)
        yield Refusal("no-day-named", sentence)
    elif on <= case.due_on:
        sentence = _(
            "%(name)s: the correction is awaited until %(day)s; the application cannot be closed before.",
            name=case.name, day=case.due_on,
        )  # fmt: skip
        yield Refusal("still-awaited", sentence)


def open_items(case: Facts, items: Sequence[str]) -> tuple[str, ...]:
    """The items that may be marked: of an answer to a notice, only those that the correction itself changed."""
    if not case.snapshot_before or not case.snapshot:
        return tuple(items)
    changed = {change.item for change in corrections.changes(case.snapshot_before, case.snapshot)}
    return tuple(item for item in items if item in changed)


def _unchanged(items: Sequence[str]) -> object:
    labels = [str(ITEMS[item]) for item in items if item in ITEMS]
    return _(" It did not change: %(items)s.", items=", ".join(labels)) if labels else ""


def refusals_of_a_second_return(case: Facts, marks: Sequence[CorrectionMark], *, brought_up: bool) -> Iterator[Refusal]:
    """What was there is told once; a second notice names what the correction itself brought up, and the officer says so."""
    if not case.snapshot_before or not case.snapshot:
        return
    known = [mark.item for mark in marks if mark.item not in open_items(case, [mark.item])]
    if not marks or known:
        sentence = _(
            "%(name)s was returned before, and everything had to be named then (Administrative Licensing Law, article 32). "
            "Mark only what the correction itself changed.%(others)s",
            name=case.name, others=_unchanged(known),
        )  # fmt: skip
        yield Refusal("told-once", sentence, "marks")
    elif not brought_up:
        sentence = _(
            "%(name)s was returned before: please confirm that what is marked was brought up by the correction itself.",
            name=case.name,
        )
        yield Refusal("not-said", sentence, "brought_up")
