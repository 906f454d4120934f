"""DROM-D against plain versions of itself, DROM, its reference figures, and a bad network."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from learners.coordination.drom_d import drom_d
from learners.exchange import Hub
from learners.features import Batch
from learners.place import Place
from learners.types import Strategy
from tests.learners.drom_d_plain import Array, by_meetings, ring
from tests.learners.drom_made import PAPER, by_name, problem, rounds, singular, start

FULL = np.full((16, 16), 1 / 16)


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
        for t, parts in enumerate(self.parts(X, Y)):
            for place, part in zip(self.places, parts, strict=True):
                place.learn(part)
            for _ in range(meetings if (t + 1) % every == 0 else 0):
                self.meet()
        return self

    def meet(self) -> None:
        for place in self.places:
            self.hub.post(place.tell())
        for name, reply in self.hub.meet().items():
            self.places[int(name[-2:])].hear(reply)


def duals(net: Network) -> Array:
    """Z (d, m), tasks in order."""
    return np.concatenate([by_name(p, p.bank.drom.dual.z) for p in net.places], 1)


def models(net: Network) -> Array:
    each = [p.strategy.model(p.bank, np.arange(len(p.bank.part.v))) for p in net.places]
    return np.concatenate([by_name(p, w) for p, w in zip(net.places, each, strict=True)], 1)


def whole(net: Network) -> float:
    """The error over all places."""
    counts = [(p.progress.errors[:, 0].sum(), p.progress.counts.sum()) for p in net.places]
    wrong, of = np.sum(counts, axis=0)
    return float(wrong / of)


def homes(places: int, tasks: int = 16) -> list[int]:
    return [i * places // tasks for i in range(tasks)]


@pytest.mark.parametrize("blocking", [False, True])
@pytest.mark.parametrize(("places", "forget"), [(16, 0.0), (4, 0.05), (1, 0.01)])
def test_meetings_are_plain(places: int, forget: float, blocking: bool) -> None:
    X, Y = problem(1, rounds=16)
    settings = {"blocking": blocking, "forget": forget}
    meetings = 4 if blocking else 2
    S = ring(places)
    net = Network(drom_d((2.0,), 0.04, 10.0, **PAPER, **settings), S, homes(places))
    net.learn(X, Y, meetings, every=2)
    slow = by_meetings(
        X, Y, S, homes(places), 0.04, 2.0, 10.0, meetings=meetings, every=2, u=start(), **settings
    )
    np.testing.assert_allclose(duals(net), slow.Z, atol=1e-5)
    np.testing.assert_allclose(models(net), slow.W, atol=1e-5 * np.abs(slow.W).max())
    print(np.abs(duals(net)-slow.Z).max(), singular(slow.Z)[0])
