"""The QR code as modules, for paper and for web pages.

Level M and a quiet zone of four modules were read best at 30 mm. The code holds the given text and nothing else.
"""

from collections.abc import Iterator, Sequence

from qrcode.constants import ERROR_CORRECT_M
from qrcode.main import QRCode

QUIET = 4  # light modules on every side: part of the code, a scanner needs them
# Readers take any mask; trying all eight takes five times as long. This one has the least penalty on our addresses.
MASK = 2

Matrix = Sequence[Sequence[int]]


def matrix(text: str) -> list[bytes]:
    """The modules of ``text`` without the quiet zone, top row first; 1 is dark. The same text has the same modules."""
    code = QRCode(error_correction=ERROR_CORRECT_M, mask_pattern=MASK)
    code.add_data(text)
    code.make()
    return [bytes(map(bool, row)) for row in code.modules]


def bars(modules: Matrix) -> Iterator[tuple[int, int, int]]:
    """Each run of dark modules in a row as (column, row, length), counted from the top left."""
    for row, line in enumerate(modules):
        start: int | None = None
        for column, dark in enumerate((*line, 0)):
            if dark and start is None:
                start = column
            elif not dark and start is not None:
                yield start, row, column - start
                start = None


def svg(text: str) -> str:
    """An ``<svg>`` element with the quiet zone, safe to embed in HTML. It has no size of its own."""
    modules = matrix(text)
    side = len(modules) + 2 * QUIET
    path = "".join(f"M{x + QUIET} {y + QUIET}h{n}v1h-{n}z" for x, y, n in bars(modules))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" shape-rendering="crispEdges"'
    return f'{head} role="img"><path fill="#fff" d="M0 0h{side}v{side}h-{side}z"/><path d="{path}"/></svg>'
