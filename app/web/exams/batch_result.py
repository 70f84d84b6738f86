"""What became of a batch of sign-ups: how many were done, and each one that was not, by name and with the reason.

Law: nothing is dropped without a word, and where something can be put right, the word leads there.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from flask import flash, redirect, render_template
from flask_babel import gettext
from werkzeug.wrappers import Response

from app.core.errors import AppError, Refusal
from app.db.session import db
from app.exams import SignupOutcome
from app.web.base import safe_next
from app.web.base.error_pages import flash_refusals
from app.web.fix_links import url_of

Gap = tuple[object, str]  # a sentence, and the address where it is put right ("" if nowhere)
MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Left:
    """One sign-up that was left as it was."""

    name: str
    gaps: list[Gap]


def gaps_of(refusals: Iterable[Refusal], back: str = "") -> list[Gap]:
    """Each sentence once, in order, with its address; a sign-up itself is no place to mend anything."""
    found: dict[str, str] = {}
    for refusal in refusals:
        mendable = refusal.place is not None and refusal.place.page != "signup"
        found.setdefault(str(refusal.sentence), url_of(refusal.place, back=back) if mendable else "")
    return list(found.items())


def carry(
    deed: Callable[[], SignupOutcome], verb: object, home: str, *, more: object = "", tone: str = "success"
) -> Response:
    """Do it, commit, and tell: back to the list when all went well, else a page that names each one that was left.

    ``more`` is said besides when everything was done.
    """
    back = safe_next(home)
    try:
        outcome = deed()
        db.session.commit()
    except AppError as no:
        flash_refusals(no)
        return redirect(back)
    if outcome.refused:
        return _page_of(outcome, verb, back)
    flash(f"{done(outcome, verb)} {more}".strip(), tone)
    return redirect(back)


def done(outcome: SignupOutcome, verb: object) -> str:
    names = [outcome.names[signup_id] for signup_id in outcome.moved]
    listed = gettext(", ").join(names[:MOST_NAMED]) + (" …" if len(names) > MOST_NAMED else "")
    return str(gettext("%(verb)s: done for %(n)s people (%(names)s).", verb=verb, n=len(names), names=listed))


def _page_of(outcome: SignupOutcome, verb: object, back: str) -> Response:
    page = render_template("exams/batch_result.html", **_told(outcome, verb, back))
    return Response(page, 200 if outcome.moved else 422, mimetype="text/html")


def _told(outcome: SignupOutcome, verb: object, back: str) -> dict[str, Any]:
    return {
        "title": gettext("Result: %(verb)s", verb=verb),
        "done": done(outcome, verb) if outcome.moved else "",
        "left": [
            Left(outcome.names.get(key, gettext("Record %(id)s", id=key)), gaps_of(refusals, back))
            for key, refusals in outcome.refused.items()
        ],
        "back": back,
    }
