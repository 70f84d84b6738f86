"""A telephone on the screen: what handlers get, for whoever tries the demonstration.

Law: for the administrator, and only where messages are written to a file; mobile numbers are masked here as everywhere.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from flask import abort, request, url_for
from flask_appbuilder import BaseView
from flask_babel import gettext
from sqlalchemy import select

from app import desk
from app.db import db
from app.records import Message
from app.screens.datamodel import as_id
from app.screens.screen import door
from app.vocabulary import MessageState, Role

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
    desk.actor().demand(Role.ADMIN)
    found: dict[str, list[Message]] = defaultdict(list)
    for message in db.session.scalars(select(Message).order_by(Message.id.desc()).limit(NEWEST)):
        found[message.mobile].append(message)
    return [Phone(told[0].id, told[0].masked_mobile, tuple(map(_bubble, told[::-1]))) for told in found.values()]


def _bubble(message: Message) -> Bubble:
    return Bubble(message.id, message.text, message.sent_at or message.due_at, message.state is not MessageState.SENT)


class SimulatorView(BaseView):  # type: ignore[misc]
    route_base = "/telephone"
    class_permission_name = "Simulator"
    default_view = "phones"

    @door("/")
    def phones(self) -> str:
        if desk.settings().production or desk.settings().sms_url:
            abort(404)
        found, wanted = phones(), as_id(request.args.get("of", ""))
        return self.render_template(  # type: ignore[no-any-return]
            "screens/telephone.html",
            title=gettext("Telephone simulator"),
            crumbs=[(gettext("Text messages"), url_for("MessageScreen.list"))],
            phones=found,
            chosen=next((phone for phone in found if phone.holds(wanted)), found[0] if found else None),
        )
