"""Errors as pages, flashed messages or JSON."""

import logging
from typing import Any
from urllib.parse import urlsplit

from flask import current_app, flash, g, jsonify, make_response, render_template, request
from flask_babel import lazy_gettext as _
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from app.core.errors import AppError, FilesAway, NotAllowed, Refusal, TooMany, Unwritable, obstacle_of
from app.db.session import db
from app.web import request_context
from app.web.base import denied_log, private_urls
from app.web.base.layout import reader
from app.web.base.retries import busy
from app.web.fix_links import url_of

log = logging.getLogger(__name__)


def refusals_after(error: AppError) -> tuple[Refusal, ...]:
    """Roll back and return the refusals; an error with a status of its own (403, 404 …) is raised again."""
    db.session.rollback()
    if error.status != AppError.status:
        raise error
    return error.refusals


def flash_refusals(error: AppError) -> None:
    """As ``refusals_after``, shown on the next page."""
    for refusal in refusals_after(error):
        flash(str(refusal.sentence), "danger")


# --- error pages ---------------------------------------------------------------------------------

ERROR_TEXTS: dict[int, tuple[object, object]] = {
    400: (_("The request could not be understood"), _("Please go back, check what you entered, and try again.")),
    403: (_("You may not open this page"), _("Your account lacks the permission.")),
    404: (
        _("There is nothing here"),
        _("The record may have been deleted, or lies outside your area. Check the address, or start again from the menu."),
    ),
    405: (_("This cannot be done by opening an address"), _("Please go back and use the button on the page.")),
    413: (
        _("What you sent is too large"),
        _(
            "Go back: what you typed is still in the form. Send fewer files at once, choose smaller ones (scan at 200 dpi, "
            "or save the picture as JPG), or fewer rows."
        ),
    ),
    429: (_("Too many attempts"), _("Please wait a few minutes, then try again.")),
    500: (
        _("Something went wrong on our side"),
        _("Nothing was saved. Please try again in a few minutes; if it happens again, tell the administrator the number."),
    ),
    503: (
        _("Very many are saving at this moment"),
        _("Nothing was saved. Go back: what you typed is still in the form. Please send it once more."),
    ),
}


def wants_json() -> bool:
    """Whether the client prefers JSON to HTML."""
    return request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json"


def error_page(
    status: int, title: object, sentences: list[object], *, code: str = "", back: bool = True, cure: str = ""
) -> Response:
    """An error page in the frame of the user or the public one; JSON for clients that prefer it. A line in the log.

    What is the system's own fault (500 and more) its handler logs, with the reason.
    """
    if status < 500:
        _log_answer(status, code)
    if wants_json():
        texts = [str(sentence) for sentence in sentences]
        answer = jsonify(code=code or str(status), sentences=texts, request=g.get("request_id", ""))
        answer.status_code = status
        return answer
    layout = "base/frame.html" if reader() else "base/public_frame.html"
    page = render_template(
        "base/error.html", layout=layout, status=status, title=title, sentences=sentences, back=back, cure=cure
    )
    return make_response(page, status)


def on_csrf_error(_error: CSRFError) -> Response:
    sentences: list[object] = [
        _("The page was open for too long, or you logged in again in the meantime, so nothing was saved."),
        _("Go back: what you typed is still in the form. Reload only if saving fails once more."),
    ]
    return error_page(400, _("This page has expired"), sentences, code="csrf")


def on_app_error(error: AppError) -> Response:
    if isinstance(error, Unwritable):
        log.error("nothing can be written: %s, %s %r (%s)", error.obstacle.value, *_named_request())
    elif error.status >= 500:
        _log_answer(error.status, error.code)
    _undo()
    denied_log.log_denied(error.status)
    title = error.title or ERROR_TEXTS.get(error.status, (_("This cannot be done"), ""))[0]
    cure = next(filter(None, (url_of(refusal.place, back=_here()) for refusal in error.refusals)), "")
    sentences = [refusal.sentence for refusal in error.refusals]
    sentences += _who_may() if error.code == NotAllowed.code else []
    answer = error_page(error.status, title, sentences, code=error.code, cure=cure)
    return with_retry_after(answer, error)


def _who_may() -> list[object]:
    """For whom the page is, and which administrator gives the role; nothing to a stranger."""
    if not request_context.current_actor().id:
        return []
    sm: Any = getattr(current_app, "appbuilder").sm  # noqa: B009 - Flask's type does not know it
    return list(sm.who_may(request.endpoint, request_context.current_actor().roles))


def _log_answer(status: int, code: str) -> None:
    """A line with the number that the page shows. The endpoint and not the address, which may name somebody."""
    what = f"{status} {code}".strip()
    log.warning("answered %s: %s %s (%s)", what, request.method, request.endpoint, g.get("request_id", ""))


def _named_request() -> tuple[str, str, str]:
    return request.method, request.path, g.get("request_id", "")


def _here() -> str:
    """The page that was asked for, or the one with the form that was sent: ``Referer`` may be no URL at all."""
    if request.method == "GET":
        return private_urls.safe_local_url(request.full_path.rstrip("?"))
    return urlsplit(private_urls.safe_local_url(request.referrer or "")).path


def with_retry_after(answer: Response, error: AppError | None) -> Response:
    if isinstance(error, TooMany | Unwritable | FilesAway):
        answer.headers["Retry-After"] = str(error.retry_after)
    return answer


def on_http_error(error: HTTPException) -> Response | HTTPException:
    status = error.code or 500
    if status < 400 or error.response is not None:
        return error  # a redirect, or a response made on purpose
    denied_log.log_denied(status)
    known = ERROR_TEXTS if status != 503 else {}  # a 503 of others is not about the database
    title, sentence = known.get(status, ERROR_TEXTS[500 if status >= 500 else 400])
    answer = error_page(status, title, [sentence, *(_who_may() if status == NotAllowed.status else [])])
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            answer.headers[name] = value
    return answer


def on_unhandled(error: Exception) -> Response:
    if isinstance(error, OSError) and (obstacle := obstacle_of(error)) is not None:
        return on_app_error(Unwritable(obstacle))
    if busy(error):
        log.warning("busy: %s %r (%s)", *_named_request())
        _undo()
        title, sentence = ERROR_TEXTS[503]
        answer = error_page(503, title, [sentence], code="busy")
        answer.headers["Retry-After"] = "5"
        return answer
    log.error("unhandled: %s %r (%s)", *_named_request(), exc_info=error)
    _undo()
    title, sentence = ERROR_TEXTS[500]
    try:
        return error_page(500, title, [sentence])
    except Exception:
        log.exception("the error page failed, too")
        return make_response(render_template("base/error_bare.html", title=title, sentence=sentence), 500)


def _undo() -> None:
    """Roll back: the frame's own queries need a working transaction."""
    builder = getattr(current_app, "appbuilder", None)
    if builder is not None:
        builder.session.rollback()
