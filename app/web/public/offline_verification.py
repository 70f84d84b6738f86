"""电子证照离线核验: the published keys, the status list, and a page that checks a code in the browser.

The page caches what it needs, so that it works offline from the second visit on.
"""

from typing import Any

from flask import current_app, jsonify, make_response
from werkzeug.wrappers import Response

from app.certificates.qr.status_list import StatusListCache
from app.core.crypto.signing_keys import ring
from app.db.session import db
from app.web import request_context
from app.web.base.fab import BaseView, expose
from app.web.base.static_files import asset

KEYS, LIST = "/.well-known/jwks.json", "/status-list"
MINUTE = "public, max-age=60"
NEEDED = (("ag.css", "public.css"), ("icons.svg",), ("js/early.js",), ("js/main.js",), ("js/verify.js",))


class VerifyView(BaseView):
    route_base = ""
    default_view = "page"

    @expose("/verify", methods=["GET"])
    def page(self) -> Response:
        return self.rendered("public/verify.html", keys=KEYS, list=LIST)

    @expose("/verify-worker.js", methods=["GET"])
    def worker(self) -> Response:
        """The service worker. Not a static file: its URL decides its scope, and it names files with their fingerprints."""
        files = ["/verify", KEYS, LIST, *(asset(*names) for names in NEEDED)]
        response = self.rendered("public/verify-worker.js", files=files)
        response.mimetype = "text/javascript"
        response.headers["Cache-Control"] = "no-cache"
        return response

    @expose(KEYS, methods=["GET"])
    def keys(self) -> Response:
        return _public(jsonify(ring.published()), "application/jwk-set+json")

    @expose(LIST, methods=["GET"])
    def status_list(self) -> Response:
        office, cache = request_context.current_office(), current_app.extensions["status_list"]
        uri, at, hours = f"{office.public_url}{LIST}", request_context.now(), office.status_list_hours
        token = cache.token(db.session, ring, uri=uri, at=at, hours=hours)
        return _public(make_response(token), "application/statuslist+jwt")


def _public(response: Response, kind: str) -> Response:
    response.mimetype = kind
    response.headers["Cache-Control"] = MINUTE
    response.headers["Access-Control-Allow-Origin"] = "*"  # other sites may check certificates, too
    return response


def register_verification(appbuilder: Any) -> None:
    current_app.extensions["status_list"] = StatusListCache()
    appbuilder.add_view_no_menu(VerifyView)
