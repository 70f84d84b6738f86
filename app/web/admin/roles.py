"""角色授权: roles and regions of the authority's accounts, for the security administrator. Rules: ``role_assignment``."""

from typing import Any

from flask import g, redirect, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import ColumnElement, select
from werkzeug.wrappers import Response

from app.accounts import privileged_changes, role_assignment
from app.accounts.privileged_changes import Wanted
from app.accounts.role_assignment import roles_of
from app.core.sign_in_vocabulary import PrivilegedChangeKind
from app.core.vocabulary import AUTHORITY, REGIONAL, Role
from app.db.session import db
from app.models import Account, Region
from app.web import request_context
from app.web.admin.accounts import AccountScreen, role_cell
from app.web.auth.account_actions import (
    action_links,
    ask_for,
    asked_message,
    change_links,
    end_sessions,
    hand_out_password,
    reset_password,
    unlock,
)
from app.web.auth.password_form import locked_officers, new_one_time_password
from app.web.base import Link, ModelScreen, SelInterface, safe_next, shown
from app.web.base.access_filter import ROW
from app.web.base.fab import BaseFilter, route
from app.web.base.query import Box
from app.web.forms import AppForm, ChoiceField, LongTextField, MobileField, WordField


class OfTheAuthority(BaseFilter):
    """Accounts that belong to no enterprise."""

    name = "Of the authority"
    arg_name = "authority"

    def apply(self, query: Any, value: Any) -> Any:  # noqa: ARG002 - FAB's own signature
        return query.filter(Account.enterprise_id.is_(None))


class WithoutRole(BaseFilter):
    name = "Without a role"
    arg_name = "without"

    def apply(self, query: Any, value: Any) -> Any:  # noqa: ARG002 - FAB's own signature
        return query.filter(role_assignment.awaits_role())


class AppointmentForm(AppForm):
    role = WordField(Role, _("Role"), only=AUTHORITY, description=_("Empty: the account holds no role and cannot sign in."))
    region_code = ChoiceField(_("Region"), choices=[], description=_("How far an officer's hand reaches."))
    mobile = MobileField(_("Mobile"), description=_("Codes by text message are sent there."))
    reason = LongTextField(
        _("Reason"),
        description=_(
            "Of a change that the system administrator has to confirm: of an administrator, approver or exam clerk."
        ),
        render_kw={"maxlength": 500, "rows": 2},
    )


LOCKED = "yes"


def _locked_condition(code: str) -> ColumnElement[bool] | None:
    """Accounts locked by wrong passwords at the moment."""
    if code != LOCKED:
        return None
    locked = locked_officers(db.session(), request_context.current_office(), at=request_context.now())
    condition: ColumnElement[bool] = Account.id.in_(locked)
    return condition


