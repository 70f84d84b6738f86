"""Visitors who sign in by text message or by certificate, and what they need."""

import base64
import json
import re
from datetime import timedelta
from itertools import count

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy.orm import sessionmaker

from app.accounts.pki import bindings, trust, verify
from app.core.clock import now
from app.core.crypto.encryption import keyring
from app.core.vocabulary import Role
from app.models import RateLimitCounter
from app.outbox.sms import deliver
from app.web.auth import captcha
from app.worker.providers import gateway_of
from tests.certs import YEAR, issued

MOBILE, NEW = "13812345678", "Other-Horse-88-Battery"
SMS, FORGOTTEN, PICTURE, PHONE = "/login/sms/", "/login/forgotten/", "/login/picture/", "/login/telephone/"
_addresses = count(1)


class Browser:
    """A visitor of the sign-in pages who can read the picture."""

    def __init__(self, app):
        self.client = app.test_client()
        self.place = {"REMOTE_ADDR": f"198.51.{next(_addresses) % 250}.9"}
        with self.client.session_transaction() as cookie:
            cookie["locale"] = "en"

    def get(self, path):
        return self.client.get(path, environ_overrides=self.place)

    def post(self, path, **form):
        return self.client.post(path, data=form, environ_overrides=self.place)

    @property
    def digest(self):
        cookie = self.client.get_cookie("anguan-pre")
        return keyring.digest(cookie.value, "challenge.browser")

    def seen(self, path=SMS, **form):
        """The form fields of a new, correctly answered picture code."""
        page = self.post(path, do="another", **form).text if form else self.get(path).text
        ticket = re.search(r'name="ticket" value="([^"]+)"', page)[1]
        return {"ticket": ticket, "picture": captcha.open_ticket(ticket, self.digest, at=now()).answer}

    def ask(self, mobile=MOBILE, path=SMS, **form):
        """Request a code."""
        return self.post(path, mobile=mobile, do="send", **self.seen(path), **form)

    def enter(self, code, mobile=MOBILE, path=SMS, **form):
        return self.post(path, mobile=mobile, code=code, do="sign_in", **form)

    @property
    def inside(self):
        return self.get("/password/").status_code == 200


@pytest.fixture
def browser(app):
    return Browser(app)


@pytest.fixture
def another(app):
    return Browser(app)


@pytest.fixture
def viewer(holder):
    return holder(Role.VIEWER, mobile=MOBILE)


@pytest.fixture
def post(system, session):
    """Delivers queued messages as in a demonstration, and returns the newest code."""
    home, carrier = system.settings.home / "messages.jsonl", gateway_of(system.settings)
    home.unlink(missing_ok=True)

    def carry():
        deliver(sessionmaker(system.engine, expire_on_commit=False), carrier, at=now())
        return re.search(r"\d{6}", json.loads(home.read_text().splitlines()[-1])["text"])[0]

    yield carry
    home.unlink(missing_ok=True)


def later(session, **ages):
    """Reset all rate limits."""
    session.execute(RateLimitCounter.__table__.delete())
    session.commit()


# --- certificates ---
AT = now()
PAGE, SITE = "/login/certificate/", b"http://localhost"
MINUTE = timedelta(minutes=1)


def fresh(words="张三", by=None, **facts):
    return issued(words, by=by, start=AT - YEAR, end=AT + YEAR, **facts)


@pytest.fixture(scope="module")
def authority():
    return fresh("根", ca=True)


@pytest.fixture
def folder(system, authority):
    """The PKI folder, with this authority trusted and its revocation list installed."""
    folder = system.settings.ukeys
    for path in folder.glob("*/*"):
        path.unlink()
    trust.pin(folder, authority.certificate.public_bytes(Encoding.PEM))
    put_list(folder, authority.crl(at=AT - MINUTE))
    return folder


def put_list(folder, data):
    trust.install_list(folder, trust.check_list(data, trust.load_trust(folder, required=True), at=AT))


@pytest.fixture
def officer(holder, session, folder, authority):
    """An officer, and the key bound to the account."""
    account = holder(Role.REVIEWER)
    return account, bound(session, account, fresh("罗初审", by=authority), folder)


def bound(session, account, key, folder):
    known = verify.check_chain(key.chain, trust.load_trust(folder, required=True), at=AT)
    bindings.bind(session, account.id, known, by="x", at=AT)
    session.commit()
    return key


def begin(browser, path=PAGE):
    given = browser.post(f"{path}start").get_json()
    return given["number"], base64.b64decode(given["words"])


def answer(browser, key, number, words, /, *, path=PAGE, signature=None, chain=None, **more):
    text = [base64.b64encode(one).decode() for one in (chain or key.chain)]
    signed = base64.b64encode(key.sign(words) if signature is None else signature).decode()
    return browser.post(path, data={"number": number, "signature": signed, "chain": text, **more})


def inside(browser):
    return browser.get("/work/").status_code == 200
