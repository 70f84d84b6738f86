"""``make bench`` as a whole, on both databases: built once, used again, measured through servers of its own."""

import json

import pytest

from benchmarks.__main__ import WORKS, main


@pytest.mark.proof
def test_a_small_province_is_built_once_measured_and_written_down(tmp_path):
    tmp_path.chmod(0o755)  # PostgreSQL runs as a user of its own
    arguments = ["--people", "400", "--lines", "50", "--rounds", "1", "--turns", "1", "--seconds", "0.2", "--batches", "15"]
    arguments += ["--folder", str(tmp_path / "built"), "--output", str(tmp_path / "performance.md")]
    for one in main(arguments):
        assert [result for result in one.ours if result.status != 200] == []
        assert {result.work for result in one.ours} == set(WORKS)
    text = (tmp_path / "performance.md").read_text()
    assert text.count("| cold start to the first answer |") == 2
    known = [tmp_path / "built" / database / "built.json" for database in ("sqlite", "postgresql")]
    before = [file.stat().st_mtime_ns for file in known]
    main([*arguments, "--works", "floors"])
    assert [file.stat().st_mtime_ns for file in known] == before
    assert json.loads(known[0].read_text())["rows"]["person"] == 400
