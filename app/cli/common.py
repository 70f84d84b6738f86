"""What several commands ask of the house before they touch it: its settings, its revision, and that nobody else is at it."""

import argparse
import fcntl
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gunicorn.glogging import Logger as GunicornLog
from sqlalchemy import create_engine

from app.core.redaction import MaskingFormatter
from app.core.settings import BadSetting, Settings, read_settings
from app.db import migrate

LOG_LINE = "%(asctime)s %(name)s %(levelname)s %(message)s"
Command = Callable[[argparse.Namespace], int | None]


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """One such command at a time on this machine; a second one waits."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (home / "init.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def revision(settings: Settings) -> str | None:
    engine = create_engine(settings.database_url)
    try:
        with engine.connect() as connection:
            return migrate.current_revision(connection)
    finally:
        engine.dispose()


def settings_in_use(*, mid_rotation: bool = False) -> Settings:
    """The settings, provided the database is where this code wants it."""
    settings = read_settings(mid_rotation=mid_rotation)
    if revision(settings) != migrate.head_revision():
        raise BadSetting("The database is not up to date. Run 'anguan init' first.")
    return settings


def speak() -> None:
    """Warnings and faults of our own processes go to the error channel, without anybody's number."""
    handler = logging.StreamHandler()
    handler.setFormatter(MaskingFormatter(LOG_LINE))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


class ServerLog(GunicornLog):  # type: ignore[misc]
    """gunicorn's lines, which may hold an address as it was asked for."""

    def setup(self, cfg: object) -> None:
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(MaskingFormatter(self.error_fmt, self.datefmt))
