"""The runs behind the algorithms' pictures, and what is drawn of them.

A picture is of the error over the last tenth of the examples so far; where relations are what is
learnt, another is of these, beside those that the generator planted. A picture holds its figures in
words, and the page has them from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scenes import PICTURES, Scene, names

from learners import view
from learners.simulation import Result
from service.command import report_svg as draw
from service.command.cli_simulate import run
from service.command.report import clustered
from streams.parameters import query
from streams.synthetic import generate

POINTS = 46  # of a curve
SHOWN = 12  # tasks of a heat map


@cache
def results(scene: Scene) -> Mapping[str, Result]:
    """What came of a scene, by strategy."""
    found = run(scene.source, names(scene), scene.words, 0, None, None)
    return {one.strategy: one.result for one in found.runs}


def wrong(result: Result) -> NDArray[np.bool_]:
    """Which of the honest places' predictions were wrong, in order."""
    return result.said.wrong[result.chosen(honest=True)]


def curve(errors: NDArray[np.bool_]) -> list[tuple[float, float]]:
    """The error over the last tenth of all examples, along the way.

    >>> curve(np.arange(100) < 50)[::15]
    [(10.0, 1.0), (40.0, 1.0), (70.0, 0.0), (100.0, 0.0)]
    """
    window = max(1, len(errors) // 10)
    sums = np.concatenate([[0], np.cumsum(errors)])
    ends = np.linspace(window, len(errors), POINTS).astype(int).tolist()
    return [(float(n), float(sums[n] - sums[n - window]) / window) for n in ends]


def picture(name: str) -> tuple[str, dict[str, tuple[float, float]]]:
    """The drawing of a strategy's run; errors of all examples and of the last tenth, by name."""
    scene, beside = PICTURES[name].scene, PICTURES[name].beside
    found = {one: wrong(results(scene)[one]) for one in (name, *beside)}
    lines = [draw.Line(one, curve(errors), i) for i, (one, errors) in enumerate(found.items())]
    figures = {one: (float(e.mean()), curve(e)[-1][1]) for one, e in found.items()}
    return draw.lines(lines, "examples", "error over the last tenth of all examples"), figures


def relations(name: str) -> tuple[str, dict[str, float]]:
    """The drawing of the relations learnt and planted; how far they are apart, by strategy."""
    scene = PICTURES[name].scene
    kind, _, parameters = scene.source.removeprefix("synthetic:").partition("?")
    problem = generate(kind, **query(parameters))
    planted = problem.truth["weights"].T @ problem.truth["weights"]
    pairs = np.triu_indices(len(planted), 1)
    learnt, fits = {}, {}
    for one in (name, "independent"):
        [place] = results(scene)[one].places.values()
        learnt[one] = view.relations(place, problem.tasks)[1]
        fits[one] = float(np.abs(learnt[one][pairs] - planted[pairs]).mean())
    order = clustered(planted[:SHOWN, :SHOWN])
    some = np.ix_(order, order)
    matrix = np.triu(learnt[name][some]) + np.tril(planted[some], -1)
    tasks = [problem.tasks[i] for i in order]
    label = "relations between tasks: above the diagonal learnt, below it planted"
    return draw.heat(tasks, matrix.tolist(), label), fits


def titled(drawing: str, told: Mapping[str, Sequence[str]]) -> str:
    """A drawing as a file of its own, with its figures in words.

    >>> titled("<svg></svg>", {"drom": ("15.0", "10.3")}).strip().partition("<desc>")[2]
    'drom 15.0 10.3</desc></svg>'
    """
    words = ", ".join(" ".join((name, *found)) for name, found in told.items())
    return draw.alone(drawing.replace(">", f"><desc>{words}</desc>", 1))


def figures(picture: str) -> dict[str, list[str]]:
    """The figures that a picture holds, by strategy."""
    words = picture.partition("<desc>")[2].partition("</desc>")[0]
    return {name: found for name, *found in (one.split() for one in words.split(", "))}


def pictures(name: str) -> dict[str, str]:
    """A strategy's pictures, by file name."""
    drawing, errors = picture(name)
    percent = {one: [f"{100 * error:.1f}" for error in both] for one, both in errors.items()}
    made = {f"{name}.svg": titled(drawing, percent)}
    if PICTURES[name].relations:
        drawing, apart = relations(name)
        made[f"{name}-relations.svg"] = titled(drawing, {a: [f"{x:.2f}"] for a, x in apart.items()})
    return made
