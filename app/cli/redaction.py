"""The command that looks through files before they are published."""

from collections.abc import Iterator
from pathlib import Path

import click

from app.core.errors import AppError
from app.core.redaction import FoundNumber, find_numbers
from app.core.settings import BadSetting
from app.files.spreadsheets.hidden_content import texts_in

MOST = 100 * 1024 * 1024


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
def disclosure(files: tuple[Path, ...]) -> int:
    """Look for ID numbers, mobiles and bank cards in .xlsx and text files before release. Ends with 1 if any is found."""
    found = 0
    for file in files:
        for number in _found(file):
            found += 1
            print(f"{file.name}: {number.place}{': ' if number.place else ''}{number.kind} {number.masked}")
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
        except AppError as error:
            raise BadSetting(f"{file.name}: {error}") from None
    else:
        texts = list(_lines(file.name, data))
    for place, text in dict.fromkeys(texts):
        yield from find_numbers(text, place)


def _lines(name: str, data: bytes) -> Iterator[tuple[str, str]]:
    """The lines of a text file; ``BadSetting`` for any other (a PDF, a picture), which cannot be searched."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text and not data.startswith(b"%PDF"):
            yield from ((f"line {number}", line) for number, line in enumerate(text.splitlines(), start=1))
            return
    raise BadSetting(f"{name} is neither a workbook nor a text and cannot be looked into. Please have a person read it.")
