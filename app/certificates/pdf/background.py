"""The ornament of a certificate as shapes: guilloche, frame, corner plates, micro text and the seal.

All of it is the same for every holder, and made of few shapes that are repeated.
"""

import math
from collections.abc import Iterator

from app.certificates.pdf.shapes import (
    POINT,
    Color,
    Group,
    Matrix,
    Path,
    Point,
    Shape,
    Step,
    Text,
    circle,
    curve,
    line,
    rectangle,
)
from app.files import fonts

WIDTH, HEIGHT = 210.0, 297.0
CENTRE = WIDTH / 2
OUTER, INNER, CORNER = 11.0, 19.0, 14.0  # the frame's rules, from the edge of the paper; its corner plates
MIDDLE = 141.0  # of the rosettes, from the lower edge
SEAL_RADIUS = 21.0

PAPER, WHITE, SHADE, GREY, INK = map(Color.of, ("#FDFDFB", "#FFFFFF", "#E4E5E6", "#8A8F94", "#1B1F23"))
GOLD, PALE_GOLD, RED, SEAL = map(Color.of, ("#A9812F", "#D9C48C", "#9C1A1C", "#CF2A27"))


def set_line(
    x: float, y: float, text: str, chain: fonts.Chain, points: float, color: Color, *,
    centred: bool = False, space: float = 0.0, weight: float = 0.0,
) -> Text:  # fmt: skip
    """``text`` on the baseline ``y``, ``points`` large, ``space`` millimetres between letters, ``weight`` points heavier."""
    runs, size = fonts.runs(text, chain), points * POINT
    if centred:
        x -= (fonts.text_width(runs, size) + space * (len(text) - 1)) / 2
    return Text(x, y, runs, size, color, space, weight * POINT)


def _phases(strands: int) -> Iterator[float]:
    return (math.tau * i / strands for i in range(strands))


def rosettes(accent: Color) -> Iterator[Shape]:
    """Guilloche rings about the middle of the page. One lobe is drawn, then turned: 60 KB, not 250."""
    hue, sand = accent.tint(0.12, PAPER), GOLD.tint(0.17, PAPER)
    for radius, swing, lobes, color in ((71.5, 3, 72, sand), (58, 9, 36, hue), (41, 7, 24, hue), (25, 8, 18, sand)):
        strands = []
        for phase in _phases(6):

            def at(angle: float, phase: float = phase, ring: tuple[float, float, int] = (radius, swing, lobes)) -> Point:
                reach = ring[0] + ring[1] * math.cos(ring[2] * angle + phase)
                return reach * math.cos(angle), reach * math.sin(angle)

            strands.append(Path(curve(at, math.tau / lobes, 6), stroke=color, width=0.25 * POINT))
        turns = tuple(Matrix.placed(CENTRE, MIDDLE, 360 / lobes * i) for i in range(lobes))
        yield Group(tuple(strands), turns)


def _braid(wave: float, accent: Color) -> tuple[Shape, ...]:
    """One wave of a band of interwoven lines, along the x axis."""
    strands = []
    for color, swing, count in ((accent.tint(0.8, PAPER), 3.0, 5), (GOLD, 1.8, 3)):
        for phase in _phases(count):

            def at(x: float, swing: float = swing, phase: float = phase) -> Point:
                return x, swing * math.sin(math.tau * x / wave + phase)

            strands.append(Path(curve(at, wave, 6), stroke=color, width=0.18 * POINT))
    return tuple(strands)


def frame(accent: Color) -> Iterator[Shape]:
    middle = (OUTER + INNER) / 2
    turn = middle + 9
    for waves, length, starts, degrees in (
        (34, WIDTH - 2 * turn, ((turn, middle), (turn, HEIGHT - middle)), 0),
        (52, HEIGHT - 2 * turn, ((middle, turn), (WIDTH - middle, turn)), 90),
    ):
        wave = length / waves
        along = [Matrix(e=wave * i) for i in range(waves)]
        yield Group(_braid(wave, accent), tuple(s.then(Matrix.placed(*start, degrees)) for start in starts for s in along))
    rules = ((OUTER, accent, 1.5), (OUTER + 1.1, accent, 0.35), (INNER, GOLD, 0.9), (INNER + 1.2, GOLD, 0.25))
    for inset, color, weight in rules:
        box = rectangle(inset, inset, WIDTH - 2 * inset, HEIGHT - 2 * inset)
        yield Path(box, stroke=color, width=weight * POINT)
    mirrors = tuple(Matrix(a, 0, 0, d, WIDTH * (a < 0), HEIGHT * (d < 0)) for a in (1, -1) for d in (1, -1))
    yield Group(_corner(accent), mirrors)


def _corner(accent: Color) -> tuple[Shape, ...]:
    """A plate with a key pattern (回纹), for the lower left; the other three are its mirror images."""
    key = ((2.2, 2.2), (2.2, 11.8), (11.8, 11.8), (11.8, 4.6), (4.9, 4.6), (4.9, 9.2), (9.2, 9.2), (9.2, 7.1), (7.1, 7.1))
    return (
        Path(rectangle(OUTER, OUTER, CORNER, CORNER), fill=PAPER, stroke=accent, width=1.0 * POINT),
        Path(line(*((OUTER + x, OUTER + y) for x, y in key)), stroke=GOLD, width=1.6 * POINT),
    )


