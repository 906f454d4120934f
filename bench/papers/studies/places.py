"""Tasks at nodes of their own, whose data are there from the start: the papers' experiments."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from learners.exchange import Hub
from learners.features import Batch, from_arrays
from learners.place import Place
from learners.types import F64, Strategy

BITS = 14


def batches(X: Sequence[NDArray[np.floating]], y: Sequence[NDArray[np.bool_]]) -> dict[str, Batch]:
    """Each task's examples (n, d) with their labels, by its name, which is its node's too.

    One of each class leads, False first: so no node's classes are in another order.
    """
    out = {}
    for t, (rows, labels) in enumerate(zip(X, y, strict=True)):
        first = [int(labels.argmin()), int(labels.argmax())]
        order = [*first, *(i for i in range(len(labels)) if i not in first)]
        name = f"task {t:03d}"
        names, said = [name] * len(labels), labels[order].tolist()
        out[name] = from_arrays(names, rows[order], said, bits=BITS)
    return out


def places(strategy: Strategy, names: Sequence[str]) -> tuple[Hub, dict[str, Place]]:
    """A place for each of those names, and the hub where they meet when somebody calls them."""
    hub = Hub(strategy)
    made = {
        name: Place(strategy, bits=BITS, period=0, name=name, hub=hub) for name in sorted(names)
    }
    return hub, made


def model(place: Place) -> F64:
    """The weights of a place's one task, by column; columns are in one order at all nodes."""
    w = place.strategy.model(place.bank, place.rows(place.tasks))
    return np.asarray(w[0, :, 0, 0], np.float64)
