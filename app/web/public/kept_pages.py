"""Public pages that are the same for every visitor, kept in the process until something changes.

A page holds until the next line of the audit log, the next public notice (bulk decisions write those, and no line), or the
next minute: some pages say what is open now.
"""

from collections.abc import Callable
from functools import lru_cache, partial, wraps
from typing import Any

from flask import g, make_response, request, session
from flask_babel import get_locale
from sqlalchemy import func, select
from werkzeug.http import generate_etag
from werkzeug.wrappers import Response

from app.accounts.access import NOBODY
from app.db.session import db
from app.models import AuditLink, PublicNotice
from app.web import request_context
from app.web.base.layout import SIGHT, accessibility_switch

PAGES = 128  # of some 30 KB
LONGEST = 200  # characters of an address that is kept
_LINK, _NOTICE = AuditLink.__table__.c, PublicNotice.__table__.c
# Built once and of plain columns, as it is asked at every visit.
_NEWEST = select(
    select(_LINK.hash).order_by(_LINK.seq.desc()).limit(1).scalar_subquery(), select(func.max(_NOTICE.id)).scalar_subquery()
)


def kept(view: Callable[..., Response]) -> Callable[..., Response]:
    """For a GET view: answer a visitor without a session from the kept page. ``ETag``; redirects and errors are not kept."""

    @wraps(view)
    def answer(self: Any, **values: Any) -> Response:
        address = request.full_path
        if session.keys() - {"locale"} or request_context.current_actor() is not NOBODY or len(address) > LONGEST:
            return view(self, **values)
        version = db.session.connection().execute(_NEWEST).one()
        if version[0] is None:  # nothing has been logged yet
            return view(self, **values)
        g.view = partial(view, self, **values)
        minute = int(request_context.office_now().timestamp()) // 60
        sight = tuple(accessibility_switch(switch) for switch in SIGHT)
        try:
            body, headers, etag = _page(address, str(get_locale()), sight, minute, *version)
        except _NotKept as other:
            return other.answer
        response = Response(body, headers=headers)
        response.headers.setdefault("Cache-Control", "no-cache")  # asked again each time, and answered without a body
        response.set_etag(etag)
        return response.make_conditional(request)

    return answer


class _NotKept(Exception):
    def __init__(self, answer: Response) -> None:
        self.answer = answer


@lru_cache(maxsize=PAGES)
def _page(*_key: object) -> tuple[bytes, list[tuple[str, str]], str]:
    answer = make_response(g.view())
    if answer.status_code != 200:
        raise _NotKept(answer)
    body = answer.get_data()
    return body, answer.headers.to_wsgi_list(), generate_etag(body)
