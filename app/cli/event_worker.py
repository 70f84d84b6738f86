"""A worker process of ``anguan serve``: waitress inside a worker of gunicorn.

gunicorn keeps the processes and stops them gracefully. waitress receives requests and sends answers in one event loop: only
a whole request takes a thread, a slow client never does. Measured: docs/decisions/0024-slow-clients-hold-no-thread.md.
"""

import logging
import os
import resource
import time
from collections.abc import Callable, Iterable
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any

from gunicorn.workers.base import Worker
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher, WSGITask

from app.web.body_limits import SCANS
from app.web.middleware import came_signed_in

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

KIB, MIB = 1024, 1024 * 1024
VISITORS = 10  # threads: as many as visitors' heavy work can hold, and two more
MOST_CONNECTIONS = 1000  # of one process; then the one that has waited longest for its client is closed
SPARE = 100  # files that are not connections: database, log, uploads
HEAD_SECONDS, BODY_SECONDS = 20, 600  # for a whole head, and for a whole request: 64 MB at 1 Mbit/s take 540 s
IDLE_SECONDS = 65  # longer than proxies keep connections for another request


class StrictParser(HTTPRequestParser):  # type: ignore[misc]
    """Refuses a request of which a proxy may see another end: with two lengths, or chunked before HTTP/1.1."""

    def parse_header(self, head: bytes) -> None:
        super().parse_header(head)
        if (self.chunked and "CONTENT_LENGTH" in self.headers) or "TRANSFER_ENCODING" in self.headers:
            raise ParsingError("Transfer-Encoding beside Content-Length, or before HTTP/1.1")


class Answer(WSGITask):  # type: ignore[misc]
    """One answer. Those of a process that is about to end ask the client to take another connection."""

    def build_response_header(self) -> bytes:
        if self.channel.server.is_ending():
            self.set_close_on_finish()
        return bytes(super().build_response_header())


class TimedChannel(HTTPChannel):  # type: ignore[misc]
    """A connection, and since when it has waited for its client."""

    parser_class, task_class = StrictParser, Answer

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.waiting_since = time.monotonic()

    def received(self, data: bytes) -> bool:
        if self.request is None:  # the first bytes of a request
            self.waiting_since = time.monotonic()
        return bool(super().received(data))

    @property
    def is_busy(self) -> bool:
        """Whether a whole request is being answered."""
        return bool(self.requests or self.total_outbufs_len)

    @property
    def is_overdue(self) -> bool:
        """Whether a request has begun to come in, and took too long."""
        if self.request is None:
            return False
        allowed = BODY_SECONDS if self.request.headers_finished else HEAD_SECONDS
        return time.monotonic() - self.waiting_since > allowed

    def is_in_use(self, seconds: float) -> bool:
        """Whether a request is here or coming in, or the last byte went by so lately that the next may be on its way."""
        return bool(self.is_busy or self.request) or time.time() - self.last_activity < seconds


class TwoPools:
    """Threads for whoever is signed in, and others for visitors: no flood of strangers keeps an officer waiting."""

    def __init__(self, threads: int, is_signed_in: Callable[[str], bool]) -> None:
        self.is_signed_in = is_signed_in
        self.officers, self.visitors = ThreadedTaskDispatcher(), ThreadedTaskDispatcher()
        self.officers.set_thread_count(threads)
        self.visitors.set_thread_count(VISITORS)

    def add_task(self, channel: HTTPChannel) -> None:
        cookies = channel.requests[0].headers.get("COOKIE", "")
        (self.officers if cookies and self.is_signed_in(cookies) else self.visitors).add_task(channel)

    def shutdown(self) -> None:
        self.officers.shutdown()
        self.visitors.shutdown()


class EventServer(TcpWSGIServer):  # type: ignore[misc]
    """waitress's server with an end to every wait."""

    channel_class = TimedChannel
    is_ending: Callable[[], bool] = staticmethod(lambda: False)

    def handle_accept(self) -> None:
        super().handle_accept()
        if len(self.active_channels) > self.adj.connection_limit - SPARE:
            waiting = [channel for channel in self.active_channels.values() if not channel.is_busy]
            if waiting:
                min(waiting, key=lambda channel: channel.waiting_since).will_close = True

    def maintenance(self, now: float) -> None:
        super().maintenance(now)  # closes idle connections
        for channel in self.active_channels.values():
            if channel.is_overdue:
                channel.will_close = True


class EventWorker(Worker):  # type: ignore[misc]
    """Receives, answers, and when told to stop finishes what has begun to come in within ``graceful_timeout``."""

    server: EventServer | None = None

    def run(self) -> None:
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it warns of every request that waits for a thread
        self.connections: dict[int, Any] = {}
        (listener,) = self.sockets
        self.server = server = EventServer(
            self.answer,
            self.connections,
            _sock=listener.sock,
            dispatcher=TwoPools(self.cfg.threads, partial(came_signed_in, self.wsgi)),
            bind_socket=False,
            sockinfo=(listener.sock.family, listener.sock.type, listener.sock.proto, listener.sock.getsockname()),
            adj=Adjustments(
                backlog=self.cfg.backlog,
                connection_limit=open_files() + SPARE,
                cleanup_interval=1,
                channel_timeout=IDLE_SECONDS,
                max_request_header_size=32 * KIB,
                max_request_body_size=SCANS + MIB,  # the application has a smaller limit for each page
                inbuf_overflow=64 * KIB,  # more goes to a temporary file
                outbuf_overflow=256 * KIB,
                clear_untrusted_proxy_headers=False,  # the application knows its proxies
                log_socket_errors=False,
                asyncore_use_poll=True,
                ident=None,
            ),
        )
        server.is_ending = lambda: not self.alive
        while self.alive and self.ppid == os.getppid():
            self.turn()
        self.finish(server)

    def turn(self, seconds: float = 1) -> None:
        """Wait for events for so long at most, and handle them."""
        self.notify()
        wasyncore.loop(timeout=seconds, use_poll=True, map=self.connections, count=1)

    def answer(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        self.nr += 1
        if self.nr >= self.max_requests:
            self.alive = False  # gunicorn starts another process
        answer: Iterable[bytes] = self.wsgi(environ, start_response)
        return answer

    def finish(self, server: EventServer) -> None:
        """Accept no more, and answer what has begun to come in, or comes over a connection that was in use just now."""
        self.alive = False
        wasyncore.dispatcher.close(server)
        end = time.monotonic() + self.cfg.graceful_timeout
        while time.monotonic() < end and any(
            channel.is_in_use(self.cfg.keepalive) for channel in server.active_channels.values()
        ):
            self.turn(0.1)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        if self.server is not None:
            self.server.pull_trigger()  # it need not wait for the second to pass


def open_files() -> int:
    """How many connections this process may hold, after it was allowed as many files as the machine permits."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = 4 * MOST_CONNECTIONS if hard == resource.RLIM_INFINITY else min(hard, 4 * MOST_CONNECTIONS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return min(MOST_CONNECTIONS, most // 3 - SPARE)  # a connection may have two temporary files
