"""Runs the peer's own programs on the same machine in turn with ours, and reads the figures that they write.

The peer is a folder with its generator, its application and its programs (its README says how to prepare it). Nothing of it
is in this repository; without it only ours is measured.
"""

import csv
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode

from benchmarks.lines import PEOPLE_LOOKED_UP, SECONDS, Result
from benchmarks.load import Request, send
from benchmarks.server import started

PROGRAMS: dict[
    str, tuple[tuple[str, ...], ...]
] = {  # by our name of the work: the program and its arguments after the database
    "lists": (("b1_lists.py", "tuned", "20", "1"),),
    "batches": (("b2_approve.py", "tuned", "1"),),
    "imports": (("b3_import.py", "expert", "1"),),  # INSERT … ON CONFLICT, its quickest
    "exports": (("b4_export.py", "tuned", "1"),),
    "starts": (("b6_cold.py", "3"),),
}
LONGEST = 3_600  # seconds of one program
_DATABASE = {"sqlite": "sqlite", "postgresql": "pg"}


@dataclass(frozen=True, slots=True)
class Peer:
    """The peer's folder, the interpreter of its own environment, and the folder of its data."""

    folder: Path
    python: Path
    work: Path

    def ready(self, database: str) -> str:
        """Why it cannot be measured on this database; empty if it can."""
        if not (self.folder / "bench" / "common.py").exists():
            return f"no peer in {self.folder}"
        if not self.python.exists():
            return f"no interpreter {self.python}: prepare the peer as its README says"
        if database == "sqlite" and not (self.work / "peer.sqlite3").exists():
            return f"no data in {self.work}: prepare the peer as its README says"
        if database == "postgresql" and not (self.work / "pg" / "postmaster.pid").exists():
            return f"no PostgreSQL in {self.work}: prepare the peer as its README says"
        return ""

    def measure(self, work: str, database: str) -> Iterator[Result]:
        """Its figures for one of our works, each by its own name."""
        written = self.work / "benchmark.jsonl"
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment |= {"PEER_WORK": str(self.work), "PEER_RESULTS": str(written), "PEER_QUIET_WAIT": "0"}
        environment |= {"PEER_OK_SHARE": "9", "PEER_SQLITE": str(self.work / "peer.sqlite3")}
        if work == "public":
            yield from self._lookup(environment | {"PEER_DB": _DATABASE[database], "PEER_PROFILE": "tuned"})
        for program, *arguments in PROGRAMS.get(work, ()):
            written.unlink(missing_ok=True)
            subprocess.run(  # noqa: S603 - the program that the caller named
                [self.python, f"bench/{program}", _DATABASE[database], *arguments],
                cwd=self.folder, env=environment, check=True, timeout=LONGEST, stdout=subprocess.DEVNULL,
            )  # fmt: skip
            for line in written.read_text().splitlines():
                yield from _figures(work, json.loads(line))

    def _lookup(self, environment: dict[str, str]) -> Iterator[Result]:
        """Its public lookup under the load that ours is under: its program for this needs a tool of its own."""
        command = [str(self.python), "-m", "gunicorn", "peer.wsgi:application", "--workers", "2", "--worker-class", "gthread"]
        command += ["--threads", "4", "--keep-alive", "10", "--bind", "127.0.0.1:{port}", "--log-level", "error"]
        with (self.work / "data" / "lookup.csv").open(encoding="utf-8") as rows:
            pairs = [{"name": row["name"], "id_number": row["id_number"]} for row in csv.DictReader(rows)]
        requests = [Request(f"/lookup?{urlencode(pair)}") for pair in pairs[:PEOPLE_LOOKED_UP]]
        with started(command, environment, requests[0].path, self.folder / "djpeer") as server:
            send(server.port, requests, seconds=1)
            before = server.cpu()
            found = send(server.port, requests, seconds=SECONDS)
            spent = (server.cpu() - before) * 1000 / found.answers
            more = {"p99_ms": round(found.p99, 1), "cpu_ms": round(spent, 2)}
            yield Result("public", "lookup", round(found.rate, 1), "requests/s", found.status, more)
            yield Result("starts", "worker", round(server.at_rest()), "MB")


def _figures(work: str, line: dict[str, Any]) -> Iterator[Result]:
    """One line of its results as figures of ours."""
    if work == "lists" and "p50_ms" in line:
        yield Result(work, line["case"], line["p50_ms"], "ms")
    elif work == "batches":
        yield Result(work, f"approve {line['n']:,}", line["median_s"], "s", more={"peak_mb": line["worker_peak_mb"]})
    elif work == "imports":
        for step in ("dry", "commit"):
            peak = {"peak_mb": line["worker_peak_mb"]}
            yield Result(work, f"{step} {line['n']:,}", line[f"{step}_s"], "s", more=peak)
    elif work == "exports":
        more = {"peak_mb": line["worker_peak_mb"], "columns": line["cols"]}
        yield Result(work, f"export {line['n']:,}", line["median_s"], "s", more=more)
    elif work == "starts":
        yield Result(work, line["case"], line["median_s"], "s")


def medians(results: list[Result]) -> dict[tuple[str, str], float]:
    """By work and name, over all rounds."""
    found: dict[tuple[str, str], list[float]] = {}
    for result in results:
        found.setdefault((result.work, result.line), []).append(result.value)
    return {key: median(values) for key, values in found.items()}
