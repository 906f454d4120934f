"""Consensus ADMM against a plain version, its steps' closed forms, its figures and its limits."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.papers.studies.nodes import Network, complete, ring
from learners import topology, tree
from learners.coordination.admm import admm
from learners.coordination.admm_meeting import joint
from learners.coordination.relations import LARGEST, spectrum
from learners.exchange import Hub
from learners.features import Example, batch
from learners.gossip import Gossip, cycle
from learners.place import Place
from learners.types import Strategy
from streams.synthetic import generate
from tests.learners.admm_plain import Array, least, plain, relations

SCRIPT: dict[str, Any] = {
    "rho": 0.5, "penalties": (0.1, 20.0, 0.1, 0.1), "step": "constant", "loss": "sign",
    "form": "script",
}  # fmt: skip
OURS: dict[str, Any] = {
    "rho": 0.02, "penalties": (1e-4, 1e-4, 1e-4), "step": "sqrt", "loss": "hinge",
}  # fmt: skip
seeds = st.integers(0, 2**31)


def problem(seed: int, rounds: int) -> tuple[Array, Array]:
    """The generator that ships with the method: X (T, 5, 9), Y (T, 5)."""
    made = generate("rotated", rounds=rounds, seed=seed)
    return made.X, made.y.astype(np.float64)


def learnt(
    strategy: Strategy, X: Array, Y: Array, every: int = 1, P: Array | None = None
) -> tuple[Array, Array]:
    """Margins before each update and the last W (d, m), of one node or of one for each task."""
    T, m, d = X.shape
    nodes = 1 if P is None else m
    net = Network(strategy, nodes, m // nodes, d)
    margins = np.zeros((T, m))
    for t in range(T):
        for i in range(m):
            node, k = (0, i) if P is None else (i, 0)
            row = strategy.model(net.banks[node], np.array([k + 1]))[0, 1:, 0, 0]
            margins[t, i] = X[t, i] @ row
            net.learn(node, k, X[t, i], int(Y[t, i] > 0))
        if (t + 1) % every == 0:
            net.meet(complete(1) if P is None else P)
    return margins, net.all().reshape(m, d).T


def error(margins: Array, Y: Array) -> float:
    return float((np.where(margins >= 0, 1.0, -1.0) != Y).mean())


@pytest.mark.parametrize("every", [1, 7])
@pytest.mark.parametrize("step", ["constant", "sqrt"])
@pytest.mark.parametrize("loss", ["hinge", "sign"])
def test_lazy_is_plain(
    every: int, step: Literal["constant", "sqrt"], loss: Literal["hinge", "sign"]
) -> None:
    X, Y = problem(1, 60)
    penalties = (0.02, 0.01, 0.03)
    strategy = admm((2.0,), 0.1, penalties, step=step, loss=loss)
    margins, W = learnt(strategy, X, Y, every)
    slow = plain(X, Y, 0.5, 0.1, penalties, loss=loss, step=step, every=every)
    np.testing.assert_allclose(margins, slow[0], atol=1e-3)
    np.testing.assert_allclose(W, slow[1], atol=1e-3)
    free = plain(X, Y, 0.5, 1e-9, penalties, loss=loss, step=step, every=every)
    assert np.abs(free[1] - slow[1]).max() > 0.1  # the pull does something


def test_the_script_is_the_script() -> None:
    X, Y = problem(2, 60)
    margins, W = learnt(admm((1 / 240,), **SCRIPT), X, Y)
    slow = plain(X, Y, 240.0, 0.5, SCRIPT["penalties"], loss="sign", step="constant", form="script")
    np.testing.assert_allclose(margins, slow[0], atol=1e-5)
    np.testing.assert_allclose(W, slow[1], atol=1e-5)


@given(seeds, st.integers(1, 7), st.integers(1, 7))
def test_u_and_v_are_the_least_of_the_lagrangian(seed: int, K: int, d: int) -> None:
    r = np.random.default_rng(seed)
    W, Z, V = r.normal(size=(3, d, K))
    rho, penalties = r.uniform(0.1, 2), tuple(r.uniform(0.1, 2, size=3))
    u, new = joint(np.ascontiguousarray((Z + rho * W).T), np.ascontiguousarray(V.T), rho, penalties)
    both = least(W, Z, V, rho, penalties)
    np.testing.assert_allclose(u, both[:, 0], atol=1e-6)
    np.testing.assert_allclose(new.T, both[:, 1:], atol=1e-6)


@given(seeds, st.integers(1, 6), st.integers(1, 6))
def test_relations_are_the_root_of_the_gram_matrix(seed: int, K: int, d: int) -> None:
    W = np.random.default_rng(seed).normal(size=(K, d))
    found = spectrum(W)
    assert found is not None
    s, Q = found
    np.testing.assert_allclose((Q * s**2) @ Q.T, W @ W.T, atol=1e-8)
    np.testing.assert_allclose(Q.T @ Q, np.eye(len(s)), atol=1e-6)


def test_opposite_tasks_are_related_and_new_ones_stay_in() -> None:
    v = np.array([1.0, -2.0, 0.5])
    omega = relations(np.stack([v, -v, 0 * v], axis=1))
    assert omega[0, 1] < -0.5 * omega[0, 0]
    assert omega[2, 2] == pytest.approx(0.1)
    S = np.stack([v, -v, v])
    _, V = joint(S, np.stack([v, -v, 0 * v]), 0.5, (0.1, 0.1, 0.1))
    assert np.abs(V[2]).max() > 0.01


def test_too_many_tasks_and_columns_are_unrelated() -> None:
    n = LARGEST + 1
    assert spectrum(np.ones((n, n))) is None
    r = np.random.default_rng(0)
    S, V = r.normal(size=(2, n, n))
    u, new = joint(S, V, 0.5, (0.1, 0.2, 0.3))
    np.testing.assert_allclose(new, (S - 0.5 * u) / 0.9, atol=1e-9)


def test_meetings_alone_bring_u_and_v_to_what_tasks_say() -> None:
    X, Y = problem(3, 50)
    net = Network(admm((2.0,), 0.1, (0.02, 0.01, 0.03), step="sqrt", loss="hinge"), 1, 5, 9)
    for t in range(50):
        for i in range(5):
            net.learn(0, i, X[t, i], int(Y[t, i] > 0))
    W = net.W(0)
    apart = []
    for _ in range(60):
        net.meet(complete(1))
        z, m = net.memory.z, net.banks[0].pull.m[1:]
        apart.append(np.abs(m[:, 1:, 0, 0] + z[:, 1:, 0, 0] / 0.1 - W).max())
        np.testing.assert_allclose(net.W(0), W, atol=1e-4)  # to hear moves nobody
    assert apart[-1] < 1e-3 < 0.1 < apart[0]


def test_a_hub_is_the_complete_graph() -> None:
    X, Y = problem(4, 40)
    strategy = admm((2.0,), **OURS)
    hub, peers = learnt(strategy, X, Y), learnt(strategy, X, Y, P=complete(5))
    np.testing.assert_allclose(hub[0], peers[0], atol=1e-6)


def test_of_neighbours_only_those_are_heard() -> None:
    X, Y = problem(5, 60)
    strategy = admm((2.0,), 0.1, (0.02, 0.01, 0.03), step="sqrt", loss="hinge")
    alone = learnt(strategy, X, Y, P=np.eye(5))[1]
    pair = np.eye(5)
    pair[:2, :2] = 0.5
    some = learnt(strategy, X, Y, P=pair)[1]
    np.testing.assert_array_equal(some[:, 2:], alone[:, 2:])
    assert np.abs(some[:, :2] - alone[:, :2]).max() > 0.01


@pytest.mark.parametrize("kind", ["hub", "complete", "ring"])
def test_peers_come_together(kind: str) -> None:
    def apart(exchange: Hub | Gossip | None) -> float:
        """How far tasks of one truth are from each other, by their size."""
        net = {n: Place(strategy, bits=12, period=0, name=n) for n in "abcd"}
        r = np.random.default_rng(0)
        for _ in range(200):
            for name, place in net.items():
                x, y = r.normal(size=2)
                place.learn(batch([Example(f"task {name}", {"x": x, "y": y}, bool(x + y > 0))], 12))
            if exchange is not None:
                cycle(net, exchange)
        models = [_at(place, f"task {name}") for name, place in net.items()]
        return float(np.ptp(models, axis=0).max() / np.abs(models).max())

    strategy = admm((2.0,), 0.1, (0.02, 0.01, 0.03), step="sqrt", loss="hinge")
    graph = topology.ring("abcd") if kind == "ring" else topology.complete("abcd")
    exchange = Hub(strategy) if kind == "hub" else Gossip(strategy, graph)
    assert apart(exchange) < 0.5 * apart(None)


def _at(place: Place, task: str) -> Array:
    """A task's model, by feature and signed for True."""
    sign = 1.0 if place.classes.index(True) == 1 else -1.0
    model = place.strategy.model(place.bank, place._tasks.rows([task]))
    return sign * np.asarray(model[0, place._columns.sorted(), 0, 0], np.float64)


