"""A place: what it refuses, what it shows, and what its room does not change."""

from __future__ import annotations

import numpy as np
import pytest

from learners import tree
from learners.features import Example, batch, from_arrays
from learners.place import Place
from tests.learners.made import BITS, loop, pack, place, same, stream


def test_an_example_without_a_label_is_refused_and_nothing_learnt() -> None:
    here = place("auto")
    here.learn(pack(stream(20)))
    was = here.digest()
    with pytest.raises(ValueError, match="example 3 of task 'new' has no label"):
        here.learn(pack([*stream(3), Example("new", {"x": 1.0})]))
    assert here.digest() == was


def test_a_batch_of_more_bits_is_refused_and_nothing_learnt() -> None:
    here = Place("pooled", bits=10)
    with pytest.raises(ValueError, match="hashed to more than this place's 10 bits"):
        here.learn(batch(stream(20), bits=20))
    assert here.position == 0
    assert here.tasks == []


def test_a_strategy_of_no_such_name_is_refused() -> None:
    with pytest.raises(ValueError, match="'nonsense'"):
        Place("nonsense")


def test_snapshots_of_something_else_are_refused() -> None:
    here = place("pooled")
    here.learn(pack(stream(40)))
    data = here.snapshot()
    with pytest.raises(ValueError, match="experts"):
        Place.restore("shared", data)
    for other in (b"", data[:-1], data + b"x", tree.pack([], {}), tree.pack([], None)):
        with pytest.raises(ValueError, match="."):
            Place.restore("pooled", other)


def test_room_is_no_state() -> None:
    here, roomy = place("auto"), place("auto")
    for i in range(40):  # tasks that come and go leave their rows' room
        roomy.learn(pack([Example(f"gone {i}", {}, "ham")]))
        roomy.forget(f"gone {i}")
    roomy.learn(pack([Example("names", {}, "spam"), Example("names", {}, "ham")]))
    here.learn(pack([Example("names", {}, "ham")] * 2))
    assert roomy._room.tasks >= here._room.tasks
    assert len(here.snapshot()) < 1.5 * len(roomy.snapshot())
    again = Place.restore("auto", roomy.snapshot())
    assert again._room.tasks < 8 <= roomy._room.tasks
    same(loop(again, stream(40)), loop(roomy, stream(40)))


def test_many_tasks_and_features_come_at_once() -> None:
    random = np.random.default_rng(0)
    X = random.normal(size=(400, 300))
    X[random.random(X.shape) < 0.9] = np.nan
    tasks = [f"task {i % 70}" for i in range(400)]
    y = [bool(v) for v in random.random(400) < 0.5]
    whole = from_arrays(tasks, X, y, bits=BITS)
    rows = [
        Example(t, {f"x{j}": v for j, v in enumerate(row) if not np.isnan(v)}, label)
        for t, row, label in zip(tasks, X, y, strict=True)
    ]
    a, b = place("auto"), place("auto")
    same(a.learn(whole), loop(b, rows))
    assert a.digest() == b.digest()


def test_hash_collisions_add_up_and_do_no_harm() -> None:
    examples = stream(60)
    here, there = (Place("auto", bits=3, period=16) for _ in range(2))
    said = here.learn(batch(examples, 3))
    assert np.isfinite(said.probabilities).all()
    for one in examples:
        there.learn(batch([one], 3))
    assert here.digest() == there.digest()


def test_a_view_of_a_task() -> None:
    here = place("auto")
    here.learn(pack(stream(200, third=100)))
    view = here.view("task 0")
    assert view.task == "task 0"
    assert view.seen == sum(n for _, n in view.classes)
    assert set(view.progress) == set(here.experts)
    assert sum(view.weights.values()) == pytest.approx(1.0)
    assert all(p > 0 for p in view.weights.values())
    assert {name for name, _ in view.nearest} <= set(here.tasks) - {"task 0"}
    names, cosines = here.relations()
    assert names == here.tasks
    np.testing.assert_allclose(cosines, cosines.T, atol=1e-6)
    np.testing.assert_allclose(np.diag(cosines), 1.0, atol=1e-5)
    nearest, cosine = view.nearest[0]
    assert cosine == pytest.approx(cosines[0, names.index(nearest)], abs=1e-5)
    assert cosine == pytest.approx(np.delete(cosines[0], 0).max(), abs=1e-5)
    with pytest.raises(KeyError):
        here.view("nobody")
    with pytest.raises(KeyError):
        here.relations(["nobody"])


def test_like_tasks_are_near() -> None:
    random = np.random.default_rng(0)
    examples = []
    for i in range(900):
        x, y = random.normal(size=2)
        task = "abc"[i % 3]
        up = x > 0 if task in "ab" else y > 0
        examples.append(Example(task, {"x": float(x), "y": float(y)}, bool(up)))
    here = place("independent")
    here.learn(pack(examples))
    names, cosines = here.relations()
    assert names == ["a", "b", "c"]
    assert cosines[0, 1] > 0.8
    assert cosines[0, 2] < cosines[0, 1]
    assert here.view("a").nearest[0][0] == "b"


def test_a_reply_waits_one_period_or_none() -> None:
    with pytest.raises(ValueError, match="lag: 2 is neither 0 nor 1"):
        Place("drom", lag=2)
