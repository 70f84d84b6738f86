"""Compiles the message catalogues (.po to .mo). Fuzzy and empty translations are left out, so no guess is shown.

A wheel holds them compiled and has nothing to compile.
"""

import os
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from app.core import bundled

FOLDER = bundled.folder("translations")


def compile_all(folder: Path = FOLDER) -> list[Path]:
    """Compile every catalogue that is newer than its .mo file. Returns the files written."""
    written = []
    for source in sorted(folder.glob("*/LC_MESSAGES/*.po")):
        target = source.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime_ns >= source.stat().st_mtime_ns:
            continue
        partial = target.with_suffix(f".{os.getpid()}")
        with source.open("rb") as catalogue, partial.open("wb") as file:
            write_mo(file, read_po(catalogue, locale=source.parts[-3]))
        partial.replace(target)  # atomic, for servers that start meanwhile
        written.append(target)
    return written
