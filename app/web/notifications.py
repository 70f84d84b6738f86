"""消息: the messages inside the system that the signed-in account is to read, and how many are unread, for the bell."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import abort, flash, redirect, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response

from app.core.vocabulary import CertificateStatus, NotificationKind, ReadState, Role
from app.db.counting import shown_count
from app.db.session import db
from app.models import Notification
from app.outbox import notifications
from app.web import request_context
from app.web.base import Link, OpenList, SelInterface, safe_next
from app.web.base.access_filter import ROW, asked_ids
from app.web.base.fab import route
from app.web.base.layout import optional_url

Page = tuple[str, dict[str, Any]]  # endpoint and its arguments


def _certificate(certificate_id: int | None) -> Page:
    if certificate_id is not None:
        return "CertificateHistoryView.show", {"certificate_id": certificate_id}
    return "CertificateScreen.list", {"status": CertificateStatus.VALID.value, "sort": "valid_to"}


def _case(application_id: int | None) -> Page:
    """To be decided for an officer, to be read for the enterprise; without an id what waits is on the workbench."""
    if application_id is None:
        return "WorkView.home", {}
    clerk = Role.ENTERPRISE_CLERK in request_context.current_actor().roles
    return f"CaseView.{'read' if clerk else 'show'}", {"application_id": application_id}


PAGES: Mapping[NotificationKind, Callable[[int | None], Page]] = {
    NotificationKind.APPLICATION: _case,
    NotificationKind.DEADLINE: _case,
    NotificationKind.RELEASE: lambda _row: ("ReleaseScreen.list", {}),
    NotificationKind.CERTIFICATE: _certificate,
    NotificationKind.EXAM: lambda row: ("NoticeScreen.show", {"pk": row}),
    NotificationKind.SIGNUP: lambda _row: ("SignupScreen.list", {}),
    NotificationKind.PEOPLE: lambda row: ("PersonScreen.show", {"pk": row}) if row else ("PersonScreen.list", {}),
    NotificationKind.ENTERPRISE: lambda _row: ("EnterpriseView.mine", {}),
    NotificationKind.WORK: lambda _row: ("DueScreen.list", {}),
    NotificationKind.MEASURE: lambda row: ("MeasureScreen.show", {"pk": row}),
    NotificationKind.BATCH: lambda row: ("BatchScreen.open", {"batch_id": row}),
    NotificationKind.ACCOUNT: lambda _row: ("SessionsView.mine", {}),
    NotificationKind.SYSTEM: lambda _row: ("StatusView.show", {}),
}


class NotificationScreen(OpenList):
    """One's own messages; a message is opened by a POST, which marks it as read and leads to what it is about."""

    datamodel = SelInterface(Notification)
    route_base = "/notifications"
    class_permission_name = "Notification"
    base_permissions = ["can_list", "can_open", "can_mark"]
    list_title = _("Messages")
    head_column = "text"
    list_columns = ["text", "kind", "at", "state"]
    tag_columns = ("state",)
    tabs_column = "state"
    search_columns = ["kind", "at"]
    order_columns = ["at"]
    base_order = ("at", "desc")
    label_columns = {"text": _("Message"), "kind": _("Kind of message"), "at": _("Received at"), "state": _("Status")}

    @route(f"/open/{ROW}pk>", "POST")
    def open(self, pk: int) -> Response:
        item = self.get_or_404(pk)
        endpoint, values = PAGES[item.kind](item.subject_id)
        self._mark([pk], ReadState.READ)
        return redirect(optional_url(endpoint, **values) or url_for("NotificationScreen.list"), 303)

    @route("/mark/<code>", "POST")
    def mark(self, code: str) -> Response:
        """The ticked messages, or the one whose button was pressed; with ``?every=1`` all that are unread are read."""
        state = next((state for state in ReadState if state.value == code), None) or abort(404)
        if request.args.get("every"):
            notifications.mark_all_read(db.session(), _account_id())
            db.session.commit()
        elif ids := asked_ids():
            self._mark(ids, state)
        else:
            flash(gettext("Please choose at least one record first."), "warning")
        return redirect(safe_next(url_for("NotificationScreen.list")), 303)

    def _mark(self, ids: list[int], state: ReadState) -> None:
        notifications.mark(db.session(), ids, _account_id(), state)
        db.session.commit()

    def head_links(self) -> list[Link]:
        url = url_for("NotificationScreen.mark", code=ReadState.READ.value, every=1)
        return [Link(gettext("Mark all as read"), url, icon="check", post=True)]

    def batch_links(self) -> list[Link]:
        words = ((gettext("Mark as read"), ReadState.READ), (gettext("Mark as unread"), ReadState.UNREAD))
        return [Link(word, url_for("NotificationScreen.mark", code=state.value), post=True) for word, state in words]

    def row_links(self, item: Notification) -> list[Link]:
        word, state = (
            (gettext("Mark as read"), ReadState.READ)
            if item.state is ReadState.UNREAD
            else (gettext("Mark as unread"), ReadState.UNREAD)
        )
        return [
            Link(gettext("Open"), url_for("NotificationScreen.open", pk=item.id), post=True),
            Link(word, url_for("NotificationScreen.mark", code=state.value, only=item.id), post=True),
        ]

    def empty(self) -> tuple[object, Link | None]:
        sentence = gettext("No messages yet. Decisions, deadlines and changes that concern you are told here.")
        return sentence, Link(gettext("Workbench"), url_for("WorkView.home"))


def _account_id() -> int:
    account_id = request_context.current_actor().id
    assert account_id is not None  # noqa: S101 - the page needs a signed-in user
    return account_id


def unread_count() -> str:
    """The number in the bell, "" for none."""
    number = notifications.unread(db.session(), _account_id())
    return shown_count(number, notifications.MOST_UNREAD) if number else ""
