"""Every compiled loop called once, so that its machine code lies in numba's cache."""

from __future__ import annotations

from learners.coordination import CATALOG
from learners.features import Batch, Example, batch, from_bytes, to_bytes
from learners.place import Place


def run() -> None:
    """Learn a little with every strategy of the catalogue, as a service does."""
    for name in CATALOG:
        place = Place(name, bits=8, period=4)
        for classes in (2, 3):  # one margin, then a column for each class
            place.learn(_lesson(classes))
            place.score(_lesson(classes))
        for task in place.tasks:
            place.view(task)
        place.relations()
        again = Place.restore(name, place.snapshot())
        again.learn(_lesson(3))
        again.forget("a")
        again.digest()


def _lesson(classes: int) -> Batch:
    """A few examples, through bytes: so its arrays are read-only, as the journal's are."""
    examples = [
        Example(
            "ab"[i % 2],
            {"number": float(i), "text": "some words", "bag": {"token": 2.0}},
            str(i % classes),
            1.0 + i % 2,
        )
        for i in range(12)
    ]
    return from_bytes(to_bytes(batch(examples, 8)))
