"""The compiled loops: score, then learn, example by example, over a block.

Weights of a task and column lie together for all classes and experts, w[t, d, q] with
q = class * experts + expert, so that a feature is read once for all of them. Each kernel is made
for its number of experts, which the compiler then unrolls, and for two classes or several.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba import njit

from learners.losses import exp, log
from learners.types import F32, F64, I64

compiled = njit(cache=True, nogil=True, error_model="numpy")
PRIOR = np.float32(0.01)  # what the sums of squared gradients start from


@compiled
def consulted(task: int, now: int, first: I64) -> int:
    """The row whose classes a task's softmax runs over: its own once it has met two, else 0."""
    met = 0
    for c in range(first.shape[1]):
        met += first[task, c] < now
    return task if met >= 2 else 0


@compiled
def link_two(
    m: F32, task: int, label: int, now: int, first: I64, weight: float, p: F64, r: F32, odds: F64
) -> None:
    """Margins of two classes (e) -> probabilities (e, classes) and residuals (e).

    A residual is the loss's derivative by the margin. A class is not spoken of, nor learnt against,
    before the place has met it.
    """
    met0 = p.shape[1] > 0 and first[0, 0] < now
    met1 = p.shape[1] > 1 and first[0, 1] < now
    moves = p.shape[1] > 1 and (met0 or label == 0) and (met1 or label == 1)
    for q in range(len(r)):
        z = exp(-abs(np.float64(m[q])))
        high, low = 1.0 / (1.0 + z), z / (1.0 + z)
        up, down = (high, low) if m[q] >= 0 else (low, high)
        if met0 and met1:
            p[q, 0], p[q, 1] = down, up
        elif met0:
            p[q, 0] = 1.0
        elif met1:
            p[q, 1] = 1.0
        if label >= 0:
            away = -down if label == 1 else up
            r[q] = np.float32(weight * away) if moves else np.float32(0)
            odds[q] = 1.0 / z if (m[q] >= 0) == (label == 1) else z


@compiled
def link_many(
    m: F32, task: int, label: int, now: int, first: I64, weight: float, p: F64, r: F32, odds: F64
) -> None:
    """Margins of several classes (class * experts + expert) -> probabilities and residuals.

    The softmax runs over the classes that the task has met, or over the place's while it has met
    fewer than two.
    """
    e, k = p.shape
    t = consulted(task, now, first)
    for q in range(e):
        # The label may be news to the task: what is said of the others must not tell.
        top = -np.inf
        for c in range(k):
            if first[t, c] < now:
                top = max(top, np.float64(m[c * e + q]))
        total, heard, others, mine = 0.0, 0.0, 0.0, 0.0
        for c in range(k):
            if first[t, c] < now or c == label:
                z = exp(min(np.float64(m[c * e + q]) - top, 600.0))
                total += z
                if c == label:
                    mine = z
                else:
                    others += z
                if first[t, c] < now:
                    heard += z
                    p[q, c] = z
        odds[q] = mine / others if others > 0.0 else 0.0
        for c in range(k):
            if first[t, c] < now or c == label:
                # p - 1 by way of the others, lest it be rounding alone when p is near 1
                away = -others if c == label else p[q, c]
                r[c * e + q] = np.float32(weight * (away / total))
            else:
                r[c * e + q] = np.float32(0)
            if first[t, c] < now:
                p[q, c] /= heard


@compiled
def temper(r: F32, gain: F64, odds: F64, label: int, weight: float, share: F32) -> None:
    """Shares (e) of their plain moves that the experts make, so that none jumps past an example.

    Importance invariance: an example of that weight does what it would do in endless small parts,
    one after another, each with the residual that the parts before have left. Karampatziakis &
    Langford, "Online importance weight aware updates", UAI 2011, for the log loss: the margin of
    the label over the rest goes from m to m + a with a + odds (exp(a) - 1) = s, odds = exp(m) and
    s how far it would go if its residual were 1 throughout. Exact for two classes; for more, with
    the others' shares among themselves held. `gain` (k * e): sums of residual * value * plain move.
    """
    e = len(odds)
    for q in range(e):
        here = np.float64(r[label * e + q] if len(r) > e else r[q])
        share[q] = 1
        total = 0.0
        for j in range(q, len(gain), e):
            total += gain[j]
        if here != 0.0 and total > 0.0:
            o = max(odds[q], 1e-250)
            s = weight * total / (here * here)
            a = min(s / (1.0 + o), log(1.0 + s / o))  # both too far: Newton comes down to the root
            for _ in range(3):
                grown = o * exp(a)
                a -= (a + (grown - o) - s) / (1.0 + grown)
            share[q] = a * (1.0 + o) / s


@cache
def adagrad(binary: bool, e: int, own: bool, common: bool, tempered: bool) -> Any:
    """AdaGrad on the log loss of (u + v_t) . x, with either part or both.

    Duchi, Hazan & Singer, "Adaptive subgradient methods", JMLR 2011, with sums that start at PRIOR;
    both parts learn from every example, each with sums of its own. `tempered`: see `temper`.
    """

    @compiled
    def run(
        rows: Any, indptr: Any, columns: Any, values: Any, labels: Any, weights: Any, first: Any,
        start: int, v: Any, gv: Any, rate_v: Any, mine: Any, heard: Any, gu: Any,
        heard_g: Any, rate_u: Any, scores: Any, teach: bool,
    ) -> None:  # fmt: skip
        width = e if binary else v.shape[2] if own else mine.shape[1]
        m = np.zeros(width, np.float32)
        r = np.zeros(width, np.float32)
        odds, gain, share = np.zeros(e), np.zeros(width), np.zeros(e, np.float32)
        for i in range(len(rows)):
            t = rows[i]
            lo, hi = indptr[i], indptr[i + 1]
            m[:] = 0
            for j in range(lo, hi):
                d, x = columns[j], values[j]
                for q in range(width):
                    if own and common:
                        m[q] += x * ((mine[d, q] + heard[d, q]) + v[t, d, q])
                    elif own:
                        m[q] += x * v[t, d, q]
                    else:
                        m[q] += x * (mine[d, q] + heard[d, q])
            if binary:
                link_two(m, t, labels[i], start + i, first, weights[i], scores[i], r, odds)
            else:
                link_many(m, t, labels[i], start + i, first, weights[i], scores[i], r, odds)
            if not teach:
                continue
            gain[:] = 0.0
            for j in range(lo, hi):
                d, x = columns[j], values[j]
                for q in range(width):
                    step = r[q] * x
                    square = step * step
                    if own:
                        gv[t, d, q] += square
                        if tempered:
                            gain[q] += rate_v[q] * square / np.sqrt(gv[t, d, q] + PRIOR)
                    if common:
                        gu[d, q] += square
                        if tempered:
                            sums = (gu[d, q] + heard_g[d, q]) + PRIOR
                            gain[q] += rate_u[q] * square / np.sqrt(sums)
            if tempered:
                temper(r, gain, odds, labels[i], weights[i], share)
                for q in range(width):
                    r[q] *= share[q % e]
            for j in range(lo, hi):
                d, x = columns[j], values[j]
                for q in range(width):
                    step = r[q] * x
                    if own:
                        v[t, d, q] -= rate_v[q] * step / np.sqrt(gv[t, d, q] + PRIOR)
                    if common:
                        sums = (gu[d, q] + heard_g[d, q]) + PRIOR
                        mine[d, q] -= rate_u[q] * step / np.sqrt(sums)

    return run
