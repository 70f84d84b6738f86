"""The administrator's screens: accounts, enterprises, text messages, background jobs.

Law: whoever manages accounts decides no case (三权分立): nothing here reaches an application.
"""

from typing import Any

from flask import flash, redirect, request, url_for
from flask_appbuilder.security.sqla.models import Role as FabRole
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import select
from werkzeug.wrappers import Response

from app import audit, desk, jobs, throttle
from app.db import db
from app.errors import HouseError, NotFound, Refusal, Unmet
from app.forms import (
    ChoiceField,
    CreditCodeField,
    HouseForm,
    MobileField,
    Required,
    TextField,
    TextLength,
    TickField,
    WordField,
)
from app.identity import fold_name
from app.login.password import guess_key, normal, one_time_password
from app.login.security import set_password
from app.models import Account, Enterprise, Region
from app.records import Job, Message
from app.screens import Link, Screen, SelInterface, safe_next
from app.screens.reach import ROW
from app.screens.screen import door
from app.vocabulary import AUTHORITY, Deed, JobState, MessageState, Registration, Role


class AccountForm(HouseForm):
    username = TextField(_("User name"), validators=[Required(), TextLength(64)])
    full_name = TextField(_("Full name"), validators=[Required(), TextLength(50)])
    role = WordField(Role, _("Role"), blank=False)
    mobile = MobileField(_("Mobile"))
    region_code = ChoiceField(_("Region"), choices=[])
    enterprise = CreditCodeField(_("Credit code of the enterprise (enterprise clerks)"))
    active = TickField(_("May sign in"), default=True)


class AccountScreen(Screen):
    """Accounts: one role each, a region for officers, an enterprise for clerks."""

    datamodel = SelInterface(Account, eager=(Account.roles, Account.region, Account.enterprise))
    route_base = "/accounts"
    class_permission_name = "Account"
    base_permissions = ["can_list", "can_show", "can_add", "can_edit", "can_reset"]
    list_title, show_title, add_title, edit_title = _("Accounts"), _("Account"), _("Add account"), _("Edit account")
    list_columns = ["first_name", "role", "reach", "active", "last_login"]
    sub_columns = {"first_name": "username"}
    show_columns = [
        "username",
        "first_name",
        "role",
        "reach",
        "masked_mobile",
        "active",
        "last_login",
        "login_count",
    ]
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
    add_columns = edit_columns = ["username", "full_name", "role", "mobile", "region_code", "enterprise", "active"]

    def cell(self, column: str, item: Account) -> object | None:
        if column == "role":
            return "、".join(str(role) for role in Role if role.value in {held.name for held in item.roles}) or "—"
        if column == "reach":
            return item.enterprise.name if item.enterprise else item.region.name if item.region else "—"
        return None

    def fill(self, form: Any, item: Account, *, new: bool) -> None:
        regions = db.session.scalars(select(Region).order_by(Region.code))
        form.region_code.choices = [("", ""), *((region.code, region.name) for region in regions)]
        if request.method == "GET" and not new:
            form.full_name.data = item.first_name
            form.role.data = next((role for role in Role if role.value in {held.name for held in item.roles}), None)
            form.region_code.data = item.region_code or ""
            form.enterprise.data = item.enterprise.uscc if item.enterprise else ""

    def deposit(self, item: Account, form: Any, *, new: bool) -> None:
        desk.actor().demand(Role.ADMIN)
        role: Role = form.role.data
        enterprise = _enterprise_of(role, form.enterprise.data)
        if role in AUTHORITY and not form.region_code.data:
            raise Unmet.because(Refusal("region-missing", _("An officer needs a region."), "region_code"))
        name = normal(form.username.data)
        twin = db.session.scalar(select(Account.id).where(Account.username == name, Account.id != (item.id or 0)))
        if twin is not None:
            raise HouseError(_("This user name is taken."), code="username-taken", field="username")
        item.username, item.first_name, item.last_name = name, fold_name(form.full_name.data), ""
        item.email = f"{name}@accounts.invalid"  # FAB wants one; nobody writes to it
        item.active, item.mobile = bool(form.active.data), form.mobile.data or None
        item.region_code = form.region_code.data or None if role in AUTHORITY else None
        item.enterprise_id = enterprise.id if enterprise else None
        held = db.session.scalars(select(FabRole).where(FabRole.name == role.value)).one()
        if item.roles != [held]:
            desk.strong()
            item.roles = [held]
        if new:
            self._hand_out_password(item)
        db.session.add(item)

    def row_links(self, item: Account) -> list[Link]:
        links = super().row_links(item)
        if self.may("reset"):
            sure = gettext(
                "Give %(name)s a new one-time password? Every session of the account ends.", name=item.get_full_name()
            )
            links.append(Link(gettext("Reset password"), self.url("reset", pk=item.id), post=True, confirm=sure))
        return links

    @door("/reset/<int:pk>", "POST")
    def reset(self, pk: int) -> Response:
        desk.actor().demand(Role.ADMIN)
        account = self.found(pk)
        self._hand_out_password(account)  # which ends its sessions
        guesses = guess_key(account.username)  # read before the commit: after it, reading would take the writer's place
        db.session.commit()
        throttle.clear(db.engine, guesses)  # whoever forgot the password has guessed, too
        return redirect(safe_next(url_for("AccountScreen.list")))

    @staticmethod
    def _hand_out_password(account: Account) -> None:
        """Shown once, to the administrator who hands it over; the holder must change it."""
        word = one_time_password()
        set_password(account, word, must_change=True)
        flash(gettext("One-time password of %(name)s: %(word)s", name=account.username, word=word), "warning")


