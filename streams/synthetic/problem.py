"""What a generator makes: examples as arrays, with the truth behind them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from streams.event import Event

Floats: TypeAlias = NDArray[np.float64]
Signs: TypeAlias = NDArray[np.int8]


class Problem(NamedTuple):
    """T rounds of one example of each of m tasks with d features, and what they were made from."""

    X: Floats  # (T, m, d) features as shown
    y: Signs  # (T, m) labels as told, -1 or +1
    clean: Signs  # (T, m) labels before any noise
    truth: dict[str, NDArray[Any]]  # the drawn quantities by name, e.g. `weights` (d, m)

    @property
    def tasks(self) -> list[str]:
        """The names of the tasks, in the order of their column."""
        m = self.y.shape[1]
        return [f"task{i:0{len(str(m - 1))}d}" for i in range(m)]

    def events(self) -> Iterator[Event]:
        """One example of each task in turn, round by round; `t` is the round."""
        tasks, names = self.tasks, [f"x{j}" for j in range(self.X.shape[2])]
        for t, (rows, labels) in enumerate(zip(self.X, self.y.tolist(), strict=True)):
            for task, row, label in zip(tasks, rows.tolist(), labels, strict=True):
                yield Event(task, dict(zip(names, row, strict=True)), label, float(t))


def signs(margin: Floats) -> Signs:
    """The label on each side of a boundary; on it, +1."""
    return np.where(margin >= 0, 1, -1).astype(np.int8)


def check_counts(**counts: int) -> None:
    """Raise ValueError unless each is at least 1."""
    for name, value in counts.items():
        if value < 1:
            raise ValueError(f"{name}={value}: give at least 1")


def check_shares(**shares: float) -> None:
    """Raise ValueError unless each is between 0 and 1."""
    for name, value in shares.items():
        if not 0 <= value <= 1:
            raise ValueError(f"{name}={value}: give a share between 0 and 1")


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise ValueError unless the value is one of the choices."""
    if value not in choices:
        raise ValueError(f"{name}={value!r}: choose one of {', '.join(choices)}")


def some_tasks(tasks: int, share: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """A random share of the tasks, at least one unless the share is 0; (tasks,) bool."""
    chosen = np.zeros(tasks, bool)
    count = max(1, round(share * tasks)) if share > 0 else 0
    chosen[rng.permutation(tasks)[:count]] = True
    return chosen
