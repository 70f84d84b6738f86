"""The catalogue of translations: where it lies, and how it is made ready for reading.

Law: what is fuzzy or empty is left out, so a guess is never shown; compiled files are made, never kept in the repository.
"""

import os
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

FOLDER = Path(__file__).parents[2] / "translations"


def compile_all(folder: Path = FOLDER) -> list[Path]:
    """Compile every catalogue that is newer than what was compiled of it. Returns what was made."""
    made = []
    for source in sorted(folder.glob("*/LC_MESSAGES/*.po")):
        target = source.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime_ns >= source.stat().st_mtime_ns:
            continue
        half = target.with_suffix(f".{os.getpid()}")
        with source.open("rb") as words, half.open("wb") as file:
            write_mo(file, read_po(words, locale=source.parts[-3]))
        half.replace(target)  # at once, so that a server that starts meanwhile reads the old or the new one
        made.append(target)
    return made
