"""Migrations: the same tables as the models, down to checks, partial indexes and defaults; up and down."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine, MetaData, create_engine, inspect, text

from app.db import migrate
from app.models import Model


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path):
    """A function that makes an empty database of one kind."""
    made: list[Engine] = []

    def make() -> Engine:
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path / f'{len(made)}.db'}"
        else:
            url = request.getfixturevalue("new_postgres")()
        made.append(create_engine(url))
        return made[-1]

    yield make
    for engine in made:
        engine.dispose()


def by_name(things: list[dict]) -> dict[str, str]:
    """As text, because the condition of a partial index on SQLite has no equality."""
    return {thing["name"] or str(thing): str({**thing, "dialect_options": where(thing)}) for thing in things}


def where(thing: dict) -> dict[str, str]:
    return {name: str(value) for name, value in thing.get("dialect_options", {}).items()}


def column_facts(column: dict) -> tuple:
    default = str(column["default"] or "")
    # FAB names its sequences, PostgreSQL's SERIAL names them itself: no difference.
    kind, has_zone = column["type"], getattr(column["type"], "timezone", False)
    return str(kind), has_zone, column["nullable"], "" if default.startswith("nextval") else default


def inspected(engine: Engine) -> dict:
    """All tables of a database as inspected."""
    look = inspect(engine)
    keys, foreign = look.get_multi_pk_constraint(), look.get_multi_foreign_keys()
    unique, checks, indexes = (
        look.get_multi_unique_constraints(),
        look.get_multi_check_constraints(),
        look.get_multi_indexes(),
    )
    return {
        table[1]: {
            "columns": {column["name"]: column_facts(column) for column in columns},
            "key": keys[table]["constrained_columns"],
            "foreign": by_name(foreign[table]),
            "unique": by_name(unique[table]),
            "checks": by_name(checks[table]),
            "indexes": by_name(indexes[table]),
        }
        for table, columns in look.get_multi_columns().items()
        if table[1] != "alembic_version" and not re.search("_search(_|$)", table[1])  # SQLite's search indexes
    }


def model_tables() -> MetaData:
    """A copy of the models' tables: ``create_all`` on PostgreSQL marks circular keys, and SQLite then leaves them out."""
    copy = MetaData()
    for table in Model.metadata.sorted_tables:
        for index in table.to_metadata(copy).indexes:
            if index.dialect_options["postgresql"]["using"] == "gin":
                index.ddl_if(dialect="postgresql")  # as declared; the copy forgets it
    return copy


def test_migrations_build_exactly_what_the_models_say(empty):
    migrated, modelled = empty(), empty()
    migrate.migrate_to(migrated)
    model_tables().create_all(modelled)
    ours, theirs = inspected(migrated), inspected(modelled)
    assert ours.keys() == theirs.keys()
    for table in theirs:
        assert ours[table] == theirs[table], f"{table}: write a migration (make migration MESSAGE='…')"


def test_migrations_go_up_down_and_up_again(empty):
    engine = empty()
    migrate.migrate_to(engine)
    first = inspected(engine)
    migrate.migrate_to(engine, "base")
    assert inspected(engine) == {}
    migrate.migrate_to(engine)
    assert inspected(engine) == first


def test_existing_certificate_versions_get_an_index_in_the_status_list_each(empty):
    engine = empty()
    migrate.migrate_to(engine, "0005")
    look = inspect(engine)
    columns = [column["name"] for column in look.get_columns("certificate_version") if not column["nullable"]]
    row = dict.fromkeys(columns, 1) | {"face": b"-", "issued_at": "2026-03-02 04:00:00"}
    names, marks = ", ".join(columns), ", ".join(f":{name}" for name in columns)
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SET session_replication_role = replica")  # these versions have no certificate
        else:
            connection.connection.driver_connection.execute("PRAGMA foreign_keys=OFF")  # ignored inside a transaction
        for n in range(1, 41):
            given = {**row, "id": n, "certificate_id": n, "token": str(n)}
            connection.execute(text(f"INSERT INTO certificate_version ({names}) VALUES ({marks})"), given)  # noqa: S608
        connection.commit()
    migrate.migrate_to(engine)
    with engine.connect() as connection:
        places = connection.scalars(text("SELECT status_index FROM certificate_version ORDER BY id")).all()
        last = connection.scalar(text("SELECT last FROM series WHERE key = 'status-list'"))
    assert sorted(places) == list(range(40)) != places
    assert last == 65536


def test_migrating_a_current_database_changes_nothing(empty):
    engine = empty()
    migrate.migrate_to(engine)
    migrate.migrate_to(engine)
    with engine.connect() as connection:
        assert migrate.current_revision(connection) == migrate.head_revision()


def test_the_checks_of_the_models_are_in_the_migrated_database(empty):
    engine = empty()
    migrate.migrate_to(engine)
    found = {name for table in inspected(engine).values() for name in table["checks"]}
    assert {"ck_paper_has_one_owner", "ck_application_closed_iff_dated", "ck_exam_signup_score"} <= found


def test_foreign_keys_are_enforced_again_after_a_migration(empty):
    engine = empty()
    migrate.migrate_to(engine)
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            assert connection.scalar(text("PRAGMA foreign_keys")) == 1


def test_there_is_one_line_of_migrations_numbered_without_gaps():
    files = sorted((migrate.FOLDER / "versions").glob("*.py"))
    assert [file.name[:4] for file in files] == [f"{n:04d}" for n in range(1, len(files) + 1)]
    assert migrate.head_revision() == files[-1].name[:4]


def test_a_migration_imports_nothing_of_the_app():
    for file in (migrate.FOLDER / "versions").glob("*.py"):
        assert "app." not in file.read_text(), file.name


def test_a_migration_is_drafted_only_into_the_tree_that_app_comes_from(tmp_path):
    copy, here = tmp_path / "migrations/draft.py", migrate.FOLDER.parent
    copy.parent.mkdir()
    shutil.copy(migrate.FOLDER / "draft.py", copy)
    before = sorted((migrate.FOLDER / "versions").iterdir())
    own = {**os.environ, "PYTHONPATH": str(here)}
    run = subprocess.run([sys.executable, copy, "test"], env=own, capture_output=True, text=True, check=False)
    new = {*(migrate.FOLDER / "versions").iterdir()} - {*before}
    for made in new:
        made.unlink()
    assert (run.returncode, new) == (1, set())
    assert f"app comes from {here}, not from {tmp_path}" in run.stderr
