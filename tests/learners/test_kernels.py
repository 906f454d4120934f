from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from learners import tree
from learners.coordination.drom import drom
from learners.coordination.linear import Common, Experts, Own, run
from learners.coordination.scaled import scaled
from learners.features import Example
from learners.kernels import consecutive, lay
from learners.layout import Kind
from learners.place import Place
from learners.types import Block, Shape
from tests.learners.made import BITS, pack, place, stream

RATES = (0.2, 0.6, 2.0, 6.4)


def made(classes: int, dense: bool = True) -> Block:
    """Random examples of three tasks, of odd lengths too."""
    random = np.random.default_rng(0)
    n, d = 300, 23
    lengths = random.integers(0, d, n)
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    columns = np.concatenate([1 + np.arange(k) for k in lengths]).astype(np.int32)
    rows, labels = random.integers(1, 4, n), random.integers(0, classes, n)
    where, slots, runs = lay(rows, indptr, columns, d + 1)
    assert runs
    if not dense:
        where, slots, runs = columns, np.repeat(rows, lengths) * (d + 1) + columns, False
    return Block(
        rows, indptr, where, slots, columns.astype(np.uint32),
        random.normal(size=len(columns)).astype(np.float32), np.zeros(len(columns), np.uint8),
        labels, (0.5 + random.random(n)).astype(np.float32), np.full((4, classes), -1), 0, runs,
    )  # fmt: skip


def learnt(experts: Experts, block: Block) -> list[Any]:
    """Scores and weights after a block."""
    classes = block.first.shape[1]
    shape, each = Shape(4, 24, classes), experts.each
    o, c = len(experts.own), len(experts.common)
    own = tree.zeros(Own, shape, o or 1, families=o // each or 1)
    common = tree.zeros(Common, shape, c or 1, families=c // each or 1)
    scores = run(experts, block, True, own, common)
    return [scores, own.v, own.g, common.mine, common.g]


ONE = Experts(1, own=(2.0,), common=(2.0,), both=1)
MANY = Experts(2, own=RATES, common=RATES, both=2)  # three families: own, both, common
AS_MANY_AS_CLASSES = Experts(1, own=(2.0,) * 3)


# Each kind that is compiled takes seconds, and plain steps serve two classes only, as a measure.
@pytest.mark.parametrize(
    ("classes", "experts"),
    [
        (2, Experts(1, own=(2.0,), tempered=False)), (2, ONE), (3, ONE), (2, MANY), (3, MANY),
        (3, AS_MANY_AS_CLASSES),
    ],  # fmt: skip
)
def test_columns_counted_are_columns_looked_up(classes: int, experts: Experts) -> None:
    """The fast way of dense blocks gives the bits of the plain one, with odd lengths too."""
    counted, looked_up = (learnt(experts, made(classes, dense)) for dense in (True, False))
    for one, other in zip(counted, looked_up, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("classes", "tempered"), [(2, False), (2, True), (3, True)])
def test_lanes_are_families_one_by_one(classes: int, tempered: bool) -> None:
    """What many families do in one pass is what each would do alone, bit for bit."""
    block = made(classes)
    scores, v, _, mine, _ = learnt(MANY._replace(tempered=tempered), block)
    low, high = RATES[:2], RATES[2:]
    alone = learnt(Experts(2, own=low, tempered=tempered), block)
    np.testing.assert_array_equal(scores[:, :2], alone[0])
    np.testing.assert_array_equal(v[..., :2], alone[1])
    both = learnt(Experts(2, own=high, common=low, both=2, tempered=tempered), block)
    np.testing.assert_array_equal(scores[:, 2:4], both[0])
    np.testing.assert_array_equal(mine[..., :2], both[3])
    common = learnt(Experts(2, common=high, tempered=tempered), block)
    np.testing.assert_array_equal(scores[:, 4:], common[0])


def test_rates_of_a_family_share_the_mean_of_their_squares() -> None:
    """Two equal rates are one, and of two a sum of squares is the mean of what either adds."""
    block = made(2)
    one, two = (learnt(Experts(n, own=(2.0,) * n, tempered=False), block) for n in (1, 2))
    np.testing.assert_array_equal(np.repeat(one[0], 2, 1), two[0])
    np.testing.assert_array_equal(one[2], two[2])
    first = block._replace(
        rows=block.rows[:1], indptr=block.indptr[:2], labels=block.labels[:1],
        weights=np.ones(1, np.float32),
    )  # fmt: skip
    _, _, g, _, _ = learnt(Experts(2, own=(0.5, 4.0), tempered=False), first)
    x = block.values[: block.indptr[1]]
    np.testing.assert_allclose(g[block.rows[0], 1 : 1 + len(x), 0, 0], 0.25 * x * x, rtol=1e-6)


@pytest.mark.parametrize("third", [None, 50])
def test_duals_in_lanes_are_the_plain_ones(third: int | None) -> None:
    """The loop that knows every rule of drom's, one number at a time, gives the same bits."""
    examples = stream(400, 3) if third is None else stream(400, 3, third=third)
    batch = pack(examples)
    fast, plain = (
        place(scaled(drom(RATES, tempered=False, postpone=chance))) for chance in (0.0, 1e-300)
    )
    np.testing.assert_array_equal(fast.learn(batch).probabilities, plain.learn(batch).probabilities)
    assert any(np.any(leaf) for leaf in fast.bank.bank.dual)  # they have met, too


@pytest.mark.parametrize(
    ("indptr", "columns", "are"),
    [
        ([0, 2, 5], [1, 2, 7, 8, 9], True),
        ([0, 0, 1], [4], True),
        ([0], [], True),
        ([0, 2], [2, 1], False),
        ([0, 3], [1, 3, 2], False),
        ([0, 2, 4], [1, 2, 3, 5], False),
    ],
)
def test_consecutive(indptr: list[int], columns: list[int], are: bool) -> None:
    assert consecutive(np.array(indptr), np.array(columns, np.int32)) == are


def test_columns_of_one_example_stand_for_all() -> None:
    """Where all examples hold the same: whether its columns run or not, it is as if written out."""
    rows, indptr = np.array([1, 2, 1]), np.array([0, 2, 4, 6])
    for held in ([4, 5], [5, 4], [3, 7]):
        one, all_ = np.array(held, np.int32), np.array(held * 3, np.int32)
        for told, written in zip(
            lay(rows, indptr, one, 10), lay(rows, indptr, all_, 10), strict=True
        ):
            np.testing.assert_array_equal(told, written)
        columns, slots, runs = lay(rows, indptr, one, 10)
        first = [0, 2, 4] if runs else range(6)
        assert runs == (held == [4, 5])
        assert columns.tolist() == all_[first].tolist()
        assert slots.tolist() == (np.repeat(rows, 2) * 10 + all_)[first].tolist()


@pytest.mark.parametrize("layout", ["dense", "slots"])
def test_a_table_is_learnt_as_its_rows(layout: Kind) -> None:
    """Its columns may have come in any order, so that they do not run."""
    table = [
        Example(f"t{i % 3}", {"a": i % 5, "b": i % 7, "c": 1.0}, i % 2 == 0) for i in range(60)
    ]
    for before in ("abc", "cab", "bxac"):
        at_once, singly = (Place(bits=BITS, period=16, layout=layout) for _ in range(2))
        for here in (at_once, singly):
            for name in before:
                here.learn(pack([Example("t0", {name: 1.0}, True)]))
        at_once.learn(pack(table))
        for one in table:
            singly.learn(pack([one]))
        assert at_once.digest() == singly.digest()