def _enterprise_of(role: Role, uscc: str | None) -> Enterprise | None:
    """The enterprise a clerk acts for; officers have none."""
    if role is not Role.ENTERPRISE_CLERK:
        return None
    found: Enterprise | None = db.session.scalars(select(Enterprise).where(Enterprise.uscc == (uscc or ""))).one_or_none()
    if found is None:
        raise HouseError(_("There is no enterprise with this credit code."), code="no-enterprise", field="enterprise")
    return found


class EnterpriseForm(HouseForm):
    name = TextField(_("Enterprise name"), validators=[Required(), TextLength(120)])
    uscc = CreditCodeField(_("Unified social credit code"), validators=[Required()])
    region_code = ChoiceField(_("Region"), choices=[], validators=[Required()])
    registration = WordField(Registration, _("Registration"), blank=False)


class EnterpriseAdminScreen(Screen):
    """Enterprises as the authority keeps them: name, credit code, region, whether their registration was approved."""

    datamodel = SelInterface(Enterprise, eager=(Enterprise.region,))
    route_base = "/enterprises"
    class_permission_name = "EnterpriseAdmin"
    base_permissions = ["can_list", "can_add", "can_edit"]
    list_title, add_title, edit_title = _("Enterprises"), _("Add enterprise"), _("Edit enterprise")
    list_columns = ["name", "uscc", "region", "registration", "source"]
    tag_columns = ("registration",)
    tabs_column = "registration"
    search_columns = ["name", "uscc"]
    order_columns = ["name", "uscc"]
    base_order = ("name", "asc")
    label_columns = {
        "name": _("Enterprise name"),
        "uscc": _("Unified social credit code"),
        "region": _("Region"),
        "registration": _("Registration"),
        "source": _("Known from"),
    }
    add_form = edit_form = EnterpriseForm
    add_columns = edit_columns = ["name", "uscc", "region_code", "registration"]

    def fill(self, form: Any, item: Enterprise, *, new: bool) -> None:  # noqa: ARG002
        regions = db.session.scalars(select(Region).order_by(Region.code))
        form.region_code.choices = [("", ""), *((region.code, region.name) for region in regions)]

    def deposit(self, item: Enterprise, form: Any, *, new: bool) -> None:  # noqa: ARG002
        desk.actor().demand(Role.ADMIN)
        twin = select(Enterprise.id).where(Enterprise.uscc == form.uscc.data, Enterprise.id != (item.id or 0))
        if db.session.scalar(twin) is not None:
            raise HouseError(_("An enterprise with this credit code is already listed."), code="uscc-taken", field="uscc")
        form.populate_obj(item)
        db.session.add(item)


