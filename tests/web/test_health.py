"""``/healthz`` and ``/readyz``."""

import resource
import sqlite3
from contextlib import closing

import pytest
from sqlalchemy import create_engine, event, insert, text

from app.accounts import rate_limit
from app.core.clock import now
from app.core.errors import Obstacle, Unwritable
from app.core.vocabulary import PaperKind
from app.db.session import db
from app.models import Parameter, RateLimitCounter
from tests import make
from tests.query_counter import queries


def test_healthz_answers_ok(client):
    assert client.get("/healthz").json == {"status": "ok"}


def test_readyz_answers_ok_when_nothing_is_missing(client):
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok", "missing": []})


def test_an_older_database_is_not_ready_and_a_newer_one_is_an_upgrade_under_way(client, system):
    answers = []
    for revision in ("0000", "9999"):
        with system.engine.begin() as connection:
            here = connection.scalar(text("SELECT version_num FROM alembic_version"))
            connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
        try:
            answers.append(client.get("/readyz"))
        finally:
            with system.engine.begin() as connection:
                connection.execute(text("UPDATE alembic_version SET version_num = :here"), {"here": here})
    older, newer = answers
    assert (older.status_code, older.json["missing"]) == (503, ["schema"])
    assert (newer.status_code, newer.json["warnings"]) == (200, ["schema"])


def test_a_missing_store_is_named_without_details(client, system):
    aside = system.settings.blobs.with_name("aside")
    system.settings.blobs.rename(aside)
    try:
        answer = client.get("/readyz")
    finally:
        aside.rename(system.settings.blobs)
    assert (answer.status_code, answer.json["missing"]) == (503, ["blobs"])
    assert str(aside.parent) not in answer.text


def test_the_empty_folder_of_another_machine_is_a_warning(client, session, store):
    firm = make.enterprise()
    session.add(firm)
    session.flush()
    scan = make.paper(PaperKind.PLEDGE, pledging_enterprise_id=firm.id, enterprise_id=firm.id)
    session.add(scan)
    session.commit()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["warnings"]) == (200, ["files"])
    scan.digest = store.put(b"scan")
    session.commit()
    assert client.get("/readyz").json == {"status": "ok", "missing": []}


def test_a_clock_in_doubt_is_a_warning(client, session):
    session.add(Parameter(name="clock_doubt", value="2026-03-02T04:00:00+00:00", changed_at=make.NOON, changed_by="x"))
    session.commit()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["warnings"]) == (200, ["clock"])


@pytest.mark.parametrize("address", ["/healthz", "/readyz"])
def test_health_checks_accept_no_post(client, address):
    assert client.post(address).status_code == 405


@pytest.fixture
def asked_anew(app):
    """Without the answer that an earlier test got."""
    app.extensions.pop("anguan.obstacles", None)
    return app


def test_a_database_that_cannot_be_written_is_named_and_the_process_lives(read_only_app):
    client = read_only_app.test_client()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["missing"]) == (503, ["database_read_only"])
    assert client.get("/healthz").json == {"status": "ok"}


def test_the_database_is_probed_once_in_a_while_and_does_not_grow(asked_anew, client, session):
    with asked_anew.app_context(), queries(db.engine) as statements:
        for _time in range(5):
            assert client.get("/readyz").status_code == 200
        assert len([line for line in statements if line.startswith("INSERT INTO bucket")]) in (1, 2)  # one of them for space
        for _time in range(5):
            rate_limit.probe(db.engine, at=now())
    assert session.execute(text("SELECT count(*) FROM bucket")).scalar_one() == 1


def test_whoever_writes_at_the_moment_shows_that_the_database_can_be_written(asked_anew, client, system):
    with system.engine.begin() as connection:
        connection.execute(insert(RateLimitCounter).values(key="x", window=0, count=0))
        assert client.get("/readyz").status_code == 200
        connection.rollback()


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_a_full_database_file_is_found_by_the_probe(system, session, tmp_path):
    packed = tmp_path / "packed.db"  # without free pages
    with closing(sqlite3.connect(str(system.engine.url.database))) as connection:
        connection.execute("VACUUM INTO ?", (str(packed),))
    engine = create_engine(f"sqlite:///{packed}")
    rate_limit.probe(engine, at=now())
    event.listen(engine, "connect", lambda connection, _record: connection.execute("PRAGMA max_page_count=1"))
    engine.dispose()
    with pytest.raises(Unwritable) as error:
        rate_limit.probe(engine, at=now())
    assert error.value.obstacle is Obstacle.DISK_FULL
    engine.dispose()


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_a_disk_that_refuses_writes_is_found_by_the_probe(system, session, tmp_path):
    copied = tmp_path / "copied.db"
    with closing(sqlite3.connect(str(system.engine.url.database))) as connection:
        connection.execute("VACUUM INTO ?", (str(copied),))
    engine, limits = create_engine(f"sqlite:///{copied}"), resource.getrlimit(resource.RLIMIT_FSIZE)
    rate_limit.probe(engine, at=now())
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, limits[1]))  # no file grows or is written beyond
    try:
        with pytest.raises(Unwritable) as error:
            rate_limit.probe(engine, at=now())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert error.value.obstacle is Obstacle.DISK_FAULT
    rate_limit.probe(engine, at=now())
    engine.dispose()
