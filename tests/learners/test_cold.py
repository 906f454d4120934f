"""Cold tasks: ten times as many as are warm learn as they would in memory, whatever is asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from learners.features import Example
from learners.place import Place
from service.store.shelf import Shelf
from tests.learners.made import BITS, ends, in_blocks, loop, pack, same

WARM, TASKS = 12, 120


def stream(n: int = 1500, seed: int = 0) -> list[Example]:
    """Tasks that come in waves; text, numbers, a third class late."""
    random = np.random.default_rng(seed)
    out = []
    for i in range(n):
        task = int(random.integers(8)) if random.random() < 0.3 else i * TASKS // n
        if random.random() < 0.2:
            task = int(random.integers(TASKS))
        x = random.normal(size=2)
        label = "two" if i > 1000 and x[0] > 0.8 else str(x[0] + 0.2 * task % 3 > 0)
        words = " ".join(f"w{j}" for j in random.integers(40, size=2))
        out.append(Example(f"task {task}", {"x": x[0], "y": x[1], "text": words}, label))
    return out


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    one = Shelf(tmp_path / "cold.db")
    yield one
    one.close()


def cold(strategy: str, shelf: Shelf) -> Place:
    return Place(strategy, bits=BITS, period=16, shelf=shelf, warm=WARM)


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Shelf]:
    one = Shelf(tmp_path / "other.db")
    yield one
    one.close()


@pytest.mark.parametrize("strategy", ["independent", "shared", "pooled"])
def test_who_does_not_meet_learns_as_if_all_were_warm(strategy: str, shelf: Shelf) -> None:
    examples = stream()
    here, warm = cold(strategy, shelf), Place(strategy, bits=BITS, period=16)
    same(in_blocks(here, examples, [100, 700]), in_blocks(warm, examples, [300]))
    assert here.tasks == warm.tasks
    assert len(here) == len(warm) > 100
    assert WARM // 2 < len(here._tasks.row) < WARM + 60
    assert len(shelf) == len(here) - len(here._tasks.row)
    same(here.score(pack(stream(200, 5))), warm.score(pack(stream(200, 5))))
    for task in here.tasks:
        a, b = here.view(task), warm.view(task)
        assert (a.seen, a.classes, a.progress) == (b.seen, b.classes, b.progress)


@pytest.mark.parametrize("strategy", ["auto", "laplacian"])
def test_cutting_and_asking_make_no_difference(strategy: str, shelf: Shelf, other: Shelf) -> None:
    examples, asked = stream(900), stream(60, seed=3)
    here, there = cold(strategy, shelf), cold(strategy, other)
    whole = in_blocks(here, examples, [])
    parts = []
    for lo in range(0, len(examples), 37):
        there.score(pack(asked[lo % 50 :]))  # guests come and go, and take rows
        parts.append(there.learn(pack(examples[lo : lo + 37])))
        there.view(asked[lo % 50].task) if asked[lo % 50].task in there else None
    same(whole, ends(parts))
    assert here.digest() == there.digest()
    assert len(there._tasks.row) + len(there._cold.guests) < WARM + 300 if there._cold else False


def test_one_by_one(shelf: Shelf, other: Shelf) -> None:
    examples = stream(600)
    here, there = cold("auto", shelf), cold("auto", other)
    same(in_blocks(here, examples, [257]), loop(there, examples))
    assert here.digest() == there.digest()


@pytest.mark.parametrize("cut", [256, 300, 700, 1100])
def test_a_snapshot_and_its_shelf_go_back_together(cut: int, shelf: Shelf, other: Shelf) -> None:
    examples = stream(1200)
    here, never = cold("auto", shelf), cold("auto", other)
    same(in_blocks(here, examples[:cut], []), in_blocks(never, examples[:cut], [50]))
    data, was = here.snapshot(), here.digest()
    here.learn(pack(examples[cut : cut + 90]))  # of which nothing is to be left
    here.forget("task 3")
    again = Place.restore("auto", data, shelf=shelf)
    assert again.digest() == was
    same(again.learn(pack(examples[cut:])), never.learn(pack(examples[cut:])))
    assert again.digest() == never.digest()


def test_a_cold_task_is_forgotten_for_good(shelf: Shelf, other: Shelf) -> None:
    examples = stream(800)
    here, there = cold("auto", shelf), cold("auto", other)
    for place in (here, there):
        place.learn(pack(examples))
    frozen = shelf.names()
    assert frozen == other.names()
    assert len(frozen) > 40
    here.view(frozen[0])  # a guest
    for task in frozen[:3]:
        assert here.forget(task)
        assert there.forget(task)
        assert not here.forget(task)
        assert task not in here
        with pytest.raises(KeyError):
            here.view(task)
    assert here.digest() == there.digest()
    new = here.learn(pack([Example(frozen[0], {"x": 1.0}, "True")]))
    assert new.seen.tolist() == [0]


def test_a_shelf_of_another_state_is_refused(shelf: Shelf, other: Shelf) -> None:
    here = cold("independent", shelf)
    here.learn(pack(stream(800)))
    data = here.snapshot()
    for wrong in (other, None):
        with pytest.raises(ValueError, match="cold tasks belong to it|a shelf for the rest"):
            Place.restore("independent", data, shelf=wrong)


def test_what_cannot_be_cold_is_refused(shelf: Shelf) -> None:
    with pytest.raises(ValueError, match="no task can be cold"):
        Place("river:naive_bayes.GaussianNB", shelf=shelf, warm=3)
    some: list[dict[str, Any]] = [{"warm": 3}, {"shelf": shelf}]
    for wrong in some:
        with pytest.raises(ValueError, match="go together"):
            Place("auto", **wrong)


def test_memory_is_that_of_the_warm_ones(shelf: Shelf) -> None:
    from learners.cost import of_place

    here, warm = cold("independent", shelf), Place("independent", bits=BITS)
    few = of_place(warm).tasks
    for place in (here, warm):
        examples = [Example(f"t{i}", {"x": float(i % 5), "y": 1.0}, i % 2) for i in range(9000)]
        place.learn(pack(examples))
    assert len(here) == len(warm) == 9000
    assert of_place(here).tasks - few < 0.06 * (of_place(warm).tasks - few)
