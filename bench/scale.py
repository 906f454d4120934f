"""How do the time of an example and the memory of a place grow?

    python -m bench.scale [--short] [--json FILE]

Against the number of tasks, of features there are, of features an example holds, of classes and of
experts, all else held. CPU time of blocks of 1024 examples of tasks at random, known before;
meetings as usual and paid for. Memory is what a place counts of itself (`learners.cost`). The slope
is that of the logarithms: 0 is flat, 1 grows alike. The picture (scale.svg, beside the JSON) shows
all of it.
"""

from __future__ import annotations

import itertools
import statistics
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from river import linear_model

from bench import problems
from bench.frame import run
from bench.loglog import Panel, picture, slope
from bench.rounds import take_turns
from bench.tables import Measure, Table
from learners import cost
from learners.coordination.independent import independent
from learners.coordination.mixture import mixture
from learners.coordination.scaled import scaled
from learners.features import Batch, from_arrays
from learners.place import Place
from learners.types import Strategy

BLOCK = 1024
NAMED = {"one expert": "independent", "auto": "auto"}


class Axis(NamedTuple):
    """What grows, how far, and a stream of a given size along it."""

    name: str
    values: tuple[int, ...]
    short: tuple[int, ...]
    stream: Callable[[int], Iterator[Batch]]  # blocks without end; the first makes all known
    examples: Callable[[int], int]  # how many to time
    strategies: Callable[[int], Mapping[str, str | Strategy]] = lambda value: NAMED


