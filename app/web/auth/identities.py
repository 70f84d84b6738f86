"""Binding certificates to accounts: the user's own page and the security administrator's screen.

A clerk binds with a signature and the account's password; officers' certificates are bound from a file by the
administrator. Removing a certificate ends the account's sessions.
"""

from base64 import b64decode, b64encode
from typing import Any

from flask import flash, redirect, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from flask_login import current_user
from sqlalchemy.exc import IntegrityError
from werkzeug.wrappers import Response

from app.accounts import sessions
from app.accounts.pki import bindings, verify
from app.accounts.pki.trust import read_chain
from app.accounts.pki.verify import CertIdentity
from app.accounts.privileged_changes import Wanted
from app.accounts.role_assignment import is_privileged
from app.core.errors import AppError, NotFound
from app.core.sign_in_vocabulary import ChallengeKind, IdentityKind, PrivilegedChangeKind, SessionEndReason
from app.core.vocabulary import Role
from app.db.session import db
from app.models import Account, ExternalIdentity, PrivilegedChange
from app.web import request_context
from app.web.auth import password_form
from app.web.auth.account_actions import REASON_HINT, ask_for, asked_message
from app.web.auth.certificate import agent_url, issue_challenge, proved, trust
from app.web.base import ModelScreen, SelInterface
from app.web.base.datamodel import as_id
from app.web.base.fab import BaseView, route
from app.web.forms import AppForm, LongTextField, Required, TextField, UploadField, place_refusals


class OwnCertificateView(BaseView):
    route_base = "/own-certificates"
    class_permission_name = "OwnCertificates"
    default_view = "mine"

    @route("/")
    def mine(self) -> Response:
        return self._page()

    @route("/start", "POST")
    def start(self) -> Response:
        return issue_challenge(ChallengeKind.CERTIFICATE_BIND, request_context.current_actor().id)

    @route("/bind", "POST")
    def bind(self) -> Response:
        session, at, who = db.session(), request_context.now(), request_context.current_actor()
        who.demand(Role.ENTERPRISE_CLERK)
        try:
            self._demand_password()
            known = proved(ChallengeKind.CERTIFICATE_BIND, who.id)
            bindings.bind(session, current_user.id, known, by=who.name, at=at)
            session.commit()
        except IntegrityError:  # bound concurrently
            session.rollback()
            return self._page(AppError(bindings.TAKEN, code="certificate-taken"))
        except AppError as error:
            session.rollback()
            return self._page(error)
        flash(gettext("The certificate is bound. From now on you can sign in with it."), "success")
        return redirect(url_for("OwnCertificateView.mine"))

    @route("/remove", "POST")
    def remove(self) -> Response:
        session, who = db.session(), request_context.current_actor()
        who.demand(Role.ENTERPRISE_CLERK)
        found = session.get(ExternalIdentity, as_id(request.form.get("rowid", "")) or 0)
        if found is None or found.account_id != who.id or found.kind is not IdentityKind.CERTIFICATE:
            raise NotFound
        session.delete(found)
        sessions.end_all(session, found.account_id, SessionEndReason.IDENTITY_REMOVED, at=request_context.now())
        session.commit()
        flash(gettext("The certificate has been removed. Please sign in again."), "success")
        return redirect(url_for("SignInView.login"))

    def _demand_password(self) -> None:
        """An unlocked screen must not be enough to bind a certificate."""
        session, me = db.session(), current_user
        name, stored = me.username, me.password
        session.rollback()
        typed = request.form.get("password", "")
        office, at = request_context.current_office(), request_context.now()
        if not password_form.confirm(db.engine, name, stored, typed, office=office, at=at):
            raise AppError(_("The present password is wrong, or was wrong too often."), code="wrong-password")

    def _page(self, error: AppError | None = None) -> Response:
        who = request_context.current_actor()
        return self.rendered(
            "auth/own_certificates.html",
            error.status if error is not None else 200,
            title=gettext("My certificates"),
            held=bindings.bindings_of(db.session(), current_user.id), today=request_context.today(),
            may_bind=Role.ENTERPRISE_CLERK in who.roles, agent=agent_url(), username=current_user.username,
            refusals=error.refusals if error is not None else (),
        )  # fmt: skip


class BindForm(AppForm):
    username = TextField(_("User name of the account"), validators=[Required()], numbers=True)
    file = UploadField(_("Certificate file, without the private key"), accept=(".cer", ".crt", ".pem", ".der"), limit_mb=0.1)
    reason = LongTextField(_("Reason"), description=REASON_HINT, render_kw={"maxlength": 500, "rows": 2})


