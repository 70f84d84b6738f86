"""Asking the checks: what is broken hides nothing else, and each depth includes those before it."""

from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from app.worker.findings import CHECKS, Depth, Installation, database, examination, examine, gauges, installation
from app.worker.findings.kinds import KINDS
from tests import make
from tests.query_counter import queries


@pytest.fixture
def of(system, session) -> Installation:
    return Installation(system.settings, system.engine, make.NOON)


def test_a_check_that_cannot_be_made_is_a_finding_and_stops_no_other(of, system, session):
    with system.engine.begin() as connection:
        connection.execute(text("ALTER TABLE inspection RENAME TO gone"))
    try:
        found = {one.code: one for one in examine(of, Depth.LIVE)}
    finally:
        with system.engine.begin() as connection:
            connection.execute(text("ALTER TABLE gone RENAME TO inspection"))
    assert found["failed-check"].place == "audit_log"
    assert "inspection" in found["failed-check"].what


def test_what_is_asked_within_a_request_writes_nothing_and_asks_little(of, system):
    with queries(system.engine) as statements:
        examine(of, Depth.LIVE)
        list(gauges.figures(of))
    assert not [line for line in statements if line.lstrip().startswith(("INSERT", "UPDATE", "DELETE"))]
    assert len(statements) < 60


def test_without_a_database_the_other_checks_are_made(of, tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path}/no/such/folder.db")
    codes = [one.code for one in examine(Installation(of.settings, engine, of.at), Depth.FULL)]
    assert codes[-1] == "database-away"
    assert "no-worker" not in codes


def test_every_finding_says_by_which_check_it_was_made(of, system):
    names = {check.find.__name__ for check in CHECKS}
    assert len(names) == len(CHECKS)
    assert {one.found_by for one in examine(of, Depth.FULL)} <= names
    assert names > examination.LIVE


def test_every_kind_is_made_by_a_check():
    """By its code in the source of the checks, or by the settings that cannot be read."""
    folder = Path(examination.__file__).parent
    files = [path for path in folder.glob("*.py") if path.name != "kinds.py"]
    source = "".join(path.read_text() for path in (*files, folder.parents[1] / "core" / "settings.py"))
    assert not [code for code in KINDS if f'"{code}"' not in source]


def test_what_is_stored_and_told_comes_from_checks_that_name_no_person():
    watched = [check.find for check in CHECKS if check.depth <= Depth.WATCH]
    assert database.identities not in watched
    assert database.accounts not in watched


def test_a_moment_is_shown_in_office_time():
    assert installation.shown(make.NOON) == "2026-03-02 12:00"
    assert installation.shown(None) == "—"
