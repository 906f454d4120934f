"""DMTRL against a plain version of itself, its dual, its Sigma-step and its limits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize

from learners import tree
from learners.coordination import sigma as sigma_module
from learners.coordination.dmtrl import dmtrl
from learners.coordination.scaled import scaled
from learners.coordination.sdca import COMMON, Loss
from learners.coordination.sdca_kernels import LOSSES, stepped
from learners.coordination.sigma import MOST, Related, drawn, safe_rho, seated, sigma_step
from learners.features import column
from learners.place import Place
from learners.types import Shape, Strategy
from tests.learners.dual_plain import (
    Array,
    Nodes,
    conjugate,
    example,
    loss,
    nearer,
    plain,
    sigma,
    without_constant,
)
from tests.learners.laws import cases, test_meetings

KINDS: tuple[Loss, ...] = ("logistic", "hinge", "smooth", "squared")


def made(seed: int, T: int = 5, n: int = 30, d: int = 6, rank: int = 2) -> tuple[Array, Array]:
    """Tasks of that rank: X (T, n, d) and noisy labels of +-1."""
    random = np.random.default_rng(seed)
    W = random.normal(size=(T, rank)) @ random.normal(size=(rank, d))
    X = random.normal(size=(T, n, d))
    Y = np.sign(np.einsum("tnd,td->tn", X, W) + 0.3 * random.normal(size=(T, n)))
    return X.astype(np.float32).astype(float), Y


def nodes(strategy: Strategy, X: Array, Y: Array) -> Nodes:
    return Nodes(strategy, X, Y)


def coupled(T: int, c: float) -> Array:
    S: Array = (1 - c) * np.eye(T) + c
    return S


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_is_the_best_there_is(kind: Loss) -> None:
    random = np.random.default_rng(0)
    grid = np.linspace(0, 1, 200_001) if kind != "squared" else np.linspace(-9, 9, 1_800_001)
    for _ in range(40):
        b, u, q = random.random(), 3 * random.normal(), np.exp(2 * random.normal())
        gained = conjugate(kind, grid) - u * (grid - b) - q / 2 * (grid - b) ** 2
        got = stepped(LOSSES.index(kind), b, u, q)
        assert abs(got - grid[gained.argmax()]) < 2e-5
    assert stepped(LOSSES.index(kind), 0.3, 0.1, 1e12) == pytest.approx(0.3, abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_plain_version_of_itself(kind: Loss) -> None:
    T, n, d, C, every = 4, 30, 6, 10, 9  # windows that turn over, meetings inside
    X, Y = made(1, T, n, d)
    X[np.random.default_rng(1).random(X.shape) < 0.6] = 0.0  # columns that come and go
    order = np.random.default_rng(0).permutation(np.repeat(np.arange(T), n)).tolist()
    at = [iter(range(n)) for _ in range(T)]
    which = [(t, next(at[t])) for t in order]
    flat, y = np.array([X[one] for one in which]), np.array([Y[one] for one in which])
    strategy = dmtrl((0.3,), loss=kind, replays=3, window=C, every=1)
    place = Place(strategy, bits=14, period=every, lag=0, thrift=0.0)
    place.learn(without_constant([example("names", X[0, 0], y, 0.0) for y in (-1, 1)] * 4))
    place.forget("names")
    assert place.position == every
    examples = [example(f"task {t}", *one) for t, *one in zip(order, flat, y, strict=True)]
    said = place.learn(without_constant(examples)).probabilities
    margins, W = plain(kind, flat, y, order, 0.3, C, 3, every, COMMON)
    np.testing.assert_allclose(said[:, 0, 1], 1 / (1 + np.exp(-margins)), atol=1e-5)
    ids = place._columns.find(np.array([column(f"x{j}", 14) for j in range(d)], np.uint32))
    rows = place._tasks.rows([f"task {t}" for t in range(T)])
    model = place.strategy.model(place.bank, rows)[:, ids, 0, 0]
    np.testing.assert_allclose(model, W, atol=1e-5 * np.abs(W).max())


@pytest.mark.parametrize("coupling", [None, 0.4])
def test_W_is_B_Sigma_over_lambda_at_all_times(coupling: float | None) -> None:
    X, Y = made(2)
    net = nodes(dmtrl((0.2,), coupling, loss="hinge", window=40, every=0), X, Y)
    part, c = np.eye(len(X)), COMMON
    S = coupled(len(X), c)
    for turn in range(6):
        net.meet()
        told = net.b()[1]
        part, c = (np.eye(len(X)), 0.4) if coupling else nearer(part, c, told)
        before, S = S, c + (1 - c) * part
        assert np.abs(before - S).max() > 1e-3 or coupling or turn > 3
        for _ in range(2):  # right after the meeting, and when each has gone on by itself
            betas, B = net.b()
            for t, place in enumerate(net.places):
                heard, row = place.bank.heard, place._tasks.row[f"task {t:02d}"]
                ids = np.array([column(f"x{j}", 14) for j in range(X.shape[2])], np.uint32)
                at = place._columns.find(ids)
                b = place.strategy.message(place.bank, np.array([row])).b[0, at, 0, 0]
                np.testing.assert_allclose(b, B[t], atol=1e-12)
                others = S @ told / 0.2 - np.diag(S)[:, None] * told / 0.2
                common = place.bank.common.heard[at, 0, 0]
                np.testing.assert_allclose(common, told.sum(0) - told[t], atol=1e-12)
                theirs = heard.others[row, at, 0, 0] + c / 0.2 * common
                np.testing.assert_allclose(theirs, others[t], atol=1e-9)
                W = place.strategy.model(place.bank, np.array([row]))[0, at, 0, 0]
                mine = others[t] + S[t, t] * B[t] / 0.2
                np.testing.assert_allclose(W, mine, rtol=1e-6, atol=1e-6)
                np.testing.assert_allclose(heard.sigma[row, 0], S[t, t], atol=1e-9)
                assert (betas[t] >= 0).all() and (betas[t] <= 1).all()
                net.work(t)


@pytest.mark.parametrize("kind", KINDS)
def test_the_dual_never_falls_and_the_gap_closes(kind: Loss) -> None:
    X, Y = made(3)
    S, ridge = coupled(len(X), 0.6), 0.1
    net = nodes(dmtrl((ridge,), 0.6, loss=kind, replays=4, window=40), X, Y)
    net.meet()
    duals = [net.objectives(kind, S, ridge)[1]]
    for _ in range(60):
        for t in range(len(X)):
            net.work(t, 4)  # all move at once
        primal, dual = net.objectives(kind, S, ridge)
        duals.append(dual)
        assert primal >= dual - 1e-9
        net.meet()
    assert np.diff(duals).min() > -1e-7
    assert primal - dual < (5e-3 if kind == "hinge" else 1e-3) * dual


@pytest.mark.parametrize("kind", KINDS)
def test_within_a_place_the_dual_climbs_without_a_meeting(kind: Loss) -> None:
    T, n, d, C, ridge = 4, 12, 6, 20, 0.05
    X, Y = made(11, T, n, d)
    place = Place(dmtrl((ridge,), 0.7, loss=kind, replays=3, window=C), bits=14, period=0)
    place.learn(without_constant([example("names", X[0, 0], y, 0.0) for y in (-1, 1)]))
    duals = []
    for i in range(n):
        for t in range(T):
            place.learn(without_constant([example(f"task {t}", X[t, i], Y[t, i])]))
            rows = place._tasks.rows([f"task {u}" for u in range(T)])
            beta = place.bank.duals.beta[rows, 1 : n + 1, 0, 0]
            B = np.einsum("tn,tnd->td", beta * Y, X) / C
            square = float(np.sum(B * (coupled(T, 0.7) @ B))) / (2 * ridge)
            duals.append(sum(float(conjugate(kind, b[b != 0]).sum()) for b in beta) / C - square)
    assert duals[0] > 0 and np.diff(duals).min() > -1e-7
    ids = place._columns.find(np.array([column(f"x{j}", 14) for j in range(d)], np.uint32))
    W = place.strategy.model(place.bank, rows)[:, ids, 0, 0]
    np.testing.assert_allclose(W, coupled(T, 0.7) @ B / ridge, rtol=1e-5, atol=1e-5)


def test_rho_of_1_is_exact_for_one_at_a_time_and_too_little_for_all_at_once() -> None:
    X, Y = made(4, T=8, rank=1)
    S, ridge = coupled(8, 0.9), 0.02

    def run(at_once: int | None, parallel: bool) -> list[float]:
        net = nodes(dmtrl((ridge,), 0.9, loss="hinge", at_once=at_once, window=40), X, Y)
        net.meet()
        duals = []
        for turn in range(24):
            for t in range(8) if parallel else [turn % 8]:
                net.work(t, 3)
            duals.append(net.objectives("hinge", S, ridge)[1])
            net.meet()
        return duals

    assert np.diff(run(1, parallel=False)).min() > -1e-7
    assert np.diff(run(None, parallel=True)).min() > -1e-7
    assert np.diff(run(1, parallel=True)).min() < -0.01


def test_two_places_that_always_meet_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    # One moves at a time, so nobody brakes, in one place as in two.
    monkeypatch.setitem(cases.CASES, "alternating", lambda: scaled(dmtrl((0.01,), at_once=1)))
    test_meetings.test_two_places_that_always_meet_are_one("alternating")


def test_rho_is_safe_and_tight() -> None:
    random = np.random.default_rng(5)
    for _ in range(20):
        S = sigma_step(random.normal(size=(6, 3)))
        rho, rows = safe_rho(S), np.max(np.abs(S).sum(1) / np.diag(S))
        assert 1 <= rho <= min(6, rows) + 1e-12
        # rho diag(S) - S >= 0, and no less will do
        assert np.linalg.eigvalsh(rho * np.diag(np.diag(S)) - S)[0] > -1e-9
        assert np.linalg.eigvalsh(0.99 * rho * np.diag(np.diag(S)) - S)[0] < 0
        bounds = [safe_rho(S, at_once=a) for a in range(1, 7)]
        assert bounds[0] == pytest.approx(1) and bounds == sorted(bounds) and bounds[-1] == rho
        few = np.ix_([1, 4], [1, 4])
        assert safe_rho(S[few]) <= bounds[1] + 1e-12


def test_the_sigma_step_is_the_best_there_is() -> None:
    random = np.random.default_rng(6)
    W = random.normal(size=(5, 9))
    S = sigma_step(W, floor=0.0)
    np.testing.assert_array_equal(S, S.T)
    assert np.trace(S) == pytest.approx(5)
    assert np.linalg.eigvalsh(S)[0] > 0
    best = float(np.trace(np.linalg.solve(S, W @ W.T)))
    roots = np.linalg.svd(W, compute_uv=False)
    assert best == pytest.approx(roots.sum() ** 2 / 5)
    for _ in range(50):
        other = random.normal(size=(5, 5))
        other = other @ other.T
        other *= 5 / np.trace(other)
        assert np.trace(np.linalg.solve(other, W @ W.T)) >= best


def test_the_sigma_step_starves_nobody() -> None:
    random = np.random.default_rng(6)
    W = np.outer(random.normal(size=5), random.normal(size=9))
    values = np.linalg.eigvalsh(sigma_step(W))
    assert values[0] == pytest.approx(0.05 * values[-1], rel=0.02)
    np.testing.assert_allclose(sigma_step(W), sigma(W), atol=1e-12)


def test_how_much_is_common_is_learnt() -> None:
    random = np.random.default_rng(6)
    one, apart = random.normal(size=(1, 9)), random.normal(size=(5, 9))
    found = []
    for W in (np.tile(one, (5, 1)), one + apart, np.outer([1.0, -1.0, 1.0, -1.0, 0.0], one)):
        S, c = np.eye(5), COMMON
        for _ in range(100):
            B = np.linalg.solve(c + (1 - c) * S, W)  # whatever Sigma, W stays as it is
            mine, (S, c) = sigma_module.nearer(S, c, B), nearer(S, c, B)
            np.testing.assert_allclose(mine[0], S, atol=1e-9)
            assert mine[1] == pytest.approx(c)
        found.append(c)
    assert found[0] > 0.8 and found[0] > found[1] + 0.2 and found[1] > found[2] + 0.2


def test_seats_go_to_those_who_saw_most_and_are_left_clean() -> None:
    memory: Any = tree.zeros(Related, Shape(300, 1, 2), q=MOST)
    seen = np.arange(300)
    rows = seated(memory, seen)
    assert rows.tolist() == list(range(300 - MOST, 300))
    S = memory.S[rows][:, memory.seat[rows, 0] - 1, 0]
    np.testing.assert_array_equal(S, np.eye(MOST))
    memory.S[rows] = 7.0
    seen[299] = 0  # left, and another comes
    seen[0] = 400
    rows = seated(memory, seen)
    S = memory.S[rows][:, memory.seat[rows, 0] - 1, 0]
    at = rows.tolist().index(0)
    np.testing.assert_array_equal(S[at], np.eye(MOST)[at])
    np.testing.assert_array_equal(S[:, at], np.eye(MOST)[at])
    assert (np.delete(np.delete(S, at, 0), at, 1)[1:, 1:] == 7.0).all()


def test_frozen_it_is_logistic_regression_with_a_ridge() -> None:
    X, Y = made(7, T=2, n=40)
    net = nodes(dmtrl((0.05,), 0.0, window=64), X, Y)
    for t in range(2):
        net.work(t, 400)
        row = net.places[t]._tasks.row[f"task {t:02d}"]

        def f(w: Array, t: int = t) -> float:
            return float(loss("logistic", Y[t] * (X[t] @ w)).sum() / 64 + 0.025 * w @ w)

        best = minimize(f, np.zeros(X.shape[2]), tol=1e-12).x
        ids = np.array([column(f"x{j}", 14) for j in range(X.shape[2])], np.uint32)
        at = net.places[t]._columns.find(ids)
        w = net.places[t].strategy.model(net.places[t].bank, np.array([row]))[0, at, 0, 0]
        np.testing.assert_allclose(w, best, atol=1e-4)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_same_and_opposite_tasks_are_found_and_help_each_other(sign: float) -> None:
    def errors(seed: int, coupling: float | None) -> tuple[float, Array]:
        X, Y = made(seed, T=1, n=60, d=20)
        X, Y = np.concatenate([X, X]), np.concatenate([Y, sign * Y])
        strategy = dmtrl((0.02,), coupling, at_once=1, window=100, every=0)
        place = Place(strategy, bits=14, period=1, lag=0, thrift=0.0)
        for i in range(60):
            place.learn(without_constant([example(f"task {t}", X[t, i], Y[t, i]) for t in (0, 1)]))
        memory = place.hub.memory
        S = memory.S[:, memory.seat[:, 0] - 1, 0] if coupling is None else np.eye(2)
        S = memory.part[0] + (1 - memory.part[0]) * S
        return float(place.progress.errors.sum()), S / np.sqrt(np.outer(np.diag(S), np.diag(S)))

    alone = company = 0.0
    for seed in range(8, 12):
        alone += errors(seed, 0.0)[0]
        wrong, S = errors(seed, None)
        company += wrong
        assert sign * S[0, 1] > 0.75
    assert company < alone - 2


def test_a_task_tells_b_and_nothing_else() -> None:
    X, Y = made(9, T=1)
    X[0, :, 0] = canary = np.float32(1.2345678e-3)
    net = nodes(dmtrl((0.1,), window=16), X, Y)
    told = net.places[0].tell()
    assert told.tree._fields == ("b",)
    assert told.tree.b.shape == (1, len(told.ids), 1, 1)
    data = told.tree.b.tobytes()
    for form in (np.float32(canary), np.float64(canary), np.float64(canary) / 16):
        assert form.tobytes() not in data


def test_what_is_drawn_is_the_others() -> None:
    random = np.random.default_rng(0)
    S, B = random.normal(size=(4, 4)), random.normal(size=(4, 7))
    np.testing.assert_allclose(drawn(S, B, own=True), S @ B, atol=1e-12)
    np.testing.assert_allclose(drawn(S, B, own=False), S @ B - np.diag(S)[:, None] * B, atol=1e-12)


def test_many_tasks_meet() -> None:
    strategy = dmtrl((0.01,), window=8)
    memory = strategy.meet(Shape(3, 2, 2), 0)
    assert memory.S.shape == (3, MOST, 1)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"ridges": (0.0,)}, "ridges"), ({"loss": "log"}, "loss"), ({"replays": -2}, "work"),
        ({"window": 0}, "window"), ({"coupling": 2.0}, "coupling"), ({"floor": -0.1}, "floor"),
        ({"pace": 1.1}, "pace"), ({"common": -1.0}, "common"),
        ({"at_once": 0}, "at_once"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        dmtrl(**wrong)
