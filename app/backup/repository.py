"""What lies in the place of the backups: archives with a statement about each, and every file once.

    archives/20261130T163512Z.age     database, keys and the list of files (``app.backup.archive``)
    archives/20261130T163512Z.json    the statement; an archive without one is not whole
    objects/ab/cd/abcd….age           a file, under the SHA-256 of its plain bytes
    unnamed.json                      since when files are in no new archive

All but statements and names is encrypted to the keepers.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, BinaryIO, Self

from app.backup.targets import Target, TargetFault
from app.core.clock import office_day

FORM = "anguan backup 1"
ARCHIVES, OBJECTS, ENCRYPTED, UNNAMED = "archives", "objects", ".age", "unnamed.json"
MOMENTS = ("at", "finished_at")


@dataclass(frozen=True, slots=True)
class Backup:
    """The statement about an archive. ``at``: the moment whose state it holds; sizes in bytes."""

    name: str
    at: datetime
    finished_at: datetime
    installation: str  # the same for all backups of one system, also after a restore or a rotation of its keys
    kind: str  # of the database: sqlite or postgresql
    revision: str
    version: str  # of the program that made it
    sha256: str  # of the archive as it is stored
    bytes: int
    files: int  # that the database names
    file_bytes: int  # stored anew for this archive, encrypted
    missing: int  # files that the database names and the store has lost

    def dump(self) -> str:
        return json.dumps(
            {"form": FORM} | asdict(self) | {name: getattr(self, name).isoformat() for name in MOMENTS}, indent=2
        )

    @classmethod
    def load(cls, text: str) -> Self:
        """``ValueError`` for anything but a statement of this form."""
        read: dict[str, Any] = json.loads(text)
        if read.pop("form", None) != FORM:
            raise ValueError("not a statement of a backup")
        try:
            return cls(**read | {name: datetime.fromisoformat(read[name]) for name in MOMENTS})
        except (KeyError, TypeError) as fault:
            raise ValueError("not a statement of a backup") from fault


class Tally:
    """Passes bytes on, or reads them, and keeps their number and digest."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._digest, self.bytes = stream, hashlib.sha256(), 0

    def write(self, data: bytes) -> int:
        self._stream.write(data)
        self._note(data)
        return len(data)

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._note(data)
        return data

    def flush(self) -> None:
        self._stream.flush()

    def _note(self, data: bytes) -> None:
        self._digest.update(data)
        self.bytes += len(data)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


def name_of(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def archive_place(name: str) -> str:
    return f"{ARCHIVES}/{name}{ENCRYPTED}"


def statement_place(name: str) -> str:
    return f"{ARCHIVES}/{name}.json"


def object_place(digest: str) -> str:
    return f"{OBJECTS}/{digest[:2]}/{digest[2:4]}/{digest}{ENCRYPTED}"


def stored_objects(target: Target) -> set[str]:
    """The digests of all stored files: about 150 bytes of memory each."""
    names = (name.rpartition("/")[2] for name in target.names(OBJECTS))
    return {name.removesuffix(ENCRYPTED) for name in names if name.endswith(ENCRYPTED)}


def backups(target: Target) -> list[Backup]:
    """All whole archives, the oldest first."""
    found = []
    for name in target.names(ARCHIVES):
        if name.endswith(".json"):
            with target.open(name) as file:
                found.append(_statement(name, file.read().decode(errors="replace")))
    return sorted(found, key=lambda one: one.at)


def _statement(name: str, text: str) -> Backup:
    try:
        return Backup.load(text)
    except ValueError:
        raise TargetFault(f"{name} is no statement of a backup: it was changed, or another program wrote it.") from None


def demand_own(target: Target, installation: str) -> None:
    """``TargetFault`` if another system keeps its backups there: each would take the other's files for unnamed."""
    if any(one.installation != installation for one in backups(target)):
        raise TargetFault("Another system keeps its backups in this place: set ANGUAN_BACKUP_FOLDER to a folder of its own.")


def find(target: Target, name: str = "") -> Backup:
    """The archive of this name, or the newest. ``TargetFault`` if there is none."""
    found = [one for one in backups(target) if name in ("", one.name)]
    if not found:
        raise TargetFault(f"There is no backup {name}." if name else "There is no backup in this place.")
    return found[-1]


def is_intact(target: Target, backup: Backup, progress: Callable[[int], None] = lambda _number: None) -> bool:
    """Whether the archive is stored as it was written, byte by byte."""
    with target.open(archive_place(backup.name)) as file:
        tally = Tally(file)
        while tally.read(1 << 20):
            progress(tally.bytes)
    return (tally.bytes, tally.sha256) == (backup.bytes, backup.sha256)


def kept(found: Sequence[Backup], days: int, weeks: int, months: int) -> set[str]:
    """The names of the archives to keep: the newest, and the last of each of so many days, weeks and months that have one."""
    names = {found[-1].name} if found else set()
    for count, period in ((days, "%Y-%m-%d"), (weeks, "%G-%V"), (months, "%Y-%m")):
        last = {office_day(one.at).strftime(period): one.name for one in sorted(found, key=lambda one: one.at)}
        names |= {last[when] for when in sorted(last)[-count:]} if count else set()
    return names


def thin_out(target: Target, keep: tuple[int, int, int]) -> list[Backup]:
    """Remove archives that need not be kept, and those without a statement. Returns the rest."""
    found = backups(target)
    names = kept(found, *keep)
    for one in found:
        if one.name not in names:
            target.remove(statement_place(one.name))  # first: what is half removed must not look whole
    left = {archive_place(name) for name in names} | {statement_place(name) for name in names}
    for name in list(target.names(ARCHIVES)):
        if name not in left:
            target.remove(name)
    return [one for one in found if one.name in names]


def remove_unnamed(target: Target, named: set[str], stored: Iterable[str], rest: Sequence[Backup]) -> int:
    """Remove stored files that no archive of ``rest`` names; returns how many. ``named``: by the newest of them.

    What the lists of older archives hold cannot be read here, as they are encrypted. So it is noted from which archive on a
    file was no longer named; once no archive from before that is kept, the file is not needed.
    """
    oldest, newest, removed = rest[0].at, rest[-1].at, 0
    before = _unnamed(target)
    since = {digest: before.get(digest, newest) for digest in stored if digest not in named}
    for digest, moment in list(since.items()):
        if moment <= oldest:
            target.remove(object_place(digest))
            del since[digest]
            removed += 1
    if since != before:
        with target.put(UNNAMED) as file:
            file.write(json.dumps({digest: moment.isoformat() for digest, moment in since.items()}).encode())
    return removed


def _unnamed(target: Target) -> dict[str, datetime]:
    try:
        with target.open(UNNAMED) as file:
            return {digest: datetime.fromisoformat(moment) for digest, moment in json.loads(file.read()).items()}
    except (TargetFault, ValueError):
        return {}  # noted anew: files are kept longer, never less
