"""Audit log of denied requests: a signed-in user asked for a view or a row they may not open."""

import logging

from flask import current_app, request
from sqlalchemy.exc import SQLAlchemyError

from app.accounts import rate_limit
from app.core.errors import TooMany, Unwritable
from app.core.redaction import mask_numbers
from app.core.vocabulary import AuditAction
from app.db import audit
from app.db.session import db, reading
from app.web import request_context

LOGGED = (403, 404)
AN_HOUR = 60  # entries of one account: trying every id must not flood the audit log
STATIC = frozenset({"static", "appbuilder.static"})

log = logging.getLogger(__name__)


def log_denied(status: int) -> None:
    """One entry in a transaction of its own: user, endpoint, row; nothing that was typed.

    An unknown address is not logged. A failure to log is only reported: the error page must still be shown.
    """
    actor, endpoint = request_context.current_actor(), request.endpoint
    unknown = status == 404 and not request.view_args
    if endpoint is None or unknown or endpoint in STATIC or status not in LOGGED or not actor.id:
        return
    at, key = request_context.now(), f"refusal:{actor.id}"
    if not reading.get():
        db.session().rollback()  # SQLite has one writer
    try:
        if rate_limit.peek(db.engine, key, seconds=3600, at=at) >= AN_HOUR:
            return
        rate_limit.hit(db.engine, key, limit=AN_HOUR, seconds=3600, at=at)
        change = {"door": endpoint, "method": request.method, "status": status}
        with request_context.side_session() as session:
            address = request_context.address()
            audit.log(session, actor.name, AuditAction.REFUSED, _table(endpoint), _row(), change, at=at, address=address)
    except TooMany:
        return
    except (SQLAlchemyError, Unwritable):
        log.exception("a denied request could not be logged: %s", endpoint)


def _table(endpoint: str) -> str:
    """The table of the screen, so that attempts on a row are listed with its changes; else the endpoint."""
    views = getattr(current_app, "appbuilder").baseviews  # noqa: B009 - Flask's type does not know it
    blueprint = request.blueprint
    view = next((view for view in views if view.endpoint == blueprint), None)
    datamodel = getattr(view, "datamodel", None)
    return str(datamodel.obj.__tablename__ if datamodel is not None else endpoint)[:40]


def _row() -> str:
    text = "/".join(str(value) for value in (request.view_args or {}).values())
    return "".join(mark if mark.isprintable() else "?" for mark in mask_numbers(text))[:40]
