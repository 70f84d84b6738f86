"""The command that looks through files before they are made public."""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

from app.cli.common import Command
from app.core.errors import AppError
from app.core.redaction import FoundNumber, numbers_in
from app.core.settings import BadSetting
from app.files.spreadsheets.hidden_content import texts_in

MOST = 100 * 1024 * 1024


def add_disclosure(add: Callable[[str, Command, str], argparse.ArgumentParser]) -> None:
    about = "Look for ID numbers, mobiles and bank cards in .xlsx and text files before release. Ends with 1 if any is found."
    add("disclosure", look, about).add_argument("files", nargs="+", type=Path, metavar="FILE")


def look(chosen: argparse.Namespace) -> int:
    found = 0
    for file in chosen.files:
        for one in _found(file):
            found += 1
            print(f"{file.name}: {one.place}{': ' if one.place else ''}{one.kind} {one.masked}")
    print(f"{found} to take out." if found else "Nothing found.")
    return 1 if found else 0


def _found(file: Path) -> Iterator[FoundNumber]:
    try:
        if file.stat().st_size > MOST:
            raise BadSetting(f"{file.name} is too large to be looked through.")
        data = file.read_bytes()
    except OSError as fault:
        raise BadSetting(f"{file} cannot be read: {fault.strerror}.") from None
    if data.startswith(b"PK"):
        try:
            texts = list(texts_in(data))
        except AppError as no:
            raise BadSetting(f"{file.name}: {no}") from None
    else:
        texts = list(_lines(file.name, data))
    for place, text in dict.fromkeys(texts):
        yield from numbers_in(text, place)


def _lines(name: str, data: bytes) -> Iterator[tuple[str, str]]:
    """A text file by its lines. A file that is none (a PDF, a picture) cannot be looked into, and that is said."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text and not data.startswith(b"%PDF"):
            yield from ((f"line {number}", line) for number, line in enumerate(text.splitlines(), start=1))
            return
    raise BadSetting(f"{name} is neither a workbook nor a text and cannot be looked into. Please have a person read it.")
