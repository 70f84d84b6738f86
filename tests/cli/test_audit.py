"""The audit log as its commands verify, export and shorten it."""

import json
import os
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import URL, create_engine, make_url, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from app.cli import app
from app.core import clock
from app.core.crypto.encryption import keyring
from app.core.settings import read_settings
from app.core.vocabulary import AuditAction
from app.db import audit, migrate
from app.models import Region
from tests.cli.conftest import rows, said
from tests.raw_sql import tampering

OLD, YOUNG = timedelta(days=200), timedelta(days=20)


@pytest.fixture
def books(home):
    """``books(age, n)``: writes n lines of that age, as the system would."""
    engine = create_engine(os.environ["DATABASE_URL"])
    settings = read_settings()
    keyring.unlock(*settings.keys.ring)

    def write_down(age: timedelta, n: int = 3, actor: str = "李四") -> None:
        with Session(engine) as session:
            for number in range(n):
                audit.log(session, actor, AuditAction.READ, "person", number, {"what": "id_number"}, at=clock.now() - age)
            session.commit()

    yield write_down
    engine.dispose()


def day(age: timedelta) -> str:
    return f"{clock.office_day(clock.now() - age)}"


def test_a_whole_audit_log_is_verified_and_a_changed_line_is_named(home, books, capsys):
    books(YOUNG)
    total = rows("SELECT count(*) FROM entry")[0][0]
    assert f"Signed up to line {total}" in said(capsys, "checkpoint")
    assert "Nothing new" in said(capsys, "checkpoint")
    assert f"{total} lines hold" in said(capsys, "verify")
    assert f"{total} lines hold" in said(capsys)
    heads = (home / "diary-heads.jsonl").read_text().splitlines()
    assert [json.loads(line)["seq"] for line in heads] == [total]
    engine = create_engine(os.environ["DATABASE_URL"])
    with tampering(SimpleNamespace(engine=engine, kind=engine.dialect.name)) as connection:
        connection.execute(text("UPDATE entry SET actor = 'x' WHERE id = 2"))
    engine.dispose()
    assert "BROKEN. Line 2 (entry 2): it, or its link, was changed" in said(capsys, "verify", ends=1)


def test_an_audit_log_restored_from_before_its_last_checkpoint_is_found_by_the_file(home, books, capsys):
    said(capsys, "checkpoint")
    total = rows("SELECT count(*) FROM entry")[0][0]
    books(YOUNG)
    said(capsys, "checkpoint")
    engine = create_engine(os.environ["DATABASE_URL"])
    with tampering(SimpleNamespace(engine=engine, kind=engine.dialect.name)) as connection:
        connection.execute(text(f"DELETE FROM link WHERE seq > {total}"))  # noqa: S608
        connection.execute(text(f"DELETE FROM entry WHERE id > {total}"))  # noqa: S608
        connection.execute(text(f"DELETE FROM checkpoint WHERE seq > {total}"))  # noqa: S608
    engine.dispose()
    cut = f"BROKEN. Line {total + 1}: the audit log was cut off here, or written anew: the checkpoint at line {total + 3}"
    assert cut in said(capsys, "verify", ends=1)
    kept = (home / "diary-heads.jsonl").rename(home / "elsewhere.jsonl")
    assert "There is no" in said(capsys, "verify")
    assert cut in said(capsys, "verify", "--heads", str(kept), ends=1)
    kept.write_text(kept.read_text() + "{}\n")
    assert "not signed by this system" in said(capsys, "verify", "--heads", str(kept), ends=1)


def test_old_lines_go_once_they_are_exported_and_the_chain_holds_on(home, books, tmp_path, capsys):
    books(OLD)
    said(capsys, "checkpoint")
    first_of_now = rows("SELECT max(id) FROM entry")[0][0]
    books(YOUNG)
    books(timedelta(0), 1)  # what is at work today: else the clock would be in doubt
    said(capsys, "checkpoint")
    exported = tmp_path / "old.jsonl"
    assert "removed" not in said(capsys, "prune", "--before", day(YOUNG), str(tmp_path / "none"), ends=1)
    assert "180 days" in said(capsys, "prune", "--before", day(timedelta(days=179)), str(_empty(exported)), ends=1)
    # what init wrote today stands before the old lines here, so nothing can go
    assert "No checkpoint" in said(capsys, "prune", "--before", day(timedelta(days=190)), str(exported), ends=1)
    assert rows("SELECT max(id) FROM entry")[0][0] >= first_of_now


def _empty(path: Path) -> Path:
    path.write_text('{"diary": "anguan diary 1", "first": 1, "last": 0, "previous": ""}\n')
    return path


@pytest.fixture
def aged(home, books, capsys):
    """An audit log that begins 200 days ago: three old lines, a checkpoint, three young ones, a checkpoint."""
    engine = create_engine(os.environ["DATABASE_URL"])
    with tampering(SimpleNamespace(engine=engine, kind=engine.dialect.name)) as connection:
        connection.execute(text("DELETE FROM link"))
        connection.execute(text("DELETE FROM entry"))
    engine.dispose()
    books(OLD)
    said(capsys, "checkpoint")
    books(YOUNG, actor="王五\n\x1b[31m{}")
    said(capsys, "checkpoint")
    return home


