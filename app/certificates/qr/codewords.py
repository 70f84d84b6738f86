"""The codewords of a QR code: the texts packed into bytes, with error correction (ISO/IEC 18004:2015, 7.4 and 7.5).

As qrcode makes them, which sets one bit and divides one term at a time: four fifths of what a certificate cost to draw.
"""

from bisect import bisect_left
from collections.abc import Sequence
from functools import cache
from itertools import zip_longest

from qrcode.base import EXP_TABLE, LOG_TABLE, rs_blocks
from qrcode.util import BIT_LIMIT_TABLE, PAD0, PAD1, QRData, mode_sizes_for_version

VERSIONS = 40


class TooLong(ValueError):
    """No QR code holds so much."""


class _Bits:
    """What ``QRData.write`` writes to: all bits as one number."""

    def __init__(self) -> None:
        self.number = self.length = 0

    def put(self, number: int, length: int) -> None:
        self.number = self.number << length | number
        self.length += length


def version_for(chunks: Sequence[QRData], level: int) -> int:
    """The smallest version that holds the chunks. Raises ``TooLong``."""
    body = _Bits()
    for chunk in chunks:
        chunk.write(body)
    start = 1
    while start <= VERSIONS:
        sizes = mode_sizes_for_version(start)
        needed = body.length + sum(4 + sizes[chunk.mode] for chunk in chunks)
        version = bisect_left(BIT_LIMIT_TABLE[level], needed, start)
        if version <= VERSIONS and mode_sizes_for_version(version) is sizes:
            return version
        start = version
    raise TooLong


def codewords(chunks: Sequence[QRData], version: int, level: int) -> list[int]:
    """Data and error correction in the order in which they are placed."""
    bits, sizes = _Bits(), mode_sizes_for_version(version)
    for chunk in chunks:
        bits.put(chunk.mode, 4)
        bits.put(len(chunk), sizes[chunk.mode])
        chunk.write(bits)
    capacity = BIT_LIMIT_TABLE[level][version]
    bits.put(0, min(capacity - bits.length, 4))
    bits.put(0, -bits.length % 8)
    data = bits.number.to_bytes(bits.length // 8, "big")
    data = (data + bytes((PAD0, PAD1)) * capacity)[: capacity // 8]
    blocks, start = [], 0
    for block in rs_blocks(version, level):
        part = data[start : start + block.data_count]
        blocks.append((part, _correction(part, block.total_count - block.data_count)))
        start += len(part)
    return [
        word for parts in zip(*blocks, strict=True) for column in zip_longest(*parts) for word in column if word is not None
    ]


def _correction(data: bytes, count: int) -> bytes:
    """The remainder of a block divided by the generator of so many error correction words."""
    multiples, rest, shift = _multiples(count), 0, 8 * (count - 1)
    below = (1 << shift) - 1
    for word in data:
        rest = (rest & below) << 8 ^ multiples[rest >> shift ^ word]
    return rest.to_bytes(count, "big")


@cache
def _multiples(count: int) -> list[int]:
    """For each byte its product with the generator polynomial, without the leading term, as one number."""
    generator = [1]
    for power in range(count):
        root = EXP_TABLE[power]
        shifted = [*generator, 0]
        generator = [a ^ b for a, b in zip(shifted, [0, *(_product(term, root) for term in generator)], strict=True)]
    return [int.from_bytes(bytes(_product(term, byte) for term in generator[1:]), "big") for byte in range(256)]


def _product(one: int, other: int) -> int:
    return EXP_TABLE[(LOG_TABLE[one] + LOG_TABLE[other]) % 255] if one and other else 0
