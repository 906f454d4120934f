"""What the command shows: columns on a terminal, plain values as JSON, progress on stderr.

Colour and progress appear on a terminal only, so that a pipe or a log gets the text alone.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import click


class Bar(Protocol):
    """Long work, as seen by whoever does it."""

    def update(self, n_steps: int) -> None:
        """So many steps more are done."""


def emit_json(value: Any) -> None:
    """One JSON document on stdout."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False))


def columns(head: Sequence[str], rows: Sequence[Sequence[str]], words: Sequence[int] = (0,)) -> str:
    """Aligned columns: those of words to the left, numbers to the right; no trailing space.

    >>> click.echo(columns(["name", "error"], [["auto", "20.9 %"], ["pooled", "9.1 %"]]))
    name     error
    auto    20.9 %
    pooled   9.1 %
    """
    table = [list(head), *map(list, rows)]
    widths = [max(map(_length, column)) for column in zip(*table, strict=True)]
    lines = []
    for row in table:
        cells = []
        for i, (cell, width) in enumerate(zip(row, widths, strict=True)):
            space = " " * (width - _length(cell))
            cells.append(cell + space if i in words else space + cell)
        lines.append("  ".join(cells).rstrip())
    return "\n".join([click.style(lines[0], dim=True), *lines[1:]])


def signed(value: float, digits: int) -> str:
    """A number with its sign, unless it is shown as 0.

    >>> signed(0.26, 1), signed(-3, 0), signed(-0.04, 1)
    ('+0.3', '−3', '0.0')
    """
    shown = f"{value:+,.{digits}f}"
    return shown.replace("-", "\u2212") if float(shown.replace(",", "")) else shown[1:]


def _length(cell: str) -> int:
    return len(click.unstyle(cell))


def percent(fraction: float | None, digits: int = 2) -> str:
    """A fraction as per cent; a dash where there is none."""
    return "-" if fraction is None else f"{100 * fraction:.{digits}f} %"


@contextmanager
def progress(label: str, length: int | None) -> Iterator[Bar]:
    """A bar on stderr, if that is a terminal and the length is known; else silence."""
    shown = sys.stderr.isatty() and length is not None
    with click.progressbar(
        length=length or 1, label=label, file=sys.stderr, hidden=not shown, update_min_steps=64
    ) as bar:
        yield bar
