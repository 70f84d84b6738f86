"""ClamAV's daemon for tests, behind a real socket: reads INSTREAM as the protocol has it, finds EICAR, misbehaves as told."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from socketserver import BaseRequestHandler, ThreadingTCPServer, ThreadingUnixStreamServer
from threading import Event, Thread

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


@dataclass
class Daemon:
    address: str = ""
    asked: list[bytes] = field(default_factory=list)  # the files as they came through
    says: bytes | None = None  # instead of the truth
    silent: bool = False
    let_go: Event = field(default_factory=Event)

    def verdict(self, data: bytes) -> bytes:
        if self.says is not None:
            return self.says
        return b"stream: Eicar-Signature FOUND\0" if EICAR in data else b"stream: OK\0"


@contextmanager
def clamd(path: str = "") -> Iterator[Daemon]:
    """At a TCP port, or at this path."""
    one = Daemon()

    class Line(BaseRequestHandler):
        def handle(self) -> None:
            with suppress(ConnectionError):
                self.answer()

        def heard(self, many: int) -> bytes:
            got = b""
            while len(got) < many and (more := self.request.recv(many - len(got))):
                got += more
            return got

        def answer(self) -> None:
            if self.heard(6) == b"zPING\0":
                self.request.sendall(b"PONG\0")
                return
            assert self.heard(4) == b"EAM\0"
            data = b""
            while size := int.from_bytes(self.heard(4), "big"):
                data += self.heard(size)
            one.asked.append(data)
            if one.silent:
                one.let_go.wait(10)
            self.request.sendall(one.verdict(data))

    server = ThreadingUnixStreamServer(path, Line) if path else ThreadingTCPServer(("127.0.0.1", 0), Line)
    server.daemon_threads = True
    one.address = path or f"tcp://127.0.0.1:{server.server_address[1]}"
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield one
    one.let_go.set()
    server.shutdown()
    server.server_close()