def stream(
    tasks: int = 16, features: int = 0, held: int = 20, classes: int = 2, seed: int = 0
) -> Iterator[Batch]:
    """Blocks of random examples: numbers that all have, or `held` of many features."""
    random = np.random.default_rng(seed)
    first = max(4 * BLOCK, 4 * tasks, 4 * classes, 4 * features // held)
    for many in itertools.chain([first], itertools.repeat(BLOCK)):
        task, label = random.integers(0, tasks, many), random.integers(0, classes, many)
        if many == first:  # every task comes, and every class
            task, label = np.arange(many) % tasks, np.arange(many) // tasks % classes
        if features:
            X, _ = problems.sparse(many, held, features, int(random.integers(1 << 30)))
        else:
            X, _ = problems.dense(many, held, int(random.integers(1 << 30)))
        yield from_arrays([f"task-{t}" for t in task.tolist()], X, label.tolist())


def rates(count: int) -> Mapping[str, Strategy]:
    """One family at so many rates, by itself and mixed."""
    family = scaled(independent(tuple(np.geomspace(0.1, 10, count).tolist())), by="task")
    return {"one family": family, "and its mixture": mixture(family)}


AXES = (
    Axis(
        "tasks", (10, 100, 1_000, 10_000, 100_000), (10, 1_000, 100_000),
        lambda n: stream(tasks=n), lambda n: max(4 * BLOCK, n),
    ),
    Axis(
        "features", (256, 2_048, 16_384, 131_072), (256, 16_384),
        lambda n: stream(features=n), lambda n: 2 * BLOCK,
    ),
    Axis(
        "non-zeros", (1, 10, 100, 1_000), (1, 10, 100),
        lambda n: stream(held=n), lambda n: max(BLOCK, 8 * BLOCK // n),
    ),
    Axis(
        "classes", (2, 4, 10, 30, 100), (2, 4, 10),
        lambda n: stream(classes=n), lambda n: BLOCK,
    ),
    Axis(
        "experts", (1, 2, 4, 8, 16, 32), (1, 4, 16),
        lambda n: stream(), lambda n: 2 * BLOCK, rates,
    ),
)  # fmt: skip


def measured(axis: Axis, value: int) -> Callable[[], Mapping[str, float]]:
    """A turn at one point of an axis, for all its strategies (and river, by tasks)."""
    blocks = axis.stream(value)
    first = next(blocks)
    some = [next(blocks) for _ in range(4)]
    count = -(-axis.examples(value) // BLOCK)
    places = {name: Place(strategy) for name, strategy in axis.strategies(value).items()}
    for place in places.values():
        place.learn(first)

    def turn() -> Mapping[str, float]:
        found: dict[str, float] = {}
        for name, place in places.items():
            began = time.process_time()
            for i in range(count):
                place.learn(some[i % len(some)])
            took = time.process_time() - began
            found[f"us, {name}"] = 1e6 * took / (count * BLOCK)
            found[f"MB, {name}"] = cost.of_place(place).total / 1e6
        return found

    return turn


def river(tasks: int) -> Callable[[], Mapping[str, float]]:
    """A turn of river's logistic regressions, one a task in a dictionary."""
    X, y = problems.dense(BLOCK)
    task = np.random.default_rng(0).integers(0, tasks, BLOCK).tolist()
    examples = list(zip(task, problems.mappings(X), y.tolist(), strict=True))
    models: dict[int, Any] = {}
    for name in range(tasks):
        models[name] = linear_model.LogisticRegression()
        models[name].learn_one(examples[0][1], True)

    def turn() -> Mapping[str, float]:
        began = time.process_time()
        for name, x, label in examples:
            model = models[name]
            model.predict_proba_one(x)
            model.learn_one(x, label)
        return {"us, river": 1e6 * (time.process_time() - began) / BLOCK}

    return turn


def both(turns: Sequence[Callable[[], Mapping[str, float]]]) -> Callable[[], Mapping[str, float]]:
    """Several turns as one, with the measures of all."""
    return lambda: {name: value for turn in turns for name, value in turn().items()}


def grown(axis: Axis, values: Sequence[int], rounds: int) -> Table:
    """An axis's table, its slopes beneath."""
    turns = {}
    for value in values:
        turns[f"{value:,}"] = both(
            [measured(axis, value), *([river(value)] if axis.name == "tasks" else [])]
        )
    samples = take_turns(turns, rounds)
    keys = list(next(iter(samples.values())))
    foot = {"slope": {key: slope(curve(values, samples, key)) for key in keys}}
    if axis.name == "tasks":
        medians = {key: [cost for _, cost in curve(values, samples, key)] for key in keys}
        foot["most over least"] = {
            key: max(costs) / min(costs) for key, costs in medians.items() if key.startswith("us")
        }
    return Table(f"by {axis.name}", samples, [Measure(key, key, 2) for key in keys], foot=foot)


def curve(
    values: Sequence[int], samples: Mapping[str, Mapping[str, Sequence[float]]], key: str
) -> list[tuple[float, float]]:
    """A measure's medians along the axis."""
    medians = (statistics.median(found[key]) for found in samples.values())
    return list(zip(map(float, values), medians, strict=True))


def tables(given: Namespace) -> Iterator[Table]:
    """One table an axis."""
    for axis in AXES:
        if given.axes and axis.name not in given.axes:
            continue
        values = axis.short if given.short else axis.values
        yield grown(axis, values[: given.points], given.rounds)


def pictures(done: Sequence[Table]) -> Iterator[tuple[str, str]]:
    """Time and memory against each axis."""
    panels = []
    for table in done:
        values = [int(name.replace(",", "")) for name in table.rows]
        for unit in ("us", "MB"):
            curves = {
                measure.key.removeprefix(f"{unit}, "): curve(values, table.rows, measure.key)
                for measure in table.measures
                if measure.key.startswith(unit)
            }
            title = "us an example" if unit == "us" else "MB in memory"
            panels.append(Panel(title, table.title.removeprefix("by "), curves))
    yield "scale.svg", picture(panels, "time and memory against tasks, features, classes, experts")


def options(parser: ArgumentParser) -> None:
    """Which axes, and how far."""
    names = [axis.name for axis in AXES]
    parser.add_argument("--axes", nargs="+", choices=names, help="these axes (all)")
    parser.add_argument("--points", type=int, help="the first so many of each (all); at least 2")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, draw."""
    run(
        "scale", __doc__, tables, arguments,
        rounds=(5, 3), options=options, pictures=pictures,
    )  # fmt: skip


if __name__ == "__main__":
    main()
