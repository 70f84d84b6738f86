"""What several commands ask of the house before they touch it: its settings, its revision, and that nobody else is at it."""

import argparse
import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine

from app import schema
from app.config import BadSetting, Settings, read_settings

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
            return schema.stands_at(connection)
    finally:
        engine.dispose()


def settings_in_use() -> Settings:
    """The settings, provided the database is where this code wants it."""
    settings = read_settings()
    if revision(settings) != schema.newest():
        raise BadSetting("The database is not up to date. Run 'anguan init' first.")
    return settings
