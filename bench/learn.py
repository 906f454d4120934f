"""How many examples a second does one core learn in process, beside its peers?

    python -m bench.learn [--short] [--json FILE]

CPU time of one process; contenders take turns, and the median of the rounds is shown. Ratios are to
river's bare LogisticRegression, learning only, to its scaled pipeline, predict and learn, to Vowpal
Wabbit from its cache file and to the same loop in C, each in the same round. Kindred and Vowpal
Wabbit say what they think of each example before they learn it; river and scikit-learn do where it
says "predict and learn".
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, hstack

from bench import problems
from bench.frame import run
from bench.peers import c, gather, river, sklearn, vw
from bench.rounds import Turn, take_turns, work
from bench.tables import Measure, Ratio, Table
from learners.admit import admit
from learners.classifier import MultiTaskClassifier
from learners.coordination.independent import independent
from learners.features import Batch, from_arrays
from learners.place import Place
from learners.types import Strategy

BLOCK = 4096
RATES = (0.5,)
MEASURES = (Measure("rate", "examples/s"), Measure("us", "us each", 2))
RATIOS = (
    Ratio("rate", "x river", river.BARE),
    Ratio("rate", "x its pipeline", river.SCALED),
    Ratio("rate", "x vw cache", vw.CACHED),
    Ratio("rate", "x C", c.EXACT),
)


def block(strategy: str | Strategy, batch: Batch, times: int) -> Turn:
    """A place that learns the same block so many times; it has met its columns before."""

    def start() -> Callable[[], object]:
        place = Place(strategy, period=0)
        place.learn(batch)
        return lambda: [place.learn(batch) for _ in range(times)]

    return work(start, times * len(batch.task))


def kernel(strategy: Strategy, batch: Batch, times: int) -> Turn:
    """The strategy's own `learn` on a block, without a place around it."""

    def start() -> Callable[[], object]:
        place = Place(strategy, period=0)
        place.learn(batch)
        admitted = admit(place, batch, 0, len(batch.task), np.zeros(len(batch.tasks), np.int64))
        return lambda: [strategy.learn(place.bank, admitted) for _ in range(times)]

    return work(start, times * len(batch.task))


def one_by_one(strategy: str, xs: Sequence[dict[str, float]], ys: Any) -> Turn:
    """River's face, an example a call."""

    def start() -> Callable[[], object]:
        model: Any = MultiTaskClassifier(strategy)
        return lambda: [model.learn_one(x, y) for x, y in zip(xs, ys, strict=True)]

    return work(start, len(xs))


def kindred(
    X: Any, y: Any, xs: Sequence[dict[str, float]], times: int
) -> Iterator[tuple[str, Turn]]:
    """Kindred by the size of its blocks, one expert and the default mixture."""
    ys, n = y.tolist(), len(y)
    plain, tempered = independent(RATES, tempered=False), independent(RATES)

    def batch(size: int, tasks: int = 1) -> Batch:
        return from_arrays([f"t{i % tasks}" for i in range(size)], X[:size], ys[:size])

    whole = batch(n)
    yield "Kindred, one plain expert, kernel alone", kernel(plain, whole, times)
    yield f"Kindred, one plain expert, blocks of {n:,}", block(plain, whole, times)
    yield f"Kindred, one plain expert, {n:,}, 16 tasks", block(plain, batch(n, 16), times)
    yield f"Kindred, one invariant expert, blocks of {n:,}", block(tempered, whole, times)
    yield f"Kindred, auto, blocks of {n:,}", block("auto", whole, max(1, times // 40))
    small, some = batch(min(n, 256)), xs[:256]
    yield "Kindred, one plain expert, blocks of 256", block(plain, small, times)
    yield "Kindred, auto, blocks of 256", block("auto", small, max(1, times // 4))
    yield "Kindred, one plain expert, 1", block(plain, batch(1), 20 * times)
    yield "Kindred, auto, 1", block("auto", batch(1), 10 * times)
    yield "Kindred, independent, learn_one", one_by_one("independent", some, ys[:256])
    yield "Kindred, auto, learn_one", one_by_one("auto", some, ys[:256])


def race(title: str, X: Any, y: Any, times: int, rounds: int) -> Table:
    """All contenders on one problem."""
    xs, ys = problems.mappings(X), y.tolist()
    sparse = hasattr(X, "indptr")
    lines = vw.lines(xs, ys)
    ones = [[1.0]] * len(ys)  # the constant, which everybody else learns too
    with_one = hstack([X, csr_matrix(ones, dtype=X.dtype)], "csr") if sparse else _beside(X, ones)
    turns, skipped = gather(
        {
            "river": lambda: river.turns(xs, ys, scaled=not sparse),
            "river learn_many": lambda: [
                pair
                for size in _sizes(len(ys))
                if size > 1 and not sparse
                for pair in river.many(X, y, size)
            ],
            "scikit-learn": lambda: [
                pair for size in _sizes(len(ys)) for pair in sklearn.turns(X, y, size)
            ],
            "Vowpal Wabbit": lambda: vw.package(lines, max(1, times // 5)),
            "vw command": lambda: vw.command(lines, max(1, times // 5)),
            "the same loop in C": lambda: c.turns(with_one, y, times),
            "Kindred": lambda: kindred(X, y, xs, times),
        }
    )
    return Table(title, take_turns(turns, rounds), MEASURES, RATIOS, skipped)


def _sizes(examples: int) -> list[int]:
    return [size for size in (1, 256, 4096) if size <= examples]


def _beside(X: Any, ones: Any) -> Any:
    import numpy as np

    return np.ascontiguousarray(np.hstack([X, ones]), np.float32)


def tables(given: Namespace) -> Iterator[Table]:
    """Dense, then sparse."""
    n, few = given.examples, 2 if given.short else 5
    yield race(
        f"{problems.FEATURES} dense features, {n:,} examples", *problems.dense(n),
        10 * few, given.rounds,
    )  # fmt: skip
    title = f"{problems.HELD} of {problems.SPACE:,} sparse features, {n:,} examples"
    yield race(title, *problems.sparse(n), few, given.rounds)


def options(parser: ArgumentParser) -> None:
    """How many examples."""
    parser.add_argument("--examples", type=int, default=BLOCK, help=f"to learn ({BLOCK})")


def main(arguments: Sequence[str] | None = None) -> None:
    """Race, and print or write what came out."""
    run("learn", __doc__, tables, arguments, options=options)


if __name__ == "__main__":
    main()
