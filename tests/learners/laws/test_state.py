"""Laws of one place: what is pure, what is repeatable, what is kept."""

from __future__ import annotations

import numpy as np

from learners import tree
from learners.place import Place
from learners.types import Shape
from tests.learners.laws.cases import CASES, law
from tests.learners.made import in_blocks, loop, pack, place, raw, same, stream, wide


@law
def test_score_and_message_and_model_change_nothing(case: str) -> None:
    here = place(CASES[case]())
    here.learn(pack(stream(third=60)))
    rows = here._tasks.rows(here.tasks)
    was, known = raw(here.bank, here.progress), here.digest()
    here.score(pack(stream(seed=1)))
    here.strategy.message(here.bank, rows)
    here.strategy.model(here.bank, rows)
    here.view(here.tasks[0])
    here.relations()
    assert raw(here.bank, here.progress) == was
    assert here.digest() == known


@law
def test_scores_say_what_learning_says(case: str) -> None:
    here = place(CASES[case]())
    for one in stream(third=60):
        score, learnt = here.score(pack([one])), here.learn(pack([one]))
        np.testing.assert_array_equal(wide(score, len(learnt.classes)), learnt.probabilities)
        np.testing.assert_array_equal(score.seen, learnt.seen)


@law
def test_a_block_is_scored_as_its_examples_are(case: str) -> None:
    here = place(CASES[case]())
    here.learn(pack(stream(third=60)))
    others = stream(seed=1)
    together = here.score(pack(others))
    for i, one in enumerate(others):
        np.testing.assert_array_equal(
            here.score(pack([one])).probabilities[0], together.probabilities[i]
        )


@law
def test_a_message_may_be_asked_for_again(case: str) -> None:
    here = place(CASES[case]())
    here.learn(pack(stream()))
    first, second = here.tell(), here.tell()
    assert raw(first.tree) == raw(second.tree)
    for a, b in zip(first[2:7], second[2:7], strict=True):  # names, births, counts, ids, classes
        np.testing.assert_array_equal(a, b)
    assert second.number > first.number


@law
def test_a_message_is_a_copy(case: str) -> None:
    here = place(CASES[case]())
    here.learn(pack(stream()))
    told = here.tell()
    was = raw(told.tree)
    here.learn(pack(stream(seed=1)))
    assert raw(told.tree) == was


@law
def test_bytes_change_nothing(case: str) -> None:
    before, after = stream(100, third=60), stream(100, seed=1, third=0)
    for cut in (0, 1, 47, 48, 61, 100):  # before and after meetings; with a reply on its way
        here = place(CASES[case]())
        if cut:
            here.learn(pack(before[:cut]))
        data = here.snapshot()
        there = Place.restore(CASES[case](), data)
        assert there.snapshot() == data
        same(there.score(pack(after)), here.score(pack(after)))
        same(loop(there, after), loop(here, after))
        assert there.digest() == here.digest()
        assert there.tasks == here.tasks


@law
def test_same_seed_same_state(case: str) -> None:
    runs = []
    for _ in range(2):
        here = place(CASES[case](), seed=7)
        here.learn(pack(stream(third=60)))
        runs.append(here.digest())
    assert runs[0] == runs[1]


@law
def test_leaves_are_as_declared(case: str) -> None:
    here = place(CASES[case]())
    for part in (stream(20), stream(40, seed=1, tasks=20), stream(20, seed=2, third=3)):
        here.learn(pack(part))
        shape = Shape(here._tasks.used, here._columns.used, len(here.classes))
        tree.check(here.bank, shape)
        tree.check(here.progress, shape)
        told = here.tell()
        tree.check(told.tree, Shape(len(told.tasks), len(told.ids), len(told.classes)))
        used = len(here._columns.ids[: here._columns.used])
        model = here.strategy.model(here.bank, here._tasks.rows(here.tasks))
        assert model.dtype == np.float32
        assert model.shape[0] == len(here.tasks)
        assert model.shape[1] >= used
        assert model.shape[2:] == (shape.margins, len(here.experts))


@law
def test_the_feature_and_the_task_never_seen_stay_zero(case: str) -> None:
    here = place(CASES[case]())
    here.learn(pack(stream(third=60)))
    here.score(pack(stream(seed=3, tasks=9)))
    fresh = here.strategy.init(np.zeros(1, np.int64), Shape(1, here._room.columns, 3))
    nobody = tree.take(here.bank, t=np.zeros(1, np.int64))
    for (path, names, leaf), (_, _, new) in zip(
        tree.leaves(nobody), tree.leaves(fresh), strict=True
    ):
        if names.startswith("t"):
            np.testing.assert_array_equal(leaf, new, err_msg=path)
    for path, names, leaf in tree.leaves(here.bank):
        if "d" in names:
            assert not leaf.take(0, names.index("d")).any(), path


@law
def test_probabilities_are_probabilities(case: str) -> None:
    here = place(CASES[case]())
    examples = stream(200, third=120)
    met = 0
    for one in examples:
        said = here.learn(pack([one])).probabilities
        assert (said >= 0).all()
        assert (said <= 1).all()
        np.testing.assert_allclose(said.sum(-1), 1.0 if met else 0.0, rtol=0, atol=1e-12)
        met += 1
    for unknown in (stream(seed=4, tasks=9), []):
        said = here.score(pack(unknown)).probabilities
        np.testing.assert_allclose(said.sum(-1), 1.0, rtol=0, atol=1e-12)


@law
def test_whom_nobody_taught_has_no_opinion(case: str) -> None:
    here = place(CASES[case]())
    said = here.score(pack(stream(5)))
    assert said.probabilities.shape == (5, len(here.experts), 0)
    assert not said.seen.any()


@law
def test_an_empty_batch_is_nothing(case: str) -> None:
    here = place(CASES[case]())
    here.learn(pack(stream(20)))
    was = here.digest()
    assert len(here.learn(pack([])).probabilities) == 0
    assert here.digest() == was


@law
def test_the_order_of_features_has_no_effect(case: str) -> None:
    examples = stream(third=60)
    turned = [one._replace(features=dict(reversed(list(one.features.items())))) for one in examples]
    here, there = place(CASES[case]()), place(CASES[case]())
    same(in_blocks(here, examples, [50]), in_blocks(there, turned, [50]))
    assert here.digest() == there.digest()
