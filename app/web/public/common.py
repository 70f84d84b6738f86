"""Shared by the public pages: rate limit, headers against indexing, labels of sign-up, cleaning of query parameters."""

import re
from datetime import datetime
from typing import TypeVar

from flask import make_response
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response

from app.core.identifiers import INVISIBLE
from app.core.vocabulary import MatterKind, NoticeState, Stage
from app.db.session import reading
from app.models import ExamNotice
from app.web import request_context

CodeList = TypeVar("CodeList", MatterKind, Stage)


def count_a_try(kind: str) -> None:
    """Counts an attempt from this address; the rest of the request is read-only. Raises ``TooMany``."""
    request_context.count_use(kind, request_context.current_office().lookups_per_minute, 60, public=True)
    reading.set(True)


def not_indexed(page: str, status: int = 200) -> Response:
    """A page that names people: not for search engines and caches."""
    response = make_response(page, status)
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    response.headers["Cache-Control"] = "no-store"
    return response


def signup_label(notice: ExamNotice, at: datetime) -> tuple[str, object]:
    """Tone and label of whether sign-up is open."""
    if notice.state is not NoticeState.PUBLISHED:
        return "bad", notice.state.label
    if at < notice.signup_start:
        return "run", _("Sign-up not yet open")
    if at <= notice.signup_end:
        return "ok", _("Sign-up open")
    return "off", _("Sign-up closed")


def term(kind: type[CodeList], code: str | None) -> CodeList | None:
    return next((entry for entry in kind if entry.value == code), None)


def plain(text: str) -> str:
    """The input of a search field without control and invisible characters, at most 100 characters."""
    return re.sub("[\x00-\x1f\x7f]", "", text).translate(INVISIBLE).strip()[:100]


def page_number(text: str) -> int:
    return int(text) if re.fullmatch("[0-9]{1,6}", text) else 1
