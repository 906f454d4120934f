"""Consensus ADMM as it is written: dense matrices, every round in full. The oracle."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def relations(V: Array, floor: float = 0.1) -> Array:
    """Omega by the models V (d, K)."""
    K = V.shape[1]
    values, vectors = np.linalg.eigh(V.T @ V)
    half = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    if np.trace(half) == 0:
        return np.eye(K)
    learnt: Array = (1 - floor) * K * half / np.trace(half) + floor * np.eye(K)
    return learnt


def least(W: Array, Z: Array, V: Array, rho: float, penalties: Sequence[float]) -> Array:
    """(u, V) (d, 1 + K) that make the Lagrangian least: the normal equations, all at once."""
    l1, l2, l3 = penalties
    K = W.shape[1]
    top = np.concatenate([[[l2 + rho * K]], np.full((1, K), rho)], axis=1)
    own = (l1 + rho) * np.eye(K) + l3 * np.linalg.inv(relations(V))
    H = np.concatenate([top, np.concatenate([np.full((K, 1), rho), own], axis=1)])
    S = Z + rho * W
    solved: Array = np.linalg.solve(H, np.concatenate([S.sum(1)[None], S.T])).T
    return solved


def scripted(W: Array, Z: Array, V: Array, rho: float, penalties: Sequence[float]) -> Array:
    """(u, V) by the shipped code."""
    l1, l2, l3, l4 = penalties
    own, K, S = l1 + l3, W.shape[1], Z + rho * W
    u = own * S.sum(1) / (own * (l2 + rho * K) + l2 * rho)
    new = l2 / (l2 * (own + rho) + rho * K * own) * S
    if V.any():
        values, vectors = np.linalg.eigh(V.T @ V)
        half = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
        inverse = np.linalg.pinv(half / np.trace(half), rcond=1e-6)
        new = new + l4 / 2 * (V @ inverse + V @ inverse.T)
    return np.column_stack([u, new])


def plain(
    X: Array, Y: Array, eta: float, rho: float, penalties: Sequence[float], *, loss: str,
    step: str, form: str = "joint", every: int = 1,
) -> tuple[Array, Array]:  # fmt: skip
    """Margins (T, m) before each update and the last W (d, m); X (T, m, d), Y (T, m)."""
    T, m, d = X.shape
    W, V, Z = np.zeros((3, d, m))
    u, margins = np.zeros(d), np.zeros((T, m))
    for t in range(T):
        x, y = X[t].T, Y[t]
        margins[t] = (W * x).sum(0)
        wrong = y * margins[t] < 1 if loss == "hinge" else y * margins[t] <= 0
        g = -(wrong * y) * x
        weight = eta * (np.sqrt(t + 1) if step == "sqrt" else 1.0)
        W = (weight * W + rho * (u[:, None] + V) - g - Z) / (rho + weight)
        if (t + 1) % every == 0:
            both = (least if form == "joint" else scripted)(W, Z, V, rho, penalties)
            u, V = both[:, 0], both[:, 1:]
            Z = Z + rho * (W - u[:, None] - V)
    return margins, W
