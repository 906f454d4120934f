"""What `auto` mixes in one pass is what its families are one by one, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from learners import tree
from learners.coordination.drom import drom
from learners.coordination.families import families
from learners.coordination.independent import independent
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
