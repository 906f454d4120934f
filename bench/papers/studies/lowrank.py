"""The study that DROM's figures are of: 16 tasks of rank 2, at one place or at several."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learners.exchange import Hub
from learners.features import Batch, from_arrays
from learners.place import Place
from learners.types import CONSTANT, Strategy
from streams.synthetic import generate

Array = NDArray[np.float64]
PAPER: dict[str, Any] = {"loss": "hinge", "step": "sqrt", "dual_step": "sqrt"}


def problem(
    seed: int, rounds: int = 2000, flip: float = 0.1, kind: str = "lowrank"
) -> tuple[Array, Array]:
    """The study's generator: 16 tasks of rank 2 in 50 dimensions, X (T, m, d) and Y (T, m)."""
    made = generate(kind, rounds=rounds, flip=flip, seed=seed)
    return made.X, made.y.astype(np.float64)


def rounds(X: Array, Y: Array, tasks: NDArray[np.int64] | None = None) -> Batch:
    """One example of each task in turn, without the constant column, which the paper has not."""
    T, m, d = X.shape
    names = [f"task {i:02d}" for _ in range(T) for i in (range(m) if tasks is None else tasks)]
    one = from_arrays(names, X.reshape(-1, d), (Y.ravel() > 0).tolist(), bits=14)
    kept = one.kinds != CONSTANT
    ends = np.concatenate([[0], np.cumsum(kept)])[one.indptr]
    return one._replace(
        indptr=ends, columns=one.columns[kept], values=one.values[kept], kinds=one.kinds[kept]
    )


def learnt(strategy: Strategy, X: Array, Y: Array, every: int = 1, lag: int = 0) -> Place:
    """A place that learnt them, meeting after that many rounds."""
    place = Place(strategy, bits=14, period=every * X.shape[1], lag=lag, thrift=0)
    place.learn(rounds(X, Y))
    return place


def error(place: Place) -> float:
    """Share of wrong answers."""
    return float(place.progress.errors[:, 0].sum() / place.progress.counts.sum())


class Network:
    """Places joined by a matrix; the test says when they meet, and who is not heard."""

    def __init__(self, strategy: Strategy, mixing: Array, home: list[int]) -> None:
        self.strategy, self.home = strategy, home
        self.hub = Hub(strategy, mixing=lambda names: mixing[: len(names), : len(names)])
        names = [f"place {i:02d}" for i in range(len(mixing))]
        self.places = [Place(strategy, bits=14, period=0, name=n, hub=self.hub) for n in names]

    def parts(self, X: Array, Y: Array) -> Iterator[list[Batch]]:
        """Each round's examples, by place."""
        tasks = [np.flatnonzero(np.array(self.home) == i) for i in range(len(self.places))]
        for x, y in zip(X, Y, strict=True):
            yield [rounds(x[None, mine], y[None, mine], mine) for mine in tasks]

    def learn(self, X: Array, Y: Array, meetings: int = 1, every: int = 1) -> Network:
        """Learn all rounds, with so many meetings after every so many of them."""
        for t, parts in enumerate(self.parts(X, Y)):
            for place, part in zip(self.places, parts, strict=True):
                place.learn(part)
            for _ in range(meetings if (t + 1) % every == 0 else 0):
                self.meet()
        return self

    def meet(self) -> None:
        """All tell, and all hear."""
        for place in self.places:
            self.hub.post(place.tell())
        for name, reply in self.hub.meet().items():
            self.places[int(name[-2:])].hear(reply)


def whole(net: Network) -> float:
    """The error over all places."""
    counts = [(p.progress.errors[:, 0].sum(), p.progress.counts.sum()) for p in net.places]
    wrong, of = np.sum(counts, axis=0)
    return float(wrong / of)


def homes(places: int, tasks: int = 16) -> list[int]:
    """The place of each task, in blocks."""
    return [i * places // tasks for i in range(tasks)]
