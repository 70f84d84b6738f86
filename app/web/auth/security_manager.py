"""Flask-AppBuilder's security manager with our accounts, views, sessions, and one permission query per request.

Nothing is public by permission and nothing is granted here (see ``permissions``). A cookie only opens the session that its
row allows now. Signing in and out are POSTs with a CSRF token.
"""

from collections.abc import Collection
from functools import cached_property
from typing import Any

from flask import current_app, flash, g, redirect, request, url_for
from flask import session as cookie
from flask_appbuilder.security.sqla.manager import SecurityManager as FabSecurityManager
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from flask_login import current_user
from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app.accounts import passwords, sessions
from app.core.errors import AppError, NotAllowed, TooMany, Unwritable
from app.core.office import Office
from app.core.sign_in_vocabulary import PasswordProfile, SessionEndReason, SignInMethod
from app.core.vocabulary import Role
from app.db.session import db
from app.models import Account
from app.web import request_context
from app.web.auth import captcha, interrupted, known_browser, password_form, pre_login_cookie
from app.web.auth.my_sessions import SessionsView, seconds_left
from app.web.auth.permission_words import holders_of, how_to_get
from app.web.auth.permissions import ANONYMOUS
from app.web.auth.second_factor import SecondView
from app.web.auth.sign_in import KEY, LAPSED_KEY, NotAdmitted, admit, end_session, note_failure, open_session, recent_hashes
from app.web.base.error_pages import with_retry_after
from app.web.base.fab import AuthDBView, BaseView, expose, no_cache
from app.web.base.private_urls import safe_local_url
from app.web.forms import AppForm, Required, SecretTextField, TextField, TextLength, place_refusals

STATIC = frozenset({"static", "appbuilder.static"})
OPEN_TO_ALL_STATES = STATIC | {"preference", "query", "SignInView.logout", "OwnPasswordView.change"}
READS = frozenset({"GET", "HEAD", "OPTIONS"})
READER_POSTS = ANONYMOUS.keys() | {"query", "SessionsView.end", "SessionsView.end_others"}  # of a session by text message


class OnlyReads(NotAllowed):
    """A session by text message only reads (R43)."""

    code = "only-reads"
    sentence = _("You signed in by text message: that is for reading only. To do this, please sign in another way.")


