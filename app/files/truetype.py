"""Reads TrueType fonts: glyphs, widths, outlines, and subsets.

Nothing is decoded before a character needs it, so that opening a font of 28 000 glyphs costs next to nothing.
"""

import struct
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from mmap import mmap
from typing import Generic, NamedTuple, TypeVar

_COMPOSITE = struct.Struct(">HH")
_WORDS, _SCALE, _MORE, _TWO_SCALES, _MATRIX = 0x01, 0x08, 0x20, 0x40, 0x80  # flags of a part of a composite glyph

Number = TypeVar("Number", int, float)
Knot = tuple[float, float]


class Subset(NamedTuple):
    """A font file, and the glyph number of each character in it."""

    data: bytes
    glyphs: dict[str, int]


class _Asked(Generic[Number], dict[str, Number]):
    """A property of characters, computed at first use."""

    def __init__(self, find: Callable[[str], Number]) -> None:
        super().__init__()
        self._find: Callable[[str], Number] = find

    def __missing__(self, c: str) -> Number:
        found: Number = self._find(c)
        self[c] = found
        return found


class Font:
    """``data`` may be a mapped file, of which only the needed pages are read.

    ``glyphs[c]`` is 0 if there is none; ``advances[c]`` is how far ``c`` moves the pen, as a share of the size.
    """

    def __init__(self, data: bytes | mmap) -> None:
        self._data = data
        (count,) = struct.unpack_from(">H", data, 4)
        rows = struct.iter_unpack(">4sIII", data[12 : 12 + 16 * count])
        self._tables = {tag.decode("ascii"): (start, length) for tag, _sum, start, length in rows}
        head = self.table("head")
        (self.em,) = struct.unpack_from(">H", head, 18)
        self.box: tuple[int, int, int, int] = struct.unpack_from(">4h", head, 36)
        self._long = bool(head[51])
        hhea = self.table("hhea")
        self.ascent, self.descent = struct.unpack_from(">hh", hhea, 4)
        (self._widths,) = struct.unpack_from(">H", hhea, 34)
        self._sides = self.table("hmtx")
        self._firsts, self._lasts, self._starts = self._groups()
        self.glyphs = _Asked(self._glyph)
        self.advances = _Asked(self._advance)

    def file(self) -> bytes:
        """The whole font."""
        return bytes(self._data[:])

    def table(self, tag: str) -> bytes:
        start, length = self._tables[tag]
        return bytes(self._data[start : start + length])

    def _groups(self) -> tuple[Sequence[int], Sequence[int], Sequence[int]]:
        """The rows of the character map (format 12): first character, last character, glyph of the first."""
        start = self._tables["cmap"][0]
        (count,) = struct.unpack_from(">H", self._data, start + 2)
        for i in range(count):
            (offset,) = struct.unpack_from(">I", self._data, start + 8 + 8 * i)
            kind, _, _, _, rows = struct.unpack_from(">HHIII", self._data, start + offset)
            if kind == 12:
                numbers = array("I", self._data[start + offset + 16 : start + offset + 16 + 12 * rows])
                numbers.byteswap()
                return numbers[0::3], numbers[1::3], numbers[2::3]
        raise ValueError("a font without a full character map")

    def _glyph(self, c: str) -> int:
        code = ord(c)
        row = bisect_right(self._firsts, code) - 1
        inside = row >= 0 and code <= self._lasts[row]
        return self._starts[row] + code - self._firsts[row] if inside else 0

    def _advance(self, c: str) -> float:
        (units,) = struct.unpack_from(">H", self._sides, 4 * min(self.glyphs[c], self._widths - 1))
        return float(units / self.em)

    def _side(self, glyph: int) -> bytes:
        """Width and left bearing, as in the table hmtx."""
        if glyph < self._widths:
            return self._sides[4 * glyph : 4 * glyph + 4]
        bearing = 4 * self._widths + 2 * (glyph - self._widths)
        return self._sides[4 * self._widths - 4 : 4 * self._widths - 2] + self._sides[bearing : bearing + 2]

    def _body(self, glyph: int) -> bytes:
        start = self._tables["loca"][0]
        if self._long:
            a, b = struct.unpack_from(">II", self._data, start + 4 * glyph)
        else:
            a, b = (2 * half for half in struct.unpack_from(">HH", self._data, start + 2 * glyph))
        base = self._tables["glyf"][0]
        return bytes(self._data[base + a : base + b])

    # --- subsets -------------------------------------------------------------------------------------

    def subset(self, characters: Iterable[str], *, mapped: bool = False) -> Subset:
        """A font with these characters alone; ``mapped`` adds a character map."""
        chosen, places, glyphs = [0], {0: 0}, {}
        for c in characters:
            old = self.glyphs[c]
            if old not in places:
                places[old] = len(chosen)
                chosen.append(old)
            glyphs[c] = places[old]
        bodies: list[bytes] = []
        for old in chosen:  # grows while it is walked: parts of composite glyphs are appended
            body = self._body(old)
            if body[:1] >= b"\x80":
                body = self._renumbered(body, chosen, places)
            bodies.append(body + b"\0" * (-len(body) % 4))
        return Subset(self._written(chosen, bodies, glyphs if mapped else None), glyphs)

    def _renumbered(self, body: bytes, chosen: list[int], places: dict[int, int]) -> bytes:
        new = bytearray(body)
        for place, part in _parts(body):
            if part not in places:
                places[part] = len(chosen)
                chosen.append(part)
            struct.pack_into(">H", new, place, places[part])
        return bytes(new)

    def _written(self, chosen: list[int], bodies: list[bytes], glyphs: dict[str, int] | None) -> bytes:
        count = len(chosen)
        ends = [0]
        for body in bodies:
            ends.append(ends[-1] + len(body))
        head, hhea, maxp = (bytearray(self.table(tag)) for tag in ("head", "hhea", "maxp"))
        head[8:12] = b"\0\0\0\0"
        struct.pack_into(">H", head, 50, 1)
        struct.pack_into(">H", hhea, 34, count)
        struct.pack_into(">H", maxp, 4, count)
        tables = {
            "glyf": b"".join(bodies),
            "head": bytes(head),
            "hhea": bytes(hhea),
            "hmtx": b"".join(map(self._side, chosen)),
            "loca": struct.pack(f">{count + 1}I", *ends),
            "maxp": bytes(maxp),
        }
        if glyphs is not None:
            tables = {"cmap": _map(glyphs), **tables}
        return _bound(tables)

    # --- outlines --------------------------------------------------------------------------------------------

    def outline(self, c: str) -> list[list[tuple[Knot, bool]]]:
        """The contours of a simple glyph in units of the em: points, and whether the line goes through them."""
        body = self._body(self.glyphs[c])
        contours = struct.unpack_from(">h", body)[0] if body else 0
        if contours < 0:
            raise ValueError(f"the glyph of {c} is put together from others")
        if not contours:
            return []
        ends = struct.unpack_from(f">{contours}H", body, 10)
        (hints,) = struct.unpack_from(">H", body, 10 + 2 * contours)
        flags, place = _flags(body, 12 + 2 * contours + hints, ends[-1] + 1)
        xs, place = _track(body, place, flags, 0x02, 0x10)
        ys, _place = _track(body, place, flags, 0x04, 0x20)
        points = [((float(x), float(y)), bool(flag & 1)) for x, y, flag in zip(xs, ys, flags, strict=True)]
        starts = (0, *(end + 1 for end in ends))
        return [points[a : b + 1] for a, b in zip(starts, ends, strict=False)]


