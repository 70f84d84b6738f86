"""The application factory."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from app.core.settings import Settings


@contextmanager
def _no_collections() -> Iterator[None]:
    """What is imported and built at the start stays: to look for reference cycles in it takes a quarter of the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


@_no_collections()
def create_app(settings: "Settings") -> "Flask":
    """The WSGI application for these settings. Writes nothing: ``anguan init`` prepares the database."""
    # Not at the top: this module runs on import of any part of the package, which must not import all others.
    from flask_wtf import CSRFProtect

    from app.core import i18n
    from app.core.crypto.signing_keys import ring
    from app.db.session import db, unlock
    from app.views import register_views
    from app.web import base, health, metrics, middleware
    from app.web.auth.security_manager import SecurityManager
    from app.web.base.retries import RetryingFlask

    unlock(settings)
    ring.open(settings.code_keys)
    app = RetryingFlask(__name__, template_folder="web/templates", static_folder="web/static")
    app.config.from_mapping(settings.flask())
    app.config.update(BABEL_TRANSLATION_DIRECTORIES=str(i18n.FOLDER), FAB_BASE_TEMPLATE="base/frame.html")
    app.extensions["anguan"] = settings
    db.init_app(app)
    middleware.guard(app, settings)
    CSRFProtect(app)
    with app.app_context():
        appbuilder = middleware.AppBuilder(app, db.session, security_manager_class=SecurityManager)
        app.register_blueprint(health.ops)
        metrics.install(app)
        register_views(appbuilder)
        base.init_app(app)
    return app
