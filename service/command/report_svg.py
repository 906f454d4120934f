"""Pictures of a run, drawn as SVG text: lines, areas, pairs of dots, a heat map.

Nothing here knows a classifier. Colours are the page's CSS variables, so one drawing serves light
and dark; what a mark stands for is in its <title>, which browsers show as a tooltip.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from math import ceil, floor, log10
from typing import NamedTuple

from service.command.terminal import signed

WIDTH = 760.0  # of every drawing, in its own units; the page scales it
Points = Sequence[tuple[float, float]]


class Axis(NamedTuple):
    """A scale from values to positions, with the round values worth a mark."""

    low: float
    high: float
    start: float
    stop: float
    ticks: tuple[float, ...]

    def __call__(self, value: float) -> float:
        """Position of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.stop - self.start)


class Line(NamedTuple):
    """One curve: its colour is a number of the page's palette; a minor one is drawn thin."""

    name: str
    points: Points
    colour: int
    minor: bool = False


def axis(low: float, high: float, start: float, stop: float, about: int = 5) -> Axis:
    """A scale over [low, high], with about that many round ticks inside it.

    >>> axis(0.0, 0.42, 0, 100).ticks
    (0.0, 0.1, 0.2, 0.3, 0.4)
    """
    if high - low <= 1e-9 * max(abs(low), abs(high)):  # all the same but for rounding
        high = low + max(abs(low), 1.0)
    raw = (high - low) / about
    size = 10.0 ** floor(log10(raw))
    step = next(size * m for m in (1, 2, 5, 10) if size * m >= raw * 0.999)
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    return Axis(low, high, start, stop, tuple(round(i * step, 12) for i in range(first, last + 1)))


def svg(height: float, label: str, parts: Iterable[str]) -> str:
    """A whole drawing, with a label for those who cannot see it."""
    return (
        f'<svg viewBox="0 0 {WIDTH:g} {height:g}" role="img" aria-label="{escape(label)}">'
        + "".join(parts)
        + "</svg>"
    )


def alone(drawing: str) -> str:
    """A drawing as a file of its own: with the report's style, on a card."""
    css = files("service.command").joinpath("report.css").read_text("utf-8")
    font = 'svg { font-family: system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }'
    card = '<rect width="100%" height="100%" fill="var(--card)" rx="8"/>'
    head, rest = drawing.split(">", 1)
    head = head.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    return f"{head}><style>{css}{font}</style>{card}{rest}\n"


def text(x: float, y: float, words: str, css: str = "", anchor: str = "start") -> str:
    """Words at a place."""
    at = f'x="{x:.1f}" y="{y:.1f}"'
    return f'<text {at} class="{css}" text-anchor="{anchor}">{escape(words)}</text>'


def rule(x1: float, y1: float, x2: float, y2: float, css: str) -> str:
    """A straight line."""
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line class="{css}" {ends}/>'


def dot(x: float, y: float, css: str, radius: float = 5.0, tip: str = "") -> str:
    """A dot, with a tip if it has none of its group."""
    tip = f"<title>{escape(tip)}</title>" if tip else ""
    return f'<circle class="dot {css}" cx="{x:.1f}" cy="{y:.1f}" r="{radius}">{tip}</circle>'


def _grid(x: Axis, y: Axis, show_y: Callable[[float], str]) -> Iterable[str]:
    for value in y.ticks:
        at = y(value)
        yield rule(x.start, at, x.stop, at, "grid")
        yield text(x.start - 8, at + 4, show_y(value), "tick", "end")
    for value in x.ticks:
        yield text(x(value), y.start + 18, f"{value:,.0f}", "tick", "middle")


