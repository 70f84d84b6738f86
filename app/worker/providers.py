"""Who is asked outside the house, as settings say: a carrier of messages, a keeper of the seal, clamd, a licence platform.

Law: a gateway answers or raises within its patience; what it raises never holds its token, and what it sends no more than
it needs: of a certificate, the digest.
"""

import json
import re
import socket
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from http.client import HTTPException
from time import monotonic
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from app.accounts.business_licence.assertion import MOST_BYTES, Assertion, BadAssertion, LicenceTrust, public_key, read
from app.accounts.business_licence.provider import LicencePlatformUnavailable, LicenceProvider, Ticket
from app.accounts.business_licence.simulator import SimulatedPlatform
from app.accounts.pki.trust import LARGEST_LIST
from app.core.crypto.demo_ca import EmbeddedSeal
from app.core.crypto.seal_provider import NoSuchSeal, Seal, SealAway, SealProvider, Suite
from app.core.settings import BadSetting, Settings
from app.files.storage import ScannerAway
from app.outbox.sms import SEND_TIMEOUT, ConsoleGateway, FileGateway, Gateway

MESSAGES = "messages.jsonl"  # under ANGUAN_HOME, where nobody carries them
LONGEST_ANSWER = 64 * 1024


class _NoRedirects(HTTPRedirectHandler):
    """Follows no redirection: the token is meant for one address, and a POST that turns into a GET sends nothing."""

    def redirect_request(self, *_request: object) -> None:
        return None


