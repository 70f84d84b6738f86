"""A fake SMS provider behind a real socket: records requests; its answers are configurable, and it can stall."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Event, Thread


@dataclass
class SmsProvider:
    url: str = ""
    asked: list[tuple[dict[str, str], dict]] = field(default_factory=list)  # headers, body
    answer: tuple[int, bytes, dict[str, str]] = (200, b'{"reference": "c-1"}', {})
    stalls_after: int = 10**9  # later requests get no answer until ``go_on`` is set
    go_on: Event = field(default_factory=Event)
    arrived: Condition = field(default_factory=Condition)

    @property
    def taken(self) -> list[int]:
        return [int(body["reference"]) for _headers, body in self.asked]

    def wait_for(self, many: int, seconds: float = 30) -> None:
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.asked) >= many, seconds), f"only {len(self.asked)} of {many}"


@contextmanager
def sms_provider() -> Iterator[SmsProvider]:
    one = SmsProvider()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with one.arrived:
                one.asked.append((dict(self.headers), body))
                number = len(one.asked)
                one.arrived.notify_all()
            if number > one.stalls_after:
                one.go_on.wait(30)
            status, text, headers = one.answer
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST  # noqa: N815 - name given by http.server

        def log_message(self, *_args: object) -> None:
            pass

        def handle(self) -> None:
            with suppress(ConnectionError):  # the client was killed
                super().handle()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    one.url = f"http://127.0.0.1:{server.server_port}/sms"
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield one
    one.go_on.set()
    server.shutdown()
    server.server_close()
