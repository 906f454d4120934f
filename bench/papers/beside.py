"""A paper's table beside ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bench.tables import grid

Cell = float | str | None  # None: not said there, or not done here


class Line(NamedTuple):
    """What the paper says in a line of its table, and what was seen here."""

    paper: Sequence[Cell]
    ours: Sequence[Cell]


class Beside(NamedTuple):
    """One table, cell by cell `ours (paper)`."""

    title: str
    columns: Sequence[str]
    lines: Mapping[str, Line]
    says: str = ""  # what is to be seen in it: one sentence, true of these figures
    digits: int = 1
    whose: str = "paper's"  # the figures beside ours


def markdown(table: Beside) -> str:
    """The table for a page.

    >>> line = Line([1.93, None], [2.04, 2.5])
    >>> print(markdown(Beside("Error, %", ["HAR", "vehicle"], {"own": line}, "Close.")))
    **Error, %**: ours (paper's)
    <BLANKLINE>
    | | HAR | vehicle |
    |---|---:|---:|
    | own | 2.0 (1.9) | 2.5 |
    <BLANKLINE>
    Close.
    """
    rows = {
        name: [
            _cell(ours, paper, table.digits)
            for ours, paper in zip(line.ours, line.paper, strict=True)
        ]
        for name, line in table.lines.items()
    }
    beside = any(cell is not None for line in table.lines.values() for cell in line.paper)
    title = f"**{table.title}**" + (f": ours ({table.whose})" if beside else "")
    return "\n\n".join(filter(None, [title, grid(table.columns, rows), table.says]))


def _cell(ours: Cell, paper: Cell, digits: int) -> str:
    said = "-" if ours is None else _number(ours, digits)
    return said if paper is None else f"{said} ({_number(paper, digits)})"


def _number(value: float | str, digits: int) -> str:
    return value if isinstance(value, str) else f"{value:.{digits}f}"
