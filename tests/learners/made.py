"""Small streams with all in them that a law must survive, and places that learn them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from learners import tree
from learners.features import Batch, Example, batch
from learners.place import Place, Scored
from learners.types import F64, Label, Strategy, Tree

BITS = 14  # small, so that a place is made in no time
PERIOD = 16  # examples between meetings: many of them in a short stream
WORDS = ["cheap", "pills", "lunch", "today", "meeting", "offer", "Größe", "A+", "A-"]
LABELS: tuple[Label, ...] = ("ham", "spam", "eggs")


def stream(
    n: int = 96,
    seed: int = 0,
    *,
    tasks: int = 4,
    third: int | None = None,
    labels: tuple[Label, ...] = LABELS,
) -> list[Example]:
    """Numbers, booleans, text, bags and gaps; new tasks and features midway; noisy linear labels.

    From example `third` on, a third class is among the labels.
    """
    random = np.random.default_rng(seed)
    truth = random.normal(size=(tasks + 1, 3)) + random.normal(size=3)
    out = []
    for i in range(n):
        task = int(random.integers(tasks + (i > n // 2)))
        x, y, z = (float(v) for v in random.normal(size=3))
        features: dict[str, object] = {"x": x, "y": 100.0 + 3.0 * y, "flag": bool(z > 0)}
        features["text"] = " ".join(random.choice(WORDS, size=random.integers(1, 4)))
        if random.random() < 0.5:
            features["bag"] = {str(j): float(j) for j in random.integers(1, 6, size=2)}
        if i > n // 3:
            features["new"] = [z, x * y]
        for name in list(features):
            if random.random() < 0.1:
                del features[name]
        margin = truth[task] @ [x, y, 0.5] + 0.3 * random.normal()
        label = int(margin > 0)
        if third is not None and i >= third and (i == third or z > 0.7):
            label = 2
        weight = float(random.choice([1.0, 1.0, 2.5]))
        out.append(Example(f"task {task}", features, labels[label], weight))
    return out


def place(
    strategy: str | Strategy,
    *,
    period: int = PERIOD,
    lag: int = 1,
    seed: int = 0,
    thrift: float = 0.0,
) -> Place:
    """A place for such a stream."""
    return Place(strategy, bits=BITS, period=period, lag=lag, seed=seed, thrift=thrift)


def pack(examples: Iterable[Example]) -> Batch:
    return batch(examples, BITS)


def loop(where: Place, examples: Iterable[Example]) -> Scored:
    """Learn one by one; the answers end to end."""
    return ends([where.learn(pack([one])) for one in examples])


def in_blocks(where: Place, examples: Sequence[Example], cuts: Iterable[int]) -> Scored:
    """Learn in blocks that end at those cuts; the answers end to end."""
    at = [0, *sorted(set(cuts)), len(examples)]
    parts = [examples[lo:hi] for lo, hi in zip(at, at[1:], strict=False) if hi > lo]
    return ends([where.learn(pack(part)) for part in parts])


def ends(parts: Sequence[Scored]) -> Scored:
    """Answers end to end, 0 for the classes that the earlier ones did not know."""
    classes = parts[-1].classes
    return Scored(
        np.concatenate([wide(one, len(classes)) for one in parts]),
        classes,
        np.concatenate([one.seen for one in parts]),
    )


def wide(one: Scored, classes: int) -> F64:
    p = one.probabilities
    return np.pad(p, [(0, 0), (0, 0), (0, classes - p.shape[2])])


def same(a: Scored, b: Scored) -> None:
    """Bit for bit."""
    assert a.classes == b.classes
    np.testing.assert_array_equal(a.seen, b.seen)
    identical(a.probabilities, b.probabilities)


def identical(a: NDArray[np.generic], b: NDArray[np.generic]) -> None:
    """Bit for bit, whatever the sign of a zero."""
    assert a.shape == b.shape
    assert a.dtype == b.dtype
    np.testing.assert_array_equal(a, b)


def raw(*trees: Tree) -> list[tuple[str, bytes]]:
    """Every leaf's bytes, spare room included."""
    return [(path, leaf.tobytes()) for one in trees for path, _, leaf in tree.leaves(one)]
