"""Error pages: a request number for the administrator, and no internals."""

import errno
import re
import shutil
from dataclasses import replace
from datetime import timedelta
from functools import partial
from io import BytesIO
from pathlib import Path

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app import create_app
from app.accounts import sessions
from app.core.clock import now
from app.core.errors import Obstacle, Unwritable, obstacle_of
from app.core.office import Office
from app.core.sign_in_vocabulary import SignInMethod
from app.core.vocabulary import PaperKind, Role
from app.db.session import db, read_only
from app.files.folder_store import FolderStore
from app.files.stores import store_of
from app.models import Account, AuditEntry, Paper, Parameter, Person
from tests import make
from tests.hostile_files import jpeg, pdf

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
    paper.digest = FolderStore(system.settings.blobs).put(b"soon gone")
    session.add(paper)
    session.commit()
    shutil.rmtree(system.settings.blobs / paper.digest[:2])
    answer = signed_in(account).get(f"/papers/{paper.id}")
    assert_error_page(answer, caplog, 404)
    assert paper.digest not in answer.text


# --- files in an object store ---------------------------------------------------------------------------------------
@pytest.fixture
def bucket_app(app, system, object_store):
    """Another application on the same database, with its files in a bucket."""
    other = create_app(replace(system.settings, bucket=object_store.bucket()))
    other.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
    yield other
    with other.app_context():
        db.session.remove()
        db.engine.dispose()


def test_while_the_object_store_is_away_pages_go_on_and_files_say_why(bucket_app, session, holder, object_store, caplog):
    browser = entered(bucket_app, session, holder(Role.ENTERPRISE_CLERK))

    def added():
        typed = {**TYPED, "id_number": make.id_number(), "paper_id_card": (BytesIO(pdf()), "x.pdf")}
        return browser.post("/people/add", data=typed)

    assert added().status_code == 302
    (paper,) = session.scalars(select(Paper))
    session.rollback()
    scan = f"/papers/{paper.id}"
    assert browser.get(scan).data.startswith(b"%PDF")
    with object_store.silent():
        refused = {"文件暂时无法读取": browser.get(scan), "存放文件的对象存储不能使用": added()}
        for sentence, answer in refused.items():
            assert_error_page(answer, caplog, 503)
            assert sentence in answer.text
            assert answer.headers["Retry-After"] == "60"
            assert paper.digest not in answer.text
        assert browser.get("/people/list/").status_code == 200
        assert browser.get("/readyz").json["missing"] == ["files_away"]
    bucket_app.extensions.pop("anguan.obstacles")  # asked once in ten seconds
    assert browser.get("/readyz").status_code == 200
    assert browser.get(scan).status_code == 200
    assert session.scalar(select(func.count(Person.id))) == 1


def test_an_empty_bucket_that_the_database_names_files_in_is_noticed(bucket_app, session, store):
    firm = make.enterprise()
    session.add(firm)
    session.flush()
    scan = make.paper(PaperKind.PLEDGE, pledging_enterprise_id=firm.id, enterprise_id=firm.id)
    scan.digest = store.put(b"in the folder of this machine")
    session.add(scan)
    session.commit()
    assert bucket_app.test_client().get("/readyz").json["warnings"] == ["files"]
    store_of(bucket_app.extensions["anguan"]).put(b"in the folder of this machine")
    assert bucket_app.test_client().get("/readyz").json == {"status": "ok", "missing": []}


# --- nothing can be written -----------------------------------------------------------------------------------------
ONLY_READ, TYPED = "系统暂时只能查询", {"name": "李雷", "education": "bachelor", "position": "safety_officer"}


MINE = {"sqlite": "192.0.2.7", "postgresql": "192.0.2.8"}  # counts in memory outlive a test


@pytest.fixture
def enter(read_only_app, session):
    return partial(entered, read_only_app, session)


