"""The compiled parts of DROM's learning: a task's step by any rule, lazy in its non-zeros.

An entry's weights lie at its slot, whatever the layout; what a task postpones lies in dense rows.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from learners import lanes, links
from learners.kernels import PRIOR, compiled, oldest_first
from learners.links import consulted
from learners.losses import exp, log
from learners.scramble import GOLDEN, scrambled
from learners.types import F32, F64


@compiled
def chance(seed: int, n: int) -> float:
    """A number in [0, 1) from a task's seed and its example's number (splitmix64)."""
    x = np.uint64(seed) + np.uint64(n) * GOLDEN
    return float(scrambled(x) >> np.uint64(11)) / 9007199254740992.0


@compiled
def mean(x: F64) -> float:
    """The mean, summed from the first to the last."""
    total = x[0]
    for i in range(1, len(x)):
        total += x[i]
    return float(total * (1.0 / len(x)))


@compiled
def remember(recent: Any, ordered: Any, n: int, value: float) -> None:
    """Put the value that came after n others in the place of the oldest; `ordered` ascends.

    Both hold the last len(recent) values. It takes as many moves of one number to the next place
    as there are values between the one that goes and the one that comes.
    """
    length = len(recent)
    at, have = n % length, min(n, length)
    if have == length:
        lo, hi = 0, have - 1
        while lo < hi:
            middle = (lo + hi) // 2
            if ordered[middle] < recent[at]:
                lo = middle + 1
            else:
                hi = middle
        have -= 1
        for i in range(lo, have):
            ordered[i] = ordered[i + 1]
    new = np.float32(min(value, 3e38))
    i = have
    while i > 0 and ordered[i - 1] > new:
        ordered[i] = ordered[i - 1]
        i -= 1
    ordered[i], recent[at] = new, new


@compiled
def quantile(ordered: Any, n: int, q: float) -> float:
    """The q-quantile of the last of n values, never below 1: a loss of 1 is that of weights 0."""
    have = min(n, len(ordered))
    if have == 0:
        return 1.0
    at = min(have - 1, max(0, int(np.ceil(q * have)) - 1))
    return max(1.0, np.float64(ordered[at]))


@cache
def learner(binary: bool, e: int, loss: str, step: str, postpones: bool, watches: bool) -> Any:
    """The loop of a task's own steps by any of the rules, for e experts and any number of margins.

    With steps by coordinate on the plain log loss, nothing postponed, it does what
    `kernels.learner` does for experts with a dual, bit for bit, one number at a time. With
    `watches`, each loss is capped by a quantile of the task's last ones.
    """
    hinge = loss == "hinge"
    by_coordinate, by_norm, constant = step == "coordinate", step == "norm", step == "constant"
    # A margin is w = 2 w_1: columns of a softmax learn at half its rate, and each has half of what
    # it adds to a norm. Their dual is halved by unfolding itself.
    half = np.float32(1.0 if binary else 0.5)

    @compiled
    def run(
        rows: Any, indptr: Any, slots: Any, runs: bool, width: int, values: Any, labels: Any,
        weights: Any, first: Any, start: int, v: Any, g: Any, z: Any, c: Any, H: Any, played: Any,
        n: Any, norms: Any, zz: Any, b: Any, waits: Any, seed: Any, recent: Any, ordered: Any,
        eta: Any, coupling: float, power: float, cap: float, postpone: float, scores: Any,
        teach: bool,
    ) -> None:  # fmt: skip
        classes = first.shape[1]
        k = 1 if binary else classes
        m, r = np.zeros((2, k * e), np.float32)
        sums, drawn = np.zeros((2, k * e, 4), np.float32)
        by, moved, squares = np.zeros(e), np.zeros(e), np.zeros(k, np.float32)
        for i in range(len(rows)):
            t, y, now = rows[i], labels[i], start + i
            lo, hi = indptr[i], indptr[i + 1]
            at = i * classes * e
            o = slots[i] - lo if runs else 0
            sums[:], drawn[:] = 0, 0
            xx = 0.0
            for j in range(lo, hi):
                d, x = o + j if runs else slots[j], values[j]
                xx += x * x
                for q in range(k):
                    for s in range(e):
                        # In the order of `kernels.learner`: the oldest of four sums.
                        old, new = (j - lo) & 3, q * e + s
                        sums[new, old] = lanes.fma(x, v[d, q, s], sums[new, old])
                        drawn[new, old] = lanes.fma(x, z[d, q, 0], drawn[new, old])
            for q in range(k):
                for s in range(e):
                    pull = -np.float32(coupling) * np.float32(H[t, s])
                    m[q * e + s] = oldest_first(sums[q * e + s], hi - lo) + pull * oldest_first(
                        drawn[q * e + s], hi - lo
                    )
            for s in range(e):
                if binary:
                    r[s], _ = links.two(m[s], y, now, first, weights[i], scores, at + s, e)
                else:
                    links.many(m, r, s, k, t, y, now, first, weights[i], scores, at + s, e, m[s])
            if not teach:
                continue
            for s in range(e):
                square, worst = 0.0, 0.0
                most = quantile(ordered[t, :, s], n[t, 0], cap) if watches else cap
                for q in range(k):
                    margin = np.float64(m[q * e + s])
                    if hinge:
                        sign = 1.0 if (y == 1 if k == 1 else y == q) else -1.0
                        lost = max(0.0, 1.0 - sign * margin)
                        away = -sign * weights[i] if lost > 0.0 else 0.0
                    else:
                        lost = _log_loss(k, e, s, y, m, first, t, now)
                        away = np.float64(r[q * e + s])
                    if watches or power != 1.0 or lost > cap:
                        raised: Any = lost
                        if power != 1.0 and lost > 0.0:
                            raised = exp(power * log(lost))
                        worst = max(worst, raised)
                        away *= power * raised / lost if 0.0 < raised <= most else 0.0
                    r[q * e + s] = np.float32(away)
                    xz: Any = 0.0
                    for j in range(4):
                        xz += drawn[q * e + s, j]
                    square += away * (half * away * xx + 2.0 * coupling * xz)
                if watches:
                    remember(recent[t, :, s], ordered[t, :, s], n[t, 0], worst)
                if by_norm:
                    norms[t, s] += square + coupling * coupling * zz[t, s]
            n[t, 0] += 1
            count = np.float64(n[t, 0])
            for s in range(e):
                played[t, s] += H[t, s]
                if by_norm:
                    by[s] = eta[s] / np.sqrt(1.0 + norms[t, s])
                elif constant:
                    by[s] = eta[s]
                else:
                    by[s] = np.float64(eta[s]) / np.sqrt(count)
            if postpones and chance(seed[t, 0], n[t, 0]) < postpone:
                waits[t, 0] += 1
                for j in range(lo, hi):
                    d = o + j if runs else slots[j]
                    for q in range(k):
                        for s in range(e):
                            b[d, q, s] += half * r[q * e + s] * values[j]
                continue
            if postpones and waits[t, 0]:
                for d in range(t * width, (t + 1) * width):
                    for q in range(k):
                        for s in range(e):
                            old_w = v[d, q, s]
                            new_w = old_w - np.float32(by[s]) * b[d, q, s]
                            moved[s] = np.float64(new_w) - np.float64(old_w)
                            v[d, q, s] = new_w
                            b[d, q, s] = 0
                        c[d, q, 0] += count * mean(moved)
            for q in range(k):
                squares[q] = r[q * e] * r[q * e]
                for s in range(1, e):
                    squares[q] += r[q * e + s] * r[q * e + s]
                squares[q] *= np.float32(1.0 / e)
            for j in range(lo, hi):
                d, x = o + j if runs else slots[j], values[j]
                for q in range(k):
                    over: Any = np.float32(1.0)
                    if by_coordinate:
                        g[d, q, 0] = lanes.fma(squares[q], x * x, g[d, q, 0])
                        over = np.float32(1.0) / np.sqrt(g[d, q, 0] + PRIOR)
                    for s in range(e):
                        rate = half * (eta[s] if by_coordinate else np.float32(by[s]))
                        old_w = v[d, q, s]
                        new_w = lanes.fma(-r[q * e + s] * rate * x, over, old_w)
                        moved[s] = np.float64(new_w) - np.float64(old_w)
                        v[d, q, s] = new_w
                    c[d, q, 0] += count * mean(moved)
            for s in range(e):
                late = waits[t, 0] if postpones else 0
                H[t, s] += by[s] * (1 + late)
            if postpones:
                waits[t, 0] = 0

    return run


@compiled
def _log_loss(k: int, e: int, s: int, y: int, m: F32, first: Any, t: int, now: int) -> float:
    """Log loss of the label y by margins m[:, s], over the classes that compete with it."""
    if k == 1:
        margin = np.float64(m[s]) if y == 1 else -np.float64(m[s])
        return max(-margin, 0.0) + log(1.0 + exp(-abs(margin)))
    known = consulted(t, now, first)
    top = np.float64(m[y * e + s])
    for q in range(k):
        if first[known, q] < now:
            top = max(top, np.float64(m[q * e + s]))
    total = 0.0
    for q in range(k):
        if first[known, q] < now or q == y:
            total += exp(np.float64(m[q * e + s]) - top)
    return (top - np.float64(m[y * e + s])) + log(total)


@compiled
def squares(one: Any) -> F64:
    """Sums of squares over columns and classes of (t, d, k, e): (t, e).

    Smallest first, so that the order in which a place met its columns makes no difference.
    """
    tasks, d, k, e = one.shape
    out = np.zeros((tasks, e))
    part = np.zeros(d * k)
    for t in range(tasks):
        for s in range(e):
            for j in range(d):
                for q in range(k):
                    part[j * k + q] = np.float64(one[t, j, q, s]) * np.float64(one[t, j, q, s])
            part.sort()
            for x in part:
                out[t, s] += x
    return out
