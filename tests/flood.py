"""A flood as a program of its own, so that it does not share an interpreter with who measures.

    python -m tests.flood PORT KIND CLIENTS < /dev/null

Until its standard input is closed, every client sends one request after the other, each from another address, or holds
half-open connections. Then it prints how often each status was answered.
"""

import re
import socket
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPException
from itertools import count
from threading import Event, Lock, Thread
from urllib.parse import urlencode

from tests import hostile_sheets

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_addresses, _lock, over = count(1), Lock(), Event()


def address() -> str:
    with _lock:
        number = next(_addresses)
    return f"10.{number // 62500 % 250 + 1}.{number // 250 % 250 + 1}.{number % 250 + 1}"


class Visitor:
    """One client: its cookies and the token of its forms."""

    def __init__(self, port: int) -> None:
        self.line, self.cookies = HTTPConnection("127.0.0.1", port, timeout=60), {}
        self.token = ""

    def ask(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        cookies = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        self.line.request(method, path, body or None, {"X-Forwarded-For": address(), **cookies, **(headers or {})})
        answer = self.line.getresponse()
        data = answer.read()
        for name, value in answer.getheaders():
            if name == "Set-Cookie":
                self.cookies.update([value.split(";")[0].split("=", 1)])
        return answer.status, data

    def open(self, path: str) -> bytes:
        page = self.ask("GET", path)[1]
        self.token = re.search(rb'name="csrf_token"[^>]*value="([^"]+)"', page)[1].decode()
        return page

    def post(self, path: str, **fields: str) -> tuple[int, bytes]:
        return self.ask("POST", path, urlencode({"csrf_token": self.token, **fields}).encode(), FORM)

    def post_file(self, path: str, field: str, name: str, data: bytes) -> tuple[int, bytes]:
        part = b'--x\r\nContent-Disposition: form-data; name="%b"' % field.encode()
        body = b'--x\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n%b\r\n' % self.token.encode()
        body += part + b'; filename="%b"\r\n\r\n' % name.encode() + data + b"\r\n--x--\r\n"
        return self.ask("POST", path, body, {"Content-Type": "multipart/form-data; boundary=x"})

    def sign_in(self, name: str, password: str) -> None:
        self.open("/login/")
        assert self.post("/login/", username=name, password=password)[0] == 302, name


def sign_ins(visitor: Visitor) -> Iterator[int]:
    visitor.open("/login/")
    for number in count():
        yield visitor.post("/login/", username=f"nobody{number}", password="Xiangjiang-2026")[0]


def files(visitor: Visitor) -> Iterator[int]:
    """Four megabytes of hex, the largest file that is taken."""
    visitor.open("/verify-file")
    paper = b"%PDF-1.7\n/ByteRange [0 40 4000000 90]" + b"<" + b"0" * 4_000_000 + b">"
    while True:
        yield visitor.post_file("/verify-file", "paper", "a.pdf", paper)[0]


def lists(visitor: Visitor) -> Iterator[int]:
    """A sheet of a thousand rows of sixty cells, as many as are read."""
    visitor.open("/lookup/list/")
    book = hostile_sheets.workbook(f"<row>{'<c><v>1</v></c>' * 60}</row>" * 1000)
    while True:
        yield visitor.post_file("/lookup/list/", "sheet", "a.xlsx", book)[0]


def pictures(visitor: Visitor) -> Iterator[int]:
    """Picture codes, drawn anew for each request."""
    while True:
        page = visitor.ask("GET", "/login/sms/")[1]
        source = re.search(rb'src="(/login/picture/drawn.png[^"]+)"', page)
        yield visitor.ask("GET", source[1].decode().replace("&amp;", "&"))[0]


def exports(visitor: Visitor) -> Iterator[int]:
    visitor.sign_in("auditor", PASSWORD)
    visitor.open("/diary/")
    while True:
        yield visitor.post("/diary/export")[0]


def half_open(visitor: Visitor) -> Iterator[int]:
    held = []
    for first in (b"", b"GET / HTTP/1.1\r\nX: ", b"POST /login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9000\r\n\r\n"):
        held.append(socket.create_connection(("127.0.0.1", visitor.line.port)))
        held[-1].sendall(first)
    while True:
        over.wait(1)
        for connection in held[1:]:
            connection.send(b"a")
        yield 0


FLOODS: dict[str, Callable[[Visitor], Iterator[int]]] = {
    "sign-ins": sign_ins, "files": files, "lists": lists, "pictures": pictures, "exports": exports, "half-open": half_open,
}  # fmt: skip
PASSWORD = "Demo-2026!"


def run(port: int, kind: str, clients: int) -> Counter[object]:
    statuses: Counter[object] = Counter()

    def client() -> None:
        while not over.is_set():
            try:
                for status in FLOODS[kind](Visitor(port)):
                    statuses[status] += 1
                    if over.is_set():
                        return
            except (OSError, HTTPException) as error:
                statuses[type(error).__name__] += 1

    threads = [Thread(target=client, daemon=True) for _client in range(clients)]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    over.set()
    return statuses


if __name__ == "__main__":
    sys.stdout.write(f"{dict(run(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))}\n")
