"""Scored examples kept as columns: the last ones, and a uniform sample of all."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

S = TypeVar("S", bound=np.generic)


class Scored(NamedTuple):
    """n examples with the probabilities given before their labels were known."""

    task: NDArray[np.int64]  # (n,) codes
    label: NDArray[np.int64]  # (n,) codes
    probabilities: NDArray[np.float64]  # (n, K); no column yet is 0

    def only(self, rows: NDArray[np.bool_] | NDArray[np.int64] | slice) -> Scored:
        """Some of the examples."""
        return Scored(self.task[rows], self.label[rows], self.probabilities[rows])


class Records:
    """Slots for at most `capacity` examples; memory follows the slots in use and the classes."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.used = 0
        self._kept = Scored(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 0)))

    @property
    def kept(self) -> Scored:
        """What the slots hold."""
        return self._kept.only(slice(self.used))

    def put(self, slots: NDArray[np.int64], scored: Scored) -> None:
        """Write example i into slot i of `slots`; of two for one slot the later stays."""
        if not len(slots):
            return
        self.used = max(self.used, int(slots.max()) + 1)
        length, width = self._kept.probabilities.shape
        if self.used > length:
            length = min(self.capacity, max(self.used, 2 * length))
        self._kept = Scored(
            grown(self._kept.task, length),
            grown(self._kept.label, length),
            grown(self._kept.probabilities, length, max(width, scored.probabilities.shape[1])),
        )
        self._kept.task[slots] = scored.task
        self._kept.label[slots] = scored.label
        self._kept.probabilities[slots, : scored.probabilities.shape[1]] = scored.probabilities
        self._kept.probabilities[slots, scored.probabilities.shape[1] :] = 0


class Latest:
    """The last `capacity` examples."""

    def __init__(self, capacity: int) -> None:
        self._records = Records(capacity)
        self._next = 0

    def add(self, scored: Scored) -> None:
        """Add examples in order of arrival."""
        capacity = self._records.capacity
        tail = scored.only(slice(-capacity, None))
        self._records.put((self._next + np.arange(len(tail.task))) % capacity, tail)
        self._next = (self._next + len(tail.task)) % capacity

    @property
    def kept(self) -> Scored:
        """Those that are held, oldest first."""
        used = self._records.used
        return self._records.kept.only((self._next + np.arange(used)) % max(used, 1))


class Sample:
    """All examples up to `capacity`, from then on a uniform sample of that size.

    Algorithm R: Vitter, Random sampling with a reservoir, ACM TOMS 11(1), 1985.
    """

    def __init__(self, capacity: int, seed: int) -> None:
        self._records = Records(capacity)
        self._rng = np.random.default_rng(seed)
        self._seen = 0

    def add(self, scored: Scored) -> None:
        """Add examples; how they are grouped makes no difference."""
        seen = self._seen + np.arange(len(scored.task))  # before each of them
        self._seen += len(scored.task)
        late = seen >= self._records.capacity
        slots = seen.copy()
        slots[late] = (self._rng.random(int(late.sum())) * (seen[late] + 1)).astype(np.int64)
        kept = slots < self._records.capacity
        self._records.put(slots[kept], scored.only(kept))

    @property
    def kept(self) -> Scored:
        """Those that are held, in no particular order once there is no room for all."""
        return self._records.kept


def grown(array: NDArray[S], *shape: int) -> NDArray[S]:
    """The array with zeros to its far sides, itself when it has the shape already."""
    if array.shape[: len(shape)] == shape:
        return array
    larger = np.zeros((*shape, *array.shape[len(shape) :]), array.dtype)
    larger[tuple(map(slice, array.shape))] = array
    return larger
