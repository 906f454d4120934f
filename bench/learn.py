"""How many examples a second are learnt in process: `python -m bench.learn [--json FILE]`.

Every Kindred contender also scores each example before it learns it. CPU time of one process,
contenders in turn, median of the rounds; ratios are to river's bare LogisticRegression, learning
only, in the same run.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from bench import peers
from bench.rounds import Contender, Speed, machine, race, table, versions
from learners.classifier import MultiTaskClassifier
from learners.coordination.independent import independent
from learners.features import Batch, from_arrays
from learners.place import Place
from learners.types import Strategy

BLOCK = 4096
FEATURES = 20
HELD, SPACE = 100, 1 << 18
RATES = (0.5,)


def blocks(name: str, strategy: str | Strategy, batch: Batch, times: int) -> Contender:
    """A place that learns the same block so many times; it has met its columns before."""

    def start() -> Callable[[], object]:
        place = Place(strategy, period=0)
        place.learn(batch)
        return lambda: [place.learn(batch) for _ in range(times)]

    return Contender(name, times * len(batch.task), start)


def bare(name: str, strategy: Strategy, batch: Batch, times: int) -> Contender:
    """The strategy's own `learn` on a block, without a place around it."""

    def start() -> Callable[[], object]:
        place = Place(strategy, period=0)
        place.learn(batch)
        block = place._admit(batch, 0, len(batch.task))
        return lambda: [strategy.learn(place.bank, block) for _ in range(times)]

    return Contender(name, times * len(batch.task), start)


def one_by_one(name: str, strategy: str, xs: Sequence[dict[str, float]], ys: Any) -> Contender:
    """River's face, an example a call."""

    def start() -> Callable[[], object]:
        model: Any = MultiTaskClassifier(strategy)
        return lambda: [model.learn_one(x, y) for x, y in zip(xs, ys, strict=True)]

    return Contender(name, len(xs), start)


def dense(examples: int, times: int) -> Iterator[Contender]:
    """20 numbers an example."""
    X, y = peers.problem(examples, FEATURES)
    names = [f"x{j}" for j in range(FEATURES)]
    xs = [dict(zip(names, row, strict=True)) for row in X.tolist()]
    ys = y.tolist()
    one = from_arrays(["t"] * examples, X, ys, names=names)
    many = from_arrays([f"t{i % 16}" for i in range(examples)], X, ys, names=names)
    plain, invariant = independent(RATES, tempered=False), independent(RATES)
    yield from peers.river(xs, ys, scaled=True)
    yield from peers.sklearn(X, y)
    yield from peers.vowpal_wabbit(xs, ys)
    yield bare("Kindred, one plain expert, kernel", plain, one, times)
    yield bare("Kindred, one plain expert, kernel, 16 tasks", plain, many, times)
    yield blocks("Kindred, one plain expert, place", plain, one, times)
    yield blocks("Kindred, one importance-invariant expert, place", invariant, one, times)
    yield blocks("Kindred, auto, place", "auto", one, 2)
    yield one_by_one("Kindred, independent, one example a call", "independent", xs[:500], ys[:500])
    yield one_by_one("Kindred, auto, one example a call", "auto", xs[:500], ys[:500])


def sparse(examples: int, times: int) -> Iterator[Contender]:
    """100 of 2**18 features an example."""
    X, y = peers.sparse_problem(examples, HELD, SPACE)
    ys = y.tolist()
    xs = [
        dict(zip(row.indices.tolist(), row.data.tolist(), strict=True))
        for row in (X[i] for i in range(examples))
    ]
    batch = from_arrays(["t"] * examples, X, ys)
    yield from peers.river(xs, ys, scaled=False)
    yield from peers.sklearn(X, y)
    yield from peers.vowpal_wabbit(xs, ys)
    plain = independent(RATES, tempered=False)
    yield bare("Kindred, one plain expert, kernel", plain, batch, times)


def main(arguments: Sequence[str] | None = None) -> None:
    """Race, and print or write what came out."""
    parser = argparse.ArgumentParser("python -m bench.learn", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="turns of every contender (9)")
    parser.add_argument("--examples", type=int, default=BLOCK, help=f"in a block ({BLOCK})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    given = parser.parse_args(arguments)
    known = versions(("kindred", "numba", "numpy", "river", "scikit-learn", "vowpalwabbit"))
    print(machine(), *(f"{name} {version}" for name, version in known.items()), sep="\n")
    results: dict[str, list[Speed]] = {}
    for title, contenders in (
        (f"{FEATURES} dense features", dense(given.examples, 100)),
        (f"{HELD} of {SPACE:,} sparse features", sparse(given.examples, 5)),
    ):
        results[title] = race(list(contenders), given.rounds)
        print(f"\n{title}, blocks of {given.examples}\n{table(results[title], peers.RIVER)}")
    if given.json:
        told = {title: [speed._asdict() for speed in speeds] for title, speeds in results.items()}
        about = {"machine": machine(), "versions": known, "examples_a_second": told}
        given.json.write_text(json.dumps(about, indent=2))


if __name__ == "__main__":
    main()
