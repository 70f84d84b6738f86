"""Error pages: a request number for the administrator, and no internals."""

import re
import shutil
from dataclasses import replace
from io import BytesIO

import pytest
from sqlalchemy import func, select

from app import create_app
from app.core.vocabulary import PaperKind, Role
from app.files.storage import Store
from app.models import AuditEntry, Paper, Person
from tests import make
from tests.hostile_files import pdf

ON_SQLITE = pytest.mark.parametrize("system", ["sqlite"], indirect=True)  # what breaks is not the database, or all of it
MACHINERY = re.compile(
    r"Traceback|Error\b|Exception|\.py\b|sqlalchemy|psycopg|sqlite|SELECT|/tmp/|site-packages", re.IGNORECASE
)
PAGES = ("/", "/login/", "/lookup", "/notices", "/help", "/v/x", "/verify", "/status-list", "/work/", "/nowhere")


def assert_error_page(answer, caplog, status: int = 500) -> None:
    """A page of this status with the request's number, which the log knows, too; nothing else of the inside."""
    number = answer.headers["X-Request-ID"]
    assert answer.status_code == status
    assert number in answer.text
    assert not MACHINERY.search(re.sub(r'(href|src|action)="[^"]*"', "", answer.text))
    assert answer.headers["Cache-Control"] == "no-store"
    assert "default-src" in answer.headers["Content-Security-Policy"]
    if status >= 500:
        assert any(number in record.getMessage() for record in caplog.records)


@ON_SQLITE
@pytest.mark.parametrize("url", ["sqlite:////nowhere/at/all.db", "postgresql+psycopg://x:secret@127.0.0.1:1/nothing"])
def test_without_its_database_every_page_is_an_error_page(system, caplog, url):
    client = create_app(replace(system.settings, database_url=url)).test_client()
    for path in PAGES:
        answer = client.get(path)
        assert "secret" not in answer.text
        if answer.status_code < 500:
            assert path in ("/login/", "/lookup", "/help", "/verify", "/nowhere", "/work/"), path  # asks the database nothing
            assert not MACHINERY.search(re.sub(r'(href|src|action)="[^"]*"', "", answer.text)), path
            continue
        assert_error_page(answer, caplog)
    machine = client.get("/notices", headers={"Accept": "application/json"})
    assert (machine.status_code, machine.json["request"]) == (500, machine.headers["X-Request-ID"])
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").json["missing"][:2] == ["database", "schema"]


@pytest.fixture
def no_store(system):
    """The folder of files is away, and something else lies in its place."""
    aside = system.settings.blobs.with_name("aside")
    system.settings.blobs.rename(aside)
    system.settings.blobs.write_text("")
    yield
    system.settings.blobs.unlink()
    aside.rename(system.settings.blobs)


@ON_SQLITE
def test_a_file_that_cannot_be_stored_leaves_nothing_half_done(session, signed_in, holder, no_store, caplog):
    clerk = signed_in(holder(Role.ENTERPRISE_CLERK))
    before = session.scalar(select(func.count(AuditEntry.id)))
    session.rollback()
    typed = {"name": "李雷", "id_number": make.id_number(), "education": "bachelor", "position": "safety_officer"}
    answer = clerk.post("/people/add", data={**typed, "paper_id_card": (BytesIO(pdf()), "x.pdf")})
    assert_error_page(answer, caplog)
    assert [session.scalar(select(func.count()).select_from(model)) for model in (Person, Paper)] == [0, 0]
    assert session.scalar(select(func.count(AuditEntry.id))) == before


@ON_SQLITE
def test_a_file_that_is_gone_from_the_store_is_named_as_such(session, system, signed_in, holder, caplog):
    account = holder(Role.ENTERPRISE_CLERK)
    person = make.person(account.enterprise)
    session.add(person)
    session.flush()
    paper = make.paper(PaperKind.ID_CARD, person_id=person.id, enterprise_id=account.enterprise.id)
    paper.digest = Store(system.settings.blobs).put(b"soon gone")
    session.add(paper)
    session.commit()
    shutil.rmtree(system.settings.blobs / paper.digest[:2])
    answer = signed_in(account).get(f"/papers/{paper.id}")
    assert_error_page(answer, caplog, 404)
    assert paper.digest not in answer.text
