"""The picture code (图形验证码), and a question in words for those who cannot see it.

Issuing one stores nothing: page and picture hold an encrypted ticket, valid for three minutes in the browser that got it.
Any answer, right or wrong, uses the ticket up.
"""

import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import jsonify, make_response, request, url_for
from flask_babel import lazy_gettext as _
from sqlalchemy import Engine
from werkzeug.wrappers import Response

from app.accounts import challenges, rate_limit
from app.core.crypto.encryption import DECRYPTION_ERRORS, keyring
from app.core.errors import AppError, NotFound
from app.core.identifiers import fold
from app.core.sign_in_vocabulary import ChallengeKind
from app.db.session import db
from app.files import captcha_image
from app.web import request_context
from app.web.auth import pre_login_cookie, word_question
from app.web.base.fab import BaseView, expose
from app.web.forms import AppForm, TextField, TextLength

LASTS = timedelta(minutes=3)
ANSWERS_AN_HOUR = 100  # of one address
LONGEST = 60  # characters of an answer
PURPOSE = "picture.ticket"
ANOTHER, WORDS, DRAWING = "another", "words", "drawing"
KINDS = (WORDS, DRAWING)


class WrongPicture(AppError):
    code = "wrong-picture"

    def __init__(self) -> None:
        super().__init__(_("The picture code does not fit, or was too old. Here is a new one."), field="picture")


@dataclass(frozen=True, slots=True)
class CaptchaChallenge:
    """The characters of a picture; or, with ``question``, the words that answer it. A ticket holds no question."""

    number: str
    answer: str
    in_words: bool
    browser: str
    until: int
    question: str = ""

    @property
    def ticket(self) -> str:
        """The challenge, encrypted."""
        fields = json.dumps([self.number, self.answer, self.in_words, self.browser, self.until])
        return urlsafe_b64encode(keyring.encrypt(fields, PURPOSE)).decode()


class PictureForm(AppForm):
    """Base of a form with a picture code; rendered by ``auth/code.html``."""

    picture = TextField(
        _("Picture code"),
        validators=[TextLength(LONGEST)],
        render_kw={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false", "maxlength": LONGEST},
    )


def new_captcha(browser: str, *, at: datetime, words: bool = False) -> CaptchaChallenge:
    number, until = secrets.token_hex(16), int((at + LASTS).timestamp())
    if words:
        question, answer = word_question.new_question()
        return CaptchaChallenge(number, answer, True, browser, until, question)
    word = "".join(secrets.choice(captcha_image.MARKS) for _place in range(4 + secrets.randbelow(2)))
    return CaptchaChallenge(number, word, False, browser, until)


def open_ticket(ticket: str, browser: str, *, at: datetime) -> CaptchaChallenge:
    """The challenge of a valid ticket of this browser; raises ``NotFound``."""
    try:
        number, answer, in_words, whose, until = json.loads(keyring.decrypt(urlsafe_b64decode(ticket), PURPOSE))
    except (*DECRYPTION_ERRORS, ValueError):
        raise NotFound from None
    if not browser or whose != browser or at.timestamp() >= until:
        raise NotFound
    return CaptchaChallenge(number, answer, in_words, whose, until)


def check(engine: Engine, ticket: str, answer: str, browser: str, *, at: datetime, address: str) -> None:
    """Use the ticket up by this answer; raises ``WrongPicture`` or ``TooMany``. To be called before the request writes."""
    rate_limit.hit(
        engine, f"pictures-from:{rate_limit.client_network(address)}", limit=ANSWERS_AN_HOUR, seconds=60 * 60, at=at
    )
    try:
        picture = open_ticket(ticket, browser, at=at)
    except NotFound:
        raise WrongPicture from None
    first = challenges.use_once(engine, picture.number, ChallengeKind.PICTURE, browser, at=at, lasts=LASTS)
    given = word_question.typed(answer) if picture.in_words else fold(answer)
    if not first or not secrets.compare_digest(given.encode(), picture.answer.encode()):
        raise WrongPicture


# --- for views ---------------------------------------------------------------------


def captcha_for_page() -> CaptchaChallenge:
    """A new challenge, of the kind requested, else of the kind that the page had."""
    asked = request.form.get("do")
    kind = asked if asked in KINDS else request.values.get("picture_kind")
    return new_captcha(pre_login_cookie.open_browser(), at=request_context.now(), words=kind == WORDS)


def another_requested() -> bool:
    """Whether the form was only submitted for another picture or question."""
    return request.form.get("do") in (ANOTHER, *KINDS)


def check_form(form: PictureForm) -> None:
    """``check`` for this form; rolls the request's session back, as attempts are counted on another connection."""
    db.session().rollback()
    ticket, browser = request.form.get("ticket", ""), pre_login_cookie.browser()
    check(db.engine, ticket, form.picture.data or "", browser, at=request_context.now(), address=request_context.address())


class PictureView(BaseView):
    route_base = "/login/picture"
    default_view = "another"

    @expose("/", methods=["GET"])
    def another(self) -> Response:
        """For the page's script: 换一张 without a reload."""
        picture = captcha_for_page()
        src = "" if picture.in_words else url_for("PictureView.drawn", ticket=picture.ticket)
        return _no_store(make_response(jsonify(ticket=picture.ticket, src=src, question=picture.question)))

    @expose("/drawn.png", methods=["GET"])
    def drawn(self) -> Response:
        picture = open_ticket(request.args.get("ticket", ""), pre_login_cookie.browser(), at=request_context.now())
        if picture.in_words:
            raise NotFound
        answer = make_response(captcha_image.png(picture.answer, picture.number))
        answer.mimetype = "image/png"
        return _no_store(answer)


def _no_store(answer: Response) -> Response:
    answer.headers["Cache-Control"] = "no-store"
    return answer
