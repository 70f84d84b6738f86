"""Making a backup while the system is in use.

Files are copied first, then the database is taken at one moment, then the files that it names and that came meanwhile. A file
that some row names is in the store before the row, and none younger than ``storage.MIN_ORPHAN_AGE`` is removed from it. So
each file that the database names at its moment was copied before, or is still there, and no lock is needed.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from sqlalchemy import Engine, make_url
from sqlalchemy.orm import Session

from app.applications.scan_retention import referenced_digests
from app.backup import repository
from app.backup.archive import ArchiveWriter
from app.backup.databases import DatabaseState, Snapshot, snapshot
from app.backup.repository import Backup, Tally
from app.backup.targets import Target, TargetFault
from app.core.crypto import backup_cipher
from app.core.crypto.encryption import keyring
from app.core.settings import Settings
from app.db.session import read_only
from app.files.storage import MIN_ORPHAN_AGE, FileMissing, Store

SOON = MIN_ORPHAN_AGE / 4  # a round of copying that took longer is followed by another
SCRATCH, UPGRADE_SCRATCH = "backup-", "upgrade-"  # beginnings of names of folders under home
LISTED = 100_000  # digests in one part of the list
# Of home: what is no part of a backup. The database and the files come by other ways; the rest is of the moment.
LEFT_OUT = ("blobs", "queue.db*", "*.lock", f"{SCRATCH}*", f"{UPGRADE_SCRATCH}*", ".*")


@dataclass(slots=True)
class Copied:
    """Files on their way into the place of the backups."""

    store: Store
    target: Target
    recipients: backup_cipher.Recipients
    progress: Callable[[int], None]
    stored: set[str]
    bytes: int = 0
    seen: int = 0
    missing: set[str] = field(default_factory=set)

    def copy(self, digests: Iterable[str]) -> None:
        """Copy those that are not stored yet. What the store has lost is noted, and hinders nothing."""
        for digest in digests:
            self.seen += 1
            self.progress(self.seen)
            if digest in self.stored:
                continue
            try:
                encrypted = backup_cipher.encrypt(self.store.read(digest), self.recipients)
            except FileMissing:
                self.missing.add(digest)
                continue
            with self.target.put(repository.object_place(digest)) as file:
                file.write(encrypted)
            self.bytes += len(encrypted)
            self.stored.add(digest)


def make(
    settings: Settings,
    engine: Engine,
    store: Store,
    target: Target,
    *,
    now: Callable[[], datetime],
    progress: Callable[[int], None] = lambda _number: None,
) -> tuple[Backup, set[str]]:
    """Make a backup, and remove what need not be kept any more. Returns its statement, and the files that the store has lost.

    ``progress`` is called for each file and each part of the database with a growing number. ``TargetFault`` if the place
    cannot be written to, or another backup is being made. A process that dies leaves no archive that looks whole.
    """
    recipients = backup_cipher.recipients_of(settings.backup_keys)
    with target.alone() as demand_alone, _scratch(settings.home) as scratch:
        repository.demand_own(target, _installation())
        copied = Copied(store, target, recipients, progress, repository.stored_objects(target))
        while True:
            began = now()
            with read_only(), Session(engine) as session:
                wanted = referenced_digests(session)
            copied.copy(wanted)
            if now() - began < SOON:
                break
        at = now()
        with snapshot(engine, scratch, settings.pg_bin) as taken:
            copied.missing.clear()
            copied.copy(taken.state.digests)
            backup = _archive(settings, target, taken, copied, recipients, at=at, now=now, demand_alone=demand_alone)
        demand_alone()
        rest = repository.thin_out(target, settings.backup_keep)
        repository.remove_unnamed(target, taken.state.digests, copied.stored, rest)
    return backup, copied.missing


@contextmanager
def _scratch(home: Path) -> Iterator[Path]:
    """A private folder on the disk of the database. What a killed backup left there is removed."""
    for left in home.glob(f"{SCRATCH}*"):
        shutil.rmtree(left)
    with tempfile.TemporaryDirectory(dir=home, prefix=SCRATCH) as folder:
        yield Path(folder)


def _archive(
    settings: Settings,
    target: Target,
    taken: Snapshot,
    copied: Copied,
    recipients: backup_cipher.Recipients,
    *,
    at: datetime,
    now: Callable[[], datetime],
    demand_alone: Callable[[], None],
) -> Backup:
    """Write the archive, read it back, and only then write the statement that makes it count."""
    state, name = taken.state, repository.name_of(at)
    with target.put(repository.archive_place(name)) as file:
        tally = Tally(file)
        encrypted = backup_cipher.encrypting(tally, recipients)  # type: ignore[arg-type]
        with encrypted as stream, closing(ArchiveWriter(stream)) as archive:
            _write(settings, archive, taken, copied, at=at)
    backup = Backup(
        name=name,
        at=at,
        finished_at=now(),
        installation=_installation(),
        kind=state.kind,
        revision=state.revision,
        version=version("anguan"),
        sha256=tally.sha256,
        bytes=tally.bytes,
        files=len(state.digests),
        file_bytes=copied.bytes,
        missing=len(copied.missing),
    )
    if not repository.is_intact(target, backup, lambda _bytes: copied.progress(copied.seen)):
        target.remove(repository.archive_place(name))
        raise TargetFault("The archive was not stored as it was written: the disk or drive of the backups is faulty.")
    demand_alone()
    with target.put(repository.statement_place(name)) as file:
        file.write(backup.dump().encode())
    return backup


def _installation() -> str:
    return keyring.lasting_digest("", "backup.installation")


def _write(settings: Settings, archive: ArchiveWriter, taken: Snapshot, copied: Copied, *, at: datetime) -> None:
    state = taken.state
    archive.add_json("about.json", _about(state, at))
    for path in home_files(settings):
        archive.add_file(f"home/{path.relative_to(settings.home)}", path)
    heads = settings.diary_heads
    archive.add("heads.jsonl", heads.read_bytes() if heads.exists() else b"")
    digests = sorted(state.digests - copied.missing)
    for start in range(0, len(digests), LISTED):
        archive.add(f"files/{start:012d}", "\n".join(digests[start : start + LISTED]).encode())
    total = 0
    for number, part in enumerate(taken.parts):
        archive.add(f"database/{number:08d}", part)
        total += len(part)
        copied.progress(copied.seen + number)
    archive.add_json("end.json", {"database": total})


def _about(state: DatabaseState, at: datetime) -> dict[str, object]:
    about = {"form": repository.FORM, "at": at.isoformat(), "kind": state.kind, "revision": state.revision}
    return {**about, **asdict(state.contents)}


def home_files(settings: Settings) -> list[Path]:
    """The files under home that belong into an archive: keys, seals, trusted authorities, and whatever else is there."""
    database = make_url(settings.database_url).database or "-"
    others = {settings.diary_heads, *(Path(f"{database}{suffix}") for suffix in ("", "-wal", "-shm", "-journal"))}
    tops = [path for path in sorted(settings.home.iterdir()) if not any(path.match(pattern) for pattern in LEFT_OUT)]
    files = [path for top in tops for path in (sorted(top.rglob("*")) if top.is_dir() else [top])]
    return [path for path in files if path.is_file() and path not in others]
