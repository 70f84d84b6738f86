"""Bar charts as SVG without script or inline style, each with its numbers in words for screen readers.

Nothing is scaled: places are percentages, so that text keeps its size on any screen.
"""

from collections.abc import Sequence

from markupsafe import Markup, escape

HEIGHT, BOTTOM, TOP = 190, 24, 12  # pixels
ROUND = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 50_000, 100_000, 1_000_000)
WIDTHS = (
    (6, ""),
    (12, " many"),
    (24, " more"),
)  # up to so many columns: the class by which the style sheet makes them wide enough
SHORT = 10  # characters of a label that stands beside its bar; longer ones stand above it
Series = Sequence[tuple[object, Sequence[int]]]


def stacked_columns(
    caption: object,
    labels: Sequence[object],
    series: Series,
    unit: object = "",
    *,
    side_by_side: bool = False,
    table: bool = True,
) -> Markup:
    """A column for each label, stacked from the ``(name, numbers)`` of ``series``, or a column for each number. Without
    ``table`` the page shows the numbers itself.
    """
    piles = list(zip(*(numbers for _, numbers in series), strict=True))
    top, step = _scale(max((max(pile) if side_by_side else sum(pile) for pile in piles), default=0))
    values = range(0, top + 1, step)
    lines = Markup("").join(Markup('<line x2="100%" y1="{0:.1f}" y2="{0:.1f}"/>').format(_y(value, top)) for value in values)
    draw = _side_by_side if side_by_side else _stacked
    drawn = Markup("").join(
        draw(pile, [name for name, _ in series], label, place * 100 / len(labels), 100 / len(labels), top)
        for place, (label, pile) in enumerate(zip(labels, piles, strict=True))
    )
    wide = next((name for most, name in WIDTHS if len(labels) <= most), " most")
    axis = Markup("").join(
        Markup('<text x="100%" dx="-6" y="{:.1f}" text-anchor="end">{}</text>').format(_y(value, top) + 4, value)
        for value in values
    )
    numbers = _table(caption, ["", *(name for name, _ in series)], list(zip(labels, piles, strict=True))) if table else ""
    return Markup(
        '<div class="chart" tabindex="0" role="group" aria-label="{}">{}<div class="plot">'
        '<svg class="axis" aria-hidden="true" width="{:.1f}em" height="{}">{}</svg>'
        '<svg class="drawn{}" role="img" width="100%" height="{}"><title>{}</title><desc>{}</desc>{}{}</svg>'
        "</div>{}{}</div>"
    ).format(
        caption, _legend(series), len(str(top)) * 0.62 + 0.7, HEIGHT, axis, wide, HEIGHT, caption, _said(series, unit), lines,
        drawn, _unit(unit), numbers,
    )  # fmt: skip


def bars(caption: object, rows: Sequence[tuple[object, ...]], unit: object = "") -> Markup:
    """A horizontal bar for each ``(label, number)`` or ``(label, number, tone)``."""
    most = max((int(str(row[1])) for row in rows), default=0) or 1
    drawn = Markup("").join(
        Markup(
            '<li><span>{}</span><svg aria-hidden="true" height="16" width="100%">'
            '<rect class="t-{}" width="{:.1f}%" height="16" rx="3"/></svg><span class="right">{} {}</span></li>'
        ).format(row[0], row[2] if len(row) > 2 else "run", int(str(row[1])) / most * 100, row[1], unit)
        for row in rows
    )
    return Markup('<ul class="hbar" aria-label="{}">{}</ul>').format(escape(str(caption)), drawn)


