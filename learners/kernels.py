"""The compiled loops: score, then learn, example by example, over a block.

Weights of a task and column lie together for all classes and experts, w[t, d, q] with
q = class * experts + expert, so that a feature is fetched from memory once for all of them. Each
kernel is made for its number of experts and for two classes or several, and compiled when first
called; `kindred warm` calls them all.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba import njit

from learners.losses import exp, log
from learners.types import F32, F64, I32, I64

compiled = njit(cache=True, nogil=True, error_model="numpy")
inlined: Any = njit(inline="always", error_model="numpy")
ZERO = np.float32(0)
ONE, TWO, THREE, FOUR = (np.uint64(i) for i in (1, 2, 3, 4))  # unsigned: none counts from the end
PRIOR = np.float32(0.01)  # what the sums of squared gradients start from


@compiled
def consulted(task: int, now: int, first: I64) -> int:
    """The row whose classes a task's softmax runs over: its own once it has met two, else 0."""
    met = 0
    for c in range(first.shape[1]):
        met += first[task, c] < now
    return task if met >= 2 else 0


@inlined
def met_two(first: I64, now: int) -> int:
    """Which of two classes the place has met: 1, the first, plus 2, the second."""
    met0 = first.shape[1] > 0 and first[0, 0] < now
    met1 = first.shape[1] > 1 and first[0, 1] < now
    return int(met0) + 2 * int(met1)


@inlined
def two(margin: float, label: int) -> tuple[float, float, float]:
    """Probabilities, by the margin of class 1, of the label and of the other class, and their odds.

    Of label and other rather than of 0 and 1, since a branch by correctness is one well foreseen.
    """
    for_it = margin if label == 1 else -margin
    z = exp(-abs(for_it))
    high, low = 1.0 / (1.0 + z), z / (1.0 + z)
    return (high, low, 1.0 / z) if for_it >= 0.0 else (low, high, z)


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
        right, other, odds[q] = two(np.float64(m[q]), label)
        if met0 and met1:
            p[q, 0], p[q, 1] = (other, right) if label == 1 else (right, other)
        elif met0:
            p[q, 0] = 1.0
        elif met1:
            p[q, 1] = 1.0
        if label >= 0:
            away = -other if label == 1 else other
            r[q] = np.float32(weight * away) if moves else ZERO


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
    s how far it would go if its residual were 1 throughout, by three Newton steps (to 1e-3). For
    more than two classes, with the others' shares among themselves held. `gain` (k * e): sums of
    residual * value * plain move.
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


@inlined
def term(
    parts: int, dense: bool, values: F32, columns: I32, v: F32, mine: F32, heard: F32,
    t: int, c: int, j: int, n: int, q: int,
) -> Any:  # fmt: skip
    """What entry j adds to margin q: its value times v_t (part 1), u (part 2) or both."""
    d = (c + j if dense else np.uint64(columns[j])) * n + q
    if parts == 3:
        return values[j] * ((mine[d] + heard[d]) + v[t, d])
    if parts == 1:
        return values[j] * v[t, d]
    return values[j] * (mine[d] + heard[d])


@compiled
def consecutive(indptr: I64, columns: I32) -> bool:
    """Whether every example's columns follow one upon the other, as those of dense data do."""
    follow, inside = 0, 0  # neighbours that do, in all; and that should
    for j in range(np.uint64(indptr[0] + 1), np.uint64(indptr[-1])):
        follow += columns[j] - columns[j - ONE] == 1
    for i in range(len(indptr) - 1):
        lo, hi = indptr[i], indptr[i + 1]
        if lo < hi:
            inside += hi - lo - 1
            if lo > indptr[0]:  # neighbours of two examples do not count
                follow -= columns[lo] - columns[lo - 1] == 1
    return follow == inside


