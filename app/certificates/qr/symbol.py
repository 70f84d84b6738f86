"""The square code a stranger scans: an address in, its modules out, for paper and for the web page.

Law: level M and four light modules around, as measured to be read best at 30 mm; the code holds the address
and nothing else.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import zxingcpp

QUIET = 4  # light modules on every side: part of the code, a scanner needs them

Matrix = Sequence[Sequence[int]]
_DARK = bytes(not light for light in range(256))


def matrix(text: str) -> list[bytes]:
    """The modules of ``text`` without the quiet zone, top row first; 1 is dark."""
    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level="M")
    picture: Any = zxingcpp.write_barcode_to_image(code, scale=1, add_quiet_zones=False)
    pixels = memoryview(picture)
    side, modules = len(pixels), pixels.tobytes().translate(_DARK)
    return [modules[start : start + side] for start in range(0, side * side, side)]


def bars(modules: Matrix) -> Iterator[tuple[int, int, int]]:
    """Every dark stretch as (column, row, length), in modules from the top left: fewer shapes."""
    for row, line in enumerate(modules):
        start: int | None = None
        for column, dark in enumerate((*line, 0)):
            if dark and start is None:
                start = column
            elif not dark and start is not None:
                yield start, row, column - start
                start = None


def svg(text: str) -> str:
    """A whole ``<svg>`` element, quiet zone included, safe to put into a page; the caller sets its size."""
    modules = matrix(text)
    side = len(modules) + 2 * QUIET
    path = "".join(f"M{x + QUIET} {y + QUIET}h{n}v1h-{n}z" for x, y, n in bars(modules))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" shape-rendering="crispEdges"'
    return f'{head} role="img"><path fill="#fff" d="M0 0h{side}v{side}h-{side}z"/><path d="{path}"/></svg>'
