"""Builds a province on each database, measures every line in turn with the peer, prints the table and writes the document."""

import argparse
import json
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from benchmarks import ROOT
from benchmarks.data import DATABASES, Built, built, working_copy
from benchmarks.filling import Size
from benchmarks.floors import measure_floors
from benchmarks.lines import TURNS, Result, measure_lists, measure_public
from benchmarks.peer import Peer
from benchmarks.report import Measured, document, machine, stored
from benchmarks.sizes import measure_sizes
from benchmarks.works import measure_batches, measure_exports, measure_imports, measure_starts

Work = Callable[[Built], Iterable[Result]]
WORKS = ("sizes", "starts", "lists", "public", "exports", "imports", "batches", "floors")  # what writes comes last


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--people", type=int, default=Size.people)
    parser.add_argument("--lines", type=int, default=Size.lines, help="of the audit log")
    parser.add_argument("--databases", default=",".join(DATABASES))
    parser.add_argument("--works", default=",".join(WORKS))
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--turns", type=int, default=TURNS, help="requests of one list")
    parser.add_argument("--seconds", type=float, default=5, help="of one load of a public page")
    parser.add_argument("--batches", default="1000,10000", help="how many applications are decided at once")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "anguan-bench", help="kept; some 10 GB")
    parser.add_argument("--peer", type=Path, help="its folder")
    parser.add_argument("--peer-work", type=Path, default=Path.home() / "peer-work", help="its data")
    parser.add_argument("--peer-python", type=Path, help="the interpreter of its environment, usually beside its data")
    parser.add_argument("--output", type=Path, help="the document to write, such as docs/performance.md")
    return parser


def main(arguments: list[str] | None = None) -> list[Measured]:
    asked = options().parse_args(arguments)
    size = Size(asked.people, asked.lines)
    chosen = [name for name in WORKS if name in asked.works.split(",")]
    python = asked.peer_python or asked.peer_work / "venv" / "bin" / "python"
    peer = Peer(asked.peer.resolve(), python, asked.peer_work) if asked.peer else None
    measured, facts = [], machine()
    for database in asked.databases.split(","):
        missing = peer.ready(database) if peer else "its folder was not named"
        one = Measured(database, [], [], missing)
        measured.append(one)
        with built(asked.folder, database, size) as province:
            for _round in range(asked.rounds):
                with working_copy(province) as copy:
                    for name in chosen:
                        one.ours.extend(_run(name, partial(_works(asked)[name], copy)))
                        if peer and not missing:
                            one.theirs.extend(_run(name, partial(peer.measure, name, database), "peer "))
        kept = {"ours": stored(one.ours), "theirs": stored(one.theirs)}
        (asked.folder / database / "results.json").write_text(json.dumps(kept, ensure_ascii=False, indent=1))
    text = document(size, asked.rounds, measured, facts)
    print(text)
    if asked.output:
        (ROOT / asked.output).write_text(text)
    return measured


def _works(asked: argparse.Namespace) -> dict[str, Work]:
    sizes = tuple(map(int, asked.batches.split(",")))
    return {
        "sizes": measure_sizes,
        "starts": measure_starts,
        "lists": partial(measure_lists, turns=asked.turns),
        "public": partial(measure_public, seconds=asked.seconds),
        "exports": measure_exports,
        "imports": measure_imports,
        "batches": partial(measure_batches, sizes=sizes),
        "floors": partial(measure_floors, seconds=asked.seconds, sizes=sizes),
    }


def _run(name: str, measure: Callable[[], Iterable[Result]], whose: str = "") -> list[Result]:
    """The figures of one work; a work that breaks off is a line of the report, with status 0."""
    found: list[Result] = []
    try:
        for result in measure():
            found.append(result)
            print(f"{whose}{result.work}: {result.line}: {result.value:,g} {result.unit} ({result.status})", flush=True)
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        print(f"{whose}{name} broke off: {error}", flush=True)
        found.append(Result(name, f"{whose}broke off: {str(error)[:100]}", 0, "", 0))
    return found


if __name__ == "__main__":
    main()
