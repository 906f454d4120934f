"""The compiled parts of the two phases: steps by the paper's rule, and what nodes agree on."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from learners import links
from learners.kernels import compiled
from learners.types import F32, F64, I64


@compiled
def count(rows: I64, known: I64, tasks: I64) -> None:
    """Count those tasks of a block that learn for the first time."""
    for t in rows:
        if known[t, 0] == 0:
            known[t, 0] = 1
            tasks[0] += 1


@compiled
def spread(rows: I64, indptr: I64, values: F32, known: I64, tasks: I64, teach: bool) -> F32:
    """Values as the common part sees them, over sqrt(K), K as it was before each example."""
    out = np.empty_like(values)
    for i in range(len(rows)):
        by = np.float32(1.0 / np.sqrt(np.float64(max(1, tasks[0]))))
        for j in range(indptr[i], indptr[i + 1]):
            out[j] = values[j] * by
        if teach:
            count(rows[i : i + 1], known, tasks)
    return out


@cache
def learner(binary: bool, e: int, hinge: bool, falling: bool) -> Any:
    """The loop of steps eta or, `falling`, eta / sqrt(t), of both parts, for e experts.

    Margins are v . x + u . x / sqrt(K); `rate_v` and `rate_u` are the shares of each part in a
    step. Rows lie flat as in `kernels.learner`.
    """
    # A margin is w = 2 w_1: the columns of a softmax learn at half its rate.
    half = np.float32(1.0 if binary else 0.5)

    @compiled
    def run(
        rows: Any, indptr: Any, columns: Any, slots: Any, runs: bool, values: Any, spread: Any,
        labels: Any, weights: Any, first: Any, start: int, v: Any, mine: Any, heard: Any,
        steps: Any, eta: Any, rate_v: float, rate_u: float, scores: Any, teach: bool,
    ) -> None:  # fmt: skip
        classes = first.shape[1]
        k = 1 if binary else classes
        m, r = np.zeros((2, k * e), np.float32)
        for i in range(len(rows)):
            t, y, now = rows[i], labels[i], start + i
            lo, hi = indptr[i], indptr[i + 1]
            at = i * classes * e
            m[:] = 0
            for j in range(lo, hi):
                own = (slots[i] + j - lo if runs else slots[j]) * k * e
                common = np.int64(columns[i] + j - lo if runs else columns[j]) * k * e
                for q in range(k * e):
                    m[q] += values[j] * v[own + q]
                    m[q] += spread[j] * (mine[common + q] + heard[common + q])
            for s in range(e):
                if binary:
                    r[s], _ = links.two(m[s], y, now, first, weights[i], scores, at + s, e)
                else:
                    links.many(m, r, s, k, t, y, now, first, weights[i], scores, at + s, e, m[s])
            if not teach:
                continue
            steps[0] += 1
            shrink = np.float32(np.sqrt(np.float64(steps[0])) if falling else 1.0)
            if hinge:
                for q in range(k):
                    sign = np.float32(1.0 if (y == 1 if binary else y == q) else -1.0)
                    for s in range(e):
                        inside = sign * m[q * e + s] < np.float32(1.0)
                        r[q * e + s] = -sign * weights[i] if inside else np.float32(0.0)
            for j in range(lo, hi):
                own = (slots[i] + j - lo if runs else slots[j]) * k * e
                common = np.int64(columns[i] + j - lo if runs else columns[j]) * k * e
                for q in range(k * e):
                    by = half * r[q] * (eta[q % e] / shrink)
                    v[own + q] -= np.float32(rate_v) * by * values[j]
                    mine[common + q] -= np.float32(rate_u) * by * spread[j]

    return run


@compiled
def agree(P: F64, alike: bool, w: F32, h: F32, speaks: Any, joined: Any) -> F32:
    """What phase (ii) has made of each node's model, h, once it was mixed: (n, d) in, (n, d) out.

    h_i + sum_l P_il (w_l - w_i) over those l who are heeded: who has learnt something and has met
    before, or, where nobody has met before, all who have learnt something. The weight of all others
    is the node's own, so with a symmetric P the mean of the heeded stays; where P says that all are
    `alike`, the heeded have equal weights. Who is not heeded takes the heeded's mean, as P_il weigh
    them, in the place of its h.
    """
    n, d = w.shape
    some = False
    for i in range(n):
        some = some or (speaks[i] and joined[i])
    heeded, many = np.zeros(n, np.bool_), 0
    for i in range(n):
        heeded[i] = speaks[i] and (joined[i] or not some)
        many += heeded[i]
    each = 1.0 / max(1, many)
    out = h.copy()
    move = np.empty(d)
    for i in range(n):
        whole = 0.0
        move[:] = 0.0
        for o in range(n):
            p = each if alike else P[i, o]
            if o == i or not heeded[o] or p == 0.0:
                continue
            whole += p
            for j in range(d):
                here = np.float64(w[i, j]) if heeded[i] else 0.0
                move[j] += p * (np.float64(w[o, j]) - here)
        for j in range(d):
            if heeded[i]:
                out[i, j] = np.float32(np.float64(h[i, j]) + move[j])
            elif whole > 0.0:
                out[i, j] = np.float32(move[j] / whole)
    return out
