"""``/healthz`` and ``/readyz``."""

import pytest
from sqlalchemy import text


def test_healthz_answers_ok(client):
    assert client.get("/healthz").json == {"status": "ok"}


def test_readyz_answers_ok_when_nothing_is_missing(client):
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok", "missing": []})


def test_a_database_of_another_version_is_not_ready(client, system):
    with system.engine.begin() as connection:
        here = connection.scalar(text("SELECT version_num FROM alembic_version"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    try:
        answer = client.get("/readyz")
    finally:
        with system.engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :here"), {"here": here})
    assert (answer.status_code, answer.json["missing"]) == (503, ["schema"])


def test_a_missing_store_is_named_without_details(client, system):
    aside = system.settings.blobs.with_name("aside")
    system.settings.blobs.rename(aside)
    try:
        answer = client.get("/readyz")
    finally:
        aside.rename(system.settings.blobs)
    assert (answer.status_code, answer.json["missing"]) == (503, ["blobs"])
    assert str(aside.parent) not in answer.text


@pytest.mark.parametrize("address", ["/healthz", "/readyz"])
def test_health_checks_accept_no_post(client, address):
    assert client.post(address).status_code == 405