def test_what_is_far_away_stays_finite() -> None:
    X, Y = problem(6, 400)
    strategy = admm((1.0,), 1.0, (0.1, 0.1, 0.1), step="constant", loss="hinge")
    margins, W = learnt(strategy, X, Y, every=399)  # each example halves the way: 2**-399 of it
    assert np.isfinite(margins).all() and np.isfinite(W).all()
    assert np.abs(W).max() < 1e3


@pytest.mark.slow
def test_reference_figures() -> None:
    X, Y = problem(0, 10000)
    # The script's own data give .139; of this generator other draws, .13 to .17.
    script = error(learnt(admm((1 / 240,), **SCRIPT), X, Y)[0], Y)
    assert script == pytest.approx(0.149, abs=0.004)
    # One learner a task by subgradient steps errs by .0922 on this draw.
    joint_ = error(learnt(admm((5.0,), **OURS), X, Y)[0], Y)
    assert joint_ == pytest.approx(0.0925, abs=0.002)
    seldom = error(learnt(admm((5.0,), **OURS), X, Y, every=20)[0], Y)
    assert seldom == pytest.approx(0.0939, abs=0.002)
    peers = error(learnt(admm((5.0,), **OURS), X, Y, every=20, P=ring(5))[0], Y)
    assert peers < 0.097


