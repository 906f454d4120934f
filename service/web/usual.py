r"""Examples in JSON as they usually stand -> where their parts lie, and their numbers: compiled.

An example is usual where it is an object of `task`, `features` and, to learn, `label`, `weight`
and `id`, once each and in any order, of which the features are numbers, booleans, strings and
nulls; where no string has an escape, and no number more digits than 64 bits hold, or a large
exponent. What is not usual may be good or bad: others tell. What is usual is good, as far as JSON
and types go, in a text that is UTF-8.

Names mostly stand in the order of the example before, which is tried first.
"""

from __future__ import annotations

import secrets
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from learners.types import F64, I64, U8
from service.web.usual_loops import look

_MOST_NAMES = 1 << 15  # of features in one text


class Usual(NamedTuple):
    """What n usual examples with m values in all are."""

    rows: I64  # (n,) which of all examples each is
    spans: I64  # (n, 8) where task, label and id (0 to 0: none) lie, with quotes, and the line
    weights: F64  # (n,)
    counts: I64  # (n,) values of each
    names: I64  # (m,) of each value, by number
    values: F64  # (m,) 1 of a text
    kinds: U8  # (m,) NUMBER or TEXT
    texts: I64  # (texts, 3) of each value that is one: its number, where it begins, and ends
    named: I64  # (names, 2) where each name lies
    odd: I64  # (others, 3) of those not usual: which of all, where it begins, and ends


def usual(text: bytes, *, to_learn: bool, array: bool) -> Usual:
    r"""Look at an example on each line, or at an array, up to the first that is not usual.

    >>> text = b'{"task": "a", "features": {"x": 1, "y": 2.5}}\n\n{"task": 5}'
    >>> found = usual(text, to_learn=False, array=False)
    >>> found.values.tolist(), found.odd.tolist()
    ([1.0, 2.5], [[1, 47, 58]])
    """
    letters = np.frombuffer(text, np.uint8)
    n = int(np.count_nonzero(letters == (123 if array else 10))) + 1  # bytes.count is slow
    m = int(np.count_nonzero(letters == 58)) + 1  # where there are many
    size = 64
    while size < 2 * min(m, _MOST_NAMES):
        size *= 2
    made = Usual(  # as many as there can be
        np.empty(n, np.int64),
        np.empty((n, 8), np.int64),
        np.empty(n),
        np.empty(n, np.int64),
        np.empty(m, np.int64),
        np.empty(m),
        np.empty(m, np.uint8),
        np.empty((m, 3), np.int64),
        np.empty((size // 2, 2), np.int64),
        np.empty((n, 3), np.int64),
    )
    seats = np.full(size, -1, np.int32)
    rows, values, texts, names, odd = look(
        letters,
        to_learn,
        array,
        _SECRET,
        seats,
        np.full(size // 2, -1, np.int32),
        np.full(size // 2 + 1, -1),
        *made,
    )
    sizes: tuple[int, ...] = (rows, rows, rows, rows, values, values, values, texts, names, odd)
    parts: tuple[NDArray[Any], ...] = made
    return Usual(*(part[:k] for part, k in zip(parts, sizes, strict=True)))


_SECRET = secrets.randbits(63)