def _path(points: Points, x: Axis, y: Axis) -> str:
    return "M" + "L".join(f"{x(a):.1f} {y(b):.1f}" for a, b in points)


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Positions near those wanted, in their order, at least gap apart and inside [low, high]."""
    placed: list[float] = []
    for at in wanted:
        placed.append(max(at, placed[-1] + gap if placed else low))
    over = (placed[-1] - high) if placed else 0.0
    for i in range(len(placed) - 1, -1, -1):
        if over > 0:
            placed[i] = min(placed[i], high - gap * (len(placed) - 1 - i))
    return placed


def lines(curves: Sequence[Line], x_name: str, label: str) -> str:
    """Curves of fractions, each named at its end; the y axis is in per cent."""
    height, right = 330.0, 178.0
    # The first steps of a running mean are noise that would set the scale for all the rest.
    end = max(p[0] for c in curves for p in c.points)
    settled = [p[1] for c in curves for p in c.points if p[0] >= 0.04 * end]
    low, high = min(settled), max(settled)
    margin = 0.08 * (high - low) or 0.01
    x = axis(0.0, end, 52.0, WIDTH - right)
    y = axis(max(0.0, low - margin), high + margin, height - 44.0, 12.0)
    parts = [*_grid(x, y, lambda v: f"{100 * v:g} %")]
    parts.append(f'<clipPath id="plot"><rect x="{x.start}" y="{y.stop}" '
                 f'width="{x.stop - x.start}" height="{y.start - y.stop}"/></clipPath>')
    for curve in sorted(curves, key=lambda c: not c.minor):
        parts.append(f'<path class="line c{curve.colour}{" minor" if curve.minor else ""}" '
                     f'clip-path="url(#plot)" d="{_path(curve.points, x, y)}">'
                     f"<title>{escape(curve.name)}</title></path>")
    ends = sorted(curves, key=lambda c: y(c.points[-1][1]))
    heights = spread([y(c.points[-1][1]) for c in ends], 17.0, y.stop + 6, y.start)
    for curve, at in zip(ends, heights, strict=True):
        last = curve.points[-1]
        words = f"{curve.name} {100 * last[1]:.1f} %"
        css = f"name t{curve.colour}{' minor' if curve.minor else ''}"
        parts.append(f'<path class="lead" d="M{x(last[0]) + 2:.1f} {y(last[1]):.1f}L'
                     f'{x.stop + 12:.1f} {at:.1f}"/>')
        parts.append(text(x.stop + 16, at + 4, words, css))
    parts.append(text(x.stop, height - 6, x_name, "tick", "end"))
    return svg(height, label, parts)


def areas(samples: Sequence[tuple[float, Mapping[str, float]]], colours: Mapping[str, int],
          x_name: str, label: str) -> str:  # fmt: skip
    """Shares that sum to one, as a stack over time; the names of `colours` from the bottom up."""
    height, right = 270.0, 178.0
    x = axis(samples[0][0], samples[-1][0], 52.0, WIDTH - right)
    y = axis(0.0, 1.0, height - 44.0, 12.0, about=4)
    below = [0.0] * len(samples)
    parts: list[str] = []
    middles: list[tuple[float, str]] = []
    for name, colour in colours.items():
        above = [b + share.get(name, 0.0) for b, (_, share) in zip(below, samples, strict=True)]
        at = [n for n, _ in samples]
        outline = [*zip(at, above, strict=True), *zip(at[::-1], below[::-1], strict=True)]
        parts.append(f'<path class="area a{colour}" d="{_path(outline, x, y)}Z">'
                     f"<title>{escape(name)}</title></path>")
        middles.append(((above[-1] + below[-1]) / 2, name))
        below = above
    parts += _grid(x, y, lambda v: f"{100 * v:g} %")
    middles.reverse()
    heights = spread([y(m) for m, _ in middles], 17.0, y.stop + 6, y.start)
    final = samples[-1][1]
    for (_, name), place in zip(middles, heights, strict=True):
        words = f"{name} {100 * final.get(name, 0.0):.0f} %"
        parts.append(text(x.stop + 16, place + 4, words, f"name t{colours[name]}"))
    parts.append(text(x.stop, height - 6, x_name, "tick", "end"))
    return svg(height, label, parts)


def pairs(rows: Sequence[tuple[str, float, float]], names: tuple[str, str], label: str) -> str:
    """Two fractions a row, joined: (row's name, before, after), as alone and coordinated."""
    step, top, left = 24.0, 42.0, 150.0
    height = top + step * len(rows) + 34.0
    values = [v for row in rows for v in row[1:]]
    margin = 0.05 * (max(values) - min(values)) or 0.01
    x = axis(max(0.0, min(values) - margin), max(values) + margin, left, WIDTH - 78.0, about=6)
    parts = []
    for value in x.ticks:
        parts.append(rule(x(value), top - 12, x(value), height - 28, "grid"))
        parts.append(text(x(value), height - 12, f"{100 * value:g} %", "tick", "middle"))
    for k, name in ((1, names[0]), (0, names[1])):
        at = left + 6 + 180 * (1 - k)
        parts += [dot(at, 12, f"b{k}"), text(at + 10, 16, name, f"name t{k}")]
    for i, (name, before, after) in enumerate(rows):
        at = top + step * i + 6
        gain = 100 * (before - after)
        css = "better" if gain > 0.05 else "worse" if gain < -0.05 else "same"
        tip = f"{name}: {100 * before:.2f} % to {100 * after:.2f} %"
        parts.append(
            f"<g><title>{escape(tip)}</title>"
            + text(left - 12, at + 4, short(name, 20), "row", "end")
            + rule(x(before), at, x(after), at, f"join {css}")
            + dot(x(before), at, "b1")
            + dot(x(after), at, "b0")
            + text(WIDTH - 8, at + 4, signed(-gain, 1), f"row {css}", "end")
            + "</g>"
        )
    return svg(height, label, parts)


def scatter(rows: Sequence[tuple[str, float, float]], names: tuple[str, str], label: str) -> str:
    """The same as `pairs`, for many rows: a dot each, better ones below the diagonal."""
    height = 470.0
    values = [v for row in rows for v in row[1:]]
    margin = 0.05 * (max(values) - min(values)) or 0.01
    low, high = max(0.0, min(values) - margin), max(values) + margin
    x = axis(low, high, 170.0, 590.0)
    y = axis(low, high, height - 50.0, 10.0)
    parts = []
    for value in y.ticks:
        at = y(value)
        parts.append(rule(x(value), y.start, x(value), y.stop, "grid"))
        parts.append(rule(x.start, at, x.stop, at, "grid"))
        parts.append(text(x.start - 8, at + 4, f"{100 * value:g} %", "tick", "end"))
        parts.append(text(x(value), y.start + 18, f"{100 * value:g} %", "tick", "middle"))
    parts.append(rule(x.start, y.start, x.stop, y.stop, "even"))
    for name, before, after in rows:
        css = "better" if after < before else "worse" if after > before else "same"
        tip = f"{name}: {100 * before:.2f} % to {100 * after:.2f} %"
        parts.append(dot(x(before), y(after), css, 4.0, tip))
    middle = (x.start + x.stop) / 2
    parts.append(text(middle, height - 10, f"{names[0]} \u2192", "name t1", "middle"))
    parts.append(text(x.start - 62, 20, f"{names[1]} \u2191", "name t0", "end"))
    return svg(height, label, parts)


def heat(names: Sequence[str], matrix: Sequence[Sequence[float]], label: str) -> str:
    """A square of values in [-1, 1] in the order given, without the diagonal.

    Full colour is the largest of them.
    """
    count, left, top = len(names), 150.0, 8.0
    off = [abs(matrix[i][j]) for i in range(count) for j in range(count) if i != j]
    most = min(1.0, ceil(20 * max(off, default=1.0)) / 20) or 1.0
    cell = min(34.0, (WIDTH - left - 60.0) / count)
    written = cell >= 9.0  # smaller rows have no room for a name
    foot = 0.0
    if written:
        foot = 7.0 * max(len(short(name, 18)) for name in names) * 0.75 + 14.0
    height = top + cell * count + foot + 34.0
    parts = []
    for i, a in enumerate(names):
        if written:
            parts.append(text(left - 10, top + cell * (i + 0.5) + 4, short(a, 18), "row", "end"))
            parts.append(
                f'<text class="row" text-anchor="end" transform="translate('
                f'{left + cell * (i + 0.5) + 3:.1f} {top + cell * count + 10:.1f}) rotate(-45)">'
                f"{escape(short(a, 18))}</text>"
            )
        for j, b in enumerate(names):
            if i == j:
                continue
            value = matrix[i][j]
            strength = min(1.0, abs(value) / most)
            parts.append(
                f'<rect class="{"pos" if value >= 0 else "neg"}" fill-opacity="{strength:.2f}" '
                f'x="{left + cell * j:.1f}" y="{top + cell * i:.1f}" width="{cell - 1:.1f}" '
                f'height="{cell - 1:.1f}"><title>{escape(f"{a}, {b}: {value:+.2f}")}</title></rect>'
            )
    for k in range(21):
        value = (k - 10) / 10
        parts.append(f'<rect class="{"pos" if value >= 0 else "neg"}" '
                     f'fill-opacity="{abs(value):.2f}" x="{left + 12 * k:.1f}" '
                     f'y="{height - 26:.1f}" width="12" height="10"/>')
    for value, at in ((-most, 0.0), (0.0, 126.0), (most, 252.0)):
        words = signed(value, 2) if value else "0"
        parts.append(text(left + at, height - 4, words, "tick", "middle"))
    return svg(height, label, parts)


def short(name: str, most: int) -> str:
    """A name cut to at most so many characters.

    >>> short("a-very-long-name", 8)
    'a-very-…'
    """
    return name if len(name) <= most else name[: most - 1] + "\u2026"
