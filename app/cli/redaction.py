"""The command that looks through files before they are published."""

from collections.abc import Iterator
from pathlib import Path

import click

from app.core.redaction import FoundNumber, find_numbers
from app.core.settings import BadSetting
from app.files import apart
from app.files.images import FileFault
from app.files.inspect import refusal

MOST = 100 * 1024 * 1024


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
def disclosure(files: tuple[Path, ...]) -> int:
    """Look for ID numbers, mobiles and bank cards in files before release: PDF, .docx, .xlsx, OFD, text, data of pictures.

    Ends with 1 if any is found. Pictures of writing are not read.
    """
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
        texts = apart.texts(file.read_bytes())
    except OSError as fault:
        raise BadSetting(f"{file} cannot be read: {fault.strerror}.") from None
    except FileFault as fault:
        raise BadSetting(str(refusal(file.name, fault.code))) from None
    for place, text in texts:
        yield from find_numbers(text, place)
