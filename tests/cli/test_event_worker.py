"""No slow client holds a thread, and no wait is without end."""

import logging
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse
from statistics import median
from threading import Event, Thread
from types import SimpleNamespace

import pytest
from gunicorn.config import Config
from waitress import wasyncore
from waitress.adjustments import Adjustments

from app.cli import app
from app.cli.event_worker import BODY_SECONDS, HEAD_SECONDS, SPARE, VISITORS, EventServer, EventWorker, TwoPools, open_files
from tests.flood import FLOODS, PASSWORD, Visitor

HEAD = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"
FORM = b"POST /login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
HALVES = (
    b"",
    HEAD,
    HEAD + b"X-Slow: ",
    FORM + b"Content-Length: 9\r\n\r\na=",
    FORM + b"Transfer-Encoding: chunked\r\n\r\n5\r\na",
)


def called(port: int, first: bytes = b"") -> socket.socket:
    caller = socket.create_connection(("127.0.0.1", port), timeout=30)
    caller.sendall(first)
    return caller


def status(caller: socket.socket) -> int:
    answer = HTTPResponse(caller)
    answer.begin()
    answer.read()
    return answer.status


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)  # does not depend on the database
def test_forty_half_open_requests_stop_nobody_and_are_answered_once_whole(serving):
    server, port = serving
    slow = [called(port, half) for half in HALVES * 8]
    for _page in range(3):
        page = HTTPConnection("127.0.0.1", port, timeout=30)
        page.request("GET", "/healthz")
        assert page.getresponse().status == 200
        page.close()
    for caller, rest in zip(slow, (HEAD + b"\r\n", b"\r\n", b"a\r\n\r\n", b"1234567", b"=bcd\r\n0\r\n\r\n"), strict=False):
        caller.sendall(rest)
        assert status(caller) in {200, 400}  # a form without its token
    server.terminate()
    slow[8].sendall(b"1234567")  # what has begun to come in is answered
    assert status(slow[8]) == 400
    for caller in slow:
        caller.close()
    assert server.wait(timeout=60) == 0


def empty_page(_environ, start_response):
    start_response("200 OK", [("Content-Length", "0")])
    return []


@pytest.fixture
def loop() -> Iterator[EventServer]:
    """A server for three connections, whose loop the test turns."""
    adj = Adjustments(listen="127.0.0.1:0", threads=1, connection_limit=SPARE + 3, cleanup_interval=1000)
    server = EventServer(empty_page, {}, adj=adj)
    yield server
    server.task_dispatcher.shutdown()
    wasyncore.close_all(server._map)


def turn(server: EventServer) -> None:
    for _event in range(10):
        wasyncore.loop(timeout=0.01, use_poll=True, map=server._map, count=1)


def is_open(server: EventServer, caller: socket.socket) -> bool:
    return any(channel.addr == caller.getsockname() for channel in server.active_channels.values())


def test_when_all_connections_are_taken_the_longest_wait_ends(loop):
    callers = []
    for _caller in range(5):
        callers.append(called(loop.effective_port, HEAD))
        turn(loop)
    assert [is_open(loop, caller) for caller in callers] == [False, False, True, True, True]
    callers[2].sendall(b"\r\n")
    turn(loop)
    assert status(callers[2]) == 200
    for caller in callers:
        caller.close()


@pytest.mark.parametrize(("first", "seconds"), [(HEAD, HEAD_SECONDS), (HALVES[3], BODY_SECONDS)], ids=("head", "body"))
def test_a_request_that_takes_too_long_to_come_in_is_ended(loop, first, seconds):
    with closing(called(loop.effective_port, first)) as caller:
        turn(loop)
        (channel,) = loop.active_channels.values()
        channel.waiting_since = time.monotonic() - seconds + 5
        caller.sendall(b"x")  # a byte now and then gives no more time
        turn(loop)
        loop.maintenance(time.time())
        turn(loop)
        assert is_open(loop, caller)
        channel.waiting_since -= 10
        loop.maintenance(time.time())
        turn(loop)
        assert not is_open(loop, caller)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (FORM + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc", 400),
        (HEAD + b"X: " + b"a" * 33 * 1024 + b"\r\n\r\n", 431),
        (HEAD.replace(b"\r\n", b"\n") + b"\r\n\r\n", 400),
    ],
    ids=("two lengths", "chunked before 1.1", "large head", "bare line feeds"),
)
def test_a_request_with_two_meanings_is_refused(loop, request_, expected):
    loop.adj.max_request_header_size = 32 * 1024
    with closing(called(loop.effective_port, request_)) as caller:
        turn(loop)
        assert status(caller) == expected


