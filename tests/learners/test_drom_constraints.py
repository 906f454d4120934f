"""DROM's other two forms, penalty and ball, against plain ones, and their certificates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.papers.studies.lowrank import PAPER, error, learnt, problem
from learners import tree
from learners.coordination.drom import Duals, Told, drom
from learners.coordination.drom_constraints import Ball, Clip, Penalty, ascend
from tests.learners.drom_made import by_name, model, singular, start
from tests.learners.drom_plain import Array, Run, plain

seeds = st.integers(0, 2**31)
FORMS: dict[str, tuple[Penalty | Ball, dict[str, Any]]] = {
    "penalty": (Penalty(0.4, 3), {"penalty": 0.4}),
    "ball": (Ball(5.0, 3), {"ball": 5.0}),
}


@pytest.mark.parametrize("theta", [20.0, 4.0])
@pytest.mark.parametrize("form", FORMS)
def test_lazy_is_plain(form: str, theta: float) -> None:
    X, Y = problem(1, rounds=12)
    constraint, held = FORMS[form]
    place = learnt(drom((2.0,), 0.04, theta, constraint=constraint, **PAPER), X, Y)
    slow = plain(X, Y, 0.04, 2.0, theta, steps=3, u=start(), **held)
    np.testing.assert_allclose(by_name(place, place.bank.dual.z), slow.Z, atol=1e-4)
    np.testing.assert_allclose(model(place), slow.W, atol=1e-4 * np.abs(slow.W).max())
    free = plain(X, Y, 0.04, 2.0, theta, steps=3, penalty=1e-300, u=start())
    assert np.abs(free.Z - slow.Z).max() > 0.01  # something holds it
    assert any(0 < top < 1 for top in slow.tops) == (theta < 20)
    assert any(top > 1 for top in slow.tops)


@pytest.mark.parametrize("constraint", [Clip(3, 4), Penalty(2.0, 4), Ball(9.0, 4)])
def test_two_classes_and_one_margin_are_held_alike(constraint: Clip | Penalty | Ball) -> None:
    r = np.random.default_rng(5)
    Z = r.normal(size=(4, 6, 1, 2)).astype(np.float32)
    total, n = r.normal(size=Z.shape), np.full((4, 1), 3)
    u, kept = r.normal(size=(6, 2)), []
    for fold in (lambda leaf: leaf.copy(), lambda leaf: tree.unfold("k", leaf, 2)):
        before, now = np.zeros_like(fold(total)), fold(total)
        memory = Duals(fold(Z), before, np.zeros((4, 1), np.int64), u.copy(), np.zeros(2))
        ascend(constraint, 0.5, np.array([[0.3, 0.7]]), Told(now, n), memory)
        kept.append(memory.Z)
    np.testing.assert_allclose(kept[1], tree.unfold("k", kept[0], 2), atol=1e-6)
    assert np.abs(kept[0] - Z).max() > 0.1


def made(r: np.random.Generator, **held: Any) -> tuple[Run, Array, Array, float, float, float]:
    """A run on data that have no sense, by steps and strengths that have none either."""
    T, m, d = 60, 5, 7
    X = r.normal(size=(T, m, d)) * r.uniform(0.1, 2)
    Y = np.where(r.random((T, m)) < 0.5, 1.0, -1.0)
    eta, theta = r.uniform(0.02, 0.5), r.uniform(0.05, 2.0)
    lam = 1.0 if "ball" in held else r.uniform(0.01, 0.3)
    run = plain(X, Y, lam, eta, theta, step="constant", steps=1, u=r.normal(size=d), **held)
    return run, X, Y, lam, eta, theta


def regret(run: Run, X: Array, Y: Array, U: Array) -> float:
    lost = np.maximum(0, 1 - Y * np.einsum("tmd,dm->tm", X, U)).sum()
    return float(np.maximum(0, 1 - Y * run.margins).sum() - lost)


def pulled(run: Run, lam: float) -> float:
    both = zip(run.gradients, run.duals, strict=True)
    return float(sum(((G + lam * Z) ** 2).sum() for G, Z in both))


@given(seeds)
def test_certificate_of_the_penalty(seed: int) -> None:
    """For any data, any unit pair and any rho: what is over is paid for by (lambda |U| - rho)."""
    r = np.random.default_rng(seed)
    rho = r.uniform(0.01, 3.0)
    run, X, Y, lam, eta, theta = made(r, penalty=rho)
    U = r.normal(size=run.W.shape) * r.uniform(0.1, 3)
    nuclear, T = singular(U).sum(), len(X)
    over = sum(max(0.0, singular(Z)[0] - 1) for Z in run.duals)
    bound = lam * T * (nuclear - singular(np.mean(run.played, axis=0)).sum())
    bound += (U**2).sum() / (2 * eta) + eta / 2 * pulled(run, lam)
    bound += min(U.shape) / (2 * theta) + theta / 2 * sum((Q**2).sum() for Q in run.ascents)
    bound += lam * nuclear * over - rho * sum(max(0.0, s - 1) for s in run.tops)
    assert regret(run, X, Y, U) <= bound + 1e-9 * abs(bound)


@given(seeds)
def test_certificate_of_the_ball(seed: int) -> None:
    """Regret against any U in the ball, and how far the mean of W is outside, are bounded."""
    r = np.random.default_rng(seed)
    kappa, far = r.uniform(0.5, 20.0), r.uniform(0.0, 5.0)
    run, X, Y, lam, eta, theta = made(r, ball=kappa)
    U = r.normal(size=run.W.shape)
    U *= kappa * r.uniform(0.1, 1.0) / singular(U).sum()
    bound = (U**2).sum() / (2 * eta) + eta / 2 * pulled(run, lam)
    bound += far**2 / (2 * theta) + theta / 2 * sum((Q**2).sum() for Q in run.ascents)
    bound += kappa * sum(singular(Z)[0] - s for Z, s in zip(run.duals, run.tops, strict=True))
    outside = far * len(X) * distance(np.mean(run.played, axis=0), kappa)
    assert regret(run, X, Y, U) + outside <= bound + 1e-9 * abs(bound)


def distance(W: Array, kappa: float) -> float:
    """Of W from the trace-norm ball: of its singular values from the simplex."""
    s = singular(W)
    lo, hi = 0.0, float(s.max())
    for _ in range(100):
        middle = (lo + hi) / 2
        lo, hi = (middle, hi) if np.maximum(s - middle, 0).sum() > kappa else (lo, middle)
    return float(np.linalg.norm(np.minimum(s, hi))) if s.sum() > kappa else 0.0


@pytest.mark.slow
def test_reference_figures_of_the_penalty() -> None:
    errors = {}
    for rho in (60, 20):
        runs = [problem(100 + s) for s in range(3 if rho == 60 else 1)]
        strategy = drom((5.0,), 0.05, 10.0, constraint=Penalty(rho * 0.05), **PAPER)
        errors[rho] = np.mean([error(learnt(strategy, X, Y)) for X, Y in runs])
    assert errors[60] == pytest.approx(0.1707, abs=0.004)
    assert errors[20] > 0.3  # below lambda |W|_*: it diverges


@pytest.mark.slow
def test_the_ball_holds_the_trace_norm_and_pays() -> None:
    X, Y = problem(100)
    free = learnt(drom((5.0,), 0.0, 1.0, **PAPER), X, Y, every=2000)
    assert singular(model(free)).sum() > 1.4 * 60
    held = learnt(drom((5.0,), 1.0, 0.03, constraint=Ball(60.0), **PAPER), X, Y)
    assert singular(model(held)).sum() < 1.1 * 60
    assert error(held) < 0.9 * error(free)


@pytest.mark.parametrize("constraint", [Penalty(-1.0), Ball(-1.0)])
def test_bad_strengths_are_named(constraint: Penalty | Ball) -> None:
    with pytest.raises(ValueError, match=type(constraint).__name__.lower()):
        drom(constraint=constraint)
