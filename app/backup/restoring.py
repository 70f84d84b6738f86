"""Restoring a backup into an empty place: keys, files and database of one moment, and the audit log continued from there.

Everything is prepared in ``home/.restoring``; ``keys.json`` comes last, and without it nothing starts. A restore that was
broken off is begun again: what is in the store already is not fetched a second time.
"""

import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, make_url, update
from sqlalchemy.orm import Session

from app.backup import repository
from app.backup.archive import ArchiveReader
from app.backup.databases import Contents, is_empty, load
from app.backup.repository import Backup, Tally
from app.backup.targets import Target
from app.core.crypto import backup_cipher
from app.core.crypto.backup_cipher import BackupDamaged
from app.core.crypto.encryption import keyring
from app.core.crypto.signing_keys import ring
from app.core.errors import AppError
from app.core.settings import RESTORING, Bucket, Keys, Settings, write_keys
from app.db import migrate
from app.db.audit import checkpoints
from app.db.audit.hash_chain import ChainHead
from app.db.session import read_only
from app.files.stores import store_at
from app.models import NumberSequence


class CannotRestore(AppError):
    """The place is not empty, or the backup is of another kind. The sentence is for the operator."""

    code = "cannot-restore"


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore brought back: the contents at the moment of the backup, and as they were found."""

    backup: Backup
    expected: Contents
    found: Contents
    files: tuple[str, ...]
    resumption: checkpoints.Resumption
    numbers_skipped: int


@dataclass(frozen=True, slots=True)
class RestorePlace:
    """Where to restore to. ``heads``: the file of audit checkpoints, which may know more than the backup."""

    home: Path
    database_url: str
    heads: Path
    tools: Path | None
    bucket: Bucket | None = None  # of the files; none: a folder under home

    @classmethod
    def of(cls, settings: Settings) -> "RestorePlace":
        return cls(settings.home, settings.database_url, settings.diary_heads, settings.pg_bin, settings.bucket)

    @property
    def staging(self) -> Path:
        return self.home / RESTORING

    @property
    def is_sqlite(self) -> bool:
        return make_url(self.database_url).get_backend_name() == "sqlite"


def restore(
    target: Target,
    backup: Backup,
    identities: backup_cipher.Identities,
    place: RestorePlace,
    *,
    skip_numbers: int = 0,
    known: Iterable[checkpoints.Statement] = (),
    by: str,
    at: datetime,
    progress: Callable[[int], None] = lambda _number: None,
) -> Restored:
    """Restore into ``place``, which must be empty. Takes over the keyring and the signing keys of this process.

    ``skip_numbers``: how many numbers of each series are left out, as that many may have been given after the backup.
    ``known``: audit checkpoints from elsewhere, beside those in ``place.heads``; used as far as they are ``verifiable``.
    ``CannotRestore``, ``BackupDamaged`` or ``BadBackupKey`` leave nothing that would start.
    """
    _demand_fit(backup, place)
    shutil.rmtree(place.staging, ignore_errors=True)
    (place.staging / "home").mkdir(mode=0o700, parents=True)
    with ExitStack() as open_streams:
        tally = Tally(open_streams.enter_context(target.open(repository.archive_place(backup.name))))
        stream = open_streams.enter_context(backup_cipher.decrypting(tally, identities))  # type: ignore[arg-type]
        archive = ArchiveReader(stream)
        about = archive.read_json("about.json")
        _put_home(archive, place)
        keys = _unlock(place)
        _demand_known_signers(published := checkpoints.read_published(place.heads), place)
        outside = [*verifiable(known), *published]
        files = _fetch_files(archive, target, identities, place, progress)
        _load_database(archive, backup, place)
    if (tally.bytes, tally.sha256) != (backup.bytes, backup.sha256):
        raise BackupDamaged("The archive is not the one of its statement: it was put in its place, or changed.")
    expected = Contents(about["counts"], ChainHead(*about["head"]))
    found, resumption = _continue(place, backup, expected, outside, skip_numbers, by=by, at=at)
    _move_into_place(place, keys)
    return Restored(backup, expected, found, files, resumption, skip_numbers)


def _demand_fit(backup: Backup, place: RestorePlace) -> None:
    if (place.home / "keys.json").exists():
        raise CannotRestore(f"{place.home} holds keys already: name an empty folder, or move this one aside.")
    kind = "sqlite" if place.is_sqlite else "postgresql"
    if backup.kind != kind:
        raise CannotRestore(
            f"The backup is of {backup.kind}, and DATABASE_URL is of {kind}. Restore it into its own kind; then "
            "'anguan move' brings everything from SQLite to PostgreSQL."
        )
    if backup.revision > migrate.head_revision():
        raise CannotRestore(f"A newer version of this program made the backup ({backup.version}): install that one first.")
    if place.is_sqlite:
        empty = not Path(str(make_url(place.database_url).database)).exists()
    else:
        engine = create_engine(place.database_url)
        empty = is_empty(engine)
        engine.dispose()
    if not empty:
        raise CannotRestore("The database of DATABASE_URL is not empty: name another one, or move it aside.")


def _put_home(archive: ArchiveReader, place: RestorePlace) -> None:
    for name, stream in archive.parts("home"):
        path = place.staging / "home" / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            shutil.copyfileobj(stream, file)
    heads = archive.read("heads.jsonl")
    if heads and not place.heads.exists():
        place.heads.parent.mkdir(parents=True, exist_ok=True)
        place.heads.touch(mode=0o600)
        place.heads.write_bytes(heads)


def _unlock(place: RestorePlace) -> Keys:
    """The keys of the backup, with a new one for sessions: whoever was signed in at its moment is not signed in again."""
    home = place.staging / "home"
    keys = replace(Keys.load((home / "keys.json").read_text()), session=secrets.token_urlsafe(48))
    keyring.unlock(*keys.ring)
    ring.open(home / "codes.json")
    return keys


def _demand_known_signers(outside: Iterable[checkpoints.Statement], place: RestorePlace) -> None:
    """Checkpoints of a key that was made after the backup, and lost with the system, could never be told from forged ones."""
    if unknown := sorted({one.kid for one in outside} - ring.public.keys()):
        raise CannotRestore(
            f"{place.heads} holds checkpoints signed with a key that the backup does not have ({', '.join(unknown)}). Move "
            "the file aside, keep it to show what was written after the backup, and restore again."
        )


def verifiable(statements: Iterable[checkpoints.Statement]) -> list[checkpoints.Statement]:
    """Those signed with a key that this process has open; in a rehearsal the log may have come to newer ones."""
    return [one for one in statements if one.kid in ring.public]


def _fetch_files(
    archive: ArchiveReader,
    target: Target,
    identities: backup_cipher.Identities,
    place: RestorePlace,
    progress: Callable[[int], None],
) -> tuple[str, ...]:
    """Put every file of the list into the store, each compared with its digest."""
    store = store_at(place.bucket or place.home / "blobs")
    digests = tuple(digest for _name, part in archive.parts("files") for digest in part.read().decode().split())
    for number, digest in enumerate(digests, start=1):
        if not store.verify(digest):
            store.put(read_file(target, digest, identities))
        progress(number)
    return digests


def read_file(target: Target, digest: str, identities: backup_cipher.Identities) -> bytes:
    """A file from the place of the backups. ``BackupDamaged`` unless it is the one of this digest."""
    with target.open(repository.object_place(digest)) as file:
        data = backup_cipher.decrypt(file.read(), identities)
    if hashlib.sha256(data).hexdigest() != digest:
        raise BackupDamaged(f"The file {digest} in the backup is another one.")
    return data


def _load_database(archive: ArchiveReader, backup: Backup, place: RestorePlace) -> None:
    total = 0

    def parts() -> Iterator[bytes]:
        nonlocal total
        for _name, part in archive.parts("database"):
            data = part.read()
            total += len(data)
            yield data
        if archive.read_json("end.json") != {"database": total}:
            raise BackupDamaged("The archive does not hold the whole database.")

    load(_working_url(place), parts(), place.staging, place.tools)
    if backup.kind == "postgresql":
        (place.staging / "pgpass").unlink(missing_ok=True)


def _working_url(place: RestorePlace) -> str:
    """SQLite is completed beside its place; PostgreSQL's tools build all or nothing."""
    return f"sqlite:///{place.staging / 'database'}" if place.is_sqlite else place.database_url


