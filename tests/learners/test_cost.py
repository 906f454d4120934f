"""What tasks cost in memory: what is said is what lies there."""

from __future__ import annotations

import gc
import tracemalloc

import numpy as np
import pytest

from learners.cost import of_place, of_task
from learners.features import Batch, from_arrays
from learners.place import Place


def crowd(tasks: int, features: int = 20) -> Batch:
    """An example for each of as many tasks, the same features in all."""
    random = np.random.default_rng(tasks)
    X = random.normal(size=(tasks, features))
    return from_arrays([f"task {i}" for i in range(tasks)], X, (X[:, 0] > 0).tolist())


@pytest.mark.parametrize("strategy", ["auto", "independent"])
def test_the_bytes_of_a_task_are_what_one_more_takes(strategy: str) -> None:
    few, many = 500, 2000
    Place(strategy).learn(crowd(4))  # loads what is loaded once
    bytes_, said = [], []
    for tasks in (few, many):
        batch = crowd(tasks)
        gc.collect()
        tracemalloc.start()
        place = Place(strategy)
        place.learn(batch)
        gc.collect()
        bytes_.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        cost = of_place(place)
        said.append(cost.tasks)
        assert of_task(place, "task 3") * tasks == pytest.approx(cost.tasks, rel=0.3)
        assert place.view("task 3").bytes == of_task(place, "task 3")
        assert cost.tasks < cost.total
    each = (bytes_[1] - bytes_[0]) / (many - few)
    assert (said[1] - said[0]) / (many - few) == pytest.approx(each, rel=0.25)


def test_memory_follows_the_features_that_came_and_little_lies_idle() -> None:
    place = Place("independent")
    place.learn(crowd(300))
    columns = place._columns.used
    assert place._room.columns == columns  # what comes at once gets no more than it takes
    assert place._room.tasks <= 1.25 * 301
    with pytest.raises(KeyError):
        of_task(place, "nobody")
