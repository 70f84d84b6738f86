"""``make bench`` as a whole, on both databases: built once, used again, measured through servers of its own."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.__main__ import WORKS, main


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not below pytest's: every new session closes that to other users, and PostgreSQL runs as one of its own."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.proof
def test_a_small_province_is_built_once_measured_and_written_down(folder):
    arguments = ["--people", "400", "--lines", "50", "--rounds", "1", "--turns", "1", "--seconds", "0.2", "--batches", "15"]
    arguments += ["--folder", str(folder / "built"), "--output", str(folder / "performance.md")]
    for one in main(arguments):
        assert [result for result in one.ours if result.status != 200] == []
        assert {result.work for result in one.ours} == set(WORKS)
    text = (folder / "performance.md").read_text()
    assert text.count("| cold start to the first answer |") == 2
    known = [folder / "built" / database / "built.json" for database in ("sqlite", "postgresql")]
    before = [file.stat().st_mtime_ns for file in known]
    main([*arguments, "--works", "floors"])
    assert [file.stat().st_mtime_ns for file in known] == before
    assert json.loads(known[0].read_text())["rows"]["person"] == 400
