"""What several commands need: settings of a database that is up to date, a lock, the log, a language."""

import fcntl
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from flask import Flask
from flask_babel import Babel, force_locale
from gunicorn.glogging import Logger as GunicornLog
from sqlalchemy import Engine, create_engine

from app import create_app
from app.core import i18n, logs
from app.core.redaction import MaskingFormatter
from app.core.settings import BadSetting, Settings, read_settings
from app.db import key_rotation, migrate
from app.db.session import unlock


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """One such command at a time on this machine; a second one waits."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (home / "init.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def database(settings: Settings) -> Iterator[Engine]:
    """The database, for a command that needs no application."""
    engine = create_engine(settings.database_url, hide_parameters=True)
    try:
        yield engine
    finally:
        engine.dispose()


def bytes_of(path: Path, most: int = -1) -> bytes:
    """The file, or its first ``most`` bytes; raises ``BadSetting`` if it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(most)
    except OSError as fault:
        raise BadSetting(f"{path} cannot be read: {fault.strerror}.") from None


def revision(settings: Settings) -> str | None:
    with database(settings) as engine, engine.connect() as connection:
        return migrate.current_revision(connection)


def settings_in_use(*, mid_rotation: bool = False) -> Settings:
    """The settings, provided the database is where this code wants it and opens with the keys."""
    settings = read_settings(mid_rotation=mid_rotation)
    unlock(settings)
    with database(settings) as engine, engine.connect() as connection:
        if migrate.current_revision(connection) != migrate.head_revision():
            raise BadSetting("The database is not up to date. Run 'anguan init' first.")
        if key_rotation.opens_newest(connection) is False:
            raise BadSetting(f"The keys in {settings.keys_file} are not those of this database: run 'anguan doctor'.")
    return settings


def log_to_stderr(settings: Settings) -> None:
    """Warnings and errors of our own processes go to the error channel, personal numbers masked."""
    handler = logging.StreamHandler()
    handler.setFormatter(logs.formatter(as_json=settings.log_json))
    ServerLog.as_json = settings.log_json
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


def language(settings: Settings) -> Callable[[str], AbstractContextManager[None]]:
    """A context in which texts are translated into a locale; translations need an application."""
    app = create_app(settings)

    @contextmanager
    def speaking(locale: str) -> Iterator[None]:
        with app.app_context(), force_locale(locale):
            yield

    return speaking


@contextmanager
def speaking(locale: str) -> Iterator[None]:
    """Texts and templates in this language, without an installation: no setting, key or database is asked."""
    i18n.compile_all()
    app = Flask("app.web")
    Babel(app, default_locale=locale, default_translation_directories=str(i18n.FOLDER))
    with app.app_context(), force_locale(locale):
        yield


class ServerLog(GunicornLog):  # type: ignore[misc]
    """gunicorn's log, whose lines may hold a path with personal numbers."""

    as_json = False  # as the settings say

    def setup(self, cfg: object) -> None:
        super().setup(cfg)
        for handler in self.error_log.handlers:
            plain = MaskingFormatter(self.error_fmt, self.datefmt)
            handler.setFormatter(logs.formatter(as_json=True) if self.as_json else plain)