class AppointmentScreen(ModelScreen):
    """Roles, regions and locks of the authority's accounts."""

    datamodel = SelInterface(Account, eager=(Account.roles, Account.region))
    route_base = "/appointments"
    class_permission_name = "Appointment"
    base_permissions = ["can_list", "can_show", "can_edit", "can_reset", "can_unlock", "can_end"]
    base_filters = [["id", OfTheAuthority, None]]
    empty_text = _("No account of the authority yet. The administrator adds it; give it a role and a region here.")
    list_title, show_title, edit_title = _("Roles and reach"), _("Account"), _("Role and reach")
    list_columns = ["first_name", "role", "region", "active", "last_login"]
    sub_columns = {"first_name": "username"}
    show_columns = ["username", "first_name", "role", "region", "masked_mobile", "active", "last_login"]
    search_columns = ["username", "first_name", "active"]
    order_columns = ["username", "first_name", "last_login"]
    base_order = ("username", "asc")
    label_columns = AccountScreen.label_columns | {"region": _("Region")}
    edit_form = AppointmentForm

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.boxes.append(Box("locked", _("Locked"), "select", _locked_condition, options=((LOCKED, _("Locked accounts")),)))

    edit_columns = ["role", "region_code", "mobile", "reason"]

    def head_links(self) -> list[Link]:
        return []

    def cell(self, column: str, item: Account) -> object | None:
        return role_cell(item) if column == "role" else None

    def prepare_form(self, form: Any, item: Account, *, new: bool) -> None:  # noqa: ARG002
        regions = db.session.scalars(select(Region).order_by(Region.code))
        form.region_code.choices = [(region.code, region.name) for region in regions]
        if not form.sent:
            form.role.data = next((role for role in AUTHORITY if role in roles_of(item)), None)

    def before_saving(self) -> None:
        g.first_password = new_one_time_password(db.session())

    def save(self, item: Account, form: Any, *, new: bool) -> None:  # noqa: ARG002
        request_context.require_second_factor()
        role, region, mobile = form.role.data, form.region_code.data or "", form.mobile.data
        if role_assignment.needs_consent(item, role):
            _ask_for(item, role, region, mobile, form.reason.data)
            return
        awaited, actor = not item.roles, request_context.current_actor()
        account = role_assignment.assign_role(db.session(), item.id, role, actor, region=region, mobile=mobile)
        if awaited and account.roles:  # a new password: the account's creator must not be able to use it
            hand_out_password(account, g.first_password)

    def saved_message(self, item: Account, *, new: bool) -> str:
        change = privileged_changes.pending(db.session(), item.id, at=request_context.now())
        return asked_message(change) if change is not None else super().saved_message(item, new=new)

    def row_links(self, item: Account) -> list[Link]:
        links = super().row_links(item)
        reset, *others = action_links(item, *(self.url(name, pk=item.id) for name in ("reset", "unlock", "end")))
        if item.id == request_context.current_actor().id:
            links = [link for link in links if link.url.partition("?")[0] != url_for("AppointmentScreen.edit", pk=item.id)]
            return links + change_links(item)
        if item.roles:
            links += [*(change_links(item) or [reset]), *others]
        return links

    @route(f"/reset/{ROW}pk>", "POST")
    def reset(self, pk: int) -> Response:
        request_context.require_second_factor()
        password, actor = new_one_time_password(db.session()), request_context.current_actor()
        account = role_assignment.authority_account(db.session(), pk, actor)
        reset_password(role_assignment.may_reset(account, actor), password)
        return self._back()

    @route(f"/unlock/{ROW}pk>", "POST")
    def unlock(self, pk: int) -> Response:
        unlock(role_assignment.authority_account(db.session(), pk, request_context.current_actor()))
        return self._back()

    @route(f"/end/{ROW}pk>", "POST")
    def end(self, pk: int) -> Response:
        end_sessions(role_assignment.authority_account(db.session(), pk, request_context.current_actor()))
        return self._back()

    def _back(self) -> Response:
        return redirect(safe_next(url_for("AppointmentScreen.list")))


def _ask_for(account: Account, role: Role | None, region: str, mobile: str | None, reason: str) -> None:
    """Ask the system administrator to confirm the role, or the mobile alone where nothing else differs."""
    same = {role} - {None} == roles_of(account) and (region if role in REGIONAL else "") == (account.region_code or "")
    kind = PrivilegedChangeKind.MOBILE if same and (mobile or None) != account.mobile else PrivilegedChangeKind.ROLE
    wanted = Wanted(kind, mobile=mobile)
    if kind is PrivilegedChangeKind.ROLE:
        wanted = Wanted(kind, role, region if role in REGIONAL else "", mobile)
    ask_for(account.id, wanted, reason)


class AwaitingScreen(AppointmentScreen):
    """Accounts that the system administrator created and that have no role yet."""

    route_base = "/appointments/awaiting"
    base_permissions = ["can_list"]
    exclude_route_methods = {"show", "add", "edit", "delete", "reset", "unlock", "end"}
    base_filters = [["id", OfTheAuthority, None], ["id", WithoutRole, None]]
    list_title = _("Accounts that await a role")
    list_columns = ["first_name", "active", "created_on"]
    label_columns = AppointmentScreen.label_columns | {"created_on": _("Made at")}

    def cell(self, column: str, item: Account) -> object | None:
        if column == "created_on" and item.created_on is not None:  # FAB's column: naive, in the time zone of the server
            return shown(item.created_on.astimezone())
        return super().cell(column, item)

    def row_links(self, item: Account) -> list[Link]:
        here = url_for("AwaitingScreen.list")
        return [Link(gettext("Give a role"), url_for("AppointmentScreen.edit", pk=item.id, next=here), primary=True)]

    def empty(self) -> tuple[object, Link | None]:
        return gettext("No account awaits a role."), None