class SignInForm(AppForm):
    username = TextField(
        _("User name"),
        validators=[Required(), TextLength(128)],
        numbers=True,
        render_kw={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false", "autofocus": True},
    )
    password = SecretTextField(_("Password"), validators=[Required()], render_kw={"autocomplete": "current-password"})


class CaptchaSignInForm(captcha.PictureForm, SignInForm):
    """While ``password_form.too_many_failures``."""


class OwnPasswordForm(AppForm):
    old = SecretTextField(
        _("Present password"), validators=[Required()], render_kw={"autocomplete": "current-password", "autofocus": True}
    )
    password = SecretTextField(_("New password"), validators=[Required()])
    again = SecretTextField(_("New password once more"), validators=[Required()])


class SignInView(AuthDBView):
    """The sign-in page. Each method has a page of its own, linked by tabs (``auth/method.html``)."""

    login_template = "auth/login.html"

    @expose("/login/", methods=["GET", "POST"])
    @no_cache
    def login(self) -> Response:
        if current_user.is_authenticated:
            return redirect(landing(request.args.get("next", "")))
        if request.method == "GET" and "next" in request.args:
            cookie.pop("_flashes", None)  # FAB flashes "access denied" when merely not signed in
        guarded = password_form.too_many_failures(db.engine, at=request_context.now())
        form = CaptchaSignInForm() if guarded else SignInForm()
        if not form.is_submitted() or captcha.another_requested():
            return self._page(form)
        if not form.validate():
            return self._page(form, status=422)
        try:
            if isinstance(form, CaptchaSignInForm):
                captcha.check_form(form)
            signed_in = self._sign_in(form)
        except (password_form.WrongPassword, NotAdmitted, captcha.WrongPicture, TooMany, Unwritable) as error:
            return self._page(form, error, status=error.status)
        wish = landing(request.args.get("next", ""))
        return redirect(wish if signed_in else url_for("SecondView.choose", next=wish))

    @expose("/logout/", methods=["POST"])
    def logout(self) -> Response:
        session = db.session()
        if current_user.is_authenticated:
            account, number, at = current_user._get_current_object(), g.visit.id, request_context.now()
            others = len(sessions.open_sessions(session, account, request_context.current_office(), at=at)) - 1
            end_session(session, account, number, at=at, address=request_context.address())
            session.commit()
            flash(gettext("You have signed out."), "info")
            if others:
                message = gettext(
                    "Your account is still signed in elsewhere (%(n)s). If that is not you, sign in, end those sessions "
                    "under “My sessions” and change the password.", n=others,
                )  # fmt: skip
                flash(message, "warning")
        return redirect(url_for("SignInView.login"))

    def _sign_in(self, form: SignInForm) -> bool:
        """True if a session was opened, False if a second factor is due."""
        session, at, address = db.session(), request_context.now(), request_context.address()
        session.rollback()  # attempts are counted on another connection; hold no lock
        try:
            proof = password_form.prove(
                session, db.engine, form.username.data, form.password.data,
                known=known_browser.knows(form.username.data), office=request_context.current_office(), at=at,
                address=address,
            )  # fmt: skip
            signed_in = admit(session, proof, at=at, address=address)
        except AppError as error:
            session.rollback()
            if not isinstance(error, TooMany | Unwritable):  # a flood of attempts must not flood the audit log
                note_failure(session, password_form.find(session, form.username.data), error)
            raise
        session.commit()
        return signed_in

    def _page(self, form: SignInForm, error: AppError | None = None, *, status: int = 200) -> Response:
        answer = self.rendered(
            self.login_template,
            status,
            title=gettext("Sign in"),
            form=form,
            refusals=place_refusals(form, error),
            picture=captcha.captcha_for_page() if isinstance(form, CaptchaSignInForm) else None,
            ended=_end_reason_once() if request.method == "GET" else None,
            sent_here="next" in request.args and request.method == "GET",
        )
        return with_retry_after(answer, error)


class OwnPasswordView(BaseView):
    """Changing one's own password; required first after signing in with one that somebody else chose."""

    route_base = "/password"
    default_view = "change"

    @expose("/", methods=["GET", "POST"])
    @no_cache
    def change(self) -> Response:
        if not current_user.is_authenticated:
            return redirect(url_for("SignInView.login", next=request.path))
        form = OwnPasswordForm()
        if form.validate_on_submit() and self._change(form):
            flash(gettext("The password has been changed."), "success")
            return redirect(landing(request.args.get("next", "")))
        status, forced = 422 if form.is_submitted() else 200, bool(current_user.must_change_password)
        office = request_context.current_office()
        form.password.description = passwords.requirements(office)
        if not forced and passwords.expired(current_user, office, at=request_context.now()):
            days = office.password_days
            flash(gettext("Your password has been the same for %(n)s days. Please choose a new one.", n=days), "warning")
        return self.rendered(
            "auth/first_password.html" if forced else "auth/password.html",
            status, title=gettext("Change password"), form=form, forced=forced, username=current_user.username,
        )  # fmt: skip

    def _change(self, form: OwnPasswordForm) -> bool:
        """True if the password was changed; otherwise the form holds the errors."""
        session, at, office = db.session(), request_context.now(), request_context.current_office()
        account_id, name, stored = current_user.id, current_user.username, current_user.password
        way, strong_at = g.visit.way, g.visit.strong_at
        judge(form, current_user, office)
        if form.password.data == form.old.data:
            form.password.errors = [*form.password.errors, gettext("The new password must differ from the present one.")]
        if form.errors:
            return False
        session.rollback()  # as at sign-in: attempts are counted on another connection
        if not password_form.confirm(db.engine, name, stored, form.old.data, office=office, at=at):
            form.old.errors = [gettext("The present password is wrong, or was wrong too often.")]
            return False
        if had_before(session, account_id, form, office):
            return False
        stored = password_form.hashed(form.password.data)
        account = session.get_one(Account, account_id, with_for_update=True)
        set_password(account, stored, must_change=False)
        session.flush()  # which ends every session, this one too
        open_session(session, account, way, at=at, address=request_context.address(), strong_at=strong_at)
        session.commit()
        return True


def judge(form: Any, account: Account, office: Office) -> None:
    """Add errors of the new password, and of its repetition, to the form."""
    faults = passwords.weaknesses(form.password.data, account.username, office, also=names_of(account))
    form.password.errors = [*form.password.errors, *(str(fault.sentence) for fault in faults)]
    if form.password.data != form.again.data:
        form.again.errors = [*form.again.errors, gettext("The two new passwords differ.")]


def had_before(session: Session, account_id: int, form: Any, office: Office) -> bool:
    """Whether the account has or recently had this password (profile MLPS3 only), with an error in the form.

    Rolls the session back, to hold no lock while hashing.
    """
    if office.password_profile is not PasswordProfile.MLPS3:
        return False
    stored = recent_hashes(session, account_id)
    session.rollback()
    if not password_form.is_one_of(stored, form.password.data):
        return False
    form.password.errors = [*form.password.errors, gettext("You have had this password before. Please choose another one.")]
    return True


class SecurityManager(FabSecurityManager):  # type: ignore[misc]
    """Flask-AppBuilder's security manager, kept to what we use of it."""

    user_model = Account
    authdbview = SignInView
    resetmypasswordview = OwnPasswordView
    userstatschartview = None

    def register_views(self) -> None:
        """Our own views only: none of FAB's for the API, registration, users and roles."""
        self.auth_view = self.appbuilder.add_view_no_menu(SignInView)
        for view in (captcha.PictureView, OwnPasswordView, SecondView, SessionsView):
            self.appbuilder.add_view_no_menu(view)
        current_app.after_request(pre_login_cookie.write)
        current_app.after_request(known_browser.write)
        current_app.jinja_env.globals.update(
            logout_url=lambda: url_for("SignInView.logout"),
            password_url=lambda: url_for("OwnPasswordView.change"),
            session_left=seconds_left,
            form_comes_back=interrupted.comes_back,
        )

    # --- authentication -----------------------------------------------------------------------------

    def load_user(self, pk: object) -> Account | None:
        """The account of an open session; sets ``g.visit`` to the session, or ``g.ended`` to why it ended."""
        session, at = db.session(), request_context.now()
        visit = sessions.session_of(session, str(pk))
        if visit is None:
            return None
        why = sessions.end_reason(visit, request_context.current_office(), at=at)
        if visit.ended_at is None and (why is not None or at - visit.seen_at >= sessions.TOUCH_INTERVAL):
            number = visit.id
            session.rollback()  # SQLite has one writer: in a POST this transaction
            try:
                if why is None:
                    sessions.touch(db.engine, number, at=at)
                else:
                    sessions.mark_ended(db.engine, number, why, at=at)
            except Unwritable:  # the session goes on until it seems idle; one that is over stays over
                g.unwritable = True
                if why is not None:
                    g.ended = why
                    return None
            visit = sessions.session_of(session, str(pk))  # a concurrent request may have ended it
            if visit is None:
                return None
        if visit.ended_at is not None:
            g.ended = visit.ended_why
            return None
        g.visit = visit
        account: Account = visit.account
        return account

    def load_user_jwt(self, _jwt_header: object, jwt_data: object) -> None:
        """JWTs are not accepted."""

    def before_request(self) -> Response | None:
        """Sessions by text message only read; an expired or assigned password must be changed first."""
        g.user = current_user
        if not current_user.is_authenticated:
            return None
        if g.visit.way is SignInMethod.SMS_CODE:
            if request.method not in READS and request.endpoint not in READER_POSTS:
                raise OnlyReads
            return None
        if request.endpoint in OPEN_TO_ALL_STATES:
            return None
        old = g.visit.way is SignInMethod.PASSWORD and passwords.expired(
            current_user, request_context.current_office(), at=request_context.now()
        )
        if not current_user.must_change_password and not old:
            return None
        here = request.full_path.rstrip("?") if request.method == "GET" else None
        return redirect(url_for("OwnPasswordView.change", next=here), 303)

    def find_user(self, username: str | None = None, email: str | None = None) -> Account | None:
        """By canonical user name; by e-mail only for FAB's own screens, never for signing in."""
        if username:
            return password_form.find(self.session, username)
        return self.session.scalars(select(Account).where(Account.email == email)).one_or_none() if email else None

    def auth_user_db(self, username: str, password: str) -> None:  # noqa: ARG002 - FAB's own signature
        """Never: FAB's check neither counts nor locks; ours is ``password_form.prove``."""
        return

    def reset_password(self, userid: object, password: str) -> None:
        """Set a password; somebody else's must be changed at the next sign-in."""
        self.session.rollback()  # hold no lock while hashing
        stored = password_form.hashed(password)
        account = self.session.get_one(Account, int(str(userid)))
        set_password(account, stored, must_change=request_context.current_actor().id != account.id)
        self.session.commit()

    # --- authorization ----------------------------------------------------------------------------

    def has_access(self, permission_name: str, view_name: str) -> bool:
        return (permission_name, view_name) in self.permissions()

    def who_may(self, endpoint: str | None, roles: Collection[Role]) -> list[str]:
        """Sentences for whoever was refused: for whom the page is, and which administrator gives that role.

        None for one of these roles: what was refused is one act, not the page.
        """
        holders = holders_of(self.appbuilder, endpoint)
        return [] if set(roles) & set(holders) else how_to_get(holders)

    def is_item_public(self, permission_name: str, view_name: str) -> bool:  # noqa: ARG002 - FAB's own signature
        """Never: public views require no permission."""
        return False

    def get_user_menu_access(self, menu_names: list[str] | None = None) -> set[str]:  # noqa: ARG002 - FAB's own signature
        return {view for permission, view in self.permissions() if permission == "menu_access"}

    def get_user_roles(self, user: Any) -> list[Any]:
        """Roles are given to accounts themselves; FAB's groups are not used."""
        return list(user.roles) if user.is_authenticated else []

    def permissions(self) -> frozenset[tuple[str, str]]:
        """Every (permission, view) of the user; one query per request."""
        account = current_user._get_current_object()  # asked once: a menu asks for twenty permissions
        if not account.is_authenticated:
            return frozenset()
        cache: dict[int, frozenset[tuple[str, str]]] = g.setdefault("permissions", {})
        if account.id not in cache:
            cache[account.id] = self._permissions_of(account.id)
        return cache[account.id]

    def _permissions_of(self, account_id: int) -> frozenset[tuple[str, str]]:
        return frozenset((row[0], row[1]) for row in self.session.execute(self._held, {"account": account_id}))

    @cached_property
    def _held(self) -> Select[str, str]:
        """Built once: it is asked at every request."""
        pair, permission, view = self.permissionview_model, self.permission_model, self.viewmenu_model
        return (
            select(permission.name, view.name)
            .select_from(pair)
            .join(permission, pair.permission_id == permission.id)
            .join(view, pair.view_menu_id == view.id)
            .join(pair.role)
            .join(self.role_model.user)
            .where(self.user_model.id == bindparam("account"))
        )

    # --- grants FAB would make itself -----------------------------------------------------------

    def create_db(self) -> None:
        """Tables come from migrations, roles from ``permissions.sync_roles``."""

    def add_permissions_view(self, base_permissions: object, view_menu: object) -> None:
        """FAB would give its admin role everything; ``permissions.sync_roles`` gives each role what is declared."""

    def add_permissions_menu(self, view_menu_name: object) -> None:
        """As for views."""

    def security_cleanup(self, baseviews: object, menus: object) -> None:
        """``permissions.sync_roles`` leaves nothing to clean."""


def set_password(account: Account, stored: str, *, must_change: bool) -> None:
    """Set a password by its hash, made before the transaction; ends the account's sessions. The caller commits."""
    account.password, account.must_change_password = stored, must_change


def landing(wish: str) -> str:
    """Where to go after signing in: the page asked for, if it is a local one, else the front page."""
    return safe_local_url(wish) or "/"


def names_of(account: Account) -> tuple[str, ...]:
    """Names that a password must not contain."""
    firm = account.enterprise
    return (account.get_full_name(), *((firm.name, firm.uscc) if firm is not None else ()))


def _end_reason_once() -> SessionEndReason | None:
    """Why the session of this cookie ended, unless by signing out; removes it from the cookie."""
    why: SessionEndReason | None = g.get("ended")
    key = cookie.pop(KEY, None)
    if why in sessions.LAPSED:
        cookie[LAPSED_KEY] = key
    return why if why is not SessionEndReason.SIGNED_OUT else None
