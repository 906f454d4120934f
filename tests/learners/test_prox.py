"""Each proximal operator against its closed form, its optimality and what it must do to any two."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learners import tree
from learners.coordination import prox
from learners.types import F64

seeds = st.integers(0, 2**31)
NEAR = np.array([5, 1, 0, 2, 1, 3, 2, 4, 3, 5, 4, 0])
ring: prox.Prox = partial(prox.laplacian, ends=np.arange(0, 13, 2), near=NEAR)
# Of penalties that do not depend on V themselves: these are proxes in the strict sense.
CONVEX: dict[str, Callable[[F64, float], F64]] = {
    "trace": prox.trace, "l21": prox.l21, "l1": prox.l1, "ridge": prox.ridge, "mean": prox.mean,
    "laplacian": ring,
}  # fmt: skip
ALL = CONVEX | {"relation": prox.relation, "clustered": partial(prox.clustered, k=2.0)}


def matrix(seed: int, t: int = 6, k: int = 1, d: int = 9) -> F64:
    """Somewhat low-rank, of any size."""
    r = np.random.default_rng(seed)
    low = r.normal(size=(t * k, 2)) @ r.normal(size=(2, d)) + 0.3 * r.normal(size=(t * k, d))
    return (low * r.uniform(0.01, 10)).reshape(t, k, d)


def flat(V: F64) -> F64:
    return V.reshape(-1, V.shape[2])


def norm_of(name: str, W: F64) -> float:
    """The penalty, of those that are norms."""
    rows = flat(W)
    if name == "trace":
        return float(np.linalg.svd(rows, compute_uv=False).sum())
    if name == "l21":
        return float(np.sqrt((rows**2).sum(0)).sum())
    return float(np.abs(rows).sum())


def dual_of(name: str, G: F64) -> float:
    """The dual norm: G is a subgradient at W when that is at most 1 and <G, W> = |W|."""
    rows = flat(G)
    if name == "trace":
        return float(np.linalg.norm(rows, 2))
    if name == "l21":
        return float(np.sqrt((rows**2).sum(0)).max())
    return float(np.abs(rows).max())


@pytest.mark.parametrize("name", ["trace", "l21", "l1"])
@given(seed=seeds, step=st.floats(0.01, 3.0))
def test_norms_are_optimal(name: str, seed: int, step: float) -> None:
    V = matrix(seed)
    W = CONVEX[name](V, step)
    G = (V - W) / step
    size = np.abs(V).max() / step + 1
    assert dual_of(name, G) <= 1 + 1e-7 * size
    np.testing.assert_allclose((G * W).sum(), norm_of(name, W), atol=1e-7 * size * norm_of(name, V))


@given(seed=seeds, step=st.floats(0.01, 30.0))
def test_quadratics_are_optimal(seed: int, step: float) -> None:
    # 0 in (W - V) + step dg(W)
    V = matrix(seed)
    tolerance = 1e-6 * np.abs(V).max() * (1 + step)
    W = prox.ridge(V, step)
    np.testing.assert_allclose(V - W, step * W, atol=tolerance)
    W = prox.mean(V, step)
    np.testing.assert_allclose(V - W, step * (W - W.mean(0)), atol=tolerance)
    W = ring(V, step)
    around = (np.roll(W, 1, 0) + np.roll(W, -1, 0)) / 2
    np.testing.assert_allclose(V - W, step * (W - around), atol=tolerance)


def test_laplacian_is_the_solution_of_its_system() -> None:
    r = np.random.default_rng(1)
    adjacent = np.triu(r.random((9, 9)) < 0.3, 1)
    adjacent = (adjacent | adjacent.T) & (np.arange(9) != 4)[:, None] & (np.arange(9) != 4)
    near = [np.flatnonzero(row) for row in adjacent]
    ends = np.cumsum([0, *map(len, near)])
    V, step = matrix(2, t=9), 3.0
    W = prox.laplacian(V, step, ends, np.concatenate(near))
    degree = adjacent.sum(1)
    D = np.diag(np.maximum(degree, 1.0))
    expected = np.linalg.solve(D + step * (np.diag(degree) - adjacent), D @ flat(V))
    np.testing.assert_allclose(flat(W), expected, atol=1e-6 * np.abs(V).max())
    np.testing.assert_array_equal(W[4], V[4])  # who has no neighbours


def test_the_complete_graph_is_the_mean() -> None:
    V = matrix(3)
    near = np.array([s for t in range(6) for s in range(6) if s != t])
    W = prox.laplacian(V, 2.0, np.arange(0, 31, 5), near)
    # The mean of the others is further off than that of all.
    np.testing.assert_allclose(W, prox.mean(V, 2.0 * 6 / 5), atol=1e-6 * np.abs(V).max())
    np.testing.assert_allclose(prox.mean(V, np.inf), V.mean(0)[None].repeat(6, 0), atol=1e-12)


@given(seed=seeds, step=st.floats(0.01, 3.0))
def test_relation_is_the_solution_with_its_sigma(seed: int, step: float) -> None:
    V = matrix(seed)
    rows = flat(V)
    u, s, _ = np.linalg.svd(rows, full_matrices=False)
    Sigma = u * (s / s.sum()) @ u.T  # (V V')**.5 over its trace
    expected = Sigma @ np.linalg.solve(Sigma + step * np.eye(6), rows)
    np.testing.assert_allclose(flat(prox.relation(V, step)), expected, atol=1e-6 * s[0])


@given(seed=seeds, step=st.floats(0.01, 3.0), k=st.integers(1, 5))
def test_clustered_is_the_solution_with_its_m(seed: int, step: float, k: int) -> None:
    V, h = matrix(seed), 0.2
    rows = flat(V)
    u, s, _ = np.linalg.svd(rows, full_matrices=False)
    M = u * prox.clusters(s[::-1].copy(), k, h)[::-1] @ u.T
    c = h * (1 + h)
    expected = np.linalg.solve(np.eye(6) + step * c * np.linalg.inv(h * np.eye(6) + M), rows)
    got = flat(prox.clustered(V, step, k, h))
    np.testing.assert_allclose(got, expected, atol=1e-6 * s[0])


@given(seed=seeds, k=st.integers(1, 5))
def test_m_is_the_best_there_is(seed: int, k: int) -> None:
    r, h = np.random.default_rng(seed), 0.2
    rows = flat(matrix(seed))
    u, s, _ = np.linalg.svd(rows, full_matrices=False)
    m = prox.clusters(s[::-1].copy(), k, h)[::-1]
    assert m.sum() == pytest.approx(k) and m.min() >= 0 and m.max() <= 1

    def price(M: F64) -> float:
        return float(np.trace(rows.T @ np.linalg.solve(h * np.eye(6) + M, rows)))

    least = price(u * m @ u.T)
    for _ in range(20):  # any feasible M: a projection on k directions, and the mean of two
        Q = [np.linalg.qr(r.normal(size=(6, 6)))[0][:, :k] for _ in range(2)]
        M = [q @ q.T for q in Q]
        assert least <= price((M[0] + M[1]) / 2) * (1 + 1e-9)
        share = r.random()
        assert least <= price(share * u * m @ u.T + (1 - share) * M[0]) * (1 + 1e-9)


@pytest.mark.parametrize("name", CONVEX)
@given(a=seeds, b=seeds, step=st.floats(0.01, 3.0))
def test_firmly_non_expansive(name: str, a: int, b: int, step: float) -> None:
    A, B = matrix(a), matrix(b)
    P = CONVEX[name](A, step) - CONVEX[name](B, step)
    size = (A**2).sum() + (B**2).sum()
    assert (P * P).sum() <= ((A - B) * P).sum() + 1e-7 * size


@pytest.mark.parametrize("shape", [(6, 1, 9), (9, 1, 6), (4, 3, 30), (20, 3, 5)])
def test_trace_is_soft_thresholding(shape: tuple[int, int, int]) -> None:
    V = matrix(5, *shape)
    u, s, vt = np.linalg.svd(flat(V), full_matrices=False)
    step = float(s[1] * 0.9)
    by = step if shape[1] == 1 else step * np.sqrt(0.5)
    got = flat(prox.trace(V, step))
    np.testing.assert_allclose(got, u * np.maximum(s - by, 0) @ vt, atol=1e-7 * s[0])
    assert np.linalg.matrix_rank(got, 1e-6 * s[0]) == (s > by).sum() < len(s)
    assert not prox.trace(V, 2 * float(s[0])).any()


@pytest.mark.parametrize("name", ALL)
def test_two_classes_unfolded_are_a_margin_folded(name: str) -> None:
    V = matrix(6)
    apart = tree.unfold("k", V, 1)
    folded = tree.unfold("k", ALL[name](V, 0.7), 1)
    np.testing.assert_allclose(ALL[name](apart, 0.7), folded, atol=1e-7 * np.abs(V).max())
    assert np.abs(folded - apart).max() > 1e-3


@pytest.mark.parametrize("name", ALL)
def test_no_step_is_no_move_and_zero_stays(name: str) -> None:
    V = matrix(7, k=2)
    np.testing.assert_allclose(ALL[name](V, 0.0), V, atol=1e-6 * np.abs(V).max())
    assert not ALL[name](np.zeros((6, 2, 9)), 0.5).any()


def test_beyond_the_limit_tasks_meet_in_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    V = matrix(8, t=11, k=2, d=40)
    whole = prox.trace(V, 0.5)
    monkeypatch.setattr(prox, "LIMIT", 8)
    parts = [prox.trace(part, 0.5) for part in np.array_split(V, 3)]
    np.testing.assert_array_equal(prox.trace(V, 0.5), np.concatenate(parts))
    assert np.abs(whole - np.concatenate(parts)).max() > 1e-3
    narrow = np.ascontiguousarray(V[:, :, :7])  # the other Gram matrix is small: no groups
    monkeypatch.undo()
    whole = prox.trace(narrow, 0.5)
    monkeypatch.setattr(prox, "LIMIT", 8)
    np.testing.assert_array_equal(prox.trace(narrow, 0.5), whole)
