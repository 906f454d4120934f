from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.command import report_svg
from service.command.outcome import Figures, Outcome, Replay, Run, View
from service.command.report import clustered, page

HOSTILE = '<script>alert("1")</script> & co'


def outcome(tasks: list[str], error: float) -> Outcome:
    figures = Figures(100, error, 0.5, 0.8)
    per_task = {task: figures._replace(error=error * (i + 1) / 10) for i, task in enumerate(tasks)}
    return Outcome(figures, per_task, [(1, 1.0), (50, 0.5), (100, error)])


def mixture(tasks: list[str]) -> Run:
    cosine = np.cos(np.subtract.outer(np.arange(len(tasks)), np.arange(len(tasks))))
    return Run(
        "auto",
        1.5,
        outcome(tasks, 0.2),
        {"independent": outcome(tasks, 0.3), "pooled": outcome(tasks, 0.25)},
        [(50, {"independent:0.2": 0.5, "pooled:0.2": 0.5}), (100, {"independent:0.2": 1.0})],
        {task: View(10, {}, {}, (1.5, -2), [(tasks[0], 0.25)]) for task in tasks},
        (tasks, cosine),
    )


def drawings(text: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", text, re.DOTALL)]


def replay(*runs: Run) -> Replay:
    tasks = len(runs[0].answer.per_task)
    return Replay(HOSTILE, 100 * tasks, tasks, True, 3, runs)


def test_a_mixture_has_all_pictures() -> None:
    text = page(replay(mixture([HOSTILE, "b", "c"])))
    assert len(drawings(text)) == 4  # curves, alone and coordinated, weights, relations
    for words in ("20.0 %", "30.0 %", "3 of 3", "shuffled with seed 3", "+1.5"):
        assert words in text


def test_names_are_words_not_markup() -> None:
    text = page(replay(mixture([HOSTILE, "b", "c"])))
    assert "<script" not in text and "&lt;script&gt;" in text


def test_nothing_is_loaded_from_elsewhere() -> None:
    text = page(replay(mixture(["a", "b"])))
    assert not re.search(r"https?:|src=|@import|url\((?!#)", text)


def test_a_plain_strategy_has_its_curve_alone() -> None:
    text = page(replay(Run("pooled", 1.0, outcome(["a", "b"], 0.2))))
    assert len(drawings(text)) == 1


def test_a_task_alone_in_the_world() -> None:
    text = page(replay(mixture(["a"])))
    assert len(drawings(text)) == 3 and "nan" not in text.lower()


def test_strategies_side_by_side_take_the_independent_one_for_alone() -> None:
    drom = Run("drom", 1.0, outcome(["a", "b"], 0.2))
    independent = Run("independent", 1.0, outcome(["a", "b"], 0.3))
    assert len(drawings(page(replay(drom, independent)))) == 2


def test_many_tasks_are_dots_and_a_heat_map_of_some() -> None:
    tasks = [f"t{i}" for i in range(150)]
    curves, pairs, weights, heat = drawings(page(replay(mixture(tasks))))
    assert len(pairs.findall("circle")) == 150
    assert len(heat.findall("rect")) == 100 * 99 + 21


def test_no_error_known_is_a_dash() -> None:
    none = Outcome(Figures(0, None, None, None), {"a": Figures(0, None, None, None)}, [(1, 0.5)])
    assert "\u2013" in page(replay(Run("pooled", 1.0, none)))


def test_the_alike_stand_together() -> None:
    group = np.array([0, 1, 2, 0, 1, 2, 0, 1, 2])
    order = clustered((group[:, None] == group) * 0.9 + 0.1 * np.eye(9))
    assert len(set(order)) == 9
    assert (np.diff(group[order]) != 0).sum() == 2


@given(st.lists(st.floats(0, 300), min_size=1, max_size=12))
def test_names_at_the_ends_of_lines_do_not_overlap(wanted: list[float]) -> None:
    placed = report_svg.spread(sorted(wanted), 17.0, 6.0, 330.0)
    assert all(b - a >= 17.0 - 1e-9 for a, b in zip(placed, placed[1:], strict=False))
    assert placed[0] >= 6.0 and placed[-1] <= 330.0 + 1e-9


@given(st.floats(-1e6, 1e6), st.just(0.0) | st.floats(1e-6, 1e6))
@example(879609.9999999999, 1e-6)
def test_an_axis_has_round_marks_inside(low: float, size: float) -> None:
    axis = report_svg.axis(low, low + size, 0.0, 100.0)
    assert 1 <= len(axis.ticks) <= 12
    for tick in axis.ticks:
        assert -0.01 <= axis(tick) <= 100.01


@pytest.mark.parametrize("matrix", [[[1.0]], [[1.0, 0.0], [0.0, 1.0]]])
def test_relations_without_any(matrix: list[list[float]]) -> None:
    names = ["a", "b"][: len(matrix)]
    assert "nan" not in report_svg.heat(names, matrix, "none")
