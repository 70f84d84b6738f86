"""Text messages: what was sent, what waits, what failed."""

from flask import flash, redirect, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response

from app.core.vocabulary import MessageState, Role
from app.db.session import db
from app.models import Message
from app.outbox import sms
from app.web import request_context
from app.web.base import Link, SelInterface, safe_next
from app.web.base.access_filter import ROW
from app.web.base.fab import route
from app.web.base.list_export import ExportedList


class MessageScreen(ExportedList):
    """The outbox of text messages: sent, waiting and failed."""

    datamodel = SelInterface(Message)
    route_base = "/messages"
    class_permission_name = "Message"
    base_permissions = ["can_list", "can_again", "can_export"]
    empty_text = _("No text message yet. Decisions, reminders and codes are queued here and sent by themselves.")
    list_title = _("Text messages")
    list_columns = ["masked_mobile", "text", "state", "due_at", "sent_at", "tries"]
    sub_columns = {"tries": "fault"}
    tag_columns = ("state",)
    tabs_column = "state"
    search_columns = ["text", "due_at"]
    order_columns = ["due_at", "sent_at"]
    base_order = ("due_at", "desc")
    label_columns = {
        "masked_mobile": _("Mobile"),
        "text": _("Text"),
        "state": _("Status"),
        "due_at": _("Due"),
        "sent_at": _("Sent at"),
        "tries": _("Tries"),
        "fault": _("Fault"),
    }

    def head_links(self) -> list[Link]:
        """The telephone simulator, if no SMS provider is configured."""
        if not request_context.settings().pretends_messages:
            return []
        return [Link(gettext("Telephone simulator"), url_for("SimulatorView.phones"), icon="device-mobile")]

    def row_links(self, item: Message) -> list[Link]:
        if item.state is not MessageState.FAILED or item.good_until is not None:  # a code that has expired is not sent again
            return []
        return [Link(gettext("Send again"), self.url("again", pk=item.id), post=True)]

    @route(f"/again/{ROW}pk>", "POST")
    def again(self, pk: int) -> Response:
        actor = request_context.current_actor()
        actor.demand(Role.ADMIN)
        sms.requeue(db.session(), pk, actor.name, at=request_context.now(), address=request_context.address())
        db.session.commit()
        flash(gettext("The message will be sent again."), "success")
        return redirect(safe_next(url_for("MessageScreen.list")))
