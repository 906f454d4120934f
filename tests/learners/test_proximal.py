"""Proximal methods against plain proximal gradient descent, and what their meetings may do."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from learners.coordination.amtl import amtl
from learners.coordination.clustered import clustered
from learners.coordination.independent import independent
from learners.coordination.laplacian import laplacian
from learners.coordination.mean import mean
from learners.coordination.prox import clusters
from learners.coordination.proximal import root_steps
from learners.coordination.scaled import scaled
from learners.coordination.trace import trace
from learners.place import Place
from learners.types import Strategy
from tests.learners import proximal_plain as plain
from tests.learners.proximal_plain import Array, Prox, Stage
from tests.learners.real import error, load

PAPER: dict[str, Any] = {"step": "constant", "whole": True}
H, K = 0.1, 2.0


def to_clusters(W: Array, step: float) -> Array:
    """M-step and W-step as linear systems."""
    _, s, vt = np.linalg.svd(W, full_matrices=False)
    M = vt.T * clusters(s[::-1].copy(), K, H)[::-1] @ vt
    T = W.shape[1]
    A = np.eye(T) + step * H * (1 + H) * np.linalg.inv(H * np.eye(T) + M)
    return np.asarray(np.linalg.solve(A, W.T).T, np.float64)


RING = {f"task {t}": [f"task {(t - 1) % 5}", f"task {(t + 1) % 5}"] for t in range(5)}


def along_ring(W: Array, step: float) -> Array:
    L = np.eye(5) - (np.roll(np.eye(5), 1, 0) + np.roll(np.eye(5), -1, 0)) / 2
    return np.asarray(np.linalg.solve(np.eye(5) + step * L, W.T).T, np.float64)


SYNCHRONOUS: dict[str, tuple[Any, Prox, float]] = {
    "trace": (trace, plain.shrink, 4.0),
    "clustered": (partial(clustered, k=K, h=H), to_clusters, 4.0),
    "mean": (laplacian, plain.to_mean, 4.0),
    "laplacian": (partial(laplacian, graph=RING), along_ring, 4.0),
}


@pytest.mark.parametrize("name", SYNCHRONOUS)
def test_rounds_are_proximal_gradient_descent(name: str) -> None:
    make, prox, lam = SYNCHRONOUS[name]
    X, Y = plain.data(1)
    _, gradient, L = plain.logistic(X, Y)
    slow = plain.descend(gradient, prox, lam, 1 / L, (6, 5), 30)
    stage = Stage(make((1 / L,), lam, common=False, **PAPER), X, Y)
    for W in slow:
        stage.round()
        np.testing.assert_allclose(stage.W, W, atol=2e-5 * np.abs(W).max())


@pytest.mark.parametrize(
    ("make", "penalty"),
    [(trace, plain.nuclear), (laplacian, plain.apart)],
)
def test_the_objective_never_rises(make: Any, penalty: Any) -> None:
    X, Y = plain.data(2)
    loss, _, L = plain.logistic(X, Y)
    stage = Stage(make((1 / L,), 3.0, common=False, **PAPER), X, Y)
    values = [loss(stage.W)]
    for _ in range(60):
        stage.round()
        values.append(loss(stage.W) + 3.0 * penalty(stage.W))
    assert (np.diff(values) <= 1e-6 * values[0]).all()
    assert values[-1] < 0.9 * values[0]


def test_three_classes_are_three_columns_a_task() -> None:
    r = np.random.default_rng(3)
    T, n, d, lam, eta = 3, 20, 4, 1.0, 0.05
    X, y = plain.data(3, T, n, d)[0], r.integers(0, 3, size=(T, n))
    W = np.zeros((d, T, 3))
    stage = Stage(trace((2 * eta,), lam / 2, common=False, **PAPER), X, np.ones((T, n)))
    stage.bank = stage.strategy.init(np.arange(T), stage.shape._replace(classes=3))
    stage.told = stage.strategy.message(stage.bank, np.arange(T))
    stage.blocks = [
        block._replace(labels=y[t], first=np.zeros((T, 3), np.int64))
        for t, block in enumerate(stage.blocks)
    ]
    for _ in range(10):
        stage.round()
        for t in range(T):
            margins = X[t] @ W[:, t]
            p = np.exp(margins) / np.exp(margins).sum(1, keepdims=True)
            W[:, t] -= eta * X[t].T @ (p - np.eye(3)[y[t]])
        # Its step is that of a margin twice a column: half for the gradient, sqrt(1/2) for a norm.
        W = plain.shrink(W.reshape(d, -1), eta * lam * np.sqrt(0.5)).reshape(W.shape)
        model = stage.strategy.model(stage.bank, np.arange(T))[:, 1:, :, 0]
        np.testing.assert_allclose(model.transpose(1, 0, 2), W, atol=1e-5)


def test_a_task_that_learnt_nothing_is_not_shrunk() -> None:
    X, Y = plain.data(4)
    stage = Stage(trace((0.05,), 2.0, common=False, **PAPER), X, Y)
    for _ in range(5):
        stage.round()
    was = stage.W
    for _ in range(5):
        stage.act(1, 2)
        stage.hear(stage.reply(*range(5)), *range(5))
    np.testing.assert_array_equal(stage.W[:, [0, 3, 4]], was[:, [0, 3, 4]])
    assert np.abs(stage.W[:, 1] - was[:, 1]).max() > 1e-3


def test_the_steps_of_a_meeting_are_those_of_who_learnt() -> None:
    n, before = np.array([9, 4, 16]), np.array([1, 4, 0])
    assert root_steps(n, before) == pytest.approx((2 * (3 - 1) + 2 * 4) / 2)
    assert root_steps(n, n) == 0.0
    exact = sum(1 / np.sqrt(i) for i in range(1001, 2001))
    got = root_steps(np.array([2000]), np.array([1000]))
    assert got == pytest.approx(exact, rel=1e-3)


@pytest.mark.parametrize("make", [trace, clustered, laplacian, mean, amtl])
def test_no_coupling_is_no_meeting(make: Any) -> None:
    X, Y = plain.data(5)
    stage, other = (Stage(make((2.0,), c, common=False), X, Y) for c in (0.0, 0.5))
    alone = Stage(independent((2.0,)), X, Y)
    for _ in range(3):
        stage.round()
        other.round()
        for t in range(5):
            alone.strategy.learn(alone.bank, alone.blocks[t])
    np.testing.assert_array_equal(stage.W, alone.W)
    assert np.abs(other.W - alone.W).max() > 1e-3


@pytest.mark.parametrize(
    "strategy",
    [trace((2.0,), 1e4), clustered((2.0,), 1e7, k=1.0, h=1e-3), amtl((2.0,), 1e4)],
)
def test_what_the_penalty_leaves_of_much_coupling_is_the_common_model(strategy: Strategy) -> None:
    X, Y = plain.data(6)
    stage = Stage(strategy, X, Y)
    for _ in range(3):
        stage.round()
    common = stage.bank.base.common.mine[1:, 0, 0]
    assert np.abs(common).max() > 0.1
    np.testing.assert_allclose(stage.W, np.repeat(common[:, None], 5, 1), atol=1e-2)


def test_bad_settings_are_named() -> None:
    for make in (trace, clustered, laplacian, mean, amtl):
        with pytest.raises(ValueError, match="coupling"):
            make(coupling=-1.0)
    with pytest.raises(ValueError, match="clusters"):
        clustered(k=0)
    with pytest.raises(ValueError, match="constant"):
        trace(whole=True)
    with pytest.raises(ValueError, match="common"):
        trace(step="constant")
    with pytest.raises(ValueError, match="penalty"):
        amtl(penalty="spam")
    with pytest.raises(ValueError, match="tau"):
        amtl(tau=-1.0)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["spam_ecml06_b", "vehicle_ditto"])
def test_related_tasks_gain(name: str, data_dir: Path) -> None:
    batch = load(data_dir, name)

    def run(strategy: Strategy) -> float:
        place = Place(scaled(strategy), period=64, thrift=0)
        return error(batch, place.learn(batch).probabilities[:, 0])

    alone = run(independent((2.0,)))
    for make in (mean, trace, clustered, amtl):
        assert run(make((2.0,))) < 0.85 * alone
