"""New code and an older database: tried on a copy first, then brought up to date; what fails on the copy changes nothing."""

import os

import pytest
from sqlalchemy import create_engine, text

from app.cli import app
from app.db import migrate
from tests.backup.conftest import PG_BIN
from tests.cli.conftest import rows

OLDER = "0023"


@pytest.fixture
def older(home, monkeypatch):
    """An engine on the database as an older version left it."""
    monkeypatch.setenv("ANGUAN_PG_BIN", str(PG_BIN))
    engine = create_engine(os.environ["DATABASE_URL"])
    migrate.migrate_to(engine, OLDER)
    yield engine
    engine.dispose()


def stands() -> str:
    return str(rows("SELECT version_num FROM alembic_version")[0][0])


def test_an_upgrade_is_rehearsed_and_done(older, home, capsys):
    assert app.main(["upgrade", "--rehearse"]) == 0
    assert f"Migrations {OLDER} to {migrate.head_revision()} took" in capsys.readouterr().out
    assert stands() == OLDER
    assert app.main(["upgrade"]) == 0
    assert "Ready" in capsys.readouterr().out
    assert stands() == migrate.head_revision()
    assert app.main(["upgrade"]) == 0
    assert "is up to date" in capsys.readouterr().out
    assert not list(home.glob("upgrade-*"))


def test_a_migration_that_fails_on_the_copy_leaves_the_database_alone(older, home, capsys):
    with older.begin() as connection:
        connection.execute(text("ALTER TABLE checkpoint ADD COLUMN restored VARCHAR(40)"))
    assert app.main(["upgrade"]) == 1
    assert "restored" in capsys.readouterr().err
    assert stands() == OLDER
    assert not list(home.glob("upgrade-*"))
    if older.dialect.name == "postgresql":
        assert rows("SELECT datname FROM pg_database WHERE datname LIKE 'anguan_rehearsal_%'") == []
