"""What `auto` mixes in one pass is what its families are one by one, bit for bit."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from learners import tree
from learners.coordination.drom import drom
from learners.coordination.families import families
from learners.coordination.independent import independent
from learners.coordination.mixture import mixture
from learners.coordination.newton import newton
from learners.coordination.pooled import pooled
from learners.coordination.scaled import scaled
from learners.coordination.shared import shared
from learners.coordination.together import together
from learners.features import Batch, from_arrays
from learners.types import Strategy
from tests.learners.made import BITS, pack, place, stream


def one_by_one() -> Strategy:
    coordinated = together(drom(), shared(), pooled(), newton())
    return together(scaled(independent(), by="task"), scaled(coordinated, by="place"))


def numbers(n: int, classes: int) -> Batch:
    random = np.random.default_rng(0)
    X = random.normal(3, 5, (n, 11))
    y = [int(v) % classes for v in np.abs(X @ random.normal(size=11) // 9)]
    return from_arrays([f"t{i}" for i in random.integers(0, 5, n)], X, y, bits=BITS)


@pytest.mark.parametrize(
    "batch",
    [numbers(700, 2), numbers(700, 3), pack(stream(400, 3, third=200))],
    ids=["two classes", "three", "words"],
)
def test_one_pass_is_one_by_one(batch: Batch) -> None:
    fast, slow = place(families(), period=64), place(one_by_one(), period=64)
    said, one_by_one_said = (here.learn(batch).probabilities for here in (fast, slow))
    np.testing.assert_array_equal(said, one_by_one_said)
    rows = fast._tasks.rows(fast.tasks)
    np.testing.assert_array_equal(
        fast.strategy.model(fast.bank, rows), slow.strategy.model(slow.bank, rows)
    )
    assert np.any(fast.bank.dual.z) and fast.strategy.experts == slow.strategy.experts
    for one, other in zip(
        tree.leaves((fast.bank.alone, fast.bank.scale)),
        tree.leaves((slow.bank[0].scale, slow.bank[1].scale)),
        strict=True,
    ):
        np.testing.assert_array_equal(one[2], other[2])


def test_a_block_is_the_same_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    words, whole = pack(stream(300, 3, third=150)), []
    for size in (7, 4096):
        monkeypatch.setattr(sys.modules[mixture.__module__], "PIECE", size)
        for batch in numbers(200, 2), words:
            here = place(mixture(families()), period=64)
            whole.append((here.learn(batch).probabilities, here.digest()))
    for (said, digest), (again, same) in zip(whole[:2], whole[2:], strict=True):
        np.testing.assert_array_equal(said, again)
        assert digest == same


def test_a_family_may_come_twice_in_a_sum() -> None:
    """Its experts are mixed as one family's, wherever they lie."""
    one, other, third = independent((1.0,)), pooled((1.0,)), independent((30.0,))
    apart, beside = (
        place(mixture(together(*parts)), period=64)
        for parts in ((one, other, third), (one, third, other))
    )
    said, as_well = (here.learn(numbers(300, 3)) for here in (apart, beside))
    np.testing.assert_array_equal(said.probabilities, as_well.probabilities)
    rows = apart._tasks.rows(apart.tasks)
    for here in apart, beside:
        assert here.experts == ("mixture", "independent", "pooled", "stacked")
        assert here.strategy.weigh is not None
    weights, as_many = (here.strategy.weigh(here.bank, rows) for here in (apart, beside))  # type: ignore[misc]
    assert weights[0] == ("independent:1", "independent:30", "pooled:1", "stacked") == as_many[0]
    np.testing.assert_array_equal(weights[1], as_many[1])
    model, same = (here.strategy.model(here.bank, rows) for here in (apart, beside))
    np.testing.assert_array_equal(model, same)
