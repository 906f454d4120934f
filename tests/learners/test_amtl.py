"""AMTL against Algorithm 1 as printed, the optimum, and its limits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learners import tree
from learners.coordination.amtl import amtl
from learners.exchange import Hub
from learners.place import Place
from tests.learners import proximal_plain as plain
from tests.learners.made import BITS, pack, raw, stream
from tests.learners.proximal_plain import Array, Gradient, Prox, Stage

PAPER: dict[str, Any] = {"common": False, "step": "constant", "whole": True}
PENALTIES: dict[str, tuple[Prox, Any]] = {
    "trace": (plain.shrink, plain.nuclear),
    "l21": (plain.rows_of, plain.rows_norm),
    "mean": (plain.to_mean, plain.apart),
    "l1": (plain.soft, plain.magnitudes),
}


def best(X: Array, Y: Array, penalty: str, lam: float) -> tuple[float, Array]:
    """The optimum, by proximal gradient descent on its own."""
    loss, gradient, L = plain.logistic(X, Y)
    prox, g = PENALTIES[penalty]
    W = plain.descend(gradient, prox, lam, 1 / L, (X.shape[2], len(X)), 3000)[-1]
    return loss(W) + lam * g(W), W


def gap(stage: Stage, X: Array, Y: Array, penalty: str, lam: float, least: float) -> float:
    """How far the objective at Prox(V) is from the least, relatively."""
    prox, g = PENALTIES[penalty]
    loss, _, L = plain.logistic(X, Y)
    P = prox(stage.V, lam / L)
    return float((loss(P) + lam * g(P)) / least - 1)


def as_printed(
    gradient: Gradient, prox: Prox, lam: float, eta: float, eta_k: float, d: int, order: Any,
    T: int,
) -> Array:  # fmt: skip
    """Algorithm 1, replies at once: V."""
    V = np.zeros((d, T))
    begun = np.zeros(T, bool)
    for t in order:
        p = prox(V, eta * lam)[:, t] if begun[t] else np.zeros(d)
        # Who has heard nothing yet takes its first step whole: there is nothing to relax towards.
        share = eta_k if begun[t] else 1.0
        V[:, t] += share * (p - eta * gradient(t, p) - V[:, t])
        begun[t] = True
    return V


@pytest.mark.parametrize("penalty", PENALTIES)
def test_it_is_algorithm_1(penalty: str) -> None:
    X, Y = plain.data(1)
    _, gradient, L = plain.logistic(X, Y)
    stage = Stage(amtl((1 / L,), 2.0, penalty, tau=3, **PAPER), X, Y)
    eta_k = 0.9 / (6 / np.sqrt(5) + 1)
    order = np.random.default_rng(1).integers(5, size=60)
    for i, t in enumerate(order.tolist()):
        # It reads p when it starts: so it hears of all that was told until then.
        if t in order[:i]:
            reply = stage.reply(t)
            stage.hear(reply, t)
        stage.act(t)
    V = as_printed(gradient, PENALTIES[penalty][0], 2.0, 1 / L, eta_k, 6, order, 5)
    np.testing.assert_allclose(stage.V, V, atol=2e-5 * np.abs(V).max())


@pytest.mark.parametrize("tau", [0, 5, pytest.param(20, marks=pytest.mark.slow)])
def test_delays_and_uneven_tasks_reach_the_optimum(tau: int) -> None:
    X, Y = plain.data(2)
    least, W = best(X, Y, "trace", 3.0)
    _, _, L = plain.logistic(X, Y)
    stage = Stage(amtl((1 / L,), 3.0, tau=tau, **PAPER), X, Y)
    uneven = np.random.default_rng(2).choice(
        5, 12000 if tau > 5 else 3000, p=[0.4, 0.1, 0.2, 0.2, 0.1]
    )
    stage.asynchronous(uneven, tau)
    assert abs(gap(stage, X, Y, "trace", 3.0, least)) < 1e-6
    P = plain.shrink(stage.V, 3.0 / L)
    np.testing.assert_allclose(P, W, atol=2e-3 * np.abs(W).max())
    assert np.linalg.matrix_rank(P, 1e-3) == np.linalg.matrix_rank(W, 1e-3) < 5
    np.testing.assert_allclose(stage.W, P, atol=5e-3 * np.abs(W).max())  # it plays p


@pytest.mark.parametrize("penalty", ["l21", "mean", "l1"])
def test_other_penalties_reach_their_optimum(penalty: str) -> None:
    X, Y = plain.data(3)
    least, _ = best(X, Y, penalty, 2.0)
    _, _, L = plain.logistic(X, Y)
    stage = Stage(amtl((1 / L,), 2.0, penalty, tau=0, **PAPER), X, Y)
    stage.asynchronous(np.random.default_rng(3).integers(5, size=2000))
    assert abs(gap(stage, X, Y, penalty, 2.0, least)) < 1e-6


def test_delays_change_the_speed() -> None:
    X, Y = plain.data(4)
    least, _ = best(X, Y, "trace", 3.0)
    _, _, L = plain.logistic(X, Y)
    gaps = []
    for tau in (0, 5, 20):
        stage = Stage(amtl((1 / L,), 3.0, tau=tau, **PAPER), X, Y)
        stage.asynchronous(np.tile(np.arange(5), 40), tau)
        gaps.append(gap(stage, X, Y, "trace", 3.0, least))
    assert gaps[0] < gaps[1] < gaps[2]


def test_without_coupling_it_is_gradient_descent_of_each() -> None:
    X, Y = plain.data(5)
    _, gradient, L = plain.logistic(X, Y)
    stage = Stage(amtl((1 / L,), 0.0, tau=0, **PAPER), X, Y)
    W = np.zeros((6, 5))
    for i in range(40):
        stage.round()
        for t in range(5):
            W[:, t] -= (0.9 if i else 1.0) / L * gradient(t, W[:, t])
        np.testing.assert_allclose(stage.W, W, atol=2e-5 * np.abs(W).max())


def test_one_task_with_l1_is_ista() -> None:
    X, Y = plain.data(6, T=1, n=60)
    least, W = best(X, Y, "l1", 4.0)
    _, _, L = plain.logistic(X, Y)
    stage = Stage(amtl((1 / L,), 4.0, "l1", tau=0, **PAPER), X, Y)
    stage.asynchronous(np.zeros(800, int))
    assert abs(gap(stage, X, Y, "l1", 4.0, least)) < 1e-6
    assert ((stage.W == 0) == (np.abs(W) < 1e-9)).all() and (stage.W == 0).any()


def test_large_couplings() -> None:
    X, Y = plain.data(7)
    _, _, L = plain.logistic(X, Y)
    ranks = []
    for lam in (0.1, 5.0, 12.0, 60.0):
        stage = Stage(amtl((1 / L,), lam, tau=0, **PAPER), X, Y)
        stage.asynchronous(np.random.default_rng(7).integers(5, size=600))
        ranks.append(int(np.linalg.matrix_rank(stage.W, 1e-4)))
    assert ranks[0] == 5 and sorted(ranks, reverse=True) == ranks and ranks[-1] == 0
    assert 0 < ranks[2] < 5
    stage = Stage(amtl((1 / L,), 1e5, "mean", tau=0, **PAPER), X, Y)
    stage.asynchronous(np.tile(np.arange(5), 400))
    stage.tell(*range(5))  # each hears of all
    stage.hear(stage.reply(*range(5)), *range(5))
    W = stage.W
    np.testing.assert_allclose(W, W.mean(1, keepdims=True).repeat(5, 1), atol=1e-3)


def test_silent_tasks_do_not_decay() -> None:
    # The published code writes the prox back over all columns: then they all shrink to nothing.
    X, Y = plain.data(8)
    _, _, L = plain.logistic(X, Y)
    stage = Stage(amtl((1 / L,), 2.0, tau=0, **PAPER), X, Y)
    for _ in range(50):
        stage.round()
    stage.tell(*range(5))
    was = stage.V
    for _ in range(50):
        stage.act(0)
        stage.tell(*range(1, 5))  # the silent ones tell again, and hear
        stage.hear(stage.reply(*range(5)), *range(5))
        np.testing.assert_allclose(stage.V[:, 1:], was[:, 1:], atol=1e-5)
    P = plain.shrink(stage.V, 2.0 / L)
    np.testing.assert_allclose(stage.W, P, atol=1e-5)  # and play what their own p is by now


def test_one_request_is_under_way() -> None:
    X, Y = plain.data(12)
    runs = []
    for again in (False, True):
        stage = Stage(amtl((2.0,), 0.3, common=False), X, Y)
        for _ in range(4):
            stage.act(*range(5))
            replies = [stage.reply(*range(5)) for _ in range(1 + again)]
            for reply in replies:  # the second answers what was told before the first was heard
                stage.hear(reply, *range(5))
        runs.append(stage.W)
    np.testing.assert_array_equal(runs[0], runs[1])


def test_dynamic_steps_are_longer_and_never_beyond_one() -> None:
    X, Y = plain.data(9)
    least, _ = best(X, Y, "trace", 3.0)
    _, _, L = plain.logistic(X, Y)
    stages = []
    for dynamic in (False, True):
        stage = Stage(amtl((1 / L,), 3.0, tau=20, dynamic=dynamic, **PAPER), X, Y)
        stage.asynchronous(np.tile(np.arange(5), 60), 20)
        stages.append(stage)
    fixed, faster = (gap(stage, X, Y, "trace", 3.0, least) for stage in stages)
    assert faster < 0.5 * fixed
    pace = stages[1].bank.relaxed.pace
    np.testing.assert_allclose(pace, 0.9 / (40 / np.sqrt(5) + 1) * np.log(10))


@given(delays=st.lists(st.integers(0, 10**9), min_size=1, max_size=9), tau=st.floats(0, 50))
def test_the_dynamic_step_is_clamped(delays: list[int], tau: float) -> None:
    strategy = amtl((0.1,), 1.0, tau=tau, dynamic=True, **PAPER)
    X, Y = plain.data(10, T=2, n=3)
    stage = Stage(strategy, X, Y)
    for late in delays:
        stage.act(0, 1)
        reply = stage.reply(0)
        stage.bank.relaxed.n[0] += late
        stage.seen[0] += late
        stage.hear(reply, 0)
        assert 0 < stage.bank.relaxed.pace[0, 0] <= 1
    nu = float(np.mean(delays[-5:]))
    eta_k = min(1.0, 0.9 / (2 * tau / np.sqrt(2) + 1))
    expected = min(1.0, np.log(max(nu, 10)) * eta_k)
    assert stage.bank.relaxed.pace[0, 0] == pytest.approx(expected)
    assert sorted(stage.bank.relaxed.delays[0]) == sorted([0] * (5 - len(delays)) + delays[-5:])


def test_what_was_learnt_since_it_told_is_in_the_model() -> None:
    # The form per example: w = p + what was learnt since, however late the reply.
    X, Y = plain.data(11)
    stage = Stage(amtl((2.0,), 0.3, tau=4, common=False), X, Y)
    for _ in range(3):
        stage.round()
    stage.act(*range(5))
    told, before = stage.V, stage.W
    reply = stage.reply(*range(5))
    P = told + reply[0].by[:, 1:, 0, 0].T
    for t in range(5):
        stage.strategy.learn(stage.bank, stage.blocks[t])
    since = stage.W - before
    assert np.abs(since).max() > 1e-2
    stage.hear(reply, *range(5))
    np.testing.assert_allclose(stage.W, P + since, atol=1e-5)
    eta_k = 0.9 / (8 / np.sqrt(5) + 1)
    V = tree.take(stage.strategy.message(stage.bank, np.arange(5)))[0].v[:, 1:, 0, 0].T
    np.testing.assert_allclose(V, told + since + eta_k * (P - told), atol=1e-5)


def test_only_its_own_column_changes_and_travels() -> None:
    hub = Hub(amtl((2.0,), 0.3, common=False))
    places = {
        name: Place(amtl((2.0,), 0.3, common=False), bits=BITS, period=0, name=name, hub=hub)
        for name in "abc"
    }
    for i, (name, where) in enumerate(places.items()):
        where.learn(pack([one._replace(task=name) for one in stream(40, seed=i)]))
        hub.post(where.tell())
    hub.meet()
    was = {name: (raw(hub.inbox[name].tree), places[name].digest()) for name in "bc"}
    for _ in range(3):
        places["a"].learn(pack([one._replace(task="a") for one in stream(20, seed=9)]))
        told = places["a"].tell()
        hub.post(told)
        replies = hub.meet()
        assert list(replies) == ["a"]
        places["a"].hear(replies["a"])
        d = len(told.ids)
        sizes = [leaf.nbytes for _, _, leaf in tree.leaves(told.tree)]
        assert sizes == [4 * d, 8]
        sizes = [leaf.nbytes for _, _, leaf in tree.leaves(replies["a"].tree)]
        assert sizes == [4 * d, 8, 8, 8]
    assert was == {name: (raw(hub.inbox[name].tree), places[name].digest()) for name in "bc"}
