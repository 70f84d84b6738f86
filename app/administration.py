"""The administrator's screens: accounts, enterprises, text messages, background jobs.

Law: whoever manages accounts decides no case and gives no role (三权分立): nothing here reaches an application, and what
an account may do is the security administrator's (``authority``).
"""

from typing import Any

from flask import flash, redirect, request, send_file, url_for
from flask_appbuilder.security.decorators import permission_name
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import select
from werkzeug.wrappers import Response

from app import desk
from app.accounts import registration as account_registration
from app.accounts import role_assignment
from app.accounts.passwords import one_time_password
from app.accounts.role_assignment import roles_of
from app.core.errors import HouseError, NotFound
from app.core.identifiers import mask_mobile
from app.core.vocabulary import (
    AUTHORITY,
    Deed,
    JobState,
    MessageState,
    Registration,
    Role,
)
from app.db import audit
from app.db.session import db
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
from app.models import Account, Enterprise, Job, Message, Region
from app.web.auth.account_actions import (
    deed_links,
    end_sessions,
    hand_out_password,
    reset_password,
    unlock,
)
from app.web.auth.security_manager import set_password
from app.web.base import (
    Link,
    Screen,
    SelInterface,
    safe_next,
)
from app.web.base.access_filter import ROW, asked_reason
from app.web.base.error_pages import told_here
from app.web.base.model_view import door
from app.worker import handlers, runner


class AccountForm(HouseForm):
    username = TextField(_("User name"), validators=[Required(), TextLength(64)])
    full_name = TextField(_("Full name"), validators=[Required(), TextLength(50)])
    mobile = MobileField(_("Mobile"))
    enterprise = CreditCodeField(
        _("Credit code of the enterprise (enterprise clerks)"),
        description=_("Empty for people of the authority: the account then awaits its role from the security administrator."),
    )
    active = TickField(_("May sign in"), default=True)


class AccountScreen(Screen):
    """Accounts: their data, and the enterprise of clerks. Roles of the authority are the security administrator's."""

    datamodel = SelInterface(Account, eager=(Account.roles, Account.region, Account.enterprise))
    route_base = "/accounts"
    class_permission_name = "Account"
    base_permissions = ["can_list", "can_show", "can_add", "can_edit", "can_reset"]
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
            held = roles_of(item)
            return "、".join(str(role) for role in Role if role in held) or gettext("awaits its role")
        if column == "reach":
            return item.enterprise.name if item.enterprise else item.region.name if item.region else "—"
        return None

    def fill(self, form: Any, item: Account, *, new: bool) -> None:
        if new:
            return
        if not roles_of(item).isdisjoint(AUTHORITY):
            del form.mobile, form.enterprise
        if request.method == "GET":
            form.full_name.data = item.first_name
            if "enterprise" in form:
                form.enterprise.data = item.enterprise.uscc if item.enterprise else ""

    def deposit(self, item: Account, form: Any, *, new: bool) -> None:
        enterprise = _enterprise_of(form.enterprise.data) if "enterprise" in form and form.enterprise.data else None
        if new:
            set_password(item, one_time_password(), must_change=True)  # until it is given one, nobody knows it
        role_assignment.keep(
            db.session(), item, desk.actor(),
            username=form.username.data, full_name=form.full_name.data,
            mobile=form.mobile.data if "mobile" in form else item.mobile,
            enterprise=enterprise, active=bool(form.active.data),
        )  # fmt: skip
        if new and enterprise is not None:
            hand_out_password(item)

    def row_links(self, item: Account) -> list[Link]:
        links = super().row_links(item)
        if self.may("reset") and item.enterprise_id is not None:
            links += deed_links(item, *(self.url(deed, pk=item.id) for deed in ("reset", "unlock", "end")))
        return links

    @door("/reset/<int:pk>", "POST")
    def reset(self, pk: int) -> Response:
        reset_password(role_assignment.may_reset(self.found(pk), desk.actor()))
        return redirect(safe_next(url_for("AccountScreen.list")))

    @door("/unlock/<int:pk>", "POST")
    @permission_name("reset")  # type: ignore[untyped-decorator]
    def unlock(self, pk: int) -> Response:
        unlock(role_assignment.may_reset(self.found(pk), desk.actor()))
        return redirect(safe_next(url_for("AccountScreen.list")))

    @door("/end/<int:pk>", "POST")
    @permission_name("reset")  # type: ignore[untyped-decorator]
    def end(self, pk: int) -> Response:
        end_sessions(role_assignment.may_reset(self.found(pk), desk.actor()))
        return redirect(safe_next(url_for("AccountScreen.list")))