# --- micro text --------------------------------------------------------------------------------------------------


def micro_text(words: str) -> Iterator[Shape]:
    """``words`` again and again along the frame, so small that it looks like a line and a copier loses it."""
    path, step = outlined(words, 1.5, GOLD, space=0.03)
    inset = INNER + 0.6  # between the two golden rules
    for degrees, length, x, y in (
        (0, WIDTH - 2 * INNER, CENTRE, inset), (0, WIDTH - 2 * INNER, CENTRE, HEIGHT - inset),
        (90, HEIGHT - 2 * INNER, inset, HEIGHT / 2), (-90, HEIGHT - 2 * INNER, WIDTH - inset, HEIGHT / 2),
    ):  # fmt: skip
        count = int((length - 14) / step)
        centre = Matrix(e=-count * step / 2, f=-1.5 * POINT * 0.38)
        row = (Matrix(e=i * step).then(centre) for i in range(count))
        yield Group((path,), tuple(place.then(Matrix.placed(x, y, degrees)) for place in row))


def outlined(words: str, points: float, color: Color, *, space: float) -> tuple[Path, float]:
    """``words`` as a path from (0, 0) on, and how long it is: as ornament: it is not
    copied or read aloud with the text of the page.
    """
    face, x, size = fonts.font("semi"), 0.0, points * POINT
    steps: list[Step] = []
    for c in words:
        scale = size / face.em
        for contour in face.outline(c):
            steps += _smooth([((x + px * scale, py * scale), on) for (px, py), on in contour])
        x += size * face.advances[c] + space
    return Path(tuple(steps), fill=color), x


def watermark(words: str, y: float, points: float, *, space: float) -> Group:
    """``words`` in pale grey across the page, ``y`` above its slanting middle line."""
    path, length = outlined(words, points, SHADE, space=space)
    return Group((path,), (Matrix(e=-(length - space) / 2, f=y).then(Matrix.placed(CENTRE, 128, 35)),))


def _smooth(contour: list[tuple[Point, bool]]) -> Iterator[Step]:
    """A contour of a TrueType glyph as steps of a path: every handle of one arc becomes the two of a Bézier arc."""
    full: list[tuple[Point, bool]] = []
    for (point, on), (before, on_before) in zip(contour, (contour[-1], *contour[:-1]), strict=True):
        if not on and not on_before:
            full.append((((point[0] + before[0]) / 2, (point[1] + before[1]) / 2), True))
        full.append((point, on))
    first = next(i for i, (_point, on) in enumerate(full) if on)
    full = [*full[first:], *full[: first + 1]]
    (at, _on), handle = full[0], None
    yield "M", at
    for point, on in full[1:]:
        if not on:
            handle = point
        elif handle is None:
            yield "L", point
            at = point
        else:
            a = (at[0] + 2 * (handle[0] - at[0]) / 3, at[1] + 2 * (handle[1] - at[1]) / 3)
            b = (point[0] + 2 * (handle[0] - point[0]) / 3, point[1] + 2 * (handle[1] - point[1]) / 3)
            yield "C", (*a, *b, *point)
            at, handle = point, None
    yield "Z", ()


# --- the seal ----------------------------------------------------------------------------------------------------


def seal(x: float, y: float, text: str, specimen: bool, purpose: str = "电子证照专用章") -> Group:
    """A round seal of 42 mm in outline. On a specimen it is grey, dashed and marked as without legal effect."""
    color = GREY if specimen else SEAL
    star = [(6.4 * (0.382 if i % 2 else 1), i * math.pi / 5) for i in range(10)]
    points = [(r * math.sin(a), r * math.cos(a) + 0.9) for r, a in star]
    ring = Path(circle(0, 0, SEAL_RADIUS - 0.6), stroke=color, width=1.2, dash=(3, 1.4) if specimen else ())
    shapes = (
        ring,
        Path(line(*points, closed=True), fill=None if specimen else color, stroke=color, width=0.6 * POINT),
        *_arc(text, color),
        set_line(0, -11, "演示·不具法律效力" if specimen else purpose, fonts.BOLD, 8.6, color, centred=True, weight=0.2),
    )
    return Group(shapes, (Matrix.placed(x, y),))


def _arc(text: str, color: Color) -> Iterator[Shape]:
    """Letters along the upper rim, narrowed as on cut seals; many letters are set smaller."""
    span = min(236.0, 24.0 * (len(text) - 1))
    points = 15.2 * min(1.0, 13 / len(text)) if text else 0
    narrow = Matrix(a=0.76, d=1.06)
    rise = SEAL_RADIUS - 2.6 - points * POINT * 0.86
    for i, letter in enumerate(text):
        turn = span / 2 - span * i / max(1, len(text) - 1)
        place = narrow.then(Matrix(f=rise)).then(Matrix.placed(0, 0, turn))
        yield Group((set_line(0, 0, letter, fonts.BOLD, points, color, centred=True, weight=0.3),), (place,))
