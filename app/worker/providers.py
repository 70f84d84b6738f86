"""Clients of outside services named in the settings: SMS, seal service, revocation lists, ClamAV, licence platform.

Each answers or raises within its time limit. Its errors never hold its token, and it sends no more than the service needs:
of a certificate, only the digest.
"""

import json
import re
import socket
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from http.client import HTTPException, HTTPResponse
from time import monotonic
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from flask_babel import lazy_gettext as _

from app.accounts.business_licence.assertion import MOST_BYTES, Assertion, BadAssertion, LicenceTrust, public_key, read
from app.accounts.business_licence.provider import LicencePlatformUnavailable, LicenceProvider, Ticket
from app.accounts.business_licence.simulator import SimulatedPlatform
from app.accounts.pki.trust import LARGEST_LIST
from app.core.crypto.demo_ca import EmbeddedSeal
from app.core.crypto.seal_provider import NoSuchSeal, Seal, SealProvider, SealUnavailable, SealUse, Suite
from app.core.settings import BadSetting, Settings
from app.files.storage import ScannerUnavailable
from app.outbox.sms import SEND_TIMEOUT, ConsoleGateway, FileGateway, Gateway

MESSAGES = "messages.jsonl"  # under ANGUAN_HOME, if no SMS service is set
LONGEST_ANSWER = 64 * 1024


class _NoRedirects(HTTPRedirectHandler):
    """Refuses redirects: the token is for one address, and a redirected POST would become a GET."""

    def redirect_request(self, *_request: object) -> None:
        return None


def _asked(
    url: str, body: Mapping[str, str] | None, token: str, seconds: float, kind: str = "application/json"
) -> HTTPResponse:
    """The answer to a request in JSON: a POST if it has a body. The caller closes it."""
    headers = {"Content-Type": kind, "Accept": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body, ensure_ascii=False).encode()
    method = "GET" if body is None else "POST"
    request = Request(url, data, headers, method=method)  # noqa: S310 - only http and https pass the settings
    answer: HTTPResponse = build_opener(_NoRedirects).open(request, timeout=seconds)
    return answer


@dataclass(frozen=True, slots=True)
class HttpGateway:
    """POSTs ``{"reference", "mobile", "text"}`` as JSON. Any 2xx is success; a ``reference`` in the answer is logged.

    Our ``reference`` is the same for each attempt of a message, so that the provider can drop duplicates.
    """

    url: str
    token: str = field(default="", repr=False)

    def send(self, message_id: int, mobile: str, text: str) -> str:
        body = {"reference": str(message_id), "mobile": mobile, "text": text}
        kind, seconds = "application/json; charset=utf-8", SEND_TIMEOUT.total_seconds()
        with _asked(self.url, body, self.token, seconds, kind) as answer:
            return _reference(answer.read(LONGEST_ANSWER)) or f"http-{message_id}"


def _reference(answer: bytes) -> str:
    """The provider's reference, or "" if the answer holds none."""
    try:
        body = json.loads(answer)
    except ValueError:
        return ""
    return str(body.get("reference") or "")[:100] if isinstance(body, dict) else ""


def gateway_of(settings: Settings, *, console: bool = False) -> Gateway:
    """The SMS gateway of the settings; without one, messages are written to a file under ``ANGUAN_HOME``."""
    if console:
        return ConsoleGateway()
    if settings.sms_url:
        return HttpGateway(settings.sms_url, settings.sms_token)
    return FileGateway(settings.home / MESSAGES)


ALERT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Operators:
    """Who is told of findings: mobiles by text message, and a webhook, which gets one JSON object for each."""

    mobiles: tuple[str, ...] = ()
    webhook: str = ""
    token: str = field(default="", repr=False)

    def call(self, record: Mapping[str, str]) -> None:
        """Any 2xx is success; an error is raised and holds no token."""
        _asked(self.webhook, record, self.token, ALERT_SECONDS).close()


def operators_of(settings: Settings) -> Operators:
    return Operators(settings.alert_mobiles, settings.alert_url, settings.alert_token)


REACH_SECONDS = 5


def unreachable(url: str) -> str:
    """Why no connection to the service is possible, or ""; nothing is sent to it."""
    where = urlsplit(url)
    port = where.port or {"https": 443}.get(where.scheme, 80)
    try:
        socket.create_connection((where.hostname or "", port), REACH_SECONDS).close()
    except OSError as error:
        return type(error).__name__
    return ""


# --- the seal -----------------------------------------------------------------------------------------------

SEAL_CACHE_TIME = timedelta(minutes=5)  # a changed seal certificate may go unnoticed for so long
SEAL_PATHS = {SealUse.CERTIFICATES: "seals", SealUse.LETTERS: "letter-seals"}
RETRY_AFTER = timedelta(seconds=30)  # no calls after a failure, so that a batch does not wait once for each certificate