def stacked_bars(
    caption: object, labels: Sequence[object], series: Series, unit: object = "", *, nested: bool = False
) -> Markup:
    """A horizontal bar for each label, of parts that add up, or ``nested``: each from zero and at most the next one. The page
    shows the numbers itself.
    """
    piles = list(zip(*(numbers for _, numbers in series), strict=True))
    most = max((max(pile) if nested else sum(pile) for pile in piles), default=0) or 1
    rows = []
    for label, pile in zip(labels, piles, strict=True):
        starts = [0 if nested else sum(pile[:n]) for n in range(len(pile))]
        parts = [
            Markup('<rect class="s{}" x="{:.1f}%" width="{:.1f}%" height="16"><title>{}: {}</title></rect>').format(
                n, starts[n] / most * 100, part / most * 100, series[n][0], part
            )
            for n, part in enumerate(pile)
        ]
        ordered = reversed(parts) if nested else parts  # the smaller on top
        numbers = " / ".join(map(str, pile)) if nested or len(pile) < 3 else sum(pile)
        rows.append(
            Markup(
                '<li><span>{}</span><svg role="img" height="16" width="100%"><title>{}</title><desc>{}</desc>{}</svg>'
                '<span class="right">{}</span></li>'
            ).format(
                label,
                label,
                ", ".join(f"{name} {n}" for (name, _), n in zip(series, pile, strict=True)),
                Markup("").join(ordered),
                numbers,
            )
        )
    return Markup('{}<ul class="hbar{}" aria-label="{}">{}</ul>{}').format(
        _legend(series) if len(series) > 1 else "",
        " long" if any(len(str(label)) > SHORT for label in labels) else "",
        escape(str(caption)),
        Markup("").join(rows),
        _unit(unit),
    )


def _scale(most: int) -> tuple[int, int]:
    """The top of the axis and the step of the grid, at most four lines."""
    step = next((step for step in ROUND if most / step <= 4), most)
    return max(-(-most // step), 1) * step, step


def _y(value: int, top: int) -> float:
    return TOP + (HEIGHT - BOTTOM - TOP) * (1 - value / top)


def _column(number: int, name: object, value: int, x: float, width: float, high: float, low: float) -> Markup:
    return Markup(
        '<rect class="s{}" x="{:.2f}%" y="{:.1f}" width="{:.2f}%" height="{:.1f}"><title>{}: {}</title></rect>'
    ).format(number, x, high, width, low - high, name, value)


def _label(label: object, middle: float) -> Markup:
    return Markup('<text x="{:.2f}%" y="{}" text-anchor="middle">{}</text>').format(middle, HEIGHT - 6, label)


def _stacked(pile: Sequence[int], names: Sequence[object], label: object, x: float, width: float, top: int) -> Markup:
    base, drawn = 0, Markup("")
    for number, part in enumerate(pile):
        drawn += _column(number, names[number], part, x + width / 4, width / 2, _y(base + part, top), _y(base, top))
        base += part
    return drawn + _label(label, x + width / 2)


def _side_by_side(pile: Sequence[int], names: Sequence[object], label: object, x: float, width: float, top: int) -> Markup:
    each, drawn = width * 0.7 / max(len(pile), 1), Markup("")
    for number, part in enumerate(pile):
        drawn += _column(number, names[number], part, x + width * 0.15 + number * each, each, _y(part, top), _y(0, top))
    return drawn + _label(label, x + width / 2)


def _legend(series: Series) -> Markup:
    named = Markup("").join(
        Markup('<span><i class="s{}"></i>{}</span>').format(number, name) for number, (name, _) in enumerate(series)
    )
    return Markup('<div class="legend" aria-hidden="true">{}</div>').format(named)


def _said(series: Series, unit: object) -> str:
    """What is drawn, in words: ``Agreed, refused (cases)``."""
    names = ", ".join(str(name) for name, _ in series)
    return f"{names} ({unit})" if str(unit) else names


def _unit(unit: object) -> Markup:
    return Markup('<p class="unit" aria-hidden="true">{}</p>').format(unit) if str(unit) else Markup("")


def _table(caption: object, heads: Sequence[object], rows: Sequence[tuple[object, Sequence[int]]]) -> Markup:
    head = Markup("").join(
        Markup('<th scope="col">{}</th>').format(name) if str(name) else Markup("<td></td>") for name in heads
    )
    body = Markup("").join(
        Markup('<tr><th scope="row">{}</th>{}</tr>').format(
            label, Markup("").join(Markup("<td>{}</td>").format(number) for number in numbers)
        )
        for label, numbers in rows
    )
    return Markup('<table class="sr-only"><caption>{}</caption><thead><tr>{}</tr></thead><tbody>{}</tbody></table>').format(
        caption, head, body
    )
