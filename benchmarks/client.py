"""An HTTP client that behaves like one browser, signed in without the sign-in page, and answers measured one by one."""

import http.client
import re
import secrets
import time
from dataclasses import dataclass, field
from statistics import median
from urllib.parse import urlencode

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from app.accounts import sessions
from app.core import clock
from app.core.crypto.encryption import keyring
from app.core.office import Office
from app.core.sign_in_vocabulary import SignInMethod
from app.models import Account
from benchmarks.data import Built
from benchmarks.server import Server

_TOKEN = re.compile(rb'name="csrf_token" value="([^"]+)"')
LONGEST = 1800  # seconds of one request


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, and after how many seconds the last byte."""

    status: int
    body: bytes
    seconds: float
    location: str = ""


@dataclass(frozen=True, slots=True)
class Timing:
    """Many equal requests: the status, the median in ms, the CPU time of the server for one in ms, the size in KB."""

    status: int
    p50: float
    cpu: float
    kilobytes: int


@dataclass(slots=True)
class Client:
    """One browser: keeps its cookies and its connection, and sends the CSRF token of the page that it saw last."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)
    token: str = ""
    _connection: http.client.HTTPConnection | None = None

    def get(self, path: str) -> Answer:
        return self._request("GET", path, b"", {})

    def post(self, path: str, fields: dict[str, str] | list[tuple[str, str]]) -> Answer:
        body = urlencode([*(fields.items() if isinstance(fields, dict) else fields), ("csrf_token", self.token)])
        return self._request("POST", path, body.encode(), {"Content-Type": "application/x-www-form-urlencoded"})

    def upload(self, path: str, name: str, filename: str, data: bytes) -> Answer:
        """A form with one file."""
        mark = secrets.token_hex(16)
        parts = [f'--{mark}\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n{self.token}\r\n'.encode()]
        head = f'--{mark}\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n'
        parts += [f"{head}Content-Type: application/octet-stream\r\n\r\n".encode(), data, f"\r\n--{mark}--\r\n".encode()]
        return self._request("POST", path, b"".join(parts), {"Content-Type": f"multipart/form-data; boundary={mark}"})

    def settled(self, path: str) -> str:
        """The address that a query ends at: those with personal data are redirected to an encrypted one."""
        answer = self.get(path)
        return answer.location if answer.status in (301, 302, 303, 308) and "/login/" not in answer.location else path

    def timed(self, server: Server, path: str, number: int) -> Timing:
        """Ask ``number`` times after a warm-up; fewer, but three times, where that would take more than ten seconds."""
        path = self.settled(path)
        warm = self.get(path)
        number = min(number, max(3, int(10 / max(warm.seconds, 0.001))))
        before = server.cpu()
        answers = [self.get(path) for _turn in range(number)]
        spent = (server.cpu() - before) * 1000 / number
        worst = max(answer.status for answer in answers)
        return Timing(worst, median(answer.seconds for answer in answers) * 1000, spent, len(answers[0].body) // 1024)

    def _request(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()), **headers}
        connection = self._connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=LONGEST)
        self._connection = None
        began = time.perf_counter()
        try:
            connection.request(method, path, body or None, headers)
            response = connection.getresponse()
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):  # it was idle for too long
            connection.close()
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LONGEST)
            began = time.perf_counter()
            connection.request(method, path, body or None, headers)
            response = connection.getresponse()
        data = response.read()
        seconds = time.perf_counter() - began
        for cookie in response.headers.get_all("Set-Cookie") or []:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        if response.headers.get("Connection", "").lower() != "close":
            self._connection = connection
        if found := _TOKEN.search(data):
            self.token = found[1].decode()
        location = response.headers.get("Location", "")
        return Answer(response.status, data, seconds, location.removeprefix(f"http://127.0.0.1:{self.port}"))


def signed_in(province: Built, *usernames: str) -> dict[str, dict[str, str]]:
    """The cookies of a session for each of these accounts."""
    settings = province.settings()
    app = Flask(__name__)
    app.secret_key = settings.flask()["SECRET_KEY"]
    signer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert signer is not None  # noqa: S101 - there is a key
    found, engine = {}, create_engine(province.url)
    keyring.unlock(*settings.keys.ring)
    with Session(engine) as session:
        for username in usernames:
            account = session.scalars(select(Account).where(Account.username == username)).one()
            began = {"at": clock.now(), "office": Office(most_sessions=20), "address": "127.0.0.1", "agent": "benchmark"}
            key, _replaced = sessions.begin(session, account, SignInMethod.PASSWORD, **began)  # type: ignore[arg-type]
            session.commit()
            found[username] = {settings.flask()["SESSION_COOKIE_NAME"]: signer.dumps({"_user_id": key, "_fresh": True})}
    engine.dispose()
    return found