@cache
def adagrad(binary: bool, e: int, own: bool, common: bool, tempered: bool, dense: bool) -> Any:
    """AdaGrad on the log loss of (u + v_t) . x, with either part or both.

    Duchi, Hazan & Singer, "Adaptive subgradient methods", JMLR 2011, with sums that start at PRIOR;
    both parts learn from every example, each with sums of its own; `tempered`,
    importance-invariantly.

    Weights and sums come with columns and their n margins flat, at d * n + q. With `dense`, columns
    are counted and not looked up, which is all the compiler needs to do eight at once: the same
    operations in the same order, hence the same bits.
    """
    single = binary and e == 1  # one margin is kept in registers
    parts = own + 2 * common
    experts = np.uint64(e)

    @compiled
    def run(
        rows: Any, indptr: Any, columns: Any, values: Any, labels: Any, weights: Any, first: Any,
        start: int, v: Any, gv: Any, rate_v: Any, mine: Any, heard: Any, gu: Any,
        heard_g: Any, rate_u: Any, scores: Any, teach: bool,
    ) -> None:  # fmt: skip
        n = np.uint64(e if binary else e * first.shape[1])  # margins of all experts
        m = np.zeros(n, np.float32)
        r = np.zeros(n, np.float32)
        odds, gain, share = np.zeros(e), np.zeros(n), np.zeros(e, np.float32)
        residual, only_v, only_u = ZERO, rate_v[0], rate_u[0]
        for i in range(len(rows)):
            t, y, now = np.uint64(rows[i]), labels[i], start + i
            lo, hi = np.uint64(indptr[i]), np.uint64(indptr[i + 1])
            c = np.uint64(columns[lo]) - lo if dense and lo < hi else lo
            for q in range(n):
                # Four sums, of every fourth entry each, lest an addition wait for the last one.
                s0 = s1 = s2 = s3 = ZERO
                j: Any = lo
                while j + THREE < hi:
                    s0 += term(parts, dense, values, columns, v, mine, heard, t, c, j, n, q)
                    s1 += term(parts, dense, values, columns, v, mine, heard, t, c, j + ONE, n, q)
                    s2 += term(parts, dense, values, columns, v, mine, heard, t, c, j + TWO, n, q)
                    s3 += term(parts, dense, values, columns, v, mine, heard, t, c, j + THREE, n, q)
                    j += FOUR
                if j < hi:
                    s0 += term(parts, dense, values, columns, v, mine, heard, t, c, j, n, q)
                if j + ONE < hi:
                    s1 += term(parts, dense, values, columns, v, mine, heard, t, c, j + ONE, n, q)
                if j + TWO < hi:
                    s2 += term(parts, dense, values, columns, v, mine, heard, t, c, j + TWO, n, q)
                margin = (s0 + s1) + (s2 + s3)
                if single:
                    right, other, ratio = two(np.float64(margin), y)
                    met = met_two(first, now)
                    it = np.uint64(y == 1)
                    if met == 3:
                        scores[i, 0, it], scores[i, 0, ONE - it] = right, other
                    elif met > 0:
                        scores[i, 0, met - 1] = 1.0
                    away = -other if y == 1 else other
                    moves = met == 3 or (y == 0 and met == 2) or (y == 1 and met == 1)
                    residual = np.float32(weights[i] * away) if moves else ZERO
                    if tempered:
                        r[0], odds[0] = residual, ratio
                else:
                    m[q] = margin
            if binary and not single:
                link_two(m, rows[i], y, now, first, weights[i], scores[i], r, odds)
            elif not binary:
                link_many(m, rows[i], y, now, first, weights[i], scores[i], r, odds)
            if not teach:
                continue
            if tempered:
                gain[:] = 0.0
                for j in range(lo, hi):
                    at = (c + j if dense else np.uint64(columns[j])) * n
                    for q in range(n):
                        step = r[q] * values[j]
                        square = step * step
                        if own:
                            sums = (gv[t, at + q] + square) + PRIOR
                            gain[q] += rate_v[q] * square / np.sqrt(sums)
                        if common:
                            sums = ((gu[at + q] + square) + heard_g[at + q]) + PRIOR
                            gain[q] += rate_u[q] * square / np.sqrt(sums)
                temper(r, gain, odds, y, weights[i], share)
            for j in range(lo, hi):
                at = (c + j if dense else np.uint64(columns[j])) * n
                for q in range(n):
                    d = at + q
                    step = (residual if single else r[q]) * values[j]
                    square = step * step
                    if tempered:
                        step = (r[q] * share[q % experts]) * values[j]
                    if own:
                        gv[t, d] += square
                        rate = only_v if single else rate_v[q]
                        v[t, d] -= rate * step / np.sqrt(gv[t, d] + PRIOR)
                    if common:
                        gu[d] += square
                        rate = only_u if single else rate_u[q]
                        mine[d] -= rate * step / np.sqrt((gu[d] + heard_g[d]) + PRIOR)

    return run