def test_by_coordinate_a_meeting_pulls_a_little_to_what_was_heard() -> None:
    X, Y = problem(7, 300)
    net = Network(admm((2.0,), 0.001, (1e-4, 1e-4, 1e-4)), 1, 5, 9)

    def learn(lo: int, hi: int) -> None:
        for t in range(lo, hi):
            for i in range(5):
                net.learn(0, i, X[t, i], int(Y[t, i] > 0))

    learn(0, 10)
    W = net.W(0)
    net.meet(complete(1))
    np.testing.assert_array_equal(net.W(0), W)  # nothing had been heard that could pull
    learn(10, 20)
    for pull, until in ((10 * 0.001 * 2, 20), (0.1, 300)):  # few examples, and many
        learn(20, until)
        W, m = net.W(0), np.asarray(net.banks[0].pull.m[1:, 1:, 0, 0], np.float64)
        assert np.abs(m - W).max() > 0.1
        net.meet(complete(1))
        np.testing.assert_allclose(net.W(0), m + np.exp(-pull) * (W - m), atol=1e-4)


def test_what_travels() -> None:
    strategy = admm((2.0,))
    net = Network(strategy, 1, 3, 4)
    told = strategy.message(net.banks[0], np.arange(1, 4))
    heard = strategy.mix(net.memory, net.inbox(complete(1)))
    for one in (told, heard):
        assert [(leaf.shape, leaf.dtype) for _, _, leaf in tree.leaves(one)] == [
            ((3, 5, 1, 1), np.dtype(np.float32))
        ]


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("rho", {"rho": 0.0}),
        ("penalties", {"penalties": (1.0, 1.0)}),
        ("penalties", {"penalties": (1.0, 0.0, 1.0)}),
        ("rates", {"rates": (0.0,)}),
        ("step", {"loss": "hinge"}),
    ],
)
def test_bad_settings_are_named(name: str, settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=name):
        admm(**settings)
