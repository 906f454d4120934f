"""river's logistic regression: by itself, behind its scaler, and by blocks."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from river import linear_model, preprocessing

from bench import problems
from bench.peers import need
from bench.resident import resident
from bench.rounds import Turn, work

BARE = "river LogisticRegression, learn"
PIPELINE = "StandardScaler | LogisticRegression"
SCALED = "river StandardScaler | LogisticRegression, predict and learn"


def _alone() -> Any:
    return linear_model.LogisticRegression()


def _scaled() -> Any:
    return preprocessing.StandardScaler() | linear_model.LogisticRegression()


SORTS = {PIPELINE: _scaled, "LogisticRegression": _alone}


def turns(
    xs: Sequence[dict[str, float]], ys: Sequence[bool], scaled: bool = True
) -> Iterator[tuple[str, Turn]]:
    """Learning alone, and asked before each example as Kindred always is."""
    pairs = list(zip(xs, ys, strict=True))

    def learn(make: Callable[[], Any]) -> Turn:
        def start() -> Callable[[], object]:
            model = make()
            return lambda: [model.learn_one(x, y) for x, y in pairs]

        return work(start, len(pairs))

    def both(make: Callable[[], Any]) -> Turn:
        def start() -> Callable[[], object]:
            model = make()
            return lambda: [(model.predict_proba_one(x), model.learn_one(x, y)) for x, y in pairs]

        return work(start, len(pairs))

    yield BARE, learn(_alone)
    yield "river LogisticRegression, predict and learn", both(_alone)
    if scaled:
        yield "river StandardScaler | LogisticRegression, learn", learn(_scaled)
        yield SCALED, both(_scaled)


def many(X: Any, y: Any, size: int) -> Iterator[tuple[str, Turn]]:
    """Its `learn_many`: one step for the mean of a block, which is less learning; needs pandas."""
    need("pandas")
    import pandas as pd

    names = [f"x{j}" for j in range(X.shape[1])]
    blocks = [
        (pd.DataFrame(X[at : at + size], columns=names), pd.Series(y[at : at + size]))
        for at in range(0, len(X) - size + 1, size)
    ]

    def start() -> Callable[[], object]:
        model: Any = linear_model.LogisticRegression()
        return lambda: [model.learn_many(x, y) for x, y in blocks]

    examples = int(np.sum([len(y) for _, y in blocks]))
    yield f"river learn_many, blocks of {size:,} (one step a block)", work(start, examples)


def memory(sort: str, tasks: int, examples: int) -> dict[str, float]:
    """Bytes a model in a dictionary, one a task, each after so many examples; to call apart."""
    make = SORTS[sort]
    X, y = problems.dense(examples)
    pairs = list(zip(problems.mappings(X), y.tolist(), strict=True))
    make().learn_one(*pairs[0])
    before = resident()
    models: dict[str, Any] = {}
    for i in range(tasks):
        model = models[f"task-{i}"] = make()
        for x, label in pairs:
            model.learn_one(x, label)
    after = resident()
    kept = len(pickle.dumps(model))
    return {"rss": (after - before) / tasks, "kept": kept, "most": resident("VmHWM") / 1e6}
