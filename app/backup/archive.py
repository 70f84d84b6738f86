"""The plain form of an archive: a tar file, written and read as a stream.

In this order: ``about.json``, ``home/…``, ``heads.jsonl``, ``files/…`` (digests, one a line), ``database/…``, ``end.json``.
What is of unknown length stands in parts of ``PART`` bytes.
"""

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO

from app.core.crypto.backup_cipher import BackupDamaged

PART = 8 << 20  # bytes


class ArchiveWriter:
    """Writes members in the order of the calls."""

    def __init__(self, stream: BinaryIO) -> None:
        self._tar = tarfile.open(fileobj=stream, mode="w|")  # noqa: SIM115 - closed by ``close``

    def add(self, name: str, data: bytes) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mode = len(data), 0o600
        self._tar.addfile(member, io.BytesIO(data))

    def add_json(self, name: str, facts: object) -> None:
        self.add(name, json.dumps(facts, indent=1).encode())

    def add_file(self, name: str, path: Path) -> None:
        """A file as long as it is now; what is appended meanwhile is left out."""
        with path.open("rb") as file:
            member = self._tar.gettarinfo(arcname=name, fileobj=file)
            member.mode, member.uid, member.gid, member.uname, member.gname = 0o600, 0, 0, "", ""
            self._tar.addfile(member, file)

    def close(self) -> None:
        self._tar.close()


class ArchiveReader:
    """Reads members in the order in which they were written. ``BackupDamaged`` for another order."""

    def __init__(self, stream: BinaryIO) -> None:
        try:
            self._tar = tarfile.open(fileobj=stream, mode="r|")  # noqa: SIM115 - the stream is the caller's
        except tarfile.TarError:
            raise BackupDamaged("The archive does not begin as one of ours.") from None
        self._next = self._tar.next()

    def read(self, name: str) -> bytes:
        """The member of this name, which must be the next one."""
        if self._next is None or self._next.name != name:
            raise BackupDamaged(f"The archive lacks {name}, or it stands in another place.")
        try:
            data = self._stream(self._next).read()
        except tarfile.TarError:
            raise BackupDamaged("The archive ends too early.") from None
        self._advance()
        return data

    def read_json(self, name: str) -> Any:
        return json.loads(self.read(name))

    def parts(self, folder: str) -> Iterator[tuple[str, IO[bytes]]]:
        """Name within ``folder`` and stream of each of the next members that are in it; read each before the next."""
        while self._next is not None and self._next.name.startswith(f"{folder}/"):
            name = PurePosixPath(self._next.name).relative_to(folder)
            if ".." in name.parts or not self._next.isfile():  # whoever has the public key can write an archive
                raise BackupDamaged(f"The archive holds {name}, which none of ours does.")
            yield str(name), self._stream(self._next)
            self._advance()

    def _advance(self) -> None:
        try:
            self._next = self._tar.next()
        except tarfile.TarError:
            raise BackupDamaged("The archive ends too early.") from None

    def _stream(self, member: tarfile.TarInfo) -> IO[bytes]:
        stream = self._tar.extractfile(member)
        if stream is None:
            raise BackupDamaged(f"The archive holds {member.name}, which is no file.")
        return stream
