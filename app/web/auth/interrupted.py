"""What was posted after the session had lapsed: not done, kept for the same account, offered again after signing in.

Only for a session that ended by time alone, from the browser that had it, and for forms that can be shown again: they have no
secrets, and ``forms.is_restored`` tells their views to show what was sent without saving it.
"""

from flask import current_app, g, request, url_for
from flask import session as cookie
from flask_wtf.csrf import validate_csrf
from wtforms.validators import ValidationError

from app.accounts import interrupted_forms, sessions
from app.accounts.interrupted_forms import SentForm
from app.core.errors import Unwritable
from app.db.session import db
from app.web import request_context
from app.web.auth.sign_in import KEY, LAPSED_KEY
from app.web.base.private_urls import safe_local_url
from app.web.forms import RESTORED

FORMS = frozenset(
    {
        *("PersonScreen.add", "PersonScreen.edit", "QualificationScreen.add", "QualificationScreen.edit"),
        *("EnterpriseView.mine", "FilingView.add", "FilingView.edit", "ClaimView.add", "ClaimView.edit"),
        *(
            "CorrectionView.edit",
            "CorrectionRequestScreen.ask",
            "NoticeScreen.add",
            "NoticeScreen.edit",
            "NoticeScreen.signup",
        ),
    }
)
NOT_KEPT = frozenset({"csrf_token", RESTORED})


def login_url() -> str:
    """Where a request is sent that needs a session and has none; what it posted is kept, if it can be."""
    wish = request.full_path.rstrip("?")
    if request.method == "POST" and (account_id := lapsed_account()) is not None:
        back, kept = _page_of(account_id)
        wish = url_for("SessionsView.interrupted", back=back, kept=1 if kept else None)
    return url_for("SignInView.login", next=wish)


def lapsed_account() -> int | None:
    """The account whose session this browser had until it lapsed, not too long ago; asked where there is no session."""
    if "lapsed_account" not in g:
        g.lapsed_account = _lapsed_account()
    found: int | None = g.lapsed_account
    return found


def _lapsed_account() -> int | None:
    key = cookie.get(KEY) or cookie.get(LAPSED_KEY)
    visit = sessions.session_of(db.session(), str(key)) if key else None
    if visit is None or visit.ended_at is None or visit.ended_why not in sessions.LAPSED:
        return None
    return visit.account_id if request_context.now() - visit.ended_at <= interrupted_forms.LASTS else None


def comes_back() -> bool:
    """Whether what is typed on this page is kept if it is sent too late."""
    return request.endpoint in FORMS


def _page_of(account_id: int) -> tuple[str, bool]:
    """The page that the request was sent from, and whether its form is kept."""
    if comes_back() and _has_token():
        return request.path, _keep(account_id)
    return safe_local_url(request.referrer or "") or "/", False


def _has_token() -> bool:
    """No other site may put words into a form."""
    if not current_app.config["WTF_CSRF_ENABLED"]:
        return True
    try:
        validate_csrf(request.form.get("csrf_token"))
    except ValidationError:
        return False
    return True


def _keep(account_id: int) -> bool:
    fields = [(name, value) for name, value in request.form.items(multi=True) if name and name not in NOT_KEPT]
    files = sum(bool(file.filename) for _name, file in request.files.items(multi=True))
    db.session().rollback()  # SQLite has one writer
    try:
        with request_context.side_session() as session:
            sent, at = SentForm(fields, files), request_context.now()
            return interrupted_forms.keep(session, account_id, request.path, sent, at=at)
    except Unwritable:
        return False  # the page after signing in says so
