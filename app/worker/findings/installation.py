"""What is examined: the settings, the database, the store, and the moment."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.core.clock import office_time
from app.core.crypto.seal_provider import SealProvider
from app.core.settings import Settings
from app.db.session import read_only
from app.files.storage import Store
from app.files.stores import store_of
from app.worker.providers import seal_of


@dataclass(frozen=True)
class Installation:
    """An installation at a moment of the true time. ``seal``: the process's own, which remembers failures."""

    settings: Settings
    engine: Engine
    at: datetime
    seal: SealProvider | None = None
    fonts: Traversable = field(default_factory=lambda: files("app") / "fonts")

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A transaction that only reads."""
        with read_only(), Session(self.engine) as session:
            yield session

    def provider(self) -> SealProvider:
        return self.seal or seal_of(self.settings)

    def store(self) -> Store:
        return store_of(self.settings)

    @property
    def home(self) -> Path:
        return self.settings.home


def at_of(timestamp: float) -> datetime:
    """The moment of a count of seconds since 1970."""
    return datetime.fromtimestamp(timestamp, UTC)


def shown(moment: datetime | None) -> str:
    """A moment as people read it, in office time; a dash for none."""
    return f"{office_time(moment):%Y-%m-%d %H:%M}" if moment else "—"
