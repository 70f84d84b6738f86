"""我的会话: users see and end the sessions of their own account; what the end of one cut short."""

from urllib.parse import urlsplit

from flask import flash, g, jsonify, redirect, request, url_for
from flask_babel import gettext
from flask_login import current_user
from werkzeug.wrappers import Response

from app.accounts import interrupted_forms, sessions
from app.core.errors import NotFound
from app.core.sign_in_vocabulary import SessionEndReason
from app.core.vocabulary import AuditAction
from app.db import audit
from app.db.session import db
from app.web import request_context
from app.web.base.access_filter import ROW
from app.web.base.fab import BaseView, expose, no_cache
from app.web.base.private_urls import safe_local_url
from app.web.forms import RESTORED

# Marks in user agents; the first that occurs counts, as later ones are imitated.
BROWSERS = (
    *(("MicroMessenger", "WeChat"), ("360SE", "360"), ("QIHU", "360"), ("QQBrowser", "QQ"), ("Edg", "Edge")),
    *(("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari")),
)
SYSTEM_MARKS = ("Android", "iPhone", "iPad", "Windows", "Mac OS", "Linux")
SYSTEMS = tuple((mark, "macOS" if mark == "Mac OS" else mark) for mark in SYSTEM_MARKS)


def in_words(agent: str) -> str:
    """``Chrome · Windows``; never the user agent itself."""
    known = [next((name for mark, name in marks if mark in agent), "") for marks in (BROWSERS, SYSTEMS)]
    return " · ".join(filter(None, known)) or gettext("unknown browser")


def seconds_left() -> int:
    """Until the present session ends if it is not used any more."""
    return int(sessions.left(g.visit, request_context.current_office(), at=request_context.now()).total_seconds())


class SessionsView(BaseView):
    route_base = "/sessions"
    default_view = "mine"

    @expose("/")
    @no_cache
    def mine(self) -> Response:
        account = current_user._get_current_object()
        office = request_context.current_office()
        rows = sessions.open_sessions(db.session(), account, office, at=request_context.now())
        what = {"visits": rows, "here": g.visit.id, "in_words": in_words, "most": office.most_sessions}
        return self.rendered("auth/my_sessions.html", title=gettext("My sessions"), **what)

    @expose(f"/{ROW}number>/end", methods=["POST"])
    def end(self, number: int) -> Response:
        if number == g.visit.id:
            return redirect(url_for("SignInView.logout"), 307)
        why, at = SessionEndReason.ENDED_BY_SELF, request_context.now()
        if not sessions.end(db.session(), current_user.id, number, why, at=at):
            raise NotFound
        return self._ended(1)

    @expose("/end-others", methods=["POST"])
    def end_others(self) -> Response:
        why, at = SessionEndReason.ENDED_BY_SELF, request_context.now()
        return self._ended(sessions.end_all(db.session(), current_user.id, why, at=at, but=[g.visit.id]))

    @expose("/left")
    @no_cache
    def left(self) -> Response:
        """How long this session lasts if it is not used any more; asking is a use."""
        return jsonify(seconds=seconds_left())

    @expose("/interrupted")
    @no_cache
    def interrupted(self) -> Response:
        """After signing in again: what was not done, and what was typed."""
        back, at = safe_local_url(request.args.get("back", "")) or "/", request_context.now()
        path = urlsplit(back).path if "kept" in request.args else ""  # an earlier one of this page is not what was lost
        kept = interrupted_forms.kept(db.session(), current_user.id, path, at=at)
        title = gettext("Your session had ended: nothing was saved")
        if kept and ("then", "submit") in kept.fields:
            title = gettext("Your session had ended: nothing was submitted")
        return self.rendered("auth/interrupted.html", title=title, kept=kept, back=back, restored=RESTORED)

    def _ended(self, number: int) -> Response:
        session, account = db.session(), current_user._get_current_object()
        how, at = {"ended": number}, request_context.now()
        audit.log(session, account.get_full_name(), AuditAction.SIGN_OUT, account, change=how, at=at)
        session.commit()
        flash(gettext("Sessions ended: %(n)s.", n=number), "success")
        return redirect(url_for("SessionsView.mine"))