@dataclass
class RemoteSeal:
    """A seal held by a service or a device behind HTTP (docs/SEAL.md)."""

    url: str
    token: str = field(default="", repr=False)
    seconds: int = 10
    demonstration: bool = True
    ofd: bool = False
    _seals: dict[tuple[Suite, SealUse], tuple[datetime, Seal]] = field(default_factory=dict, repr=False)
    _paused_until: datetime | None = field(default=None, repr=False)

    def offers(self, suite: Suite) -> bool:
        return suite is Suite.P256 or self.ofd

    def seal(self, suite: Suite, *, at: datetime, use: SealUse = SealUse.CERTIFICATES) -> Seal:
        if self._paused_until is not None and at < self._paused_until:
            raise SealUnavailable(_("the service did not answer a moment ago"))
        until, seal = self._seals.get((suite, use), (at, None))
        if seal is None or until <= at:
            seal = self._fetched(suite, use, at)
            self._seals[suite, use] = (at + SEAL_CACHE_TIME, seal)
        return seal

    def _fetched(self, suite: Suite, use: SealUse, at: datetime) -> Seal:
        url = f"{self.url}/{SEAL_PATHS[use]}/{suite.value}"
        answer = self._call(url, None, at)
        try:
            chain = tuple(b64decode(certificate, validate=True) for certificate in answer["chain"])
            body = b64decode(answer["body"], validate=True) if suite is Suite.SM2 else b""
            seal = Seal(chain, lambda digest: self._signature(url, seal, digest, at), body)
            seal.fingerprint  # noqa: B018 - raises if the answer holds no certificate
        except (KeyError, IndexError, TypeError, ValueError):
            raise self._failed(at, _("the service's answer holds no certificates")) from None
        return seal

    def _signature(self, url: str, seal: Seal, digest: bytes, at: datetime) -> bytes:
        request = {"certificate": seal.fingerprint, "digest": b64encode(digest).decode()}
        answer = self._call(f"{url}/signatures", request, at)
        try:
            return b64decode(answer["signature"], validate=True)
        except (KeyError, TypeError, ValueError):
            raise self._failed(at, _("the service's answer holds no signature")) from None

    def _call(self, url: str, body: Mapping[str, str] | None, at: datetime) -> Any:
        try:
            with _asked(url, body, self.token, self.seconds) as answer:
                return json.loads(answer.read(LONGEST_ANSWER))
        except HTTPError as error:
            if error.code == 404:
                raise NoSuchSeal(_("the service holds no seal of this kind")) from None
            raise self._failed(at, _("the service answered %(status)s", status=error.code)) from None
        except (OSError, ValueError) as error:
            raise self._failed(at, _("the service cannot be reached (%(why)s)", why=type(error).__name__)) from None

    def _failed(self, at: datetime, why: object) -> SealUnavailable:
        """Pause the calls and forget the certificates, which may have changed."""
        self._paused_until = at + RETRY_AFTER
        self._seals.clear()
        return SealUnavailable(why)


def seal_of(settings: Settings) -> SealProvider:
    """The seal service of the settings; without one, the demonstration seal, which has no legal force."""
    if settings.seal_url:
        demonstration = not settings.seal_lawful
        return RemoteSeal(settings.seal_url, settings.seal_token, settings.seal_seconds, demonstration, settings.seal_ofd)
    return EmbeddedSeal(settings.seals)


# --- lists of revoked certificates --------------------------------------------------------------------------

LIST_SECONDS = 30


def revocation_lists_of(settings: Settings) -> Mapping[str, Callable[[], bytes]]:
    """Downloads of the revocation lists named in the settings, by URL. ``pki.trust`` checks their signatures."""
    return {url: partial(_download, url) for url in settings.ukey_crl_urls}


def _download(url: str) -> bytes:
    """At most one byte more than ``LARGEST_LIST``, so that a longer list is refused for its size."""
    request = Request(url, headers={"Accept": "application/pkix-crl"})  # noqa: S310 - only http and https pass the settings
    with build_opener(_NoRedirects).open(request, timeout=LIST_SECONDS) as answer:
        data: bytes = answer.read(LARGEST_LIST + 1)
        return data


# --- viruses ------------------------------------------------------------------------------------------------

PIECE_SIZE = 256 * 1024
VERDICT = re.compile(r"stream: (?:OK|([\x21-\x7e]{1,100}) FOUND)")


