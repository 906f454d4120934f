"""The pairs of tasks that are most alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from learners.types import F32


def most_alike(names: Sequence[str], cosine: F32, top: int) -> list[tuple[str, str, float]]:
    """The `top` pairs of the highest cosine, the most alike first; equals in order of names.

    >>> cosine = np.array([[1, 0.2, 0.9], [0.2, 1, -0.5], [0.9, -0.5, 1]], np.float32)
    >>> most_alike(["ann", "bob", "eve"], cosine, 2)
    [('ann', 'eve', 0.9), ('ann', 'bob', 0.2)]
    """
    first, second = np.triu_indices(len(names), 1)
    values = cosine[first, second]
    if top < len(values):  # so that only these are sorted
        near = np.flatnonzero(values >= np.partition(values, -top)[-top])
        first, second, values = first[near], second[near], values[near]
    order = np.lexsort((second, first, -values))[:top]
    return [(names[first[i]], names[second[i]], round(float(values[i]), 6)) for i in order]
