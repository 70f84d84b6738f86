"""A fake clamd behind a real socket: INSTREAM, finds EICAR, can be told to misbehave."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from socketserver import BaseRequestHandler, ThreadingTCPServer, ThreadingUnixStreamServer
from threading import Event, Thread

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


@dataclass
class Daemon:
    address: str = ""
    asked: list[bytes] = field(default_factory=list)  # the files received
    reply: bytes | None = None  # overrides the verdict
    silent: bool = False
    let_go: Event = field(default_factory=Event)
    before: Callable[[], object] = lambda: None  # called before the verdict

    def verdict(self, data: bytes) -> bytes:
        if self.reply is not None:
            return self.reply
        return b"stream: Eicar-Signature FOUND\0" if EICAR in data else b"stream: OK\0"


@contextmanager
def clamd(path: str = "") -> Iterator[Daemon]:
    """On a TCP port, or on this Unix socket."""
    daemon = Daemon()

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            with suppress(ConnectionError):
                self.answer()

        def read(self, size: int) -> bytes:
            data = b""
            while len(data) < size and (more := self.request.recv(size - len(data))):
                data += more
            return data

        def answer(self) -> None:
            if self.read(6) == b"zPING\0":
                self.request.sendall(b"PONG\0")
                return
            assert self.read(4) == b"EAM\0"
            data = b""
            while size := int.from_bytes(self.read(4), "big"):
                data += self.read(size)
            daemon.asked.append(data)
            daemon.before()
            if daemon.silent:
                daemon.let_go.wait(10)
            self.request.sendall(daemon.verdict(data))

    server = ThreadingUnixStreamServer(path, Handler) if path else ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    daemon.address = path or f"tcp://127.0.0.1:{server.server_address[1]}"
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield daemon
    daemon.let_go.set()
    server.shutdown()
    server.server_close()
