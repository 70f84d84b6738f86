"""What the command says of a rehearsal."""

from app.backup.rehearsal import RehearsedCheck
from app.cli.restore import line_about


def test_a_line_says_how_many_were_looked_at_and_every_fault():
    assert line_about(RehearsedCheck("rows", 12_345)).split() == ["rows", "12,345", "ok"]
    told = line_about(RehearsedCheck("rows", 3, ("person: 1 instead of 2", "paper: 0 instead of 1"))).splitlines()
    assert told[0].endswith("2 FAULTS")
    assert told[1:] == ["  - person: 1 instead of 2", "  - paper: 0 instead of 1"]
