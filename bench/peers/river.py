"""river's logistic regression: by itself, behind its scaler, and by blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from river import linear_model, preprocessing

from bench.peers import need
from bench.rounds import Turn, work

BARE = "river LogisticRegression, learn"
SCALED = "river StandardScaler | LogisticRegression, predict and learn"


def turns(
    xs: Sequence[dict[str, float]], ys: Sequence[bool], scaled: bool = True
) -> Iterator[tuple[str, Turn]]:
    """Learning alone, and asked before each example as Kindred always is."""
    pairs = list(zip(xs, ys, strict=True))

    def plain() -> Any:
        return linear_model.LogisticRegression()

    def behind_scaler() -> Any:
        return preprocessing.StandardScaler() | linear_model.LogisticRegression()

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

    yield BARE, learn(plain)
    yield "river LogisticRegression, predict and learn", both(plain)
    if scaled:
        yield "river StandardScaler | LogisticRegression, learn", learn(behind_scaler)
        yield SCALED, both(behind_scaler)


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
