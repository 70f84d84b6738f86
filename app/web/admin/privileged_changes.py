"""重要账号变更: what one administrator asks to change of a privileged account, and the other one confirms or refuses."""

import builtins
from typing import Any

from flask import abort, flash, redirect, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response

from app.accounts import privileged_changes
from app.accounts.privileged_changes import Wanted
from app.accounts.role_assignment import is_privileged, roles_of
from app.core.errors import AppError, NotAllowed, NotFound, Refusal, Stale
from app.core.sign_in_vocabulary import PrivilegedChangeKind, PrivilegedChangeState
from app.core.vocabulary import Role
from app.db.session import db
from app.models import Account, PrivilegedChange
from app.web import request_context
from app.web.auth.account_actions import REASON_HINT, ask_for, asked_message
from app.web.auth.password_form import forget_guesses, new_one_time_password
from app.web.base import Link, ModelScreen, SelInterface, safe_next
from app.web.base.access_filter import ROW, asked_reason
from app.web.base.batch_result import run_step
from app.web.base.fab import permission_name, route
from app.web.forms import AppForm, LongTextField, MobileField, WordField, place_refusals


class AskForm(AppForm):
    kind = WordField(
        PrivilegedChangeKind,
        _("What is to be changed"),
        only=(PrivilegedChangeKind.PASSWORD, PrivilegedChangeKind.MOBILE),
        blank=False,
        description=_("A one-time password is sent to the mobile on file; nobody sees it on a screen."),
    )
    mobile = MobileField(_("New mobile"), description=_("For another mobile only. The old one is told of it."))
    reason = LongTextField(_("Reason"), description=REASON_HINT, render_kw={"maxlength": 500, "rows": 3})


