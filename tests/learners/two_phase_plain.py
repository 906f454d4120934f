"""The two phases as they are written: dense matrices, every node and task in full. The oracle."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bench.papers.studies.nodes import Array
from bench.papers.studies.two_phase import Stream


def interaction(K: int, b: float) -> Array:
    """A^-1."""
    inverse: Array = (np.eye(K) + b / K) / (1 + b)
    return inverse


def root(W: Array) -> Array:
    """(W W')^(1/2)."""
    values, vectors = np.linalg.eigh(W @ W.T)
    half: Array = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    return half


class Run(NamedTuple):
    """What a run left."""

    margins: Array  # (T, N) before each update
    played: list[Array]  # (N, K, d) of each round
    W: Array  # (N, K, d) after the last


def plain(
    s: Stream, P: Array, b: float, eta: float, step: str = "sqrt", learnt_from: float = np.inf
) -> Run:
    """Hinge loss, both phases every round; from round `learnt_from` on relations are learnt."""
    T, N, d = s.X.shape
    K = len(s.U)
    W, nodes = np.zeros((N, K, d)), np.arange(N)
    A_inv = interaction(K, b)
    margins, played = np.zeros((T, N)), []
    for t in range(T):
        x, y, k = s.X[t], s.Y[t], s.k[t]
        margins[t] = (W[nodes, k] * x).sum(1)
        played.append(W)
        g = -(y * (y * margins[t] < 1))[:, None] * x
        eta_t = eta / np.sqrt(t + 1) if step == "sqrt" else eta
        moved = W - eta_t * A_inv[k][:, :, None] * g[:, None]
        if t >= learnt_from:
            # A meeting looks at the models after A^-1 moved them.
            for i in range(N):
                relations = root(moved[i])
                relations *= np.trace(A_inv) / np.trace(relations)
                moved[i] = W[i] - eta_t * np.outer(relations[:, k[i]], g[i])
        W = np.einsum("il,lkd->ikd", P, moved)
    return Run(margins, played, W)
