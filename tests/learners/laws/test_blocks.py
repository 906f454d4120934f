"""Laws of blocks: cutting a batch has no effect, nor has the moment when a third class unfolds."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from learners.coordination.drom import drom
from learners.features import Example
from learners.place import Place
from tests.learners.laws.cases import CASES, law
from tests.learners.made import in_blocks, loop, pack, place, same, stream


@law
def test_a_block_equals_its_examples_one_by_one(case: str) -> None:
    for third in (None, 0, 41, 64):  # a third class inside a block, at a meeting, from the start
        examples = stream(third=third)
        here, there = place(CASES[case]()), place(CASES[case]())
        same(in_blocks(here, examples, []), loop(there, examples))
        assert here.digest() == there.digest()


@law
@settings(max_examples=10)
@given(
    cuts=st.lists(st.integers(1, 79), max_size=6),
    seed=st.integers(0, 3),
    third=st.none() | st.integers(0, 79),
    lag=st.integers(0, 1),
    thrift=st.sampled_from([0.0, 1.0]),
)
def test_any_cutting_of_a_batch(
    case: str, cuts: list[int], seed: int, third: int | None, lag: int, thrift: float
) -> None:
    examples = stream(80, seed, third=third)
    whole, cut = (place(CASES[case](), lag=lag, thrift=thrift) for _ in range(2))
    same(in_blocks(whole, examples, []), in_blocks(cut, examples, cuts))
    assert whole.digest() == cut.digest()


@law
def test_forgetting_between_blocks_is_cut_alike(case: str) -> None:
    first, second = stream(50), stream(50, seed=1, third=20)
    here, there = place(CASES[case]()), place(CASES[case]())
    for where, learn in ((here, in_blocks), (there, None)):
        for part in (first, second):
            learn(where, part, []) if learn else loop(where, part)
            assert where.forget("task 1")
    same(in_blocks(here, first, []), loop(there, first))
    assert here.digest() == there.digest()


def sure(n: int, third: int) -> list[Example]:
    """Two classes told apart ever more surely, then a third."""
    out = []
    for i in range(n):
        label = i % 2
        features = {"x": float(2 * label - 1), "bag": {f"w{label}": 1.0}}
        out.append(Example("task", features, ("no", "yes", "both")[label if i < third else 2]))
    return out


@law
def test_two_classes_folded_are_a_softmax_over_both(case: str) -> None:
    # In one block the bank is unfolded from the start; one by one it is folded up to the third.
    examples = sure(600, 590)
    here, there = place(CASES[case](), period=0), place(CASES[case](), period=0)
    same(in_blocks(here, examples, []), loop(there, examples))
    assert here.digest() == there.digest()


@law
def test_a_third_class_changes_nothing_between_the_first_two(case: str) -> None:
    here = place(CASES[case]())
    here.learn(pack(stream(90)))
    others = [Example(f"task {i}", one.features) for i, one in enumerate(stream(4, seed=5))]
    settled = pack(others)
    unknown = pack([one._replace(task="nobody") for one in others])
    was, guess = here.score(settled), here.score(unknown)
    # It comes without features, and without weight: only its name is new.
    here.period = 0
    here.learn(pack([Example("elsewhere", {}, "eggs", 0.0)]))
    now, then = here.score(settled), here.score(unknown)
    assert now.classes == (*was.classes, "eggs")
    np.testing.assert_array_equal(now.probabilities[:, :, :2], was.probabilities)
    assert not now.probabilities[:, :, 2].any()  # not theirs: they have two classes already
    first_two = then.probabilities[:, :, :2]
    if here.strategy.weigh is None:  # a mixture has its own share for a new class
        share = first_two / first_two.sum(-1, keepdims=True)
        np.testing.assert_allclose(share, guess.probabilities, rtol=0, atol=1e-12)
    assert (then.probabilities[:, :, 2] > 0).all()


@law
def test_which_class_came_first_only_turns_the_margin(case: str) -> None:
    ham, spam = (Example("names", {}, label, 0.0) for label in ("ham", "spam"))
    examples = stream(80)
    a, b = (loop(place(CASES[case]()), [*names, *examples]) for names in [(ham, spam), (spam, ham)])
    assert a.classes == tuple(reversed(b.classes))
    np.testing.assert_array_equal(a.probabilities[2:], b.probabilities[2:, :, ::-1])


def test_drom_by_its_other_steps_is_cut_and_kept_alike() -> None:
    strategy = drom((0.5,), step="norm", cap=0.9, postpone=0.3, radius=2.0)
    here, there = place(strategy), place(strategy)
    examples = stream(third=41)
    same(in_blocks(here, examples, []), loop(there, examples))
    assert here.digest() == there.digest()
    again = Place.restore(strategy, here.snapshot())
    same(loop(again, examples), loop(here, examples))
    assert here.digest() == again.digest()