def _enterprise_of(uscc: str) -> Enterprise:
    """The enterprise a clerk acts for."""
    found: Enterprise | None = db.session.scalars(select(Enterprise).where(Enterprise.uscc == uscc)).one_or_none()
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
    base_permissions = ["can_list", "can_show", "can_add", "can_edit", "can_licence", "can_decide"]
    list_title, show_title = _("Enterprises"), _("Enterprise")
    add_title, edit_title = _("Add enterprise"), _("Edit enterprise")
    list_columns = ["name", "uscc", "region", "registration", "registered_at", "source"]
    show_columns = [
        "name", "uscc", "region", "legal_representative", "contact", "mobile", "registration", "registered_at",
        "registration_note", "known",
    ]  # fmt: skip
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
        "legal_representative": _("Legal representative"),
        "contact": _("Contact"),
        "mobile": _("Mobile"),
        "registered_at": _("Registered at"),
        "registration_note": _("Why it was rejected"),
        "known": _("On the books under this name"),
    }
    add_form = edit_form = EnterpriseForm
    add_columns = edit_columns = ["name", "uscc", "region_code", "registration"]

    def cell(self, column: str, item: Enterprise) -> object | None:
        if column == "mobile":
            return mask_mobile(item.contact_mobile) if item.contact_mobile else "—"
        if column == "known":
            others, certificates = account_registration.matches(db.session(), item)
            told = gettext("%(n)s other enterprises, %(m)s certificates", n=others, m=certificates)
            return str(told if others or certificates else gettext("nothing"))
        return None

    def extra(self, item: Enterprise) -> str | None:
        return "system/licence.html" if item.licence_digest else None

    def row_links(self, item: Enterprise) -> list[Link]:
        links = super().row_links(item)
        if item.registration is not Registration.PENDING or not self.may("decide"):
            return links
        sure = gettext("Approve the registration of %(name)s? It can sign in from then on.", name=item.name)
        yes = url_for("EnterpriseAdminScreen.decide", pk=item.id, agree="yes")
        no = url_for("EnterpriseAdminScreen.decide", pk=item.id, agree="no")
        reasons = (
            gettext("The scan of the business licence cannot be read."),
            gettext("Name and credit code do not agree with the business licence."),
        )
        return [
            *links,
            Link(gettext("Approve"), yes, post=True, primary=True, confirm=sure),
            Link(gettext("Reject"), no, post=True, danger=True, reason=reasons),
        ]

    @door(f"/licence/{ROW}pk>")
    def licence(self, pk: int) -> Response:
        """The scan as it was handed in (drawn anew by us)."""
        item = self.found(pk)
        if not item.licence_digest:
            raise NotFound
        desk.note_reading(item, what="licence")
        file = desk.store().open(item.licence_digest)
        return send_file(file, mimetype=item.licence_mime, download_name=f"licence-{pk}", max_age=0)

    @door(f"/decide/{ROW}pk>/<agree>", "POST")
    def decide(self, pk: int, agree: str) -> Response:
        if agree not in ("yes", "no"):
            raise NotFound
        try:
            done = account_registration.decide(
                db.session(), pk, agree == "yes", asked_reason(), desk.actor(), at=desk.moment(), office=desk.office()
            )
            db.session.commit()
        except HouseError as no:
            told_here(no)
            return redirect(safe_next(url_for("EnterpriseAdminScreen.list")))
        flash(gettext("%(name)s: %(state)s", name=done.name, state=done.registration), "success")
        return redirect(safe_next(url_for("EnterpriseAdminScreen.list", registration="pending")))

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
            return "、".join(f"{handlers.RESULTS.get(word, word)} {n}" for word, n in (item.result or {}).items() if n)
        return handlers.NAMES.get(item.kind) if column == "kind" else None

    def row_links(self, item: Job) -> list[Link]:
        if item.state is not JobState.DEAD:
            return []
        return [Link(gettext("Try again"), self.url("again", pk=item.id), post=True)]

    @door(f"/again/{ROW}pk>", "POST")
    def again(self, pk: int) -> Response:
        runner.again(db.session(), pk, desk.actor(), at=desk.moment(), address=desk.address())
        db.session.commit()
        flash(gettext("The job will be tried again."), "success")
        return redirect(safe_next(url_for("JobScreen.list")))
