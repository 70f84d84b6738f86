"""The QR code as modules, for paper and for web pages.

Level M and a quiet zone of four modules were read best at 30 mm. The code holds the given text and nothing else.
"""

from collections.abc import Iterator, Sequence
from functools import cache

from qrcode.constants import ERROR_CORRECT_M
from qrcode.main import QRCode
from qrcode.util import mask_func

from app.certificates.qr.codewords import codewords, version_for

QUIET = 4  # light modules on every side: part of the code, a scanner needs them
# Readers take any mask; trying all eight takes five times as long. This one has the least penalty on our addresses.
MASK = 2

Matrix = Sequence[Sequence[int]]


class _Symbol(QRCode):  # type: ignore[misc]  # qrcode brings no types
    """Places the codewords as qrcode does, which asks the mask for each module anew."""

    def map_data(self, data: Sequence[int], mask_pattern: int) -> None:
        free = [(row, column) for row, column in _zigzag(len(self.modules)) if self.modules[row][column] is None]
        bits = f"{int.from_bytes(bytes(data), 'big'):0{8 * len(data)}b}".ljust(len(free), "0")
        turned = _mask(len(self.modules), mask_pattern)
        for (row, column), bit in zip(free, bits, strict=True):
            self.modules[row][column] = (bit == "1") != turned[row][column]


@cache
def _zigzag(side: int) -> list[tuple[int, int]]:
    """Rows and columns in the order of placing: pairs of columns from the right, upwards and downwards in turn."""
    pairs = [*range(side - 1, 6, -2), *range(5, 0, -2)]  # the column of the timing pattern belongs to no pair
    upwards = range(side - 1, -1, -1)
    return [
        (row, column)
        for turn, right in enumerate(pairs)
        for row in (range(side) if turn % 2 else upwards)
        for column in (right, right - 1)
    ]


@cache
def _mask(side: int, pattern: int) -> list[list[bool]]:
    turns = mask_func(pattern)
    return [[turns(row, column) for column in range(side)] for row in range(side)]


def matrix(text: str) -> list[bytes]:
    """The modules of ``text`` without the quiet zone, top row first; 1 is dark. The same text has the same modules."""
    code = _Symbol(error_correction=ERROR_CORRECT_M, mask_pattern=MASK)
    code.add_data(text)
    code.version = version_for(code.data_list, ERROR_CORRECT_M)
    code.data_cache = codewords(code.data_list, code.version, ERROR_CORRECT_M)
    code.make(fit=False)
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
    """An ``<svg>`` element with the quiet zone, safe to embed in HTML. What is around it gives it a size and a name."""
    modules = matrix(text)
    side = len(modules) + 2 * QUIET
    path = "".join(f"M{x + QUIET} {y + QUIET}h{n}v1h-{n}z" for x, y, n in bars(modules))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" shape-rendering="crispEdges"'
    return f'{head} aria-hidden="true"><path fill="#fff" d="M0 0h{side}v{side}h-{side}z"/><path d="{path}"/></svg>'