def test_visitors_who_hold_all_their_threads_keep_nobody_waiting_who_is_signed_in():
    held, done, free = Event(), Event(), Event()

    def asked(cookies: str, work: Callable[[], object]) -> SimpleNamespace:
        return SimpleNamespace(requests=[SimpleNamespace(headers={"COOKIE": cookies})], service=work)

    pools = TwoPools(1, lambda cookies: cookies == "officer")
    for _visitor in range(VISITORS + 1):
        pools.add_task(asked("", held.wait))
    pools.add_task(asked("forged", free.set))
    pools.add_task(asked("officer", done.set))
    assert done.wait(timeout=60)
    assert not free.is_set()  # a stranger still waits
    held.set()
    assert free.wait(timeout=60)
    pools.shutdown()


def test_a_process_that_has_answered_enough_loses_no_request_that_is_on_its_way():
    settings = {"max_requests": 3, "max_requests_jitter": 0, "threads": 1, "keepalive": 60}
    cfg = Config()
    for name, value in settings.items():
        cfg.set(name, value)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        worker = EventWorker(1, os.getppid(), [SimpleNamespace(sock=listener)], None, 30, cfg, logging.getLogger(__name__))
        worker.wsgi = empty_page
        ends = Thread(target=worker.run)
        ends.start()
        first, second = (HTTPConnection("127.0.0.1", listener.getsockname()[1], timeout=20) for _client in range(2))
        told = []
        for client in (first, second, first, second):
            client.request("GET", "/")
            answer = client.getresponse()
            assert (answer.status, answer.read()) == (200, b"")
            told.append(answer.headers["Connection"])
        assert told == [None, None, "close", "close"]
        ends.join(timeout=20)  # at once, with the last connection
        assert not ends.is_alive()


def test_a_process_may_open_more_files_than_it_takes_connections():
    assert 0 < 3 * open_files() + SPARE <= resource.getrlimit(resource.RLIMIT_NOFILE)[0]


@pytest.fixture
def demonstration(home, monkeypatch):
    monkeypatch.setenv("ANGUAN_SIMULATORS", "1")
    monkeypatch.setenv("ANGUAN_TRUSTED_PROXIES", "1")  # every request of a flood comes from another address
    assert app.main(["demo"]) == 0


def median_seconds(reader: Visitor, pages: int = 30) -> float:
    """Of an officer's page, asked for again and again."""
    reader.line.close()  # it has been idle, perhaps too long
    times = []
    for _page in range(pages):
        began = time.perf_counter()
        assert reader.ask("GET", "/due/")[0] == 200
        times.append(time.perf_counter() - began)
    return median(times)


@pytest.mark.proof
def test_an_officer_waits_at_most_three_times_as_long_under_each_flood(demonstration, serving, root, capsys):
    _server, port = serving
    reader = Visitor(port)
    reader.sign_in("review", PASSWORD)
    for kind, clients in dict.fromkeys(FLOODS, 32).items():
        before = median_seconds(reader)
        command = [sys.executable, "-m", "tests.flood", str(port), kind, str(clients)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root) as flood:
            time.sleep(2)  # until all of them are there
            during = median_seconds(reader)
            answered = flood.communicate()[0].strip()
        quiet = max(before, median_seconds(reader))
        with capsys.disabled():
            print(f"\n{kind}, {clients} clients: {quiet * 1000:.0f} ms quiet, {during * 1000:.0f} ms during; {answered}")  # noqa: T201
        assert during <= 3 * quiet, kind
