"""``anguan`` as it is typed: init, demonstration data, and what every command has in common."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from app.cli import app
from app.core import clock
from app.core.vocabulary import Role
from app.db import migrate
from tests import make
from tests.cli.conftest import ANGUAN, rows
from tests.source_guards import ROOT


def run(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([ANGUAN, *arguments], capture_output=True, text=True, check=False, timeout=120)


def test_init_makes_keys_for_the_owner_only_and_a_database_that_is_current(place):
    assert app.main(["init"]) == 0
    assert (place / "keys.json").stat().st_mode & 0o777 == 0o600
    assert (place / "blobs").stat().st_mode & 0o777 == 0o700
    assert rows("SELECT version_num FROM alembic_version") == [(migrate.head_revision(),)]
    assert ("433100",) in rows("SELECT code FROM region")
    assert len(rows("SELECT name FROM ab_role")) == len(Role) + 1


def test_init_again_keeps_keys_and_data(home):
    keys = (home / "keys.json").read_text()
    before = rows("SELECT id, permission_view_id, role_id FROM ab_permission_view_role ORDER BY id")
    assert app.main(["init"]) == 0
    assert (home / "keys.json").read_text() == keys
    assert rows("SELECT id, permission_view_id, role_id FROM ab_permission_view_role ORDER BY id") == before


def test_three_inits_at_once_make_one_installation(place):
    with ThreadPoolExecutor() as pool:
        done = list(pool.map(lambda _: run("init"), range(3)))
    assert [one.returncode for one in done] == [0] * 3, [one.stderr for one in done]
    assert len(rows("SELECT code FROM region")) == 15
    json.loads((place / "keys.json").read_text())


def test_a_full_database_without_its_keys_is_not_given_new_ones(home, capsys):
    (home / "keys.json").unlink()
    assert app.main(["init"]) == 1
    assert "keys.json" in capsys.readouterr().err
    assert not (home / "keys.json").exists()


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_the_application_of_run_py_serves_and_has_the_commands_of_flask(home):
    command = [sys.executable, "-m", "flask", "--app", "run", "db", "current"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, cwd=ROOT)
    assert migrate.head_revision() in done.stdout, done.stderr


@pytest.mark.parametrize("command", ["demo", "serve", "deliver", "worker"])
def test_without_keys_a_command_says_what_to_do(place, capsys, command):
    assert app.main([command]) == 1
    assert "anguan init" in capsys.readouterr().err


def test_demonstration_data_is_made_once(home, capsys):
    assert app.main(["demo"]) == 0
    first = rows("SELECT count(*) FROM application"), rows("SELECT count(*) FROM ab_user")
    assert app.main(["demo"]) == 0
    assert (rows("SELECT count(*) FROM application"), rows("SELECT count(*) FROM ab_user")) == first
    assert "already" in capsys.readouterr().out
    accepted = """SELECT count(*) FROM entry WHERE "row" = 'clock_doubt'"""  # a demonstration may have lain for months
    assert rows(accepted) == [(2,)]


def test_demonstration_data_is_refused_in_production(home, monkeypatch, capsys):
    monkeypatch.setenv("ANGUAN_ENV", "production")
    assert app.main(["demo"]) == 1
    assert "production" in capsys.readouterr().err
    assert rows("SELECT count(*) FROM ab_user") == [(0,)]


def test_demonstration_data_is_made_for_the_day_that_the_clock_is_set_to(home, capsys):
    day = clock.office_day(clock.now()) + timedelta(days=20)
    assert app.main(["demo", "--today", day.isoformat()]) == 0
    assert f"The office's day is {day}: its clock is 20 days ahead." in capsys.readouterr().out
    published = [
        clock.office_day(datetime.fromisoformat(str(at)).replace(tzinfo=UTC))
        for (at,) in rows("SELECT published_at FROM exam_notice")
    ]
    assert max(published) == day - timedelta(days=1)
    assert app.main(["demo", "--today", (day - timedelta(days=1)).isoformat()]) == 1
    assert "only goes forward" in capsys.readouterr().err
    assert app.main(["demo", "--today", (day + timedelta(days=1)).isoformat()]) == 0
    assert "there already" in capsys.readouterr().out


def test_the_clock_is_refused_in_production(home, monkeypatch, capsys):
    monkeypatch.setenv("ANGUAN_ENV", "production")
    assert app.main(["demo", "--today", "2099-01-01"]) == 1
    assert "only for demonstrations" in capsys.readouterr().err
    assert rows("SELECT value FROM parameter WHERE name = 'demo_days_ahead'") == []


def test_init_binds_what_an_older_database_has(home):
    engine = create_engine(os.environ["DATABASE_URL"])
    with Session(engine) as session:
        person = make.person(make.enterprise(region_code="430100"))
        passed = make.exam_pass(person, identity=None)
        session.add(passed)
        session.commit()
        assert app.main(["init"]) == 0
        session.expire_all()
        assert passed.identity == make.identity(person)
    engine.dispose()


def test_deliver_says_what_it_sent(home, capsys):
    assert app.main(["deliver"]) == 0
    assert "0 sent" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["", "init", "demo", "serve", "doctor", "account", "seal", "verify", "deliver", "audit"])
def test_every_command_explains_itself(capsys, command):
    assert app.main([*filter(None, [command]), "--help"]) == 0
    assert f"Usage: anguan{' ' if command else ''}{command} " in capsys.readouterr().out


def test_a_wrong_call_ends_with_two_and_says_how_it_is_called(capsys):
    assert app.main(["account", "lilei"]) == 2
    assert "Usage: anguan account" in capsys.readouterr().err


def test_every_command_says_what_it_does():
    def commands(group):
        for command in group.commands.values():
            yield command
            yield from commands(command) if hasattr(command, "commands") else ()

    assert not [command.name for command in commands(app.anguan) if not command.help]