@dataclass(frozen=True, slots=True)
class HttpGateway:
    """POSTs ``{"reference", "mobile", "text"}`` as JSON. Any 2xx is a yes; a ``reference`` in the answer is kept.

    Our ``reference`` is the same each time a message is tried, so that a provider can drop the second one.
    """

    url: str
    token: str = field(default="", repr=False)

    def send(self, message_id: int, mobile: str, text: str) -> str:
        body = json.dumps({"reference": str(message_id), "mobile": mobile, "text": text}, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json; charset=utf-8", "Accept": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        request = Request(self.url, body, headers, method="POST")  # noqa: S310 - config lets only http and https pass
        with build_opener(_NoRedirects).open(request, timeout=SEND_TIMEOUT.total_seconds()) as answer:
            return _reference(answer.read(LONGEST_ANSWER)) or f"http-{message_id}"


def _reference(answer: bytes) -> str:
    """The carrier's own reference, if it tells one. That it took the message is what counts, not how it says so."""
    try:
        said = json.loads(answer)
    except ValueError:
        return ""
    return str(said.get("reference") or "")[:100] if isinstance(said, dict) else ""


def gateway_of(settings: Settings, *, console: bool = False) -> Gateway:
    """The gateway the settings name; without one, messages are written to a file under ``ANGUAN_HOME``."""
    if console:
        return ConsoleGateway()
    if settings.sms_url:
        return HttpGateway(settings.sms_url, settings.sms_token)
    return FileGateway(settings.home / MESSAGES)


# --- the seal -----------------------------------------------------------------------------------------------

SEAL_CACHE_TIME = timedelta(minutes=5)  # how long a seal that was changed over there may go unnoticed here
RETRY_AFTER = timedelta(seconds=30)  # after a failure nobody is asked: a batch must not wait once for each of its papers


@dataclass
class RemoteSeal:
    """A seal kept by a service or a device behind HTTP (docs/SEAL.md)."""

    url: str
    token: str = field(default="", repr=False)
    seconds: int = 10
    demonstration: bool = True
    ofd: bool = False
    _seals: dict[Suite, tuple[datetime, Seal]] = field(default_factory=dict, repr=False)
    _rests_until: datetime | None = field(default=None, repr=False)

    def offers(self, suite: Suite) -> bool:
        return suite is Suite.P256 or self.ofd

    def seal(self, suite: Suite, *, at: datetime) -> Seal:
        if self._rests_until is not None and at < self._rests_until:
            raise SealAway("the service did not answer a moment ago")
        until, seal = self._seals.get(suite, (at, None))
        if seal is None or until <= at:
            seal = self._introduced(suite, at)
            self._seals[suite] = (at + SEAL_CACHE_TIME, seal)
        return seal

    def _introduced(self, suite: Suite, at: datetime) -> Seal:
        said = self._asked(f"{self.url}/seals/{suite.value}", None, at)
        try:
            chain = tuple(b64decode(one, validate=True) for one in said["chain"])
            body = b64decode(said["body"], validate=True) if suite is Suite.SM2 else b""
            known = Seal(chain, lambda digest: self._signature(suite, known, digest, at), body)
            known.fingerprint  # noqa: B018 - or what was sent is no certificate
        except (KeyError, IndexError, TypeError, ValueError):
            raise self._failed(at, "the service's answer holds no certificates") from None
        return known

    def _signature(self, suite: Suite, seal: Seal, digest: bytes, at: datetime) -> bytes:
        asked = {"certificate": seal.fingerprint, "digest": b64encode(digest).decode()}
        said = self._asked(f"{self.url}/seals/{suite.value}/signatures", asked, at)
        try:
            return b64decode(said["signature"], validate=True)
        except (KeyError, TypeError, ValueError):
            raise self._failed(at, "the service's answer holds no signature") from None

    def _asked(self, url: str, body: Mapping[str, str] | None, at: datetime) -> Any:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        data = None if body is None else json.dumps(body).encode()
        request = Request(url, data, headers, method="GET" if body is None else "POST")  # noqa: S310 - config: http, https
        try:
            with build_opener(_NoRedirects).open(request, timeout=self.seconds) as answer:
                return json.loads(answer.read(LONGEST_ANSWER))
        except HTTPError as no:
            if no.code == 404:
                raise NoSuchSeal("the service keeps no seal of this kind") from None
            raise self._failed(at, f"the service said {no.code}") from None
        except (OSError, ValueError) as fault:
            raise self._failed(at, f"the service cannot be asked ({type(fault).__name__})") from None

    def _failed(self, at: datetime, why: str) -> SealAway:
        """Whatever went wrong, ask anew later, and for the certificates, too: perhaps they were changed."""
        self._rests_until = at + RETRY_AFTER
        self._seals.clear()
        return SealAway(why)


def seal_of(settings: Settings) -> SealProvider:
    """The seal the settings name; without one, the demonstration's own, which has no legal force."""
    if settings.seal_url:
        demonstration = not settings.seal_lawful
        return RemoteSeal(settings.seal_url, settings.seal_token, settings.seal_seconds, demonstration, settings.seal_ofd)
    return EmbeddedSeal(settings.seals)


# --- lists of revoked certificates --------------------------------------------------------------------------

LIST_SECONDS = 30


def revocation_lists_of(settings: Settings) -> Mapping[str, Callable[[], bytes]]:
    """Where the settings say that lists can be had. What comes is signed: it is believed by ``ukey.trust``, not by whence."""
    return {url: partial(_fetched, url) for url in settings.ukey_crl_urls}


def _fetched(url: str) -> bytes:
    """At most one byte more than a list may have, which then is refused for its size."""
    request = Request(url, headers={"Accept": "application/pkix-crl"})  # noqa: S310 - config lets only http and https pass
    with build_opener(_NoRedirects).open(request, timeout=LIST_SECONDS) as answer:
        data: bytes = answer.read(LARGEST_LIST + 1)
        return data


# --- viruses ------------------------------------------------------------------------------------------------

PIECE_SIZE = 256 * 1024
VERDICT = re.compile(r"stream: (?:OK|([\x21-\x7e]{1,100}) FOUND)")


@dataclass(frozen=True, slots=True)
class Clamd:
    """ClamAV's daemon at ``tcp://host:port`` or a socket in the file system. The bytes go there and nothing else."""

    address: str
    seconds: int = 10  # for the whole of one question

    def __call__(self, data: bytes) -> str:
        """The name of the virus, or nothing. ``ScannerAway`` for every other answer, and for none."""
        pieces = (data[start : start + PIECE_SIZE] for start in range(0, len(data), PIECE_SIZE))
        said = self._asked(b"zINSTREAM\0", *(len(piece).to_bytes(4, "big") + piece for piece in pieces), bytes(4))
        verdict = VERDICT.fullmatch(said)
        if verdict is None:
            raise ScannerAway(said)
        return verdict[1] or ""

    def answers(self) -> bool:
        try:
            return self._asked(b"zPING\0") == "PONG"
        except ScannerAway:
            return False

    def _asked(self, *said: bytes) -> str:
        until = monotonic() + self.seconds
        try:
            with self._connected() as line:
                for piece in said:
                    line.settimeout(max(0.01, until - monotonic()))
                    line.sendall(piece)
                answer = b""
                while len(answer) < 1024 and b"\0" not in answer:
                    line.settimeout(max(0.01, until - monotonic()))
                    heard = line.recv(1024)
                    if not heard:
                        break
                    answer += heard
        except OSError as fault:  # time-outs, too
            raise ScannerAway(type(fault).__name__) from None
        return answer.partition(b"\0")[0].decode("ascii", "replace").strip()

    def _connected(self) -> socket.socket:
        if self.address.startswith("/"):
            line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            line.settimeout(self.seconds)
            line.connect(self.address)
            return line
        where = urlsplit(self.address)
        return socket.create_connection((where.hostname or "", where.port or 3310), self.seconds)


def scanner_of(settings: Settings) -> Callable[[bytes], str] | None:
    """Whoever looks for viruses in what is handed in; nobody, unless the settings name one."""
    return Clamd(settings.clamd) if settings.clamd else None


# --- the platform of electronic business licences -------------------------------------------------------------

LICENCE_SECONDS = 3  # seconds: somebody waits before a page, and so does one of our threads
LONGEST_CODE = 512  # characters of what the square code says


@dataclass
class RemoteLicences:
    """A licence platform, or an adapter before it, behind HTTP (docs/LICENCE.md)."""

    url: str
    trust: LicenceTrust
    callback: str  # where it reaches us
    token: str = field(default="", repr=False)
    _rests_until: datetime | None = field(default=None, repr=False)

    def start(self, ticket: Ticket, *, at: datetime) -> str:
        said = self._asked(
            "/tickets",
            {
                "client": self.trust.audience, "callback": self.callback, "cid": ticket.cid, "nonce": ticket.nonce,
                "site": ticket.site, "place": ticket.place,
                "begun_at": ticket.begun_at.isoformat(), "expires_at": ticket.expires_at.isoformat(),
            },
            at,
        )  # fmt: skip
        code = said.get("qr") if isinstance(said, dict) else None
        if not isinstance(code, str) or not 0 < len(code) <= LONGEST_CODE or any(mark < " " for mark in code):
            raise self._failed(at, "the platform's answer holds no code")
        return code

    def parse_callback(self, headers: Mapping[str, str], body: bytes, *, at: datetime) -> Assertion:  # noqa: ARG002 - the protocol's
        return read(body, self.trust, at=at)

    def query(self, cid: str, *, at: datetime) -> Assertion | None:
        said = self._asked(f"/tickets/{cid}", None, at)
        if said is None:
            return None
        if not isinstance(said, dict) or not isinstance(said.get("assertion"), str):
            raise BadAssertion("the platform's answer holds no assertion")
        return read(said["assertion"], self.trust, at=at)

    def health(self, *, at: datetime) -> None:
        self._asked("/health", None, at)

    def _asked(self, path: str, body: Mapping[str, str] | None, at: datetime) -> Any:
        """What the platform says; None where it has nothing to say (204, 404)."""
        if self._rests_until is not None and at < self._rests_until:
            raise LicencePlatformUnavailable("the platform did not answer a moment ago")
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        data = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        method = "GET" if body is None else "POST"
        request = Request(self.url + path, data, headers, method=method)  # noqa: S310 - config: http, https
        try:
            with build_opener(_NoRedirects).open(request, timeout=LICENCE_SECONDS) as answer:
                told = answer.read(2 * MOST_BYTES)
                return json.loads(told) if told and answer.status != 204 else None
        except HTTPError as no:
            if no.code == 404 and body is None:
                return None
            raise self._failed(at, f"the platform said {no.code}") from None
        except (OSError, ValueError, HTTPException) as fault:
            raise self._failed(at, f"the platform cannot be asked ({type(fault).__name__})") from None

    def _failed(self, at: datetime, why: str) -> LicencePlatformUnavailable:
        """For a while nobody is asked: a page that polls must not hold a thread each time."""
        self._rests_until = at + RETRY_AFTER
        return LicencePlatformUnavailable(why)


def licences_of(settings: Settings) -> LicenceProvider | None:
    """The platform the settings name; the simulator where simulators are on; else None, and that way in is shut."""
    if settings.licence_url and settings.licence_key is not None:
        try:
            key = public_key(settings.licence_key.read_bytes())
        except (OSError, ValueError):
            raise BadSetting(f"ANGUAN_LICENCE_KEY: {settings.licence_key} holds no public key on P-256 (PEM).") from None
        trust = LicenceTrust(settings.licence_issuer, settings.licence_client, key)
        callback = f"{settings.office.public_url}/login/licence/callback"
        return RemoteLicences(settings.licence_url, trust, callback, settings.licence_token)
    return SimulatedPlatform(settings.home / "licences", settings.office.public_url) if settings.simulators else None
