"""A simulated UKey agent for demonstration and tests: keys from files, behind the HTTP protocol of docs/UKEY.md.

Serves on the loopback only, to one origin; a key is locked after five wrong PINs. It can simulate faults.
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
    """Faults the agent can simulate."""

    WRONG_PIN = "wrong-pin"
    LOCKED = "locked"
    ABSENT = "absent"  # no key is plugged in
    PULLED = "pulled"  # unplugged while signing
    SILENT = "silent"  # no answer at all
    OTHER_WORDS = "other-words"  # signs something else
    LONG_CHAIN = "long-chain"


class AgentError(Exception):
    """An error answer of the protocol."""

    def __init__(self, error: str, **more: Any) -> None:
        super().__init__(error)
        self.body = {"error": error, **more}


@dataclass
class Agent:
    """Answers to one site for the keys in a folder."""

    folder: Path
    site: str  # the origin that may ask, e.g. http://127.0.0.1:8000
    mishap: Mishap | None = None
    _tries: dict[str, int] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def list(self) -> dict[str, Any]:
        """Every key that is plugged in: its id, and the names on it."""
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
        """The signature over ``words`` by the key ``id``, if ``pin`` unlocks it."""
        name, pin, data = str(asked.get("id", "")), str(asked.get("pin", "")), b64decode(str(asked.get("words", "")))
        path = next((file for file in self.folder.glob("*.p12") if file.stem == name), None)
        if path is None or self.mishap in (Mishap.ABSENT, Mishap.PULLED):
            raise AgentError("no-key")
        key, own = self._opened(path, pin)
        if self.mishap is Mishap.OTHER_WORDS:
            data += b"!"
        chain = [b64encode(own.public_bytes(Encoding.DER)).decode()] * (4 if self.mishap is Mishap.LONG_CHAIN else 1)
        return {"chain": chain, "signature": b64encode(key.sign(data, ec.ECDSA(hashes.SHA256()))).decode()}

    def _opened(self, path: Path, pin: str) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        with self._lock:  # serialises tries, so that each is counted before the next
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
    """An HTTP server for the agent on the loopback; port 0: any free one. The caller calls ``serve_forever``."""
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

    def _answer(self, handle: Callable[[], Mapping[str, Any]]) -> None:
        if self.agent.mishap is Mishap.SILENT:
            self.close_connection = True
            return
        status, body = 200, {}
        if self.headers.get("Origin") != self.agent.site or not self._has_loopback_host():
            status, body = 403, {"error": "other-site"}
        else:
            try:
                body = dict(handle())
            except AgentError as error:
                status, body = 409, error.body
            except (ValueError, TypeError):
                status, body = 400, {"error": "bad-request"}
        self._send(status, body)

    def _has_loopback_host(self) -> bool:
        """Against DNS rebinding: refuse other host names that resolve to the loopback."""
        return (self.headers.get("Host") or "").partition(":")[0] in ("127.0.0.1", "localhost")

    def _send(self, status: int, answer: Mapping[str, Any]) -> None:
        body = json.dumps(answer, ensure_ascii=False).encode()
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
        """No log: requests hold PINs."""


def _nothing() -> dict[str, Any]:
    raise AgentError("bad-request")
