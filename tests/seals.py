"""A demonstration seal for tests, and a fake seal service behind a real socket."""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from app.core.crypto.demo_ca import EmbeddedSeal, establish
from app.core.crypto.seal_provider import Seal, Suite
from tests import make

SITE = "http://127.0.0.1:9"  # no CRL is ever fetched from here


def embedded(folder: Path) -> EmbeddedSeal:
    """A seal, valid for three years from ``make.NOON``."""
    establish(folder, address=SITE, at=make.NOON)
    return EmbeddedSeal(folder)


@dataclass
class Service:
    """A seal service (签章服务). ``answer`` overrides the status, ``wrong`` the signature, ``raw`` the body."""

    keeps: Seal
    url: str = ""
    asked: list[tuple[str, dict[str, str], dict]] = field(default_factory=list)  # path, headers, body
    answer: int = 200
    wrong: bytes | None = None
    raw: bytes | None = None

    def reply(self, path: str, body: dict) -> dict | None:
        if path == f"/seals/{Suite.P256.value}":
            return {"chain": [b64encode(one).decode() for one in self.keeps.chain]}
        if path == f"/seals/{Suite.P256.value}/signatures":
            return {"signature": b64encode(self.wrong or self.keeps.sign(b64decode(body["digest"]))).decode()}
        return None


@contextmanager
def service(keeps: Seal) -> Iterator[Service]:
    one = Service(keeps)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            one.asked.append((self.path, dict(self.headers), body))
            reply = one.reply(self.path, body) if one.answer == 200 else None
            self.send_response(one.answer if reply is not None or one.answer != 200 else 404)
            self.end_headers()
            self.wfile.write(json.dumps(reply).encode() if one.raw is None else one.raw)

        do_GET = do_POST  # noqa: N815 - name given by http.server

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    one.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield one
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
