"""The bound that the pages of `independent`, `pooled` and `shared` state."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from learners.coordination.independent import independent
from learners.coordination.pooled import pooled
from learners.coordination.shared import shared, shared_rates
from learners.features import from_arrays
from learners.kernels import PRIOR
from learners.place import Place
from learners.types import F64, Strategy

RATE = 2.0
OWN, COMMON = (rates[0] for rates in shared_rates((RATE,)))
MADE = {
    "independent": (independent((RATE,), tempered=False), {"own": RATE}),
    "pooled": (pooled((RATE,), tempered=False), {"common": RATE}),
    "shared": (shared((RATE,), tempered=False), {"common": COMMON, "own": OWN}),
}


def parts(place: Place) -> dict[str, tuple[F64, F64]]:
    """Weights and sums of squared gradients of each part, as they are now."""
    bank: Any = place.bank
    found = {"own": getattr(bank, "own", bank), "common": getattr(bank, "common", bank)}
    names = {"own": "v", "common": "mine"}
    return {
        part: (getattr(leaf, names[part])[..., 0].astype(float), leaf.g[..., 0].astype(float))
        for part, leaf in found.items()
        if hasattr(leaf, names[part])
    }


def knowing(strategy: Strategy) -> Place:
    """A place whose tasks have met both classes, and learnt nothing: by examples of weight 0."""
    place = Place(strategy, period=0)
    tasks = [f"task {i % 3}" for i in range(6)]
    labels = [i < 3 for i in range(6)]
    batch = from_arrays(tasks, np.ones((6, 5)), labels)
    place.learn(batch._replace(weight=np.zeros_like(batch.weight)))
    return place


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("passes", [1, 20])
def test_adagrad_regrets_no_more_than_it_may(name: str, passes: int) -> None:
    strategy, rates = MADE[name]
    random = np.random.default_rng(0)
    X = random.normal(size=(240, 5))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    y = X[:, 0] + 0.3 * random.normal(size=240) * np.where(np.arange(240) % 3, 1, -1) > 0
    tasks = [f"task {i % 3}" for i in range(240)]
    labels = y.tolist()
    batch = from_arrays(tasks, X, labels)
    best, place = knowing(strategy), knowing(strategy)
    for _ in range(passes):
        best.learn(batch)
    against = parts(best)
    label = np.array([best.classes.index(one) for one in labels])
    regret = float(np.log(best.score(batch).probabilities[range(240), 0, label]).sum())
    far = dict.fromkeys(rates, 0.0)
    for i in range(240):
        said = place.learn(from_arrays(tasks[i : i + 1], X[i : i + 1], labels[i : i + 1]))
        regret -= float(np.log(said.probabilities[0, 0, label[i]]))
        for part, (weights, _) in parts(place).items():
            if weights.shape == against[part][0].shape:
                far[part] = max(far[part], float(np.abs(weights - against[part][0]).max()))
    bound = 0.0
    for part, (_, squares) in parts(place).items():
        used = squares[squares > 0]
        roots = float(np.sqrt(used + float(PRIOR)).sum())
        bound += (far[part] ** 2 / (2 * rates[part]) + rates[part]) * roots
    assert regret <= bound
