"""A small application for the sign-in tests: its own database, one scratch page, and roles for that page only, so that
tests on the shared database are not affected. (PYTEST_DONT_REWRITE: imported by name and as a plugin.)
"""

import re
from collections.abc import Iterator
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access
from flask_appbuilder.security.sqla.models import Role as RoleRow
from flask_wtf import CSRFProtect
from sqlalchemy import create_engine, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session
from werkzeug.security import generate_password_hash
from werkzeug.test import TestResponse

from app.core.i18n import FOLDER
from app.core.office import Office
from app.core.settings import Settings
from app.core.vocabulary import Role
from app.db.session import db
from app.models import Account, Model
from app.web.auth.permissions import sync_roles
from app.web.auth.security_manager import SecurityManager
from app.web.base import init_app
from app.web.middleware import AppBuilder, guard
from tests.conftest import KEYS, QUICK_HASH, QUICK_HASHES
from tests.database import System

PASSWORD = "Correct-Horse-7"

DECLARED = {
    "Scratch": {"can_look": (Role.VIEWER, Role.ENTERPRISE_CLERK, Role.ADMIN), "can_touch": (Role.ADMIN,)},
    "Scratch entry": {"menu_access": (Role.VIEWER, Role.ENTERPRISE_CLERK, Role.ADMIN)},
    "Scratch heading": {"menu_access": (Role.VIEWER, Role.ENTERPRISE_CLERK, Role.ADMIN)},
}


class Scratch(BaseView):
    route_base = "/scratch"
    default_view = "look"

    @expose("/")
    @has_access
    def look(self):
        return self.render_template("base/frame.html", title="inside")

    @expose("/touch", methods=["POST"])
    @has_access
    def touch(self):
        return "touched"


def build(settings: Settings) -> Flask:
    """Middleware and sign-in as in ``create_app``, with the scratch page as the only view."""
    app = Flask("app", template_folder="web/templates", static_folder="web/static")
    app.config.from_mapping(settings.flask(), BABEL_TRANSLATION_DIRECTORIES=str(FOLDER), FAB_BASE_TEMPLATE="base/frame.html")
    app.config.update(TESTING=True)
    app.extensions["anguan"] = settings
    db.init_app(app)
    guard(app, settings)
    CSRFProtect(app)
    with app.app_context():
        builder = AppBuilder(app, db.session, security_manager_class=SecurityManager)
        app.config["FAB_FAKE_HASH"] = app.config["AUTH_DB_FAKE_PASSWORD_HASH_CHECK"]
        app.config.update(QUICK_HASHES)
        builder.add_view(Scratch, "Scratch entry", category="Scratch heading")
        init_app(app)
        sync_roles(builder, DECLARED)
    return app


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def sign_in_system(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A database of each kind that only this module uses."""
    home = tmp_path_factory.mktemp(f"sign-in-{request.param}")
    url = f"sqlite:///{home / 'sign-in.db'}"
    if request.param == "postgresql":
        server, name = request.getfixturevalue("postgres"), f"sign_in_{uuid4().hex[:8]}"
        with create_engine(server, isolation_level="AUTOCOMMIT").connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        url = make_url(server).set(database=name).render_as_string(hide_password=False)
    engine = create_engine(url, pool_size=20, max_overflow=30)
    Model.metadata.create_all(engine)
    system = System(request.param, Settings(home=home, database_url=url, keys=KEYS, office=Office()), engine)
    system.sweep()
    yield system
    engine.dispose()


@pytest.fixture(scope="module")
def sign_in_app(sign_in_system: System) -> Flask:
    return build(sign_in_system.settings)


@pytest.fixture
def shop(sign_in_system: System, sign_in_app: Flask) -> Iterator[Session]:
    """A session on the clean database of the sign-in application."""
    with Session(sign_in_system.engine, expire_on_commit=False) as session:
        yield session
    sign_in_system.sweep()


@pytest.fixture
def visitor(sign_in_app: Flask, shop: Session) -> FlaskClient:
    return sign_in_app.test_client()


def account(session: Session, username: str = "viewer", *roles: Role, password: str = PASSWORD, **facts) -> Account:
    """A stored account that may sign in."""
    names = [role.value for role in roles or (Role.VIEWER,)]
    given = {
        "first_name": "张三",
        "last_name": "",
        "email": f"{uuid4().hex}@example.org",
        "region_code": "430000",
        "active": True,
    }
    made = Account(username=username, password=quickly_hashed(password), **{**given, **facts})
    made.roles = list(session.scalars(select(RoleRow).where(RoleRow.name.in_(names))))
    session.add(made)
    session.commit()
    return made


def quickly_hashed(password: str) -> str:
    return generate_password_hash(password, QUICK_HASH)


def token(client: FlaskClient, path: str = "/login/") -> str:
    found = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', client.get(path).text)
    assert found is not None, f"no form on {path}"
    return found[1]


def sign_in(client: FlaskClient, username: str = "viewer", password: str = PASSWORD, to: str = "/login/") -> TestResponse:
    return client.post(to, data={"username": username, "password": password, "csrf_token": token(client)})


def sign_out(client: FlaskClient) -> TestResponse:
    return client.post("/logout/", data={"csrf_token": token(client, "/password/")})


def is_inside(client: FlaskClient) -> bool:
    return client.get("/scratch/").status_code == 200


def copied_cookie(client: FlaskClient, app: Flask) -> FlaskClient:
    """Another browser with the same cookie, as after theft."""
    thief = app.test_client()
    cookie = client.get_cookie("anguan")
    assert cookie is not None
    thief.set_cookie("anguan", cookie.value)
    return thief
