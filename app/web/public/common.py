"""What several public pages share: how often one may ask, which pages search engines leave out, words of results."""

import re
from datetime import datetime
from typing import Any, TypeVar

from flask import make_response
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response

from app.accounts import rate_limit
from app.core.vocabulary import Action, MatterKind, Stage
from app.db.session import db, reading
from app.models import ExamNotice
from app.web import request_context
from app.workflow import MOVES, publish_result

CodeList = TypeVar("CodeList", MatterKind, Stage)

# What a published result is called: the very word that the officer pressed.
RESULTS: dict[tuple[Stage, bool], Action] = {
    (move.stage, move.agreed): move.action for move in MOVES if move.stage is not None and publish_result in move.then
}


# --- small things of the doors -----------------------------------------------------------------------


def count_a_try(kind: str) -> None:
    """One more from this address, whatever comes of it; then the rest of the request only reads."""
    db.session.rollback()  # SQLite has one writer, and the count is written beside this session
    office, at = request_context.current_office(), request_context.now()
    rate_limit.hit(
        db.engine,
        f"{kind}:{rate_limit.client_network(request_context.address())}",
        limit=office.lookups_per_minute,
        seconds=60,
        at=at,
    )
    reading.set(True)


def not_indexed(page: str, status: int = 200) -> Response:
    """A page that names people: no search engine and no cache keeps it."""
    answer = make_response(page, status)
    answer.headers["X-Robots-Tag"] = "noindex, nofollow"
    answer.headers["Cache-Control"] = "no-store"
    return answer


def result_label(notice: Any) -> Action:
    return RESULTS[notice.stage, notice.agreed]


def signup_label(notice: ExamNotice, at: datetime) -> tuple[str, object]:
    """Whether one can sign up at this moment: the tone and the word."""
    if at < notice.signup_start:
        return "run", _("Sign-up not yet open")
    if at <= notice.signup_end:
        return "ok", _("Sign-up open")
    return "off", _("Sign-up closed")


def term(kind: type[CodeList], code: str | None) -> CodeList | None:
    return next((entry for entry in kind if entry.value == code), None)


def plain(text: str) -> str:
    """What was typed into a search field, without marks that no database takes."""
    return re.sub("[\x00-\x1f\x7f]", "", text).strip()[:100]


def page_number(text: str) -> int:
    return int(text) if re.fullmatch("[0-9]{1,6}", text) else 1
