"""A fake licence platform behind a real socket, its key and its assertions, valid and forged.

Assertions are made here, not by the simulator, so that both are tested against the same contract.
"""

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from app.accounts.business_licence.assertion import LicenceTrust
from tests import make

KEY = ec.derive_private_key(2026, ec.SECP256R1())
TRUST = LicenceTrust("https://licences.example", "anguan-test", KEY.public_key())


def claims(cid: str = "a" * 32, nonce: str = "b" * 64, at: datetime = make.NOON, **other: Any) -> dict[str, Any]:
    made = int(at.timestamp())
    valid = {
        "iss": TRUST.issuer, "aud": TRUST.audience, "cid": cid, "nonce": nonce, "event": "confirmed",
        "iat": made, "exp": made + 120, "jti": secrets.token_hex(16), "number": "42", "uscc": "91430100MA4L000150",
        "ent_name": "湖南湘江建设有限公司", "licence_sn": "SN-1", "holder_role": "staff", "licence_status": "normal",
    }  # fmt: skip
    return {name: value for name, value in {**valid, **other}.items() if value is not None}


def signed(what: Mapping[str, Any], key: Any = KEY, algorithm: str = "ES256", **header: Any) -> str:
    return jwt.encode(dict(what), key, algorithm=algorithm, headers={"typ": "licence+jwt", **header})


@dataclass
class Platform:
    """``received``: requests; ``assertions``: by ticket; ``status`` and ``raw`` override the answer."""

    url: str = ""
    received: list[dict[str, Any]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    assertions: dict[str, str] = field(default_factory=dict)
    status: int = 200
    raw: bytes | None = None
    asked: int = 0

    def reply(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        if method == "POST" and path == "/tickets":
            self.received.append(body)
            return 200, {"qr": f"https://licences.example/scan/{body['cid']}"}
        if path == "/health":
            return 204, None
        cid = path.rpartition("/")[2]
        return (200, {"assertion": self.assertions[cid]}) if cid in self.assertions else (404, None)


@contextmanager
def platform() -> Iterator[Platform]:
    one = Platform()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
            one.asked += 1
            one.tokens.append(self.headers.get("Authorization", ""))
            status, reply = one.reply(self.command, self.path, body) if one.status == 200 else (one.status, None)
            self.send_response(status)
            if status == 302:
                self.send_header("Location", one.url)
            self.end_headers()
            if status == 200:
                self.wfile.write(json.dumps(reply).encode() if one.raw is None else one.raw)

        do_GET = do_POST  # noqa: N815 - name given by http.server

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    one.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield one
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
