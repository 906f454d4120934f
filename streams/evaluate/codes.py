"""Names as small integers, in the order in which they were first seen."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T", bound=Hashable)


class Codes(Generic[T]):
    """A growing list of different values; `True` and `1` differ, `1` and `1.0` do not.

    >>> codes = Codes()
    >>> codes.of(["ham", 1, True, 1.0, "ham"]).tolist(), codes.values
    ([0, 1, 2, 1, 0], ['ham', 1, True])
    """

    def __init__(self) -> None:
        self.values: list[T] = []
        self._code: dict[Hashable, int] = {}

    def __len__(self) -> int:
        return len(self.values)

    def code(self, value: T) -> int:
        """The number of a value, a new one if it was never seen."""
        key = (bool, value) if isinstance(value, bool) else value
        code = self._code.get(key)
        if code is None:
            code = self._code[key] = len(self.values)
            self.values.append(value)
        return code

    def of(self, values: Iterable[T]) -> NDArray[np.int64]:
        """The numbers of many values; (n,) int64."""
        return np.fromiter(map(self.code, values), np.int64)

    def find(self, value: T) -> int:
        """The number of a value that was seen.

        Raises:
            KeyError: it was not.
        """
        return self._code[(bool, value) if isinstance(value, bool) else value]
