"""A telephone on the screen: what handlers get, for whoever tries the demonstration.

Law: only where messages are written to a file, and never in production; mobile numbers are masked here as everywhere. All
of it is the administrator's, without the codes; a browser at the gate sees the one message with its own code, as it went out.
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
    waiting: bool  # written, and not yet carried


@dataclass(frozen=True, slots=True)
class Phone:
    """What one mobile number got, the oldest on top. ``id`` is its newest message's: numbers are no addresses."""

    id: int
    mobile: str
    bubbles: tuple[Bubble, ...]

    def holds(self, message_id: int | None) -> bool:
        return any(bubble.id == message_id for bubble in self.bubbles)


def phones() -> list[Phone]:
    """The mobile numbers of the newest messages, whoever was told last first."""
    request_context.current_actor().demand(Role.ADMIN)
    found: dict[str, list[Message]] = defaultdict(list)
    for message in db.session.scalars(select(Message).order_by(Message.id.desc()).limit(NEWEST)):
        found[message.mobile].append(message)
    return [Phone(told[0].id, told[0].masked_mobile, tuple(map(_bubble, told[::-1]))) for told in found.values()]


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


TAIL = 64 * 1024  # bytes looked through: the newest messages


def carried(number: int) -> str:
    """A message as the file has it, where the code was set in; "" before it was carried."""
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
    """The telephone of whoever tries the gate: the newest code that this very browser asked for."""

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
            text=carried(message.id) if message is not None else "",
        )  # fmt: skip
