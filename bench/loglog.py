"""Pictures of growth, both axes logarithmic: a power is a straight line, its slope the power."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from math import ceil, floor, log, log10
from typing import NamedTuple

from service.command.report_svg import WIDTH, Axis, Points, alone, dot, rule, spread, svg, text

HEIGHT = 210.0  # of one panel


class Panel(NamedTuple):
    """One quantity against another."""

    title: str  # what grows downwards: `us an example`
    against: str  # along which: `tasks`
    curves: Mapping[str, Points]  # all values above 0


def slope(points: Points) -> float:
    """The power b of the curve a * x**b that fits best, by least squares of the logarithms.

    >>> round(slope([(1, 2.0), (10, 20.0), (100, 200.0)]), 3)
    1.0
    """
    xs, ys = [log(x) for x, _ in points], [log(y) for _, y in points]
    x_mean, y_mean = sum(xs) / len(xs), sum(ys) / len(ys)
    across = sum((x - x_mean) ** 2 for x in xs)
    return sum((x - x_mean) * (y - y_mean) for x, y in zip(xs, ys, strict=True)) / across


def picture(panels: Sequence[Panel], label: str) -> str:
    """Panels two a row, as a drawing of its own; each curve is named with its slope at its end."""
    rows = -(-len(panels) // 2)
    parts: list[str] = []
    for i, panel in enumerate(panels):
        parts += _panel(panel, WIDTH / 2 * (i % 2), HEIGHT * (i // 2))
    return alone(svg(HEIGHT * rows, label, parts))


def _decades(values: Iterable[float], start: float, stop: float) -> Axis:
    """A scale of logarithms to base 10, from whole to whole, with a tick at each."""
    logs = [log10(value) for value in values]
    low, high = floor(min(logs) + 1e-9), ceil(max(logs) - 1e-9)
    high = max(high, low + 1)
    return Axis(low, high, start, stop, tuple(float(i) for i in range(low, high + 1)))


def _panel(panel: Panel, left: float, top: float) -> Iterable[str]:
    points = [point for curve in panel.curves.values() for point in curve]
    x = _decades((p[0] for p in points), left + 46, left + WIDTH / 2 - 142)
    y = _decades((p[1] for p in points), top + HEIGHT - 40, top + 28)
    yield text(x.start, top + 16, f"{panel.title} / {panel.against}", "name")
    for value in y.ticks:
        yield rule(x.start, y(value), x.stop, y(value), "grid")
        yield text(x.start - 6, y(value) + 4, _power(value), "tick", "end")
    for value in x.ticks:
        yield text(x(value), y.start + 16, _power(value), "tick", "middle")
    ends = {name: y(log10(curve[-1][1])) for name, curve in panel.curves.items()}
    order = sorted(ends, key=lambda name: ends[name])
    placed = spread([ends[name] for name in order], 15, y.stop, y.start)
    heights = dict(zip(order, placed, strict=True))
    for colour, (name, curve) in enumerate(panel.curves.items()):
        at = [(x(log10(a)), y(log10(b))) for a, b in curve]
        path = "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in at)
        yield f'<path class="line c{colour}" d="{path}"><title>{escape(name)}</title></path>'
        for (a, b), (value, cost) in zip(at, curve, strict=True):
            yield dot(a, b, f"a{colour}", 2.5, f"{name}: {value:,g} {panel.against}, {cost:,.3g}")
        words = f"{name} {slope(curve):+.2f}"
        yield text(x.stop + 8, heights[name] + 4, words, f"name t{colour}")


def _power(value: float) -> str:
    """Ten to that power, as people write it.

    >>> _power(5.0), _power(2.0), _power(-1.0)
    ('100k', '100', '0.1')
    """
    for power, unit in ((9, "G"), (6, "M"), (3, "k")):
        if value >= max(power, 4):
            return f"{10.0 ** (value - power):g}{unit}"
    return f"{10.0**value:,g}"
