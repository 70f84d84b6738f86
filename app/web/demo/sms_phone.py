"""A simulated telephone that shows text messages in the demonstration, with masked numbers; never in production.

The administrator sees all messages, without codes; a browser that is signing in sees the message with its own code.
"""

import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from flask import abort, request, url_for
from flask_babel import gettext
from sqlalchemy import select

from app.core.vocabulary import MessageState, Role
from app.db.session import db
from app.models import Message
from app.web import request_context
from app.web.auth import pre_login_cookie, sms_codes
from app.web.base.datamodel import as_id
from app.web.base.fab import BaseView, expose, no_cache, route
from app.worker.providers import MESSAGES

NEWEST = 300  # messages looked through


@dataclass(frozen=True, slots=True)
class Bubble:
    id: int
    text: str
    at: datetime
    waiting: bool  # not yet sent


@dataclass(frozen=True, slots=True)
class Phone:
    """The messages of one number, oldest first. ``id`` is its newest message's: numbers must not appear in URLs."""

    id: int
    mobile: str
    bubbles: tuple[Bubble, ...]

    def holds(self, message_id: int | None) -> bool:
        return any(bubble.id == message_id for bubble in self.bubbles)


def phones() -> list[Phone]:
    """The numbers of the newest messages, the latest first."""
    request_context.current_actor().demand(Role.ADMIN)
    found: dict[str, list[Message]] = defaultdict(list)
    for message in db.session.scalars(select(Message).order_by(Message.id.desc()).limit(NEWEST)):
        found[message.mobile].append(message)
    return [Phone(sent[0].id, sent[0].masked_mobile, tuple(map(_bubble, sent[::-1]))) for sent in found.values()]


def _bubble(message: Message) -> Bubble:
    return Bubble(message.id, message.text, message.sent_at or message.due_at, message.state is not MessageState.SENT)


class SimulatorView(BaseView):
    route_base = "/telephone"
    class_permission_name = "Simulator"
    default_view = "phones"

    @route("/")
    def phones(self) -> str:
        if not request_context.settings().pretends_messages:
            abort(404)
        found, wanted = phones(), as_id(request.args.get("of", ""))
        return self.render_template(
            "demo/phone.html",
            title=gettext("Telephone simulator"),
            crumbs=[(gettext("Text messages"), url_for("MessageScreen.list"))],
            phones=found,
            chosen=next((phone for phone in found if phone.holds(wanted)), found[0] if found else None),
        )


TAIL = 64 * 1024  # bytes read: the newest messages


def sent_text(number: int) -> str:
    """The text in the file of sent messages, with its code; "" before it is sent."""
    path = request_context.settings().home / MESSAGES
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL))
        lines = file.read().decode(errors="replace").splitlines()
    for line in reversed(lines):
        if line.startswith(f'{{"id": {number},'):
            return str(json.loads(line)["text"])
    return ""


class OwnCodeView(BaseView):
    """The newest code that this browser has requested while signing in."""

    route_base = "/login/telephone"
    default_view = "phone"

    @expose("/", methods=["GET"])
    @no_cache
    def phone(self) -> str:
        if not request_context.settings().shows_codes:
            abort(404)
        number = sms_codes.sent_to(db.session(), pre_login_cookie.browser())
        message = db.session.get(Message, number) if number is not None else None
        return self.render_template(
            "auth/mobile.html", title=gettext("Telephone simulator"), message=message,
            text=sent_text(message.id) if message is not None else "",
        )  # fmt: skip
