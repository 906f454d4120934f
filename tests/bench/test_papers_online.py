"""The experiments of the online papers, in small."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.attacks import digits
from bench.papers import byzantine, drom, two_phase
from bench.papers.beside import Beside, markdown
from bench.papers.studies.lowrank import problem


def ours(table: Beside, line: str) -> list[float]:
    """Our figures in a line."""
    found = list(table.lines[line].ours)
    assert all(isinstance(cell, float) for cell in found)
    return [float(cell) for cell in found if cell is not None]


def test_localised_among_liars() -> None:
    table = byzantine.localisation(1)
    assert ours(table, "loss (paper)")[1] < ours(table, "no coordination")[1]
    assert ours(table, "average")[1] > 20
    assert "(0.058)" in markdown(table)


@pytest.mark.slow
def test_digits_of_two_kinds(data_dir: Path) -> None:
    table = byzantine.real("Digits", digits(400), byzantine.DIGITS)
    loss, alone, average = (ours(table, byzantine.NAMES[r]) for r in ("loss", "none", "average"))
    assert loss[1] <= alone[1] + 1 < average[1]


@pytest.mark.slow
def test_lowrank_tasks_and_a_server() -> None:
    X, Y = (part[:600] for part in problem(100))
    table = drom.methods([(X, Y)])
    assert ours(table, "drom")[0] < 0.95 * ours(table, "each alone")[0]
    graphs = drom.graphs([(X, Y)], 30)
    assert len(graphs.lines) == 6
    assert all(line.paper == [None] for line in graphs.lines.values())


@pytest.mark.slow
def test_nodes_joined_or_not() -> None:
    (table,) = two_phase.tables(short=True)
    assert max(ours(table, "complete")[:3]) < min(ours(table, "no network"))