def _parts(body: bytes) -> Iterator[tuple[int, int]]:
    """The offset and the glyph number of each part of a composite glyph."""
    place, flags = 10, _MORE
    while flags & _MORE:
        flags, part = _COMPOSITE.unpack_from(body, place)
        yield place + 2, part
        place += 8 if flags & _WORDS else 6
        place += 2 if flags & _SCALE else 4 if flags & _TWO_SCALES else 8 if flags & _MATRIX else 0


def _flags(body: bytes, place: int, count: int) -> tuple[list[int], int]:
    flags: list[int] = []
    while len(flags) < count:
        flag = body[place]
        place += 1
        flags.append(flag)
        if flag & 0x08:
            flags += [flag] * body[place]
            place += 1
    return flags, place


def _track(body: bytes, place: int, flags: list[int], short: int, same: int) -> tuple[list[int], int]:
    """One coordinate of all points, stored as differences."""
    at, track = 0, []
    for flag in flags:
        if flag & short:
            at += body[place] if flag & same else -body[place]
            place += 1
        elif not flag & same:
            at += struct.unpack_from(">h", body, place)[0]
            place += 2
        track.append(at)
    return track, place


def _map(glyphs: dict[str, int]) -> bytes:
    rows = b"".join(struct.pack(">III", ord(c), ord(c), glyph) for c, glyph in sorted(glyphs.items()))
    table = struct.pack(">HHIII", 12, 0, 16 + len(rows), 0, len(glyphs)) + rows
    return struct.pack(">HHHHI", 0, 1, 3, 10, 12) + table


def _bound(tables: dict[str, bytes]) -> bytes:
    """A font file of these tables, given in order of their names."""
    count = len(tables)
    power = count.bit_length() - 1
    header = struct.pack(">IHHHH", 0x00010000, count, 16 << power, power, 16 * count - (16 << power))
    place, rows, bodies, head = 12 + 16 * count, [], [], 0
    for tag, table in tables.items():
        padded = table + b"\0" * (-len(table) % 4)
        rows.append(struct.pack(">4sIII", tag.encode("ascii"), _sum(padded), place, len(table)))
        bodies.append(padded)
        if tag == "head":
            head = place
        place += len(padded)
    font = bytearray(b"".join((header, *rows, *bodies)))
    struct.pack_into(">I", font, head + 8, (0xB1B0AFBA - _sum(font)) & 0xFFFFFFFF)
    return bytes(font)


def _sum(data: bytes | bytearray) -> int:
    numbers = array("I", data)
    numbers.byteswap()
    return sum(numbers) & 0xFFFFFFFF
