"""The tools of PostgreSQL: what they are asked, what is said when they fail, and that no password is seen."""

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.orm import Session

from app.backup.databases import DatabaseToolFault, load, snapshot
from app.db import migrate
from app.db.session import read_only
from app.models import Person
from tests import make
from tests.backup.conftest import PG_BIN


def test_the_bytes_are_those_of_the_state(session, system, tmp_path):
    session.add(make.person(make.enterprise()))
    session.commit()
    with snapshot(system.engine, tmp_path, PG_BIN) as taken:
        with Session(system.engine) as other:
            other.add(make.person(make.enterprise()))
            other.commit()
        data = b"".join(taken.parts)
    assert taken.state.contents.counts["person"] == 1
    assert data.startswith(b"PGDMP" if system.kind == "postgresql" else b"SQLite format 3")


@pytest.mark.parametrize("system", ["postgresql"], indirect=True)
def test_a_tool_that_fails_or_is_not_there_is_told_in_words(session, system, tmp_path, new_postgres):
    session.commit()
    with pytest.raises(DatabaseToolFault, match="ANGUAN_PG_BIN"), snapshot(system.engine, tmp_path, tmp_path) as taken:
        list(taken.parts)
    with pytest.raises(DatabaseToolFault, match="pg_restore: "):
        load(new_postgres(), [b"no dump " * 1000] * 100, tmp_path, PG_BIN)
    url, broken = new_postgres(), create_engine(system.settings.database_url)
    with snapshot(broken, tmp_path, PG_BIN) as taken:
        dump = b"".join(taken.parts)
    broken.dispose()
    with pytest.raises(DatabaseToolFault, match="does not exist"):
        load(make_url(new_postgres()).set(database="nowhere").render_as_string(hide_password=False), [dump], tmp_path, PG_BIN)
    with pytest.raises(DatabaseToolFault):
        load(url, [dump[: len(dump) // 2]], tmp_path, PG_BIN)
    engine = create_engine(url)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")) == 0
    engine.dispose()


@pytest.mark.parametrize("system", ["postgresql"], indirect=True)
def test_the_role_of_the_server_may_make_a_backup_and_its_password_is_in_no_command(session, system, tmp_path):
    session.add(make.person(make.enterprise()))
    session.commit()
    with system.engine.begin() as connection:
        connection.execute(text("DROP ROLE IF EXISTS backup_probe"))
        connection.execute(text("CREATE ROLE backup_probe LOGIN PASSWORD 'a:b\\c'"))
        migrate.grant(connection, "backup_probe")
    url = make_url(system.settings.database_url).set(username="backup_probe", password="a:b\\c")
    engine = create_engine(url)
    try:
        with read_only(), snapshot(engine, tmp_path, PG_BIN) as taken:
            first = next(taken.parts)
            rest = b"".join(taken.parts)
        assert first + rest
        assert (tmp_path / "pgpass").read_text() == "*:*:*:*:a\\:b\\\\c\n"
        assert (tmp_path / "pgpass").stat().st_mode & 0o777 == 0o600
    finally:
        engine.dispose()
        with system.engine.begin() as connection:
            connection.execute(text("DROP OWNED BY backup_probe"))
            connection.execute(text("DROP ROLE backup_probe"))
    assert session.get(Person, 1)
