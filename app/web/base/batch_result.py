"""The result of an action: a message on the list when everything was done, else a page of all that was not."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from flask import flash, redirect, render_template
from flask_babel import gettext
from werkzeug.wrappers import Response

from app.core.errors import AppError, Refusal
from app.db.session import db
from app.web.base.error_pages import flash_refusals
from app.web.base.layout import safe_next
from app.web.fix_links import url_of

Gap = tuple[object, str]  # a sentence, and the address where it is put right ("" if nowhere)
MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class SkippedRow:
    """A record that was left unchanged, with the reasons; ``url`` is of its page, if the reader may open it."""

    name: str
    gaps: list[Gap]
    number: str = ""
    url: str = ""


class BatchOutcome(Protocol):
    """By id: the names of the records, and the reasons for those not done."""

    names: dict[int, str]
    refused: dict[int, tuple[Refusal, ...]]


Outcome = TypeVar("Outcome", bound=BatchOutcome)


def gaps_of(refusals: Iterable[Refusal], back: str = "") -> list[Gap]:
    """Each sentence once, in order, with its address; the page of a sign-up has nothing to put right."""
    found: dict[str, str] = {}
    for refusal in refusals:
        fixable = refusal.place is not None and refusal.place.page != "signup"
        found.setdefault(str(refusal.sentence), url_of(refusal.place, back=back) if fixable else "")
    return list(found.items())


def name_of(outcome: BatchOutcome, row_id: int) -> str:
    """Records out of reach have no name."""
    return outcome.names.get(row_id) or str(gettext("Record %(id)s", id=row_id))


def skipped_rows(outcome: BatchOutcome, back: str) -> list[SkippedRow]:
    return [SkippedRow(name_of(outcome, key), gaps_of(refusals, back)) for key, refusals in outcome.refused.items()]


def done_names(outcome: BatchOutcome) -> list[str]:
    return [name for key, name in outcome.names.items() if key not in outcome.refused]


def done_message(outcome: BatchOutcome, verb: object) -> str:
    names = done_names(outcome)
    return done_sentence(verb, names, len(names))


def done_sentence(verb: object, names: Sequence[str], n: int) -> str:
    """For ``n`` records, of which the first are named."""
    listed = gettext(", ").join(names[:MOST_NAMED]) + (" …" if len(names) > MOST_NAMED else "")
    return str(gettext("%(verb)s: done for %(n)s (%(names)s).", verb=verb, n=n, names=listed))


def run_batch(
    action: Callable[[], Outcome],
    verb: object,
    home: str,
    *,
    title_verb: object = None,
    more: object = "",
    skipped: Callable[[Outcome, str], list[SkippedRow]] = skipped_rows,
) -> Response:
    """Carry out and commit the action. A page, because a flash message in a cookie cannot hold a hundred sentences.

    ``more`` is added to the message when everything was done.
    """
    back = safe_next(home)
    try:
        outcome = action()
        db.session.commit()
    except AppError as error:
        flash_refusals(error)
        return redirect(back)
    if not outcome.refused:
        flash(f"{done_message(outcome, verb)} {more}".strip(), "success")
        return redirect(back)
    done = done_names(outcome)
    page = render_template(
        "base/batch_result.html",
        title=gettext("Result: %(verb)s", verb=title_verb or verb),
        message=done_message(outcome, verb),
        done=done,
        left=skipped(outcome, back),
        back=back,
    )
    return Response(page, 200 if done else 422, mimetype="text/html")


def run_step(step: Callable[[], object], done: str, back: str) -> Response:
    """Carry out and commit a step on one row; back with ``done``, or with why not.

    An error with a status of its own (403, 404, 409) becomes an error page.
    """
    try:
        step()
        db.session.commit()
    except AppError as error:
        flash_refusals(error)
    else:
        flash(done, "success")
    return redirect(back)
