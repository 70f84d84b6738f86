"""Bar charts as SVG without script or inline style, each with a table of its numbers for screen readers."""

from collections.abc import Sequence

from markupsafe import Markup, escape

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 190, 34, 22, 8
ROUND = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 50_000, 100_000, 1_000_000)


def stacked_columns(
    caption: object, labels: Sequence[object], series: Sequence[tuple[object, Sequence[int]]], unit: object = ""
) -> Markup:
    """A column for each label, stacked from the ``(name, numbers)`` of ``series``."""
    top, step = _scale(max((sum(column) for column in zip(*(n for _, n in series), strict=True)), default=0))
    drawn = [_grid_line(value, top) for value in range(0, top + 1, step)]
    for place, label in enumerate(labels):
        drawn += _column(place, label, [numbers[place] for _, numbers in series], len(labels), top)
    picture = Markup('<svg viewBox="0 0 {} {}" aria-hidden="true">{}</svg>').format(WIDTH, HEIGHT, Markup("").join(drawn))
    legend = Markup("").join(
        Markup('<span><i class="s{}"></i>{}</span>').format(number, name) for number, (name, _) in enumerate(series)
    )
    rows = [(label, [numbers[i] for _, numbers in series]) for i, label in enumerate(labels)]
    table = _table(caption, ["", *(name for name, _ in series)], rows)
    return Markup(
        '<div class="chart" tabindex="0" role="group" aria-label="{}">'
        '<div class="legend" aria-hidden="true">{}</div>{}{}{}</div>'
    ).format(caption, legend, picture, _unit(unit), table)


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


def _scale(most: int) -> tuple[int, int]:
    """The top of the axis and the step of the grid, at most four lines."""
    step = next((step for step in ROUND if most / step <= 4), most)
    return max(-(-most // step), 1) * step, step


def _y(value: int, top: int) -> float:
    return TOP + (HEIGHT - BOTTOM - TOP) * (1 - value / top)


def _grid_line(value: int, top: int) -> Markup:
    y = _y(value, top)
    return Markup('<path d="M{} {:.1f}H{}"/><text x="{}" y="{:.1f}" text-anchor="end">{}</text>').format(
        LEFT, y, WIDTH, LEFT - 8, y + 4, value
    )


def _column(place: int, label: object, parts: Sequence[int], columns: int, top: int) -> list[Markup]:
    width = (WIDTH - LEFT) / columns
    x, base, drawn = LEFT + width * (place + 0.25), 0, []
    for number, part in enumerate(parts):
        high = _y(base + part, top)
        drawn.append(
            Markup('<rect class="s{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
                number, x, high, width / 2, _y(base, top) - high
            )
        )
        base += part
    middle = LEFT + width * (place + 0.5)
    return [*drawn, Markup('<text x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(middle, HEIGHT - 5, label)]


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
