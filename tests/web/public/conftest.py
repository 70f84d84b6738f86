"""The public pages in an application of the middleware and the layout alone."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from flask import Flask, g
from flask.testing import FlaskClient
from flask_appbuilder import BaseView, expose
from flask_wtf import CSRFProtect
from sqlalchemy.orm import Session

from app.core.vocabulary import Category, MatterKind, Stage
from app.db.session import db
from app.outbox.public_notices import DecisionResult, publish
from app.web.auth.security_manager import SecurityManager
from app.web.base import init_app
from app.web.middleware import AppBuilder, guard
from app.web.public.lookup import register_public
from tests import make
from tests.conftest import System

ID_NUMBER = "11010519491231002X"


class WorkView(BaseView):
    """In place of the dashboard."""

    route_base = "/work"
    default_view = "home"

    @expose("/")
    def home(self):
        return "the workbench"


class RequestFacts:
    """Time and signed-in user of every request."""

    at: datetime = make.NOON
    actor = None


def two_words(home: Path) -> Path:
    """A catalogue of its own, so that these tests do not wait for the translators."""
    catalogue = Catalog(locale="zh")
    catalogue.add("Skip to the content", "跳到正文")
    folder = home / "translations" / "zh" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    with (folder / "messages.mo").open("wb") as file:
        write_mo(file, catalogue)
    return home / "translations"


@pytest.fixture(scope="session")
def counter(system: System) -> Flask:
    """An application of the middleware, the layout and the public views alone."""
    app = Flask("app", template_folder="web/templates", static_folder="web/static")
    app.config.from_mapping(system.settings.flask(), BABEL_TRANSLATION_DIRECTORIES=str(two_words(system.settings.home)))
    app.config.update(TESTING=True, FAB_BASE_TEMPLATE="base/frame.html")
    app.extensions["anguan"] = system.settings

    @app.before_request
    def set_facts():
        g.moment = RequestFacts.at
        if RequestFacts.actor:
            g.actor = RequestFacts.actor

    db.init_app(app)
    guard(app, system.settings)
    CSRFProtect(app)
    with app.app_context():
        builder = AppBuilder(app, db.session, security_manager_class=SecurityManager)
        register_public(builder)
        builder.add_view_no_menu(WorkView)
        init_app(app)
    return app


@pytest.fixture
def visitor(counter: Flask, session: Session) -> Iterator[FlaskClient]:
    yield counter.test_client()
    RequestFacts.at, RequestFacts.actor = make.NOON, None


def published(session: Session, **facts) -> None:
    application = make.application(make.person(make.enterprise()))
    session.add(application)
    session.flush()
    given = {
        "application_id": application.id, "matter": MatterKind.NEW, "category": Category.C1,
        "stage": Stage.ACCEPTANCE, "agreed": True, "name": "李雷", "id_number": ID_NUMBER,
        "enterprise_name": "湖南湘江建设有限公司", "region_code": "430100",
    }  # fmt: skip
    publish(session, [DecisionResult(**{**given, **facts})], at=make.NOON)
    session.commit()