class PrivilegedChangeScreen(ModelScreen):
    """Requests by state; without a state in the URL those that wait."""

    datamodel = SelInterface(PrivilegedChange, eager=(PrivilegedChange.account, PrivilegedChange.region))
    route_base = "/privileged-changes"
    class_permission_name = "PrivilegedChange"
    base_permissions = ["can_list", "can_examine", "can_ask", "can_decide"]
    exclude_route_methods = {"show", "add", "edit", "delete"}
    list_title = _("Changes of privileged accounts")
    list_columns = ["account", "kind", "asked_at", "lapses_at", "state"]
    sub_columns = {"kind": "reason", "asked_at": "asked_by", "state": "decided_by"}
    head_column = "account"
    tag_columns = ("state",)
    tabs_column = "state"
    tab_first = PrivilegedChangeState.ASKED
    search_columns = ["kind", "asked_at"]
    order_columns = ["asked_at", "lapses_at"]
    base_order = ("asked_at", "desc")
    label_columns = {
        "account": _("Account"),
        "kind": _("What is to be changed"),
        "reason": _("Reason"),
        "asked_at": _("Asked on"),
        "asked_by": _("Asked by"),
        "lapses_at": _("Lapses at"),
        "state": _("Status"),
        "decided_by": _("Decided by"),
    }

    @route("/")
    def list(self) -> Response | str:
        return super().list()

    def head_links(self) -> builtins.list[Link]:
        return []

    def cell(self, column: str, item: PrivilegedChange) -> object | None:
        return account_text(item.account) if column == "account" else None

    def empty(self) -> tuple[object, Link | None]:
        return gettext("No change of a privileged account waits for a decision."), None

    def row_links(self, item: PrivilegedChange) -> builtins.list[Link]:
        mine = privileged_changes.may_decide(item, request_context.current_actor(), at=request_context.now())
        url = url_for("PrivilegedChangeScreen.examine", change_id=item.id, next=request.full_path.rstrip("?"))
        return [Link(gettext("Decide") if mine else gettext("View"), url, primary=mine)]

    @route(f"/ask/{ROW}account_id>", "GET", "POST")
    def ask(self, account_id: int) -> Response:
        """The form for a password or a mobile; a post asks for it."""
        if request.method == "POST":
            request_context.require_second_factor()
        account, form = _account(account_id), AskForm()
        if request.method == "GET" or not form.validate():
            return self._ask_page(account, form)
        try:
            mobile = form.mobile.data if form.kind.data is PrivilegedChangeKind.MOBILE else None
            change = ask_for(
                account_id, Wanted(form.kind.data or PrivilegedChangeKind.PASSWORD, mobile=mobile), form.reason.data
            )
            db.session.commit()
        except (NotAllowed, NotFound):
            db.session.rollback()
            raise
        except AppError as error:
            db.session.rollback()
            return self._ask_page(_account(account_id), form, place_refusals(form, error))
        flash(asked_message(change), "success")
        return redirect(url_for("PrivilegedChangeScreen.list"))

    def _ask_page(self, account: Account, form: AskForm, loose: Any = ()) -> Response:
        return self.rendered(
            "admin/privileged_ask.html", 422 if form.is_submitted() else 200, title=gettext("Ask for a change"), form=form,
            account=account_text(account), mobile=account.masked_mobile, loose=[refusal.sentence for refusal in loose],
            crumbs=self.crumbs(), back=_back(),
        )  # fmt: skip

    @route(f"/{ROW}change_id>")
    def examine(self, change_id: int) -> Response:
        return self._page(self.get_or_404(change_id))

    @route(f"/{ROW}change_id>/decide", "POST")
    def decide(self, change_id: int) -> Response:
        self.get_or_404(change_id)
        answer, reason = request.form.get("decision", ""), asked_reason()
        if answer not in ("yes", "no"):
            abort(400)
        request_context.require_second_factor()
        session, actor, at = db.session(), request_context.current_actor(), request_context.now()
        office = request_context.current_office()
        password = new_one_time_password(session)
        try:
            if answer == "yes":
                done = privileged_changes.confirm(session, change_id, actor, password, at=at, office=office)
                message = gettext("The change is done. The holder has been told by text message.")
            else:
                done = privileged_changes.refuse(session, change_id, reason, actor, at=at)
                message = gettext("The change is refused; the account stays as it is.")
            if request_context.settings().pretends_messages:
                message += " " + gettext("In this demonstration, text messages lie in messages.jsonl under ANGUAN_HOME.")
            renewed = done.account.username if done.kind is PrivilegedChangeKind.PASSWORD and answer == "yes" else ""
            session.commit()
        except (NotAllowed, NotFound, Stale):
            session.rollback()
            raise
        except AppError as error:
            session.rollback()
            return self._page(self.get_or_404(change_id), error.refusals)
        if renewed:
            forget_guesses(db.engine, renewed)  # the holder has probably guessed
        flash(message, "success")
        return redirect(_back())

    @route(f"/{ROW}change_id>/retract", "POST")
    @permission_name("ask")
    def retract(self, change_id: int) -> Response:
        actor, at = request_context.current_actor(), request_context.now()
        done = gettext("The request was taken back.")
        return run_step(lambda: privileged_changes.take_back(db.session(), change_id, actor, at=at), done, _back())

    def _page(self, change: PrivilegedChange, refusals: tuple[Refusal, ...] = ()) -> Response:
        actor, at = request_context.current_actor(), request_context.now()
        waits = change.state is PrivilegedChangeState.ASKED
        return self.rendered(
            "admin/privileged_change.html", 422 if refusals else 200, title=account_text(change.account), change=change,
            crumbs=self.crumbs(), back=_back(), refusals=refusals,
            wrong={refusal.field: refusal.sentence for refusal in refusals if refusal.field},
            facts=_facts(change), decides=privileged_changes.may_decide(change, actor, at=at),
            retracts=waits and change.asked_by_id == actor.id, lapsed=waits and at >= change.lapses_at,
            decider=privileged_changes.OTHER[change.asked_as].label, chosen=request.form.get("decision", ""),
            reason=asked_reason(),
        )  # fmt: skip


def account_text(account: Account) -> str:
    return f"{account.get_full_name()}（{account.username}）"


def _account(account_id: int) -> Account:
    """A privileged account; 404 for any other."""
    account: Account | None = db.session().get(Account, account_id)
    if account is None or not is_privileged(account):
        raise NotFound
    return account


def _facts(change: PrivilegedChange) -> list[tuple[object, object]]:
    """What the account has now and what it would get."""
    account, kind = change.account, change.kind
    found: list[tuple[object, object]] = [(gettext("What is to be changed"), kind.label)]
    if kind is PrivilegedChangeKind.ROLE:
        found += [
            (gettext("Role until now"), "、".join(str(role) for role in Role if role in roles_of(account)) or "—"),
            (gettext("New role"), change.role.label if change.role else gettext("none")),
            (gettext("New region"), change.region.name if change.region else "—"),
        ]
    if kind is PrivilegedChangeKind.CERTIFICATE:
        found += [
            (gettext("Certificate"), change.label),
            (gettext("Serial number"), change.subject),
            (gettext("Valid to"), change.not_after),
        ]
    found.append((gettext("Mobile on file"), account.masked_mobile or gettext("none")))
    if kind in (PrivilegedChangeKind.ROLE, PrivilegedChangeKind.MOBILE):
        found.append((gettext("New mobile"), change.masked_mobile or gettext("none")))
    return found


def _back() -> str:
    return safe_next(url_for("PrivilegedChangeScreen.list"))