class IdentityScreen(ModelScreen):
    """All bound certificates; the security administrator binds and removes them."""

    datamodel = SelInterface(ExternalIdentity, eager=(ExternalIdentity.account,))
    route_base = "/certificates-of-accounts"
    class_permission_name = "Identity"
    base_permissions = ["can_list", "can_add", "can_delete"]
    empty_text = _("No certificate is bound to an account yet. Add one, so that its holder can sign in with it.")
    list_title, add_title = _("Certificates of accounts"), _("Bind a certificate")
    list_columns = ["account", "label", "subject", "not_after", "added_at", "added_by"]
    sub_columns = {"label": "kind"}
    search_columns = ["label", "subject", "not_after"]
    order_columns = ["not_after", "added_at"]
    base_order = ("added_at", "desc")
    label_columns = {
        "account": _("Account"),
        "label": _("Certificate"),
        "kind": _("Kind"),
        "subject": _("Serial number"),
        "not_after": _("Valid to"),
        "added_at": _("Bound at"),
        "added_by": _("Bound by"),
    }

    def cell(self, column: str, item: ExternalIdentity) -> object | None:
        return f"{item.account.get_full_name()}（{item.account.username}）" if column == "account" else None

    def delete_item(self, item: ExternalIdentity) -> None:
        request_context.current_actor().demand(Role.SECURITY_ADMIN)
        sessions.end_all(db.session(), item.account_id, SessionEndReason.IDENTITY_REMOVED, at=request_context.now())
        super().delete_item(item)

    @route("/add", "GET", "POST")
    def add(self) -> Response:
        request_context.current_actor().demand(Role.SECURITY_ADMIN)
        form = BindForm()
        if request.method == "GET":
            return self._add_page(form)
        step: tuple[Any, ...] = ()
        try:
            account, chain = self._account(form), self._chain(form)
            known = verify.check_chain(chain, trust(), at=request_context.now())
            if bindings.find_binding(db.session(), known) is not None:
                raise AppError(bindings.TAKEN, code="certificate-taken", field="file")
            step = account, known, chain
            if not request.form.get("confirm"):
                return self._add_page(form, *step)
            change = self._bind_or_ask(account, known, form)
            db.session().commit()
        except IntegrityError:
            db.session().rollback()
            form.file.errors = [str(bindings.TAKEN)]
            return self._add_page(form)
        except AppError as error:
            db.session().rollback()
            for refusal in place_refusals(form, error):
                form.file.errors = [*form.file.errors, str(refusal.sentence)]
            return self._add_page(form, *(step if form.reason.errors else ()))
        if change is not None:
            flash(asked_message(change), "success")
            return redirect(url_for("PrivilegedChangeScreen.list"))
        flash(gettext("The certificate is bound to %(name)s.", name=account.get_full_name()), "success")
        return redirect(url_for("IdentityScreen.list"))

    @staticmethod
    def _bind_or_ask(account: Account, known: CertIdentity, form: BindForm) -> PrivilegedChange | None:
        """Bind it, or ask for it if the account is privileged."""
        if is_privileged(account):
            return ask_for(account.id, Wanted(PrivilegedChangeKind.CERTIFICATE, certificate=known), form.reason.data)
        bindings.bind(db.session(), account.id, known, by=request_context.current_actor().name, at=request_context.now())
        return None

    @staticmethod
    def _account(form: BindForm) -> Account:
        found = password_form.find(db.session(), form.username.data or "")
        if found is None:
            raise AppError(_("There is no account with this user name."), code="no-account", field="username")
        return found

    @staticmethod
    def _chain(form: BindForm) -> list[bytes]:
        """From the file; at the second step from the page."""
        if request.form.get("confirm"):
            try:
                return [b64decode(one, validate=True) for one in request.form.getlist("chain")]
            except ValueError:
                return []
        if not form.validate() or form.file.data is None:
            raise AppError(_("Please choose a file."), code="no-file", field="file")
        return read_chain(form.file.data.read())

    def _add_page(
        self, form: Any, account: Account | None = None, known: CertIdentity | None = None, chain: Any = ()
    ) -> Response:
        return self.rendered(
            "auth/bind_certificate.html", 422 if form.errors else 200, title=self.add_title, form=form, account=account,
            known=known, chain=[b64encode(one).decode() for one in chain], crumbs=self.crumbs(),
            privileged=account is not None and is_privileged(account),
            suspicious=known is not None and account is not None and account.get_full_name() not in known.holder,
        )  # fmt: skip