@dataclass(frozen=True, slots=True)
class Clamd:
    """ClamAV's daemon at ``tcp://host:port`` or the path of a socket. It gets the bytes of a file and nothing else."""

    address: str
    seconds: int = 10  # for one whole request

    def __call__(self, data: bytes) -> str:
        """The name of the virus, or "". Raises ``ScannerUnavailable`` for any other answer, and for none."""
        pieces = (data[start : start + PIECE_SIZE] for start in range(0, len(data), PIECE_SIZE))
        answer = self._call(b"zINSTREAM\0", *(len(piece).to_bytes(4, "big") + piece for piece in pieces), bytes(4))
        verdict = VERDICT.fullmatch(answer)
        if verdict is None:
            raise ScannerUnavailable(answer)
        return verdict[1] or ""

    def answers(self) -> bool:
        try:
            return self._call(b"zPING\0") == "PONG"
        except ScannerUnavailable:
            return False

    def _call(self, *request: bytes) -> str:
        until = monotonic() + self.seconds
        try:
            with self._connect() as line:
                for piece in request:
                    line.settimeout(max(0.01, until - monotonic()))
                    line.sendall(piece)
                answer = b""
                while len(answer) < 1024 and b"\0" not in answer:
                    line.settimeout(max(0.01, until - monotonic()))
                    received = line.recv(1024)
                    if not received:
                        break
                    answer += received
        except OSError as error:  # includes timeouts
            raise ScannerUnavailable(type(error).__name__) from None
        return answer.partition(b"\0")[0].decode("ascii", "replace").strip()

    def _connect(self) -> socket.socket:
        if self.address.startswith("/"):
            line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            line.settimeout(self.seconds)
            line.connect(self.address)
            return line
        where = urlsplit(self.address)
        return socket.create_connection((where.hostname or "", where.port or 3310), self.seconds)


def scanner_of(settings: Settings) -> Callable[[bytes], str] | None:
    """The virus scanner of the settings, if any: a function from a file's bytes to the virus name or ""."""
    return Clamd(settings.clamd) if settings.clamd else None


# --- the platform of electronic business licences -------------------------------------------------------------

LICENCE_SECONDS = 3  # short: a user and a web thread wait
LONGEST_CODE = 512  # characters in the QR code


@dataclass
class RemoteLicences:
    """A licence platform, or an adapter before it, behind HTTP (docs/LICENCE.md)."""

    url: str
    trust: LicenceTrust
    callback: str  # our URL that the platform calls
    token: str = field(default="", repr=False)
    _paused_until: datetime | None = field(default=None, repr=False)

    def start(self, ticket: Ticket, *, at: datetime) -> str:
        answer = self._call(
            "/tickets",
            {
                "client": self.trust.audience, "callback": self.callback, "cid": ticket.cid, "nonce": ticket.nonce,
                "site": ticket.site, "place": ticket.place,
                "begun_at": ticket.begun_at.isoformat(), "expires_at": ticket.expires_at.isoformat(),
            },
            at,
        )  # fmt: skip
        code = answer.get("qr") if isinstance(answer, dict) else None
        if not isinstance(code, str) or not 0 < len(code) <= LONGEST_CODE or any(char < " " for char in code):
            raise self._failed(at, "the platform's answer holds no code")
        return code

    def parse_callback(self, headers: Mapping[str, str], body: bytes, *, at: datetime) -> Assertion:  # noqa: ARG002 - the protocol's
        return read(body, self.trust, at=at)

    def query(self, cid: str, *, at: datetime) -> Assertion | None:
        answer = self._call(f"/tickets/{cid}", None, at)
        if answer is None:
            return None
        if not isinstance(answer, dict) or not isinstance(answer.get("assertion"), str):
            raise BadAssertion("the platform's answer holds no assertion")
        return read(answer["assertion"], self.trust, at=at)

    def health(self, *, at: datetime) -> None:
        self._call("/health", None, at)

    def _call(self, path: str, body: Mapping[str, str] | None, at: datetime) -> Any:
        """The parsed answer; None for 204, for an empty body, and for 404 on GET."""
        if self._paused_until is not None and at < self._paused_until:
            raise LicencePlatformUnavailable("the platform did not answer a moment ago")
        try:
            with _asked(self.url + path, body, self.token, LICENCE_SECONDS) as answer:
                content = answer.read(2 * MOST_BYTES)
                return json.loads(content) if content and answer.status != 204 else None
        except HTTPError as error:
            if error.code == 404 and body is None:
                return None
            raise self._failed(at, f"the platform answered {error.code}") from None
        except (OSError, ValueError, HTTPException) as error:
            raise self._failed(at, f"the platform cannot be reached ({type(error).__name__})") from None

    def _failed(self, at: datetime, why: str) -> LicencePlatformUnavailable:
        """Pause the calls: a page that polls must not hold a thread each time."""
        self._paused_until = at + RETRY_AFTER
        return LicencePlatformUnavailable(why)


def licences_of(settings: Settings) -> LicenceProvider | None:
    """The licence platform of the settings; else the simulator, if simulators are on; else None: no sign-in by licence."""
    if settings.licence_url and settings.licence_key is not None:
        try:
            key = public_key(settings.licence_key.read_bytes())
        except (OSError, ValueError):
            raise BadSetting(f"ANGUAN_LICENCE_KEY: {settings.licence_key} holds no public key on P-256 (PEM).") from None
        trust = LicenceTrust(settings.licence_issuer, settings.licence_client, key)
        callback = f"{settings.office.public_url}/login/licence/callback"
        return RemoteLicences(settings.licence_url, trust, callback, settings.licence_token)
    return SimulatedPlatform(settings.home / "licences", settings.office.public_url) if settings.simulators else None
