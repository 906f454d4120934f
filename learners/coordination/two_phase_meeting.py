"""Meetings of the two phases: which rows are one problem, at what weights; relations learnt."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from learners.coordination.relations import spectrum
from learners.linalg import product
from learners.types import F64, I64


def problems(tasks: Sequence[str], at: str) -> list[I64]:
    """Rows of each problem that has several: those of one name before the last `at`.

    >>> problems(["ham", "spam@@a", "spam@@b", "spam@c"], "@@")
    [array([1, 2])]
    """
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(tasks):
        rows.setdefault(name.rpartition(at)[0] or name, []).append(row)
    return [np.array(each) for each in rows.values() if len(each) > 1]


def weights(P: F64, senders: I64) -> F64:
    """P between rows instead of places: places that hold several of them share their weight.

    >>> weights(np.full((2, 2), 0.5), np.array([0, 1, 1]))
    array([[0.5 , 0.25, 0.25], [0.25, 0.25, 0.25], [0.25, 0.25, 0.25]])
    """
    many = np.bincount(senders, minlength=len(P))[senders]
    mixing: F64 = P[senders[:, None], senders] / np.maximum(many[:, None], many)
    return mixing


def correction(W: F64, moves: F64, b: float, trust: float) -> F64 | None:
    """What Omega, of A^-1's trace, would have done with moves (K, d), less what A^-1 did.

    The moves are of step eta / (1 + b). None where W is too large to learn relations from, or 0.
    """
    found = spectrum(W)
    if found is None or not len(found[0]):
        return None
    s, Q = found
    K = len(W)
    along = product(Q, (s / s.sum())[:, None] * product(np.ascontiguousarray(Q.T), moves))
    done = moves + (b / K) * product(np.ones((1, K)), moves)
    return trust * ((K + b) * along - done)
