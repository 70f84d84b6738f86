"""What became of a batch: how many were done, and each one that was not, by name and with the reason.

Law: nothing is dropped without a word, and where something can be put right, the word leads there.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from flask import flash, redirect, render_template
from flask_babel import gettext
from sqlalchemy import select
from werkzeug.wrappers import Response

from app.accounts.access import reach
from app.core.errors import AppError, Refusal
from app.core.vocabulary import Action
from app.db.session import db
from app.models import Application
from app.web import request_context
from app.web.applications.review.labels import BATCH_VERBS, VERBS
from app.web.base.access_filter import asked_reason
from app.web.base.error_pages import flash_refusals
from app.web.base.layout import safe_next
from app.web.fix_links import url_of
from app.workflow import Plan, carry_out

Gap = tuple[object, str]  # a sentence, and the address where it is put right ("" if nowhere)


@dataclass(frozen=True, slots=True)
class Left:
    """One case that was left as it was."""

    application_id: int
    name: str
    number: str
    gaps: list[Gap]


def gaps_of(refusals: Iterable[Refusal], back: str = "") -> list[Gap]:
    """Each sentence once, in order, with its address."""
    found = {str(refusal.sentence): url_of(refusal.place, back=back) for refusal in refusals}
    return list(found.items())


def left_of(planned: Plan, back: str = "") -> list[Left]:
    """The refused of a plan, in its order, with their numbers; those out of reach bear none."""
    known = {
        row.id: row.number
        for row in db.session.execute(
            select(Application.id, Application.number).where(
                Application.id.in_(planned.refused), reach(request_context.current_actor(), Application)
            )
        )
    }
    return [
        Left(key, planned.names.get(key, gettext("Record %(id)s", id=key)), known.get(key, ""), gaps_of(refusals, back))
        for key, refusals in planned.refused.items()
    ]


def batch(ids: Sequence[int], action: Action, home: str, afterwards: Callable[[Plan], str] | None = None) -> Response | str:
    """Carry out one action on many, commit, and tell what became of each.

    ``afterwards`` is called between the commit and the next question to the database, so that no transaction is open
    when it writes beside this one. It answers with the page where what goes on in the background is seen, if anything does.
    """
    office, reason = request_context.current_office(), asked_reason()
    try:
        planned = carry_out(
            db.session, ids, action, request_context.current_actor(), reason=reason, at=request_context.now(), office=office
        )
        db.session.commit()
    except AppError as no:
        flash_refusals(no)
        return redirect(safe_next(home))
    return told(planned, action, home, afterwards(planned) if afterwards else "")


def told(planned: Plan, action: Action, home: str, goes_on: str = "") -> Response | str:
    """Back to the list when all went well; else a page, for a cookie has no room for a hundred sentences."""
    back = safe_next(home)
    if not planned.refused:
        names = gettext(", ").join(list(planned.names.values())[:5])
        more = gettext(" and others") if len(planned.passes) > 5 else ""
        flash(
            gettext(
                "%(verb)s: done for %(n)s (%(names)s%(more)s).",
                verb=VERBS[action],
                n=len(planned.passes),
                names=names,
                more=more,
            ),
            "success",
        )
        return redirect(goes_on or back)
    page = render_template(
        "applications/batch_result.html",
        title=gettext("Result: %(verb)s", verb=BATCH_VERBS.get(action, VERBS[action])),
        verb=VERBS[action],
        done=[planned.names[key] for key in planned.passes],
        left=left_of(planned, back),
        back=back,
        goes_on=goes_on,
    )
    return Response(page, 200 if planned.passes else 422, mimetype="text/html")
