"""账号: accounts of clerks and officers."""

from typing import Any

from flask import flash, g, redirect, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import select
from werkzeug.wrappers import Response

from app.accounts import role_assignment
from app.accounts.role_assignment import roles_of
from app.core.errors import AppError
from app.core.vocabulary import AUTHORITY, Role
from app.db.session import db
from app.models import Account, Enterprise
from app.web import request_context
from app.web.auth.account_actions import action_links, change_links, end_sessions, hand_out_password, reset_password, unlock
from app.web.auth.password_form import new_one_time_password
from app.web.auth.security_manager import set_password
from app.web.base import Link, ModelScreen, SelInterface, safe_next
from app.web.base.fab import permission_name, route
from app.web.forms import AppForm, CreditCodeField, MobileField, Required, TextField, TextLength, TickField


class AccountForm(AppForm):
    username = TextField(_("User name"), validators=[Required(), TextLength(64)])
    full_name = TextField(_("Full name"), validators=[Required(), TextLength(50)])
    mobile = MobileField(_("Mobile"))
    enterprise = CreditCodeField(
        _("Credit code of the enterprise (enterprise clerks)"),
        description=_("Empty for people of the authority: the account then awaits its role from the security administrator."),
    )
    active = TickField(_("May sign in"), default=True)


class AccountScreen(ModelScreen):
    """Accounts: their data, and the enterprise of clerks. Roles of the authority are the security administrator's."""

    datamodel = SelInterface(Account, eager=(Account.roles, Account.region, Account.enterprise))
    route_base = "/accounts"
    class_permission_name = "Account"
    base_permissions = ["can_list", "can_show", "can_add", "can_edit", "can_reset"]
    empty_text = _("No account yet. Add the first one; the security administrator then gives it a role.")
    list_title, show_title, add_title, edit_title = _("Accounts"), _("Account"), _("Add account"), _("Edit account")
    list_columns = ["first_name", "role", "reach", "active", "last_login"]
    sub_columns = {"first_name": "username"}
    show_columns = ["username", "first_name", "role", "reach", "masked_mobile", "active", "last_login", "login_count"]
    search_columns = ["username", "first_name", "active"]
    order_columns = ["username", "first_name", "last_login"]
    base_order = ("username", "asc")
    label_columns = {
        "username": _("User name"),
        "first_name": _("Full name"),
        "role": _("Role"),
        "reach": _("Region or enterprise"),
        "masked_mobile": _("Mobile"),
        "active": _("May sign in"),
        "last_login": _("Last sign-in"),
        "login_count": _("Number of sign-ins"),
    }
    add_form = edit_form = AccountForm
    add_columns = edit_columns = ["username", "full_name", "mobile", "enterprise", "active"]

    def cell(self, column: str, item: Account) -> object | None:
        if column == "role":
            return role_cell(item)
        if column == "reach":
            return item.enterprise.name if item.enterprise else item.region.name if item.region else "—"
        return None

    def prepare_form(self, form: Any, item: Account, *, new: bool) -> None:
        if new:
            return
        if not roles_of(item).isdisjoint(AUTHORITY):
            del form.mobile, form.enterprise
        stored = {"full_name": item.first_name, "enterprise": item.enterprise.uscc if item.enterprise else ""}
        for name, value in stored.items():
            if name in form and not form[name].raw_data:  # not sent at all, which is not the same as emptied
                form[name].data = value

    def before_saving(self) -> None:
        if request.endpoint == f"{self.endpoint}.add":
            g.first_password = new_one_time_password(db.session())

    def save(self, item: Account, form: Any, *, new: bool) -> None:
        enterprise = _enterprise_of(form.enterprise.data) if "enterprise" in form and form.enterprise.data else None
        if new:
            set_password(item, g.first_password.hash, must_change=True)  # unknown to anybody until one is handed out
        role_assignment.save_account(
            db.session(), item, request_context.current_actor(),
            username=form.username.data, full_name=form.full_name.data,
            mobile=form.mobile.data if "mobile" in form else item.mobile,
            enterprise=enterprise, active=bool(form.active.data),
        )  # fmt: skip
        if new and enterprise is not None:
            hand_out_password(item, g.first_password)
        elif new:
            flash(
                gettext(
                    "%(name)s cannot sign in yet: the security administrator is next, who gives the account its role under "
                    "“Awaiting a role” and hands out its first password.",
                    name=item.first_name,
                ),
                "warning",
            )

    def row_links(self, item: Account) -> list[Link]:
        links = super().row_links(item)
        links += change_links(item)
        if self.may("reset") and item.enterprise_id is not None:
            links += action_links(item, *(self.url(name, pk=item.id) for name in ("reset", "unlock", "end")))
        return links

    @route("/reset/<int:pk>", "POST")
    def reset(self, pk: int) -> Response:
        password = new_one_time_password(db.session())
        reset_password(role_assignment.may_reset(self.get_or_404(pk), request_context.current_actor()), password)
        return redirect(safe_next(url_for("AccountScreen.list")))

    @route("/unlock/<int:pk>", "POST")
    @permission_name("reset")
    def unlock(self, pk: int) -> Response:
        unlock(role_assignment.may_reset(self.get_or_404(pk), request_context.current_actor()))
        return redirect(safe_next(url_for("AccountScreen.list")))

    @route("/end/<int:pk>", "POST")
    @permission_name("reset")
    def end(self, pk: int) -> Response:
        end_sessions(role_assignment.may_reset(self.get_or_404(pk), request_context.current_actor()))
        return redirect(safe_next(url_for("AccountScreen.list")))


def role_cell(account: Account) -> str:
    held = roles_of(account)
    return "、".join(str(role) for role in Role if role in held) or str(gettext("awaits its role"))


def _enterprise_of(uscc: str) -> Enterprise:
    """The enterprise a clerk acts for."""
    found: Enterprise | None = db.session.scalars(select(Enterprise).where(Enterprise.uscc == uscc)).one_or_none()
    if found is None:
        raise AppError(_("There is no enterprise with this credit code."), code="no-enterprise", field="enterprise")
    return found
