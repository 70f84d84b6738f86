"""Writes a file atomically."""

import os
import tempfile
from pathlib import Path


def put_file(path: Path, data: bytes, *, once: bool = False) -> None:
    """Write a file (0600) completely or not at all. ``once``: raise ``FileExistsError`` rather than replace."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(handle)
        if once:
            os.link(name, path)  # unlike a rename, this refuses to replace
            Path(name).unlink()
        else:
            Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def flush_folder(folder: Path) -> None:
    """A rename is durable only once its folder is flushed, too."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