def _continue(
    place: RestorePlace,
    backup: Backup,
    expected: Contents,
    outside: list[checkpoints.Statement],
    skip_numbers: int,
    *,
    by: str,
    at: datetime,
) -> tuple[Contents, checkpoints.Resumption]:
    """Bring the database up to date, continue the audit log and the numbers, and publish where the log stands.

    Returns also what the database held before.
    """
    engine = create_engine(_working_url(place), hide_parameters=True)
    details: dict[str, Any] = {"backup": backup.name, "made": backup.at.isoformat()}
    if skip_numbers:
        details["numbers_left_out"] = skip_numbers
    with read_only(), engine.connect() as connection:
        found = Contents.of(connection, expected.counts)
    migrate.migrate_to(engine)
    with Session(engine) as session:
        if skip_numbers:
            session.execute(update(NumberSequence).values(last=NumberSequence.last + skip_numbers))
        resumption = checkpoints.resume(session, outside, details, by=by, at=at)
        session.commit()
        checkpoints.create(session, at=at)
        session.commit()
        checkpoints.publish(session, place.heads)
    engine.dispose()
    return found, resumption


def _move_into_place(place: RestorePlace, keys: Keys) -> None:
    """``keys.json`` last."""
    if place.is_sqlite:
        shutil.move(place.staging / "database", str(make_url(place.database_url).database))  # perhaps to another disk
    home = place.staging / "home"
    (home / "keys.json").unlink()
    for path in home.iterdir():
        path.rename(place.home / path.name)
    ring.open(place.home / "codes.json")
    write_keys(place.home / "keys.json", keys)
    shutil.rmtree(place.staging)
