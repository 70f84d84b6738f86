"""A file that is there whole or not at all."""

import os
import tempfile
from pathlib import Path


def put_file(path: Path, data: bytes, *, once: bool = False) -> None:
    """Whole or not at all, for the owner only (0600); ``once``: never over what is there."""
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
