"""river's sets as multi-task streams, held against river's own iterators."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import Any

import pytest
from river import datasets
from river.datasets.base import RemoteDataset

from streams import bundled
from streams.river_sets import REGISTRY


@pytest.mark.parametrize("name", [name for name in REGISTRY if name != "Shuttle"])
def test_counts_are_as_stated_and_nothing_is_fetched(name: str) -> None:
    assert not issubclass(getattr(datasets, name), RemoteDataset)
    stream, seen = bundled(name), Counter[str]()
    for event in stream:
        assert event.y is not None
        seen[event.task] += 1
    assert (len(seen), seen.total()) == (stream.tasks, stream.examples)
    assert len(set(seen.values())) == 1


def test_the_shuttle_has_one_task() -> None:
    assert {event.task for event in islice(bundled("Shuttle"), 100)} == {"shuttle"}
    assert datasets.Shuttle().n_samples == bundled("Shuttle").examples


def test_yeast_gives_every_gene_to_all_tasks_in_turn() -> None:
    events = iter(bundled("Yeast"))
    pairs: Any = datasets.Yeast()  # type: ignore[no-untyped-call]
    for x, labels in islice(pairs, 50):
        block = list(islice(events, 14))
        assert [event.task for event in block] == [f"Class{k}" for k in range(1, 15)]
        assert all(event.x == x for event in block)
        assert {event.task: event.y for event in block} == labels
        assert all(isinstance(event.y, bool) for event in block)


def test_each_image_segment_is_of_one_class() -> None:
    events = iter(bundled("ImageSegments"))
    pairs: Any = datasets.ImageSegments()  # type: ignore[no-untyped-call]
    for _, y in islice(pairs, 200):
        block = list(islice(events, 7))
        assert [event.task for event in block if event.y] == [y]
