"""DROM as it is written: dense matrices, every round in full. The oracle of the lazy one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Run(NamedTuple):
    """What a run left: margins before each update, primal and dual after the last."""

    margins: Array  # (T, m)
    W: Array  # (d, m)
    Z: Array  # (d, m)
    played: list[Array]  # W of each round
    duals: list[Array]  # Z of each round
    gradients: list[Array]  # of the loss alone, (d, m), each round
    ascents: list[Array]  # of the dual, theta left out, where it is not clipped
    tops: list[float]  # s = u' Z v of each round, likewise


def plain(
    X: Array,
    Y: Array,
    coupling: float,
    eta: float,
    theta: float,
    *,
    step: str = "sqrt",
    power: float = 1.0,
    cap: float = np.inf,
    clips: int = 3,
    steps: int = 2,
    penalty: float = 0.0,
    ball: float = 0.0,
    u: Array,
) -> Run:
    """Hinge loss, one meeting a round, replies at once; X (T, m, d), Y (T, m) in {-1, 1}."""
    T, m, d = X.shape
    W, Z, u = np.zeros((d, m)), np.zeros((d, m)), u.copy()
    margins, played, duals, gradients = np.zeros((T, m)), [], [], []
    ascents, tops = [], []
    for t in range(T):
        scale = 1.0 if step == "constant" else 1 / np.sqrt(t + 1)
        f = np.einsum("md,dm->m", X[t], W)
        loss = np.maximum(0.0, 1 - Y[t] * f)
        weight = np.where((loss > 0) & (loss**power <= cap), power * loss ** (power - 1), 0.0)
        G = -(weight * Y[t]) * X[t].T
        margins[t] = f
        played.append(W.copy())
        duals.append(Z.copy())
        gradients.append(G)
        if penalty or ball:
            for _ in range(steps if Z.any() else 0):
                u = Z @ (Z.T @ u)
                u = u / np.linalg.norm(u)
            v = Z.T @ u
            top = float(np.linalg.norm(v))
            h = np.outer(u, v) / top if top > 0 else 0 * Z
            Q = coupling * W - (coupling * ball * h if ball else penalty * (top > 1) * h)
            ascents.append(Q)
            tops.append(top)
            W, Z = W - eta * scale * (G + coupling * Z), Z + theta * scale * Q
            continue
        W, Z = W - eta * scale * (G + coupling * Z), Z + theta * scale * coupling * W
        for _ in range(clips if Z.any() else 0):
            for _ in range(steps):
                u = Z @ (Z.T @ u)
                u = u / np.linalg.norm(u)
            v = Z.T @ u
            s = np.linalg.norm(v)
            if s <= 1:
                break
            Z = Z - (1 - 1 / s) * np.outer(u, v)
    return Run(margins, W, Z, played, duals, gradients, ascents, tops)
