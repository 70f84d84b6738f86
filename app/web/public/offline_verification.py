"""电子证照离线核验: the published keys, the status list, and a page that checks a code in the browser alone.

Law: public and the same for everybody; it names nobody and changes nothing. What the page needs it keeps in the browser, so
that it works without the network from the second visit on.
"""

from pathlib import Path
from typing import Any

from flask import current_app, jsonify, make_response
from werkzeug.wrappers import Response

from app.certificates.qr.status_list import StatusListCache
from app.core.crypto.signing_keys import ring
from app.db.session import db
from app.web import request_context
from app.web.base.fab import BaseView, expose
from app.web.base.layout import asset

KEYS, LIST = "/.well-known/jwks.json", "/status-list"
MINUTE = "public, max-age=60"
NEEDED = ("ag.css", "public.css", "icons.svg", "icon.svg")  # by the page, off line; beside its scripts


class VerifyView(BaseView):
    route_base = ""
    default_view = "page"

    @expose("/verify", methods=["GET"])
    def page(self) -> Response:
        return make_response(self.render_template("public/verify.html", keys=KEYS, list=LIST))

    @expose("/verify-worker.js", methods=["GET"])
    def worker(self) -> Response:
        """Not a static file: its address says how far it reaches, and it names files by their fingerprints."""
        files = ["/verify", KEYS, LIST, *(asset(name) for name in NEEDED), *_modules()]
        answer = make_response(self.render_template("public/verify-worker.js", files=files))
        answer.mimetype = "text/javascript"
        answer.headers["Cache-Control"] = "no-cache"
        return answer

    @expose(KEYS, methods=["GET"])
    def keys(self) -> Response:
        return _for_everybody(jsonify(ring.published()), "application/jwk-set+json")

    @expose(LIST, methods=["GET"])
    def status_list(self) -> Response:
        office, shelf = request_context.current_office(), current_app.extensions["status_list"]
        uri, at, hours = f"{office.public_url}{LIST}", request_context.now(), office.status_list_hours
        token = shelf.token(db.session, ring, uri=uri, at=at, hours=hours)
        return _for_everybody(make_response(token), "application/statuslist+jwt")


def _modules() -> list[str]:
    """Every script: modules import one another, so a list of those that pages name would not do."""
    folder = Path(str(current_app.static_folder))
    return [asset(path.relative_to(folder).as_posix()) for path in sorted(folder.glob("js/**/*.js"))]


def _for_everybody(answer: Response, kind: str) -> Response:
    answer.mimetype = kind
    answer.headers["Cache-Control"] = MINUTE
    answer.headers["Access-Control-Allow-Origin"] = "*"  # other sites may check our certificates, too
    return answer


def register_verification(appbuilder: Any) -> None:
    current_app.extensions["status_list"] = StatusListCache()
    appbuilder.add_view_no_menu(VerifyView)
