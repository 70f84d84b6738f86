"""Sends many requests at once from a process of its own, so that the sender does not take the time of what is measured.

python -m benchmarks.load < requests.json    port, connections, seconds, most, requests: method, path, headers, body
"""

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from itertools import cycle
from statistics import quantiles
from typing import Any

from benchmarks import ROOT


@dataclass(frozen=True, slots=True)
class Request:
    path: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""

    def bytes(self) -> bytes:
        lines = [
            f"{self.method} {self.path} HTTP/1.1",
            "Host: 127.0.0.1",
            *(f"{name}: {value}" for name, value in self.headers),
        ]
        if self.body:
            lines.append(f"Content-Length: {len(self.body.encode())}")
        return "\r\n".join([*lines, "", self.body]).encode()


@dataclass(frozen=True, slots=True)
class Throughput:
    """Answers a second, median and slowest hundredth in ms.

    The status is that of all answers, else the highest that differs from the first; 0 is a connection closed without one.
    """

    status: int
    rate: float
    p50: float
    p99: float
    answers: int


def send(port: int, requests: list[Request], *, connections: int = 16, seconds: float = 5, most: int = 50_000) -> Throughput:
    """Send them in turn to a server on this machine, as often as there is time, in a process of its own."""
    asked = {"port": port, "connections": connections, "seconds": seconds, "most": most}
    asked["requests"] = [asdict(request) for request in requests]
    command = [sys.executable, "-m", "benchmarks.load"]
    done = subprocess.run(  # noqa: S603 - our own command
        command, input=json.dumps(asked), capture_output=True, text=True, cwd=ROOT, timeout=seconds + 120, check=True
    )
    return Throughput(**json.loads(done.stdout))


async def _sender(port: int, messages: Any, until: float, taken: list[tuple[float, int]], most: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    sent = 0
    while not sent or (time.perf_counter() < until and len(taken) < most):  # one at least, however slow the start was
        sent += 1
        began = time.perf_counter()
        writer.write(next(messages))
        try:
            status, closes = await _answer(reader)
        except (asyncio.IncompleteReadError, ConnectionError):
            status, closes = 0, True
        taken.append((time.perf_counter() - began, status))
        if closes:
            writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bool]:
    """The status of one answer, read to its end, and whether the server closes the connection after it."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = head.partition(b"content-length:")[2].partition(b"\r\n")[0].strip()
    if b"transfer-encoding: chunked" in head:
        while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
            await reader.readexactly(size + 2)
        await reader.readuntil(b"\r\n")
    elif length:
        await reader.readexactly(int(length))
    return int(head.split()[1]), b"connection: close" in head


async def _run(asked: dict[str, Any]) -> list[tuple[float, int]]:
    made = [{**one, "headers": tuple(map(tuple, one["headers"]))} for one in asked["requests"]]
    messages, taken = cycle([Request(**one).bytes() for one in made]), list[tuple[float, int]]()
    until = time.perf_counter() + asked["seconds"]
    await asyncio.gather(
        *(_sender(asked["port"], messages, until, taken, asked["most"]) for _each in range(asked["connections"]))
    )
    return taken


def main() -> None:
    asked = json.load(sys.stdin)
    began = time.perf_counter()
    taken = asyncio.run(_run(asked))
    lasted = time.perf_counter() - began
    times, first = [seconds * 1000 for seconds, _status in taken], taken[0][1]
    cuts = quantiles(times, n=100) if len(times) > 1 else times * 99
    status = max((one for _seconds, one in taken if one != first), default=first)
    print(json.dumps(asdict(Throughput(status, len(taken) / lasted, cuts[49], cuts[98], len(taken)))))


if __name__ == "__main__":
    main()
