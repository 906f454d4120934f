"""scikit-learn's SGDClassifier.partial_fit, by blocks of several sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bench.peers import need
from bench.rounds import Turn, work

CLASSES = (False, True)


def turns(X: Any, y: Any, size: int) -> Iterator[tuple[str, Turn]]:
    """One step an example, `size` examples a call; learning alone, and asked before each block."""
    need("sklearn")
    from sklearn.linear_model import SGDClassifier

    last = len(y) // size * size
    blocks = [(X[at : at + size], y[at : at + size]) for at in range(0, last, size)]

    def make() -> Any:
        model = SGDClassifier(loss="log_loss")
        model.partial_fit(X[:1], y[:1], classes=CLASSES)  # it answers nothing before
        return model

    def learn() -> Callable[[], object]:
        model = make()
        return lambda: [model.partial_fit(*block) for block in blocks]

    def both() -> Callable[[], object]:
        model = make()
        return lambda: [(model.predict_proba(x), model.partial_fit(x, y)) for x, y in blocks]

    name = f"scikit-learn SGDClassifier, blocks of {size:,}"
    yield f"{name}, learn", work(learn, last)
    yield f"{name}, predict and learn", work(both, last)
