"""Newton steps against the formulas in numpy, and what they are for."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq

from learners.coordination.independent import independent
from learners.coordination.newton import KAPPA, RIDGE, newton
from learners.coordination.shared import shared
from learners.features import Batch, Example, from_arrays
from learners.types import F64, I64, Strategy
from tests.learners.made import BITS, pack, place

TASKS, COLUMNS = 3, 6  # the constant is one more


def correlated(n: int, classes: int = 2, seed: int = 0, tasks: int = TASKS) -> tuple[I64, F64, I64]:
    """Tasks, numbers that move together, labels by a common direction and each task's own."""
    random = np.random.default_rng(seed)
    mixing = random.normal(size=(COLUMNS, COLUMNS)) * 0.5 ** np.arange(COLUMNS)
    truth = random.normal(size=(COLUMNS, classes)) * 1.5 ** np.arange(COLUMNS)[:, None]
    own = 0.3 * random.normal(size=(tasks, COLUMNS, classes))
    task = random.integers(0, tasks, n)
    Z = random.normal(size=(n, COLUMNS))
    margins = np.einsum("nd,ndk->nk", Z, truth[None] + own[task]) + random.gumbel(size=(n, classes))
    return task, Z @ mixing.T, margins.argmax(1)


def packed(task: I64, X: F64, y: I64) -> Batch:
    return from_arrays([f"t{t}" for t in task], X, y.tolist(), bits=BITS)


def plain(task: I64, X: F64, y: I64, a: float, b: float, classes: int) -> F64:
    """The label's probability before each example, by the docstring's formulas.

    All classes are known beforehand. Two are one margin, w = 2 w_1.
    """
    x = np.hstack([np.ones((len(X), 1)), X])
    d, h, pace = x.shape[1], 0.25, 1.0 if classes == 2 else 0.5
    P, u, v = np.eye(d) / RIDGE, np.zeros((d, classes)), np.zeros((TASKS, d, classes))
    count, said = np.zeros(TASKS), np.zeros(len(X))
    signs = np.eye(classes)
    for i, t in enumerate(task):
        m = x[i] @ (u + v[t])
        p = np.exp(m - m.max())
        p /= p.sum()
        said[i] = p[y[i]]
        count[t] += 1
        Px = P @ x[i]
        s, f = x[i] @ Px, (i + 1) / (count[t] + KAPPA)
        by_u, by_v = 1 / (1 + h * s), f / (1 + h * f * s)
        r = p - signs[y[i]]
        # How far the label's margin over the rest would go were its residual 1 throughout.
        squares = 1.0 if classes == 2 else ((r / r[y[i]]) ** 2).sum()
        reach, odds = pace * (a * by_u + b * by_v) * s * squares, p[y[i]] / (1 - p[y[i]])
        gone = brentq(lambda g, o=odds, s=reach: g + o * np.expm1(g) - s, 0, reach + 1e-12)
        share = gone * (1 + odds) / reach
        if classes == 2:
            r = r / 2  # each of both moves half of the margin
        u -= pace * a * by_u * share * np.outer(Px, r)
        v[t] -= pace * b * by_v * share * np.outer(Px, r)
        P -= h * by_u * np.outer(Px, Px)
    return said


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("pace", [(6.0, 0.0), (3.0, 1.0), (0.0, 2.0)])
def test_it_says_what_the_formulas_say(classes: int, pace: tuple[float, float]) -> None:
    task, X, y = correlated(400, classes)
    head = np.repeat(np.arange(TASKS), classes)  # every task has met every class
    labels = np.tile(np.arange(classes), TASKS)
    where = place(newton([pace]), period=0)
    where.learn(packed(head, np.zeros((len(head), COLUMNS)), labels))
    # From there on both begin anew.
    where.bank = where.strategy.init(np.zeros(where._room.tasks, np.int64), where._room)
    p = where.learn(packed(task, X, y)).probabilities[:, 0]
    wanted = plain(task, X, y, *pace, classes)
    np.testing.assert_allclose(p[np.arange(400), y], wanted, atol=3e-3)  # steps are within 1e-3


def test_the_metric_is_the_inverse_of_the_moments() -> None:
    task, X, y = correlated(500)
    where = place(newton(), period=0)
    where.learn(packed(task, X, y))
    x = np.hstack([np.ones((500, 1)), X]).astype(np.float32).astype(float)
    moments = RIDGE * np.eye(COLUMNS + 1) + 0.25 * x.T @ x
    metric = where.bank.metric
    at = metric.at[where._columns.sorted()] - 1  # in another order than the numbers
    found = np.linalg.eigvalsh(metric.P[np.ix_(at, at)])
    np.testing.assert_allclose(found, np.linalg.eigvalsh(np.linalg.inv(moments)), rtol=1e-9)
    assert metric.used[0] == COLUMNS + 1
    np.testing.assert_array_equal(metric.P, metric.P.T)


def test_columns_without_a_place_change_nothing() -> None:
    random = np.random.default_rng(1)
    X = random.normal(size=(300, 20))
    y = (X[:, 0] > 0).astype(int)
    where = place(newton(D=8), period=0)
    where.learn(packed(np.zeros(300, int), X, y))
    metric, weights = where.bank
    assert metric.used[0] == 8 and (metric.at > 0).sum() == 8
    assert not weights.v[:, metric.at == 0].any() and weights.v[:, metric.at > 0].any()


@pytest.mark.parametrize("columns", [4, 20])  # all have a place, or some
def test_where_places_are_found_once_they_are_the_same(columns: int) -> None:
    """Examples that hold what the one before held, by a block or singly, between others and not."""
    random = np.random.default_rng(2)
    lengths = random.choice([0, columns - 1, columns], 200, p=[0.1, 0.2, 0.7])
    examples = [
        Example(f"t{i % 3}", {f"c{j}": float(random.normal()) for j in range(n)}, bool(i % 2))
        for i, n in enumerate(lengths)
    ]
    at_once, singly = (place(newton(D=8), period=0) for _ in range(2))
    at_once.learn(pack(examples))
    for one in examples:
        singly.learn(pack([one]))
    assert at_once.digest() == singly.digest()


def loss(strategy: Strategy, batch: Batch, y: I64) -> float:
    said = place(strategy, period=0).learn(batch).probabilities[:, 0]
    p = said[np.arange(len(y)), y]
    return float(-np.log(np.maximum(p[20:], 1e-9)).mean())


def test_tasks_of_correlated_numbers_learn_sooner() -> None:
    task, X, y = correlated(2000, tasks=20)
    batch = packed(task, X, y)
    y = (y != y[0]).astype(int)  # classes are numbered as they come
    own, both = (loss(make([2.0]), batch, y) for make in (independent, shared))
    assert loss(newton([(6.0, 2.0)]), batch, y) < 0.9 * min(own, both)


@pytest.mark.parametrize(
    "wrong", [{"paces": []}, {"paces": [(-1.0, 0.0)]}, {"D": 12}, {"kappa": 0.0}, {"ridge": -1.0}]
)
def test_numbers_out_of_range(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        newton(**wrong)  # type: ignore[arg-type]
