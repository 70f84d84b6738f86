"""The table of issue 12: our figures beside the peer's, their ratio, the target and whether it is reached."""

import os
import platform
import sqlite3
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import ROOT
from benchmarks.filling import Size
from benchmarks.lines import HALF, SAME, Known, Result, lists
from benchmarks.peer import medians

Figures = Mapping[tuple[str, str], float]
_NOBODY = Known("", "", "", "", (), ())


@dataclass(frozen=True, slots=True)
class Target:
    """What a line is to reach: ``bound`` times the peer's figure, or ``bound`` itself where ``peer`` is empty."""

    work: str
    line: str  # ours
    peer: tuple[str, ...] = ()  # the peer's lines, whose figures are added up
    bound: float | None = None
    at_least: bool = False
    with_lines: tuple[str, ...] = ()  # ours that are added to it
    figure: str = ""  # of ``Result.more``, in place of the value

    @property
    def words(self) -> str:
        if self.bound is None:
            return "–"
        sign = "≥" if self.at_least else "≤"
        return f"{sign} {self.bound:g} × peer" if self.peer else f"{sign} {self.bound:,g}"


def targets(people: int) -> Iterator[Target]:
    """Every line of the report, in its order; the sheets are as large as the notices of this many people."""
    for line in lists(_NOBODY):
        bound = {HALF: 0.5, SAME: 1.0}.get(line.reach) if line.peer else None
        yield Target("lists", line.name, (line.peer,) if line.peer else (), bound)
    for name in ("workbench of an officer", "workbench of a clerk", "applications: what waits"):
        yield Target("lists", name, bound=15, figure="cpu_ms")
    for size in (1_000, 10_000):
        for action, bound in (("accept", 1.5), ("endorse", 1.0), ("approve", 1.5)):
            yield Target("batches", f"{action} {size:,} in one batch", (f"approve {size:,}",), bound)
    yield Target("batches", "approve 10,000 in one batch", bound=250, figure="peak_mb")
    for part in (1_000, 100, 10):
        size = max(people // part, 1)
        peer = tuple(f"{step} {people // part:,}" for step in ("dry", "commit"))
        yield Target("imports", f"import {size:,} scores", peer, 0.5, with_lines=(f"check {size:,} scores",))
    yield Target("imports", f"check {max(people // 10, 1):,} scores", bound=250, figure="peak_mb")
    for part in (100, 10):
        size = max(people // part, 1)  # ours has 14 columns, the peer's 9: a third of its time for a cell
        yield Target("exports", f"export {size:,} sign-ups", (f"export {size:,}",), round(0.33 * 14 / 9, 2))
        yield Target("exports", f"export {size:,} sign-ups", bound=200, figure="peak_mb")
    yield Target("public", "lookup", ("lookup",), 1.2, at_least=True)
    yield Target("public", "lookup", bound=50, figure="p99_ms")
    for name in ("QR page /v/", "lookup form", "front page", "/notices", "status list"):
        yield Target("public", name, bound=1_000, at_least=True)
        yield Target("public", name, bound=1.5, figure="cpu_ms")
    yield Target("starts", "cold start to the first answer", ("peer /lookup.json",), 1.3)
    yield Target("starts", "web worker at rest", ("worker",), bound=None)
    yield Target("starts", "web worker at rest", bound=120)


@dataclass(frozen=True, slots=True)
class Measured:
    """All results on one database: ours and the peer's, over all rounds; why there is no peer, if there is none."""

    database: str
    ours: list[Result]
    theirs: list[Result]
    without_peer: str = ""


def document(size: Size, rounds: int, measured: list[Measured], facts: Mapping[str, str]) -> str:
    """docs/performance.md."""
    counted = f"{size.people:,} people, as many applications and certificates; {size.lines:,} lines of the audit log"
    lines = [
        "# Performance",
        "",
        "Written by `make bench`; the programs are in `benchmarks/`. Times of one machine on one day: compare the ratios.",
        "CPU time is steadier than time where others use the machine. The targets are those of issue 12.",
        "",
        *(f"* {name}: {value}" for name, value in facts.items()),
        f"* {counted}; rounds: {rounds}",
        *(f"* {one.database}: no peer beside it: {one.without_peer}" for one in measured if one.without_peer),
        *(f"* {one.database}: {made.line}" for one in measured for made in (*one.ours, *one.theirs) if not made.status),
    ]
    for one in measured:
        lines += ["", f"## {one.database}", "", *_table(size, one)]
        lines += ["", "What the same work costs at least, and all other figures:", "", *_rest(one)]
    return "\n".join(lines) + "\n"


def _table(size: Size, one: Measured) -> Iterator[str]:
    yield "| work | ours | peer | ratio | target | reached |"
    yield "|---|---|---|---|---|---|"
    known = {(result.work, result.line) for result in one.ours}
    theirs = medians(one.theirs)
    for target in targets(size.people):
        if (target.work, target.line) in known:
            yield _row(target, one.ours, theirs)


def _row(target: Target, ours: list[Result], theirs: Figures) -> str:
    mine = [result for result in ours if result.work == target.work and result.line == target.line]
    failed = next((result.status for result in mine if result.status != 200), None)
    name = f"{target.line}{_UNITS.get(target.figure, '')}"
    if failed is not None:
        return f"| {name} | **{failed}** | | | {target.words} | no |"
    if target.figure:
        value = max(float((result.more or {})[target.figure]) for result in mine)
        unit = ""
    else:
        value = sum(medians(ours)[target.work, line] for line in (target.line, *target.with_lines))
        unit = f" {mine[0].unit}"
    both = target.peer and all((target.work, line) in theirs for line in target.peer)
    peer = sum(theirs[target.work, line] for line in target.peer) if both else None
    ratio = value / peer if peer else None
    compared = ratio if target.peer else value
    reached = ""
    if target.bound is not None and compared is not None:
        reached = "yes" if (compared >= target.bound if target.at_least else compared <= target.bound) else "no"
    cells = (f"{peer:,g}{unit}" if peer else "–", f"{ratio:.2f}" if ratio else "–", target.words, reached or "–")
    return f"| {name} | {value:,g}{unit} | {' | '.join(cells)} |"


_UNITS = {"cpu_ms": ": CPU ms a page", "peak_mb": ": peak MB", "p99_ms": ": slowest hundredth, ms"}


def _rest(one: Measured) -> Iterator[str]:
    """Every figure once, with what was noted beside it."""
    yield "| work | line | figure | status | beside it |"
    yield "|---|---|---|---|---|"
    values = medians(one.ours)
    last = {(result.work, result.line): result for result in one.ours}
    for key, result in last.items():
        beside = ", ".join(f"{name} {value}" for name, value in (result.more or {}).items())
        yield f"| {result.work} | {result.line} | {values[key]:,g} {result.unit} | {result.status} | {beside} |"


def machine() -> dict[str, str]:
    """What the figures depend on."""
    git = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603 - git
    cpu = _first("/proc/cpuinfo", "model name")
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    memory = int(_first("/proc/meminfo", "MemTotal").split()[0]) // 1024**2
    return {
        "commit": commit,
        "machine": f"{os.cpu_count()} × {cpu}, {memory} GB; load of the last 1, 5, 15 minutes: {load}",
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
    }


def _first(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines():
        if line.startswith(name):
            return line.partition(":")[2].strip()
    return ""


def stored(results: list[Result]) -> list[dict[str, Any]]:
    """As JSON, for another report without another measurement."""
    return [
        {name: getattr(result, name) for name in ("work", "line", "value", "unit", "status", "more")} for result in results
    ]
