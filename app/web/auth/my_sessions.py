"""我的会话: users see and end the sessions of their own account."""

from flask import flash, g, make_response, redirect, url_for
from flask_babel import gettext
from flask_login import current_user
from werkzeug.wrappers import Response

from app.accounts import sessions
from app.core.errors import NotFound
from app.core.vocabulary import AuditAction, SessionEndReason
from app.db import audit
from app.db.session import db
from app.web import request_context
from app.web.base.access_filter import ROW
from app.web.base.fab import BaseView, expose, no_cache

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


class SessionsView(BaseView):
    route_base = "/sessions"
    default_view = "mine"

    @expose("/")
    @no_cache
    def mine(self) -> Response:
        account = current_user._get_current_object()
        rows = sessions.open_sessions(db.session(), account, request_context.current_office(), at=request_context.now())
        page = self.render_template(
            "auth/my_sessions.html", title=gettext("My sessions"), visits=rows, here=g.visit.id, in_words=in_words,
            most=request_context.current_office().most_sessions,
        )  # fmt: skip
        return make_response(page)

    @expose(f"/{ROW}number>/end", methods=["POST"])
    def end(self, number: int) -> Response:
        session, at, here = db.session(), request_context.now(), g.visit.id
        if number == here:
            return redirect(url_for("SignInView.logout"), 307)
        if not sessions.end(session, current_user.id, number, SessionEndReason.ENDED_BY_SELF, at=at):
            raise NotFound
        return self._ended(1)

    @expose("/end-others", methods=["POST"])
    def end_others(self) -> Response:
        number = sessions.end_all(
            db.session(), current_user.id, SessionEndReason.ENDED_BY_SELF, at=request_context.now(), but=[g.visit.id]
        )
        return self._ended(number)

    def _ended(self, number: int) -> Response:
        session, account = db.session(), current_user._get_current_object()
        how = {"ended": number}
        audit.log(
            session,
            account.get_full_name(),
            AuditAction.SIGN_OUT,
            account,
            change=how,
            at=request_context.now(),
            address=request_context.address(),
        )
        session.commit()
        flash(gettext("Sessions ended: %(n)s.", n=number), "success")
        return redirect(url_for("SessionsView.mine"))