def test_what_is_exported_and_half_a_year_old_may_go(aged, books, tmp_path, capsys):
    old, part = tmp_path / "old.jsonl", tmp_path / "part.jsonl"
    assert "3 lines" in said(capsys, "export", "--from", day(OLD), "--to", day(OLD), str(old))
    assert (old.stat().st_mode & 0o777) == 0o600
    assert "cannot be made" in said(capsys, "export", "--from", day(OLD), "--to", day(OLD), str(old), ends=1)
    assert "no lines of these days" in said(capsys, "export", "--from", "2001-01-01", "--to", "2001-01-01", str(part), ends=1)
    assert not part.exists()
    lines = old.read_text().splitlines(keepends=True)
    before = rows("SELECT count(*) FROM entry")
    for damaged in (
        lines[:2] + lines[3:],
        [lines[0], lines[1].replace("李四".encode("unicode_escape").decode(), "x"), *lines[2:]],
    ):
        part.write_text("".join(damaged))
        assert "do not hold lines 1 to 3" in said(capsys, "prune", "--before", day(timedelta(days=190)), str(part), ends=1)
    part.write_text("nonsense")
    assert "not written by" in said(capsys, "prune", "--before", day(timedelta(days=190)), str(part), ends=1)
    assert rows("SELECT count(*) FROM entry") == before
    assert "Lines 1 to 3 were removed" in said(capsys, "prune", "--before", day(timedelta(days=190)), str(old))
    assert rows("SELECT min(seq) FROM link") == [(4,)]
    assert "5 lines hold" in said(capsys, "verify")  # three young ones, the export, the removal
    assert "No checkpoint" in said(capsys, "prune", "--before", day(timedelta(days=190)), str(old), ends=1)
    books(YOUNG)
    assert "8 lines hold" in said(capsys, "verify")
    told = rows("SELECT actor, deed, \"table\" FROM entry WHERE actor = 'anguan audit' ORDER BY id")
    assert [tuple(row) for row in told] == [("anguan audit", "export", "entry"), ("anguan audit", "delete", "entry")]


def test_no_character_of_a_line_breaks_an_exported_one(aged, tmp_path, capsys):
    file = tmp_path / "young.jsonl"
    said(capsys, "export", "--from", day(YOUNG), "--to", day(YOUNG), str(file))
    records = [json.loads(line) for line in file.read_text().split("\n") if line]
    assert [record.get("seq") for record in records] == [None, 4, 5, 6, None]
    assert {record["actor"] for record in records[1:-1]} == {"王五\n\x1b[31m{}"}
    assert "\x1b" not in file.read_text()
    assert records[-1]["checkpoint"]["seq"] == 6


def test_a_granted_role_works_and_only_adds_to_the_audit_log(home, books, monkeypatch, capsys):
    if "postgresql" not in os.environ["DATABASE_URL"]:
        assert "SQLite knows no roles" in said(capsys, "grant", "anybody", ends=1)
        return
    books(OLD)
    said(capsys, "checkpoint")
    owner = make_url(os.environ["DATABASE_URL"])
    name = f"clerk of {owner.database}"
    assert "There is no database role" in said(capsys, "grant", name, ends=1)
    assert "superuser" in said(capsys, "grant", owner.username, ends=1)
    rows_of(owner, f'CREATE ROLE "{name}" LOGIN')
    said(capsys, "grant", name)
    said(capsys, "grant", name)  # again, as after an update
    monkeypatch.setenv("ANGUAN_ENV", "production")
    app.main(["doctor"])
    assert "open-audit-log" in capsys.readouterr().out
    own = owner.set(username=name)
    monkeypatch.setenv("DATABASE_URL", own.render_as_string(hide_password=False))
    app.main(["doctor"])
    assert "open-audit-log" not in capsys.readouterr().out
    engine = create_engine(own)
    with Session(engine) as session:  # it works, and its changes are linked
        session.add(Region(code="439900", name="别处"))
        session.commit()
        session.execute(text("UPDATE region SET name = '某处' WHERE code = '439900'"))
        session.execute(text("DELETE FROM region WHERE code = '439900'"))
        session.commit()
    refused = 0
    for statement in (
        attack.format(table, "row" if table == "entry" else "hash") for table in migrate.AUDIT_TABLES for attack in ATTACKS
    ):
        with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"), engine.begin() as connection:
            connection.execute(text(statement))
        refused += 1
    with engine.begin() as connection:
        connection.execute(text("GRANT ALL ON entry TO PUBLIC"))  # passes with a warning, and gives nothing
        assert not migrate.may_rewrite_the_audit_log(connection)
    engine.dispose()
    assert refused == 27
    assert "lines hold" in said(capsys, "verify")
    rows_of(owner, f'DROP OWNED BY "{name}"', f'DROP ROLE "{name}"')


ATTACKS = (
    "UPDATE {0} SET {1} = {1}",
    "DELETE FROM {0}",
    "TRUNCATE {0} CASCADE",
    "ALTER TABLE {0} DISABLE TRIGGER ALL",
    "DROP TABLE {0} CASCADE",
    "DROP TRIGGER {0}_only_grows ON {0}",
    "CREATE OR REPLACE FUNCTION {0}_only_grows() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'",
    "SET session_replication_role = replica",
    "UPDATE alembic_version SET version_num = '0001'",
)


def rows_of(url: URL, *statements: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()
