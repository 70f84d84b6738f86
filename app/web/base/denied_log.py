"""What the diary keeps of a no: that somebody who is signed in asked for a door or a row that is not theirs."""

import logging

from flask import current_app, request
from sqlalchemy.exc import SQLAlchemyError

from app.accounts import rate_limit
from app.core.errors import TooMany
from app.core.redaction import mask_numbers
from app.core.vocabulary import AuditAction
from app.db import audit
from app.db.session import db, reading
from app.web import request_context

KEPT = (403, 404)
AN_HOUR = 60  # lines for one account: whoever tries every number must not fill the diary
STATIC = frozenset({"static", "appbuilder.static"})

log = logging.getLogger(__name__)


def keep(status: int) -> None:
    """One line in a transaction of its own: who, by which door, which row. Never what was typed or asked.

    An address that leads nowhere is a slip, not an attempt. A diary that cannot be written must not take the page that
    says no away: nothing was done that would have to be undone.
    """
    actor, door = request_context.current_actor(), request.endpoint
    if status not in KEPT or not actor.id or door is None or door in STATIC or (status == 404 and not request.view_args):
        return
    at, key = request_context.now(), f"refusal:{actor.id}"
    if not reading.get():
        db.session().rollback()  # SQLite has one writer
    try:
        if rate_limit.peek(db.engine, key, seconds=3600, at=at) >= AN_HOUR:
            return
        rate_limit.hit(db.engine, key, limit=AN_HOUR, seconds=3600, at=at)
        told = {"door": door, "method": request.method, "status": status}
        with request_context.side_session() as session:
            audit.log(
                session, actor.name, AuditAction.REFUSED, _table(door), _row(), told, at=at, address=request_context.address()
            )
    except TooMany:
        return
    except SQLAlchemyError:
        log.exception("a refusal could not be kept: %s", door)


def _table(door: str) -> str:
    """The table behind the screen, so that what was tried on a row is found beside what was done to it; else the door."""
    views = getattr(current_app, "appbuilder").baseviews  # noqa: B009 - Flask's type does not know it
    view = next((view for view in views if view.endpoint == request.blueprint), None)
    datamodel = getattr(view, "datamodel", None)
    return str(datamodel.obj.__tablename__ if datamodel is not None else door)[:40]


def _row() -> str:
    text = "/".join(str(value) for value in (request.view_args or {}).values())
    return "".join(mark if mark.isprintable() else "?" for mark in mask_numbers(text))[:40]