def entered(app, session, account):
    """A browser with a session that was seen two minutes ago, so that each request would note it."""
    began = {"at": now() - timedelta(minutes=2), "office": Office(), "address": "127.0.0.1", "agent": "tests"}
    key, _replaced = sessions.begin(session, account, SignInMethod.PASSWORD, **began)
    session.commit()
    client = app.test_client()
    with client.session_transaction() as cookie:
        cookie["_user_id"], cookie["_fresh"], cookie["locale"] = key, True, "zh"
    return client


def test_while_nothing_can_be_written_lookups_and_pages_go_on_and_writing_says_why(
    read_only_app, session, system, holder, enter, caplog
):
    clerk, officer = holder(Role.ENTERPRISE_CLERK), holder(Role.REVIEWER)
    person = make.person(clerk.enterprise)
    session.add(person)
    session.flush()
    certificate = make.certificate(person, holder=person.name)
    paper = make.paper(PaperKind.ID_CARD, person_id=person.id, enterprise_id=clerk.enterprise_id)
    paper.digest = FolderStore(system.settings.blobs).put(jpeg(300, 200))
    session.add_all([certificate, paper, Parameter(name="lookups_per_minute", value="1", changed_at=now(), changed_by="x")])
    session.commit()
    sought, scan = {"name": person.name, "number": certificate.number}, f"/papers/{paper.id}"
    browser, reader, stranger = enter(clerk), enter(officer), read_only_app.test_client()
    answers = [stranger.post("/lookup", data=sought, environ_base={"REMOTE_ADDR": MINE[system.kind]}) for _time in range(3)]
    assert all(word in answers[0].text for word in (certificate.number, ONLY_READ))
    assert 429 in {answer.status_code for answer in answers}  # counted in memory, one a minute
    for page in ("/", "/notices", "/help", "/login/", "/lookup"):
        assert stranger.get(page).status_code == 200, page
    for page in ("/work/", "/people/list/", "/sessions/"):
        assert ONLY_READ in browser.get(page).text, page
    refused = {
        "sign-in": stranger.post("/login/", data={"username": "lilei", "password": "Correct-Horse-7"}),
        "save": browser.post("/people/add", data={**TYPED, "id_number": make.id_number()}),
        "sign-out": browser.post("/logout/"),
        "scan": reader.get(scan),
    }
    for action, answer in refused.items():
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60"), action
        assert "数据库处于只读状态" in answer.text, action
    assert ONLY_READ in refused["save"].text
    assert 'value="lilei"' in refused["sign-in"].text  # the form stays, without the password
    assert "Correct-Horse-7" not in refused["sign-in"].text
    assert "查看须记入日志" in refused["scan"].text
    assert browser.post("/logout/", headers={"Accept": "application/json"}).json["code"] == "unwritable"
    assert any("database_read_only" in record.getMessage() for record in caplog.records)
    assert session.scalar(select(func.count(Person.id))) == 1


def test_a_session_that_is_over_stays_over_though_its_end_cannot_be_written(session, holder, enter):
    account = holder(Role.VIEWER)
    browser = enter(account)
    account.active = False
    session.execute(update(Account).where(Account.id == account.id).values(active=False))
    session.commit()
    assert browser.get("/work/").status_code == 302


def test_a_full_disk_is_recognised_by_its_code_and_our_own_defect_is_not_taken_for_it(system, session):
    with pytest.raises(OSError) as error, Path("/dev/full").open("wb", buffering=0) as full:
        full.write(b"x")
    assert obstacle_of(error.value) is Obstacle.DISK_FULL
    assert obstacle_of(PermissionError(errno.EACCES, "of one file")) is None
    if system.kind == "postgresql":
        raised = "DO $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$"
        with pytest.raises(Unwritable) as unwritable:
            session.execute(text(raised))
        assert unwritable.value.obstacle is Obstacle.DISK_FULL
        return
    with read_only(), Session(system.engine) as ours, pytest.raises(OperationalError, match="readonly"):
        ours.execute(text("DELETE FROM bucket"))