class MessageScreen(Screen):
    """The outbox of text messages: what was told to whom, and what could not be sent."""

    datamodel = SelInterface(Message)
    route_base = "/messages"
    class_permission_name = "Message"
    base_permissions = ["can_list", "can_again"]
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
        """The telephone on the screen, where no provider carries messages."""
        if not desk.settings().pretends_messages:
            return []
        return [Link(gettext("Telephone simulator"), url_for("SimulatorView.phones"), icon="device-mobile")]

    def row_links(self, item: Message) -> list[Link]:
        if item.state is not MessageState.FAILED or item.good_until is not None:  # a code is gone; a new one is asked for
            return []
        return [Link(gettext("Send again"), self.url("again", pk=item.id), post=True)]

    @door(f"/again/{ROW}pk>", "POST")
    def again(self, pk: int) -> Response:
        desk.actor().demand(Role.ADMIN)
        message = db.session.get(Message, pk, with_for_update=True)
        if message is None or message.state is not MessageState.FAILED or message.good_until is not None:
            raise NotFound
        message.state, message.tries, message.due_at, message.fault = MessageState.QUEUED, 0, desk.moment(), ""
        audit.note(
            db.session,
            desk.actor().name,
            Deed.CHANGE,
            "message",
            pk,
            {"state": ["failed", "queued"]},
            at=desk.moment(),
            address=desk.address(),
        )
        db.session.commit()
        flash(gettext("The message will be sent again."), "success")
        return redirect(safe_next(url_for("MessageScreen.list")))


class JobScreen(Screen):
    """What is done in the background: what waits, what runs and how far, what was given up and why."""

    datamodel = SelInterface(Job)
    route_base = "/jobs"
    class_permission_name = "Job"
    base_permissions = ["can_list", "can_again"]
    list_title = _("Background jobs")
    list_columns = ["kind", "state", "progress", "due_at", "finished_at", "attempts"]
    sub_columns = {"kind": "key", "progress": "result", "attempts": "fault"}  # a tag has no second line
    tag_columns = ("state",)
    tabs_column = "state"
    search_columns = ["kind", "key", "due_at"]
    order_columns = ["due_at", "finished_at", "attempts"]
    base_order = ("due_at", "desc")
    label_columns = {
        "kind": _("Job"),
        "key": _("Occasion"),
        "state": _("Status"),
        "progress": _("Done so far"),
        "result": _("What came of it"),
        "due_at": _("Due"),
        "finished_at": _("Finished at"),
        "attempts": _("Attempts"),
        "fault": _("Fault"),
    }

    def cell(self, column: str, item: Job) -> object | None:
        if column == "result":
            return "、".join(f"{jobs.RESULTS.get(word, word)} {n}" for word, n in (item.result or {}).items() if n)
        return jobs.NAMES.get(item.kind) if column == "kind" else None

    def row_links(self, item: Job) -> list[Link]:
        if item.state is not JobState.DEAD:
            return []
        return [Link(gettext("Try again"), self.url("again", pk=item.id), post=True)]

    @door(f"/again/{ROW}pk>", "POST")
    def again(self, pk: int) -> Response:
        jobs.again(db.session(), pk, desk.actor(), at=desk.moment(), address=desk.address())
        db.session.commit()
        flash(gettext("The job will be tried again."), "success")
        return redirect(safe_next(url_for("JobScreen.list")))
