"""Moving all files from one store to another."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

from app.files.storage import FileDamaged, FileMissing, Store

AT_ONCE = 8  # files on their way
PORTION = 1_000  # files between two calls of ``progress``


@dataclass(slots=True)
class MovedFiles:
    """What has become of them."""

    digests: set[str] = field(default_factory=set)  # whole at the new place now
    copied: int = 0  # of them by this run
    bytes: int = 0  # of those, before encryption
    faults: dict[str, str] = field(default_factory=dict)  # digest -> what is wrong with it where it came from


def move(source: Store, target: Store, progress: Callable[[MovedFiles], None] = lambda _moved: None) -> MovedFiles:
    """Copy every file that is not whole at the target, and read it there again. Nothing is removed at the source.

    May be broken off and repeated, while others put files into the source. ``FilesAway`` or ``Unwritable`` if a place
    cannot be used; ``OSError`` if the target does not give back what was put there.
    """
    moved = MovedFiles()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        digests = source.digests()
        while portion := list(islice(digests, PORTION)):
            outcomes = pool.map(lambda one: _copied(source, target, one), portion)
            for digest, outcome in zip(portion, outcomes, strict=True):
                if isinstance(outcome, str):
                    moved.faults[digest] = outcome
                    continue
                moved.digests.add(digest)
                moved.copied += outcome is not None
                moved.bytes += outcome or 0
            progress(moved)
    return moved


def _copied(source: Store, target: Store, digest: str) -> int | str | None:
    """How many bytes were copied, None for a file that was there already, or the code of what is wrong with it."""
    if target.verify(digest):
        return None
    try:
        data = source.read(digest)
    except FileMissing as fault:
        return fault.code
    if hashlib.sha256(data).hexdigest() != digest:
        return FileDamaged.code
    target.put(data)
    if not target.verify(digest):
        raise OSError(f"{target.address} does not give back the file {digest} as it was put there")
    return len(data)
