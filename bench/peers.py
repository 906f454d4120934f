"""The peers: river always, scikit-learn and Vowpal Wabbit where they are installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from bench.rounds import Contender

RIVER = "river LogisticRegression, learn_one"


def river(xs: Sequence[dict[Any, float]], ys: Sequence[bool], scaled: bool) -> Iterator[Contender]:
    """Its logistic regression by itself, asked before each example too, and behind its scaler."""
    from river import linear_model, preprocessing

    pairs = list(zip(xs, ys, strict=True))

    def alone() -> Callable[[], object]:
        model: Any = linear_model.LogisticRegression()
        return lambda: [model.learn_one(x, y) for x, y in pairs]

    def asked() -> Callable[[], object]:
        model: Any = linear_model.LogisticRegression()
        return lambda: [(model.predict_proba_one(x), model.learn_one(x, y)) for x, y in pairs]

    def behind_scaler() -> Callable[[], object]:
        model: Any = preprocessing.StandardScaler() | linear_model.LogisticRegression()
        return lambda: [model.learn_one(x, y) for x, y in pairs]

    yield Contender(RIVER, len(pairs), alone)
    yield Contender("river LogisticRegression, predict and learn", len(pairs), asked)
    if scaled:
        yield Contender("river StandardScaler | LogisticRegression", len(pairs), behind_scaler)


def sklearn(X: Any, y: Any) -> Iterator[Contender]:
    """scikit-learn's SGDClassifier, by blocks; it predicts nothing beside."""
    if find_spec("sklearn") is None:
        return
    from sklearn.linear_model import SGDClassifier

    def start() -> Callable[[], object]:
        model = SGDClassifier(loss="log_loss")
        return lambda: model.partial_fit(X, y, classes=[False, True])

    yield Contender("scikit-learn SGDClassifier.partial_fit", len(y), start)


def vowpal_wabbit(xs: Sequence[dict[Any, float]], ys: Sequence[bool]) -> Iterator[Contender]:
    """Vowpal Wabbit's default update on examples parsed beforehand; learning predicts too."""
    if find_spec("vowpalwabbit") is None:
        return
    import vowpalwabbit

    lines = [
        f"{1 if y else -1} | " + " ".join(f"{name}:{value:.6g}" for name, value in x.items())
        for x, y in zip(xs, ys, strict=True)
    ]

    def start() -> Callable[[], object]:
        model = vowpalwabbit.Workspace("--loss_function logistic --quiet")
        parsed = [model.parse(line) for line in lines]

        def learn() -> None:
            for example in parsed:
                model.learn(example)

        return learn

    yield Contender("Vowpal Wabbit, parsed before", len(lines), start)


def problem(examples: int, features: int, seed: int = 0) -> tuple[Any, Any]:
    """A noisy linear problem: X (n, d) standard normal, y boolean."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(examples, features)).astype(np.float32)
    margin = X @ random.normal(size=features) + random.normal(size=examples)
    return X, margin > 0


def sparse_problem(examples: int, held: int, features: int, seed: int = 0) -> tuple[Any, Any]:
    """As `problem`, with `held` of many features in each example, as a CSR matrix."""
    from scipy.sparse import csr_matrix

    random = np.random.default_rng(seed)
    columns = np.sort(random.integers(0, features, (examples, held)), axis=1)
    indptr = np.arange(examples + 1) * held
    values = random.random(examples * held).astype(np.float32)
    X = csr_matrix((values, columns.ravel(), indptr), (examples, features))
    X.sum_duplicates()
    return X, X @ random.normal(size=features) > 0
