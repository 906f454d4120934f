"""Dense rows and slots: no bit of any result, message or snapshot tells them apart."""

from __future__ import annotations

import numpy as np
import pytest

from learners import layout, names, talk
from learners.cost import of_place, of_task
from learners.features import Batch, Example, batch
from learners.layout import Kind
from learners.place import Place
from learners.types import Strategy
from tests.learners.laws.cases import CASES
from tests.learners.made import BITS, ends, in_blocks, loop, pack, raw, same, stream


def lying(strategy: str | Strategy, kind: Kind, thrift: float = 0.0) -> Place:
    return Place(strategy, bits=BITS, period=16, thrift=thrift, layout=kind)


@pytest.mark.parametrize("case", CASES)
def test_layouts_agree_to_the_last_bit(case: str) -> None:
    examples = stream(200, third=120, tasks=8)
    rows, slots = lying(CASES[case](), "dense"), lying(CASES[case](), "slots")
    same(in_blocks(rows, examples[:150], [40]), in_blocks(slots, examples[:150], [90]))
    for place in (rows, slots):
        place.forget("task 1")
    same(rows.score(pack(stream(50, 3, tasks=9))), slots.score(pack(stream(50, 3, tasks=9))))
    same(in_blocks(rows, examples[150:], []), loop(slots, examples[150:]))
    assert slots._layout.slots is not None
    assert rows._layout.slots is None
    assert rows.snapshot() == slots.snapshot()
    assert raw(rows.tell().tree) == raw(slots.tell().tree)
    assert rows.view("task 0").nearest == slots.view("task 0").nearest
    np.testing.assert_array_equal(rows.relations()[1], slots.relations()[1])


@pytest.mark.parametrize("case", ["auto", "drom", "laplacian"])
def test_tasks_meet_in_few_columns_the_fewer_the_more_there_are(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "FIRST", 16)
    monkeypatch.setattr(talk, "FIRST", 16)
    monkeypatch.setattr(talk, "CELLS", 100)
    monkeypatch.setattr(talk, "LEAST", 4)
    examples = stream(200, third=150, tasks=4) + stream(200, 1, tasks=12)
    rows, slots = lying(CASES[case](), "dense"), lying(CASES[case](), "slots")
    wide = []
    for lo in range(0, 400, 50):
        part = examples[lo : lo + 50]
        same(in_blocks(rows, part, [20]), in_blocks(slots, part, []))
        assert rows.snapshot() == slots.snapshot()
        rows = Place.restore(CASES[case](), rows.snapshot())
        wide.append(len(rows.hub.ids))
    assert wide[0] == 15
    assert wide[-1] < 15
    assert rows._columns.used > 20


def in_slots(place: Place) -> bool:
    return place._layout.slots is not None


def text(n: int, tasks: int, seed: int = 0) -> list[Example]:
    """Each task has words of its own, and all have some in common."""
    random = np.random.default_rng(seed)
    out = []
    for i in range(n):
        task = int(random.integers(min(tasks, 3 + i // 4)))
        words = [f"w{task}x{j}" for j in random.integers(20, size=4)] + [f"w{i % 9}"]
        y = bool(random.random() < 0.5)
        out.append(Example(f"task {task}", {"x": " ".join(words), "n": float(y)}, y))
    return out


@pytest.mark.parametrize("strategy", ["auto", "independent"])
def test_a_sparse_bank_goes_over_to_slots_and_nobody_notices(
    strategy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "SMALL", 4000)
    examples = text(900, 60)
    auto, rows = lying(strategy, "auto"), lying(strategy, "dense")
    assert not in_slots(auto)
    parts = [auto.learn(pack(examples[lo : lo + 100])) for lo in range(0, 900, 100)]
    same(ends(parts), in_blocks(rows, examples, [333]))
    assert in_slots(auto)
    assert auto.digest() == rows.digest()
    again = Place.restore(strategy, rows.snapshot())
    assert in_slots(again)
    more = text(200, 60, seed=1)
    same(again.learn(pack(more)), rows.learn(pack(more)))
    assert again.digest() == rows.digest()
    assert of_place(auto).tasks < 0.4 * of_place(rows).tasks
    assert of_task(auto, "task 3") < 0.4 * of_task(rows, "task 3")


def test_dense_data_stays_in_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "SMALL", 1000)
    place = lying("auto", "auto")
    random = np.random.default_rng(0)
    for lo in range(0, 2000, 500):
        rows = [dict(zip("abcde", random.normal(size=5).tolist(), strict=True)) for _ in range(500)]
        place.learn(pack(Example(f"t{lo + i}", row, i % 2) for i, row in enumerate(rows)))
    assert place._layout.slots is None


def test_memory_follows_what_tasks_have_seen() -> None:
    def crowd(tasks: int) -> Batch:
        rows = [{f"w{(31 * i + j) % 7000}": 1.0 for j in range(20)} for i in range(tasks)]
        return batch([Example(f"t{i}", {"x": row}, i % 2) for i, row in enumerate(rows)])

    place = Place("independent")
    place.learn(crowd(2000))
    assert place._columns.used > 6900
    assert place._layout.slots is not None
    assert of_place(place).tasks / 2000 < 20 * 100 + 1000


def test_a_layout_of_no_such_name_is_refused() -> None:
    with pytest.raises(ValueError, match="layout: 'sparse' is none of auto, dense, slots"):
        Place("auto", layout="sparse")  # type: ignore[arg-type]
