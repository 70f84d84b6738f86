"""The headers of every response: content policy, caching, framing."""

from collections.abc import Mapping

from flask import current_app, g, request, session
from werkzeug.wrappers import Response

STATIC = frozenset({"static", "appbuilder.static"})
ICON = "/favicon.ico"

PAGE_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; script-src 'self'; style-src 'self'; object-src 'none'; "
    "base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
# A PDF is shown in a frame of our own page, by a browser viewer with inline styles.
PAPER_POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; script-src 'none'; base-uri 'none'; frame-ancestors 'self'; "
    "form-action 'none'"
)
UNUSED = (  # browser features that no page uses
    "accelerometer", "autoplay", "camera", "display-capture", "encrypted-media", "geolocation", "gyroscope",
    "hid", "idle-detection", "magnetometer", "microphone", "midi", "payment", "picture-in-picture", "screen-wake-lock",
    "serial", "usb", "xr-spatial-tracking",
)  # fmt: skip
ALWAYS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Permitted-Cross-Domain-Policies": "none",
    "Permissions-Policy": ", ".join(f"{what}=()" for what in UNUSED),
}


# --- out ------------------------------------------------------------------------------------------------------


def after_request(answer: Response) -> Response:
    default = answer.headers.setdefault
    paper = answer.mimetype == "application/pdf"
    default("Content-Security-Policy", PAPER_POLICY if paper else PAGE_POLICY + g.get("more_policy", ""))
    default("X-Frame-Options", "SAMEORIGIN" if paper else "DENY")
    for name, value in ALWAYS.items():
        default(name, value)
    # What other sites may read, they may embed. A sandboxed scan counts as another site, and its tab asks for an icon.
    others = "Access-Control-Allow-Origin" in answer.headers or request.path == ICON
    default("Cross-Origin-Resource-Policy", "cross-origin" if others else "same-origin")
    if current_app.config["SESSION_COOKIE_SECURE"]:
        default("Strict-Transport-Security", "max-age=31536000")
    if "request_id" in g:
        default("X-Request-ID", g.request_id)
    _set_caching(answer)
    return answer


def _set_caching(answer: Response) -> None:
    """Static files and public answers as their view says, pages never."""
    if request.endpoint in STATIC:
        return  # see ``base.static_files``
    answer.vary.add("Cookie")
    signed_in = "_user_id" in session
    if signed_in or session.modified:
        answer.headers["Cache-Control"] = "no-store"
    answer.headers.setdefault("Cache-Control", "no-store")
    if g.get("came_signed_in") and not signed_in:  # after signing out
        answer.headers["Clear-Site-Data"] = '"storage"'  # pages are never cached, and to clear the rest takes a second
