"""The shapes of a page as plain data, independent of the file format: text, paths, a picture, a QR code.

All lengths are millimetres from the lower left corner, type sizes included; colours are solid.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from app.files.fonts import TextRun

POINT = 25.4 / 72  # mm
_ROUND = 0.5522847498  # how far the handles of a quarter of a circle reach, as a share of its radius

Point = tuple[float, float]
Step = tuple[str, tuple[float, ...]]  # M x y, L x y, C x1 y1 x2 y2 x y, or Z


class Color(NamedTuple):
    red: int
    green: int
    blue: int

    @classmethod
    def of(cls, digits: str) -> "Color":
        """From ``#RRGGBB``."""
        return cls(*bytes.fromhex(digits.removeprefix("#")))

    def tint(self, share: float, ground: "Color") -> "Color":
        """``share`` of the colour on ``ground``, as a solid: PDF/A forbids transparency."""
        return Color(*(round(share * a + (1 - share) * b) for a, b in zip(self, ground, strict=True)))


class Matrix(NamedTuple):
    """(x, y) goes to (a x + c y + e, b x + d y + f)."""

    a: float = 1.0
    b: float = 0.0
    c: float = 0.0
    d: float = 1.0
    e: float = 0.0
    f: float = 0.0

    @classmethod
    def placed(cls, x: float, y: float, degrees: float = 0.0) -> "Matrix":
        """Turned about its own origin, then moved to (x, y)."""
        angle = math.radians(degrees)
        return cls(math.cos(angle), math.sin(angle), -math.sin(angle), math.cos(angle), x, y)

    def then(self, outer: "Matrix") -> "Matrix":
        """This one first, ``outer`` after it."""
        return Matrix(
            outer.a * self.a + outer.c * self.b, outer.b * self.a + outer.d * self.b,
            outer.a * self.c + outer.c * self.d, outer.b * self.c + outer.d * self.d,
            outer.a * self.e + outer.c * self.f + outer.e, outer.b * self.e + outer.d * self.f + outer.f,
        )  # fmt: skip

    def at(self, x: float, y: float) -> Point:
        return self.a * x + self.c * y + self.e, self.b * x + self.d * y + self.f


class Text(NamedTuple):
    """A line of text that starts at (x, y) on its baseline. ``space`` comes after each letter; ``weight`` is the breadth of a
    stroke of the same colour around the letters, which makes them heavier.
    """

    x: float
    y: float
    runs: tuple[TextRun, ...]
    size: float
    color: Color
    space: float = 0.0
    weight: float = 0.0

    @property
    def text(self) -> str:
        return "".join(run.text for run in self.runs)


class Path(NamedTuple):
    """Steps as in any drawing language, absolute. Filled by the non-zero rule."""

    steps: tuple[Step, ...]
    fill: Color | None = None
    stroke: Color | None = None
    width: float = 0.0
    dash: tuple[float, ...] = ()

    def moved(self, matrix: Matrix) -> "Path":
        def each(numbers: tuple[float, ...]) -> tuple[float, ...]:
            points = zip(numbers[0::2], numbers[1::2], strict=True)
            return tuple(value for point in points for value in matrix.at(*point))

        return self._replace(steps=tuple((step, each(numbers)) for step, numbers in self.steps))


class ImageShape(NamedTuple):
    """A JPEG of so many pixels and channels (1 or 3) that fills its box."""

    x: float
    y: float
    width: float
    height: float
    jpeg: bytes
    pixels: tuple[int, int]
    channels: int


class CodeShape(NamedTuple):
    """A QR code: rows of modules from the top, 1 is dark, without the quiet zone; ``side`` is of the modules alone."""

    x: float
    y: float
    side: float
    modules: Sequence[Sequence[int]]


class LinkShape(NamedTuple):
    """A box that opens an address."""

    x: float
    y: float
    width: float
    height: float
    address: str


@dataclass(frozen=True, slots=True)
class Group:
    """The same shapes in several places, so that a writer can write them once."""

    shapes: "tuple[Shape, ...]"
    places: tuple[Matrix, ...]


Shape = Text | Path | ImageShape | CodeShape | LinkShape | Group


def walk(
    shapes: Iterable[Shape], matrix: Matrix | None = None
) -> Iterator[tuple[Matrix, Text | Path | ImageShape | CodeShape | LinkShape]]:
    """Every shape with its place on the page, groups opened, in the order of drawing."""
    matrix = matrix or Matrix()
    for shape in shapes:
        if isinstance(shape, Group):
            for place in shape.places:
                yield from walk(shape.shapes, place.then(matrix))
        else:
            yield matrix, shape


# --- paths -----------------------------------------------------------------------------------------------------


def line(*points: Point, closed: bool = False) -> tuple[Step, ...]:
    steps = tuple(("L" if i else "M", point) for i, point in enumerate(points))
    return (*steps, ("Z", ())) if closed else steps


def rectangle(x: float, y: float, width: float, height: float) -> tuple[Step, ...]:
    return line((x, y), (x + width, y), (x + width, y + height), (x, y + height), closed=True)


def circle(x: float, y: float, radius: float) -> tuple[Step, ...]:
    r, k = radius, radius * _ROUND
    return (
        ("M", (x + r, y)),
        ("C", (x + r, y + k, x + k, y + r, x, y + r)),
        ("C", (x - k, y + r, x - r, y + k, x - r, y)),
        ("C", (x - r, y - k, x - k, y - r, x, y - r)),
        ("C", (x + k, y - r, x + r, y - k, x + r, y)),
        ("Z", ()),
    )


def curve(place: Callable[[float], Point], end: float, steps: int) -> tuple[Step, ...]:
    """The path of ``place`` from 0 to ``end`` as ``steps`` Bézier arcs through its points."""
    points = [place(end * i / steps) for i in range(-1, steps + 2)]  # one more at each end, for the tangents
    arcs: list[Step] = [("M", points[1])]
    for before, a, b, after in zip(points, points[1:], points[2:], points[3:], strict=False):
        handles = (
            a[0] + (b[0] - before[0]) / 6, a[1] + (b[1] - before[1]) / 6,
            b[0] - (after[0] - a[0]) / 6, b[1] - (after[1] - a[1]) / 6,
        )  # fmt: skip
        arcs.append(("C", (*handles, *b)))
    return tuple(arcs)
