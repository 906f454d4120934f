"""Every compiled loop called once, so that its machine code lies in numba's cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from learners.coordination import CATALOG
from learners.features import Batch, Example, batch, from_bytes, to_bytes
from learners.place import Place
from service.core import recover
from service.web import app as _  # noqa: F401 - its loops are compiled when it is imported


def run() -> None:
    """Learn a little with every strategy of the catalogue, as a service does.

    Loops differ by whether there are more than two classes, and whether columns may be counted
    because every example has the same ones.
    """
    for name in CATALOG:
        recover.warm(name)
        for features in (_numbers, _words):
            place = Place(name, bits=8, period=4)
            for classes in (2, 3):
                place.learn(_lesson(features, classes))
                place.score(_lesson(features, classes))
            for task in place.tasks:
                place.view(task)
            place.relations()
            again = Place.restore(name, place.snapshot())
            again.learn(_lesson(features, 3))
            again.score(_lesson(features, 3))
            again.forget("a")
            again.digest()


def _lesson(features: Callable[[int], Mapping[str, object]], classes: int) -> Batch:
    """A few examples, through bytes: so its arrays are read-only, as the journal's are."""
    examples = [
        Example("ab"[i % 2], features(i), str(i % classes), 1.0 + i % 2) for i in range(12)
    ]
    return from_bytes(to_bytes(batch(examples, 8)))


def _numbers(i: int) -> Mapping[str, object]:
    return {"x": i, "y": i * i, "z": -i}


def _words(i: int) -> Mapping[str, object]:
    return {"number": i, "text": f"some words {i % 3}", "bag": {f"token{i % 2}": 2.0}}
