"""The peer's programs are run as they are and their figures read; without a peer it is said why."""

import sys
from pathlib import Path

from benchmarks.lines import Result
from benchmarks.peer import Peer

PROGRAM = """
import json, os, sys
assert sys.argv[1:] == ["sqlite", "3"]
with open(os.environ["PEER_RESULTS"], "a") as file:
    file.write(json.dumps({"work": "6 cold", "case": "peer /lookup.json", "median_s": 0.6}))
"""


def test_its_figures_are_read_from_what_its_programs_write(tmp_path):
    assert "no peer" in Peer(tmp_path, tmp_path / "none", tmp_path).ready("sqlite")
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "common.py").touch()
    assert "no interpreter" in Peer(tmp_path, tmp_path / "none", tmp_path).ready("sqlite")
    peer = Peer(tmp_path, Path(sys.executable), tmp_path)
    assert "no data" in peer.ready("sqlite")
    (tmp_path / "peer.sqlite3").touch()
    assert peer.ready("sqlite") == ""
    (tmp_path / "bench" / "b6_cold.py").write_text(PROGRAM)
    assert list(peer.measure("starts", "sqlite")) == [Result("starts", "peer /lookup.json", 0.6, "s")]
