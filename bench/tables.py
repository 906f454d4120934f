"""What was measured, as a table: for a terminal, for a page and for a program."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from math import floor, log10
from typing import Any, NamedTuple

from bench.rounds import Samples, spread
from service.command import terminal


class Measure(NamedTuple):
    """One column: a measure of the samples, and how it is shown."""

    key: str
    title: str
    digits: int = 0


class Ratio(NamedTuple):
    """One column: a measure as a multiple of what one contender had in the same round."""

    key: str
    title: str
    base: str  # the contender's name


class Table(NamedTuple):
    """Contenders below each other; those that could not run say why."""

    title: str
    rows: Mapping[str, Samples]
    measures: Sequence[Measure]
    ratios: Sequence[Ratio] = ()
    skipped: Mapping[str, str] = {}  # contender -> reason
    foot: Mapping[str, Mapping[str, float]] = {}  # name -> measure: what follows from all rows


def times(table: Table, name: str, ratio: Ratio) -> float | None:
    """The median over the rounds of a contender's ratio; None where either has no such measure."""
    mine, base = table.rows[name].get(ratio.key), table.rows.get(ratio.base, {}).get(ratio.key)
    if not mine or not base:
        return None
    return statistics.median(a / b for a, b in zip(mine, base, strict=True))


def cells(table: Table) -> list[list[str]]:
    """Head and rows as words; the first column is the contender's name."""
    columns = [[table.title, *table.rows, *table.foot]]
    space = [""] * len(table.foot)
    for measure in table.measures:
        found = [samples.get(measure.key, []) for samples in table.rows.values()]
        below = [_short(values, measure) for values in table.foot.values()]
        columns.append([measure.title, *(_middle(values, measure) for values in found), *below])
        if any(len(set(values)) > 1 for values in found):  # else the rounds agree, or it was one
            columns.append(["least .. most", *(_ends(values, measure) for values in found), *space])
    for ratio in table.ratios:
        of = [times(table, name, ratio) for name in table.rows]
        columns.append([ratio.title, *("-" if x is None else short(x) for x in of), *space])
    rows = [list(row) for row in zip(*columns, strict=True)]
    for name, reason in table.skipped.items():
        rows.append([f"{name}: skipped, {reason}", *["-"] * (len(columns) - 1)])
    return rows


def _short(values: Mapping[str, float], measure: Measure) -> str:
    return short(values[measure.key]) if measure.key in values else ""


def _middle(values: list[float], measure: Measure) -> str:
    return f"{spread(values).median:,.{measure.digits}f}" if values else "-"


def _ends(values: list[float], measure: Measure) -> str:
    digits = measure.digits
    return f"{min(values):,.{digits}f} .. {max(values):,.{digits}f}" if values else "-"


def short(value: float) -> str:
    """Two or three figures that count, never as a power of ten.

    >>> short(1234.5), short(15.26), short(0.0151)
    ('1,234', '15.3', '0.015')
    """
    size = floor(log10(abs(value))) if value else 0
    return f"{value:,.{max(0, (1 if size < 0 else 2) - size) if size < 2 else 0}f}"


def text(table: Table) -> str:
    """For a terminal."""
    head, *rows = cells(table)
    return terminal.columns(head, rows)


def markdown(told: Mapping[str, Any]) -> str:
    """For a page: the table whose `plain` form that is."""
    head, *rows = told["cells"]
    return f"**{head[0]}**\n\n{grid(head[1:], {row[0]: row[1:] for row in rows})}"


def grid(columns: Sequence[str], rows: Mapping[str, Sequence[str]]) -> str:
    """Cells as Markdown, under their columns and beside their rows' names.

    >>> print(grid(["own", "pooled"], {"yeast": ["22.8", "31.8"]}))
    | | own | pooled |
    |---|---:|---:|
    | yeast | 22.8 | 31.8 |
    """
    lines = ["| | " + " | ".join(columns) + " |", "|---|" + "---:|" * len(columns)]
    for row in ((name, *cells) for name, cells in rows.items()):
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |")
    return "\n".join(lines)


def plain(table: Table) -> dict[str, Any]:
    """For a program: all figures, and the cells as they are shown."""
    return {
        "title": table.title,
        "rows": {
            name: {measure: spread(values)._asdict() for measure, values in samples.items()}
            for name, samples in table.rows.items()
        },
        "ratios": {
            name: {ratio.title: times(table, name, ratio) for ratio in table.ratios}
            for name in table.rows
        },
        "skipped": dict(table.skipped),
        "foot": {name: dict(values) for name, values in table.foot.items()},
        "cells": cells(table),
    }
