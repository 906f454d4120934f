from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from learners.kernels import adagrad, consecutive


@pytest.mark.parametrize(
    ("classes", "experts", "own", "common", "tempered"),
    [
        (2, 1, True, False, False),
        (2, 1, True, True, True),
        (2, 4, False, True, True),
        (3, 2, True, True, True),
    ],
)
def test_columns_counted_are_columns_looked_up(
    classes: int, experts: int, own: bool, common: bool, tempered: bool
) -> None:
    """The fast way of dense blocks gives the bits of the plain one, with odd lengths too."""
    random = np.random.default_rng(0)
    n, d = 300, 23
    lengths = random.integers(0, d, n)
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    columns = np.concatenate([1 + np.arange(k) for k in lengths]).astype(np.int32)
    assert consecutive(indptr, columns)
    values = random.normal(size=len(columns)).astype(np.float32)
    rows, labels = random.integers(1, 4, n), random.integers(0, classes, n)
    first = np.full((4, classes), -1)
    margins = experts * (1 if classes == 2 else classes)
    rate = random.random(margins).astype(np.float32)

    def learnt(dense: bool) -> list[Any]:
        v, gv = np.zeros((2, 4, (d + 1) * margins), np.float32)
        mine, heard, gu, heard_g = np.zeros((4, (d + 1) * margins), np.float32)
        scores = np.zeros((n, experts, classes))
        adagrad(classes == 2, experts, own, common, tempered, dense)(
            rows, indptr, columns, values, labels, np.ones(n, np.float32), first,
            0, v, gv, rate, mine, heard, gu, heard_g, rate, scores, True,
        )  # fmt: skip
        return [v, gv, mine, gu, scores]

    for counted, looked_up in zip(learnt(True), learnt(False), strict=True):
        np.testing.assert_array_equal(counted, looked_up)


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
