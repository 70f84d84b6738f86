"""A UKey on the desk, for the demonstration and the tests: keys from files, behind the protocol that a vendor's agent speaks.

Law: it answers on the loopback only, to the one site it was started for; a PIN is tried five times, then the key is locked.
What it says is in docs/UKEY.md. It can misbehave on command, so that the page's plain words for each mishap can be seen.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12
from cryptography.x509.oid import NameOID

TRIES = 5
LARGEST = 64 * 1024


class Mishap(StrEnum):
    """What can go wrong with a key, on command."""

    WRONG_PIN = "wrong-pin"
    LOCKED = "locked"
    ABSENT = "absent"  # no key is plugged in
    PULLED = "pulled"  # out while it should sign
    SILENT = "silent"  # no answer at all
    OTHER_WORDS = "other-words"  # signs something else
    LONG_CHAIN = "long-chain"


class AgentError(Exception):
    """An error as the protocol words it."""

    def __init__(self, error: str, **more: Any) -> None:
        super().__init__(error)
        self.said = {"error": error, **more}


@dataclass
class Agent:
    """What the keys in a folder answer to one site."""

    folder: Path
    site: str  # the origin that may ask, e.g. http://127.0.0.1:8000
    mishap: Mishap | None = None
    _tries: dict[str, int] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def list(self) -> dict[str, Any]:
        """Every key that is plugged in: its number, and the names on it."""
        if self.mishap is Mishap.ABSENT:
            return {"keys": []}
        return {"keys": [self._shown(path) for path in sorted(self.folder.glob("*.pem"))]}

    def _shown(self, path: Path) -> dict[str, Any]:
        own = x509.load_pem_x509_certificate(path.read_bytes())
        names = [of.get_attributes_for_oid(NameOID.COMMON_NAME) for of in (own.subject, own.issuer)]
        holder, issuer = (str(found[0].value) if found else "" for found in names)
        left = TRIES - self._tries.get(path.stem, 0)
        return {"id": path.stem, "holder": holder, "issuer": issuer, "until": own.not_valid_after_utc.date().isoformat(),
                "tries": left}  # fmt: skip

    def sign(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The signature over ``words`` by the key ``id``, if ``pin`` opens it."""
        name, pin, words = str(asked.get("id", "")), str(asked.get("pin", "")), b64decode(str(asked.get("words", "")))
        path = next((one for one in self.folder.glob("*.p12") if one.stem == name), None)
        if path is None or self.mishap in (Mishap.ABSENT, Mishap.PULLED):
            raise AgentError("no-key")
        key, own = self._opened(path, pin)
        if self.mishap is Mishap.OTHER_WORDS:
            words += b"!"
        chain = [b64encode(own.public_bytes(Encoding.DER)).decode()] * (4 if self.mishap is Mishap.LONG_CHAIN else 1)
        return {"chain": chain, "signature": b64encode(key.sign(words, ec.ECDSA(hashes.SHA256()))).decode()}

    def _opened(self, path: Path, pin: str) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        with self._lock:  # one try at a time, or many at once would be looked at before any is counted
            tried = self._tries.get(path.stem, 0)
            if tried >= TRIES or self.mishap is Mishap.LOCKED:
                raise AgentError("locked")
            try:
                if self.mishap is Mishap.WRONG_PIN:
                    raise ValueError
                key, own, _others = pkcs12.load_key_and_certificates(path.read_bytes(), pin.encode())
            except ValueError:
                self._tries[path.stem] = tried + 1
                raise AgentError("locked" if tried + 1 >= TRIES else "wrong-pin", tries=TRIES - tried - 1) from None
            self._tries.pop(path.stem, None)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or own is None:
            raise AgentError("no-key")
        return key, own


def server(agent: Agent, port: int) -> ThreadingHTTPServer:
    """The agent behind HTTP on the loopback; 0 for any free port. ``serve_forever`` is the caller's."""
    handler = type("AgentHandler", (_Handler,), {"agent": agent})
    return ThreadingHTTPServer(("127.0.0.1", port), handler)


class _Handler(BaseHTTPRequestHandler):
    agent: Agent
    server_version, sys_version = "UKeyAgent", ""
    timeout = 10

    def do_OPTIONS(self) -> None:
        self._answer(dict)

    def do_GET(self) -> None:
        self._answer(self.agent.list if self.path == "/v1/keys" else _nothing)

    def do_POST(self) -> None:
        self._answer((lambda: self.agent.sign(self._asked())) if self.path == "/v1/sign" else _nothing)

    def _asked(self) -> Mapping[str, Any]:
        length = int(self.headers.get("Content-Length") or 0)
        if self.headers.get_content_type() != "application/json" or not 0 < length <= LARGEST:
            raise AgentError("bad-request")
        asked = json.loads(self.rfile.read(length))
        if not isinstance(asked, dict):
            raise AgentError("bad-request")
        return asked

    def _answer(self, of: Callable[[], Mapping[str, Any]]) -> None:
        if self.agent.mishap is Mishap.SILENT:
            self.close_connection = True
            return
        status, said = 200, {}
        if self.headers.get("Origin") != self.agent.site or not self._called_by_its_name():
            status, said = 403, {"error": "other-site"}
        else:
            try:
                said = dict(of())
            except AgentError as no:
                status, said = 409, no.said
            except (ValueError, TypeError):
                status, said = 400, {"error": "bad-request"}
        self._send(status, said)

    def _called_by_its_name(self) -> bool:
        """A stranger's name that leads to the loopback is not ours."""
        return (self.headers.get("Host") or "").partition(":")[0] in ("127.0.0.1", "localhost")

    def _send(self, status: int, said: Mapping[str, Any]) -> None:
        body = json.dumps(said, ensure_ascii=False).encode()
        self.send_response(status)
        if status != 403:
            self.send_header("Access-Control-Allow-Origin", self.agent.site)
            self.send_header("Access-Control-Allow-Headers", "Content-Type")
            self.send_header("Access-Control-Allow-Private-Network", "true")
        self.send_header("Vary", "Origin")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Quiet: nothing that is asked of a key is written down."""


def _nothing() -> dict[str, Any]:
    raise AgentError("bad-request")
