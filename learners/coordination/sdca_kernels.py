"""The compiled parts of dual coordinate ascent at a task: its window, its steps, what it tells.

A task keeps its last C examples in a ring: example n lies at position n mod C of every column that
it holds, its products with the others in a Gram matrix. So all is worked out from the duals, and
nothing summed up drifts; a step costs O(C), a new example O(C) for each of its entries. Positions
are not cleared when examples leave: `last` says up to which example a column is right, and what was
written before that many is 0, whatever stands there.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from learners import lanes, links
from learners.coordination.drom_kernels import chance
from learners.kernels import compiled, entry, loop
from learners.losses import exp
from learners.types import F32, F64, I64

HINGE, SMOOTH, LOGISTIC, SQUARED = range(4)
LOSSES = ("hinge", "smooth", "logistic", "squared")
GAMMA = 0.5  # of the smoothed hinge: it is quadratic from margin 1 down to 1 - gamma
EDGE = 1e-12  # how near logistic duals come to 0 and 1
WIDE = 8  # products summed up at once


@loop
def stepped(loss: int, b: float, u: float, q: float) -> float:
    """The dual b = y alpha of an example after the exact step on it alone.

    u is its margin, y x.w; q = rho sigma_tt |x|^2 / (lambda n), how much the margin grows with b.
    """
    if loss == HINGE:
        return min(1.0, max(0.0, b + (1.0 - u) / q))
    if loss == SMOOTH:
        return min(1.0, max(0.0, b + (1.0 - u - GAMMA * b) / (q + GAMMA)))
    if loss == SQUARED:
        return b + (1.0 - u - b) / (1.0 + q)
    # m = log(b / (1 - b)) solves m + q / (1 + exp(-m)) = q b - u, which lies between these two.
    high = q * b - u
    low = high - q
    m: float = min(high, max(low, -u))
    for _ in range(100):
        z: Any = exp(-abs(m))
        share = 1.0 / (1.0 + z)
        p = share if m >= 0.0 else z * share
        f = m + q * p - (q * b - u)
        if f > 0.0:
            high = m
        else:
            low = m
        new = m - f / (1.0 + q * (z * share * share))
        if not low <= new <= high:
            new = 0.5 * (low + high)
        if abs(new - m) <= 1e-14 * (1.0 + abs(m)):
            break
        m = new
    z = exp(-abs(m))
    p = 1.0 / (1.0 + z) if m >= 0.0 else z / (1.0 + z)
    return min(1.0 - EDGE, max(EDGE, p))  # type: ignore[no-any-return]


@loop
def _arc(n: int, last: int, C: int) -> tuple[int, int, int, int]:
    """Positions of the window's examples up to `last`, of n that came: from, to, and from, to."""
    oldest = max(1, n - C + 1)
    if last < oldest:
        return 0, 0, 0, 0
    lo, hi = oldest % C, last % C + 1
    if lo < hi:
        return lo, hi, 0, 0
    return lo, C, 0, hi


@loop
def _add(value: float, row: Any, lo: int, hi: int, out: F64) -> None:
    """Add value * row from lo to hi."""
    p = lo
    while p + WIDE <= hi:
        sums = lanes.load(out, p, WIDE)
        by = lanes.fill(sums, value)
        lanes.store(out, p, lanes.fma(by, lanes.double(lanes.load(row, p, WIDE)), sums))
        p += WIDE
    while p < hi:
        out[p] += value * np.float64(row[p])
        p += 1


@loop
def _times(value: float, row: Any, arc: Any, out: F64) -> None:
    """Add value * row over the positions of that arc."""
    _add(value, row, arc[0], arc[1], out)
    _add(value, row, arc[2], arc[3], out)


@loop
def _span(a: F64, row: Any, lo: int, hi: int) -> float:
    """a . row from lo to hi."""
    sums = lanes.fill(lanes.load(a, 0, WIDE), 0.0)
    p = lo
    while p + WIDE <= hi:
        sums = lanes.fma(lanes.load(a, p, WIDE), lanes.double(lanes.load(row, p, WIDE)), sums)
        p += WIDE
    total = lanes.total(sums)
    while p < hi:
        total += a[p] * np.float64(row[p])
        p += 1
    return total  # type: ignore[no-any-return]


@loop
def _dot(a: F64, row: Any, arc: Any) -> float:
    """a . row over the positions of that arc."""
    total: float = _span(a, row, arc[0], arc[1]) + _span(a, row, arc[2], arc[3])
    return total


@loop
def _duals(y: Any, weight: Any, beta: Any, out: F64) -> None:
    """alpha (k e, C) of one task, by its b: alpha = weight y b, where y is known by its sign."""
    for c in range(beta.shape[0]):
        for q in range(beta.shape[1]):
            for s in range(beta.shape[2]):
                signed = weight[c] if y[c, q] > 0 else -weight[c]
                out[q * beta.shape[2] + s, c] = np.float64(signed) * beta[c, q, s]


@cache
def learner(binary: bool, loss: int, runs: bool, teach: bool) -> Any:
    """The loop over a block. Steps: one on the new example, then on some of the window.

    Classes met are learnt one against the rest; of two classes, the margin (its two columns, where
    it is unfolded, are its halves, and their duals are the same). Room is the caller's, rows of it:
    over the window, for margins, and for what is said of them.
    """
    half = 1.0 if binary else 0.5  # a stored column is that much of its class's margin

    @loop
    def run(
        rows: Any, indptr: Any, columns: Any, slots: Any, ids: Any, values: Any, labels: Any,
        weights: Any, first: Any, start: int, x: Any, last: Any, named: Any, others: Any,
        told: Any, shown: Any, drawn: Any, y: Any, weight: Any, beta: Any, theirs: Any, base: Any,
        G: Any, n: Any, seed: Any, mine: Any, elsewhere: Any, sigma: Any, part: Any, rho: Any,
        blind: Any, ridge: Any, least: int, most: int, of_window: F64, of_margins: F64,
        of_answers: F32, scores: Any,
    ) -> None:  # fmt: skip
        classes, e = first.shape[1], len(ridge)
        k = 1 if binary else classes
        C = x.shape[1]
        row, alpha, moved = of_window[0], of_window[1 : 1 + k * e], of_window[1 + k * e :]
        m, b0, said, r = of_margins[0], of_margins[1], of_answers[0], of_answers[1]
        for i in range(len(rows)):
            t, label, now = rows[i], labels[i], start + i
            lo, hi = np.uint64(indptr[i]), np.uint64(indptr[i + 1])
            begin = np.uint64(slots[i]) - lo if runs else lo
            common = np.uint64(columns[i]) - lo if runs else lo
            count = n[t, 0]
            row[:], m[:], b0[:], moved[:] = 0.0, 0.0, 0.0, 0.0
            square, lives = 0.0, teach and part[t, 0] != 0.0
            for j in range(lo, hi):
                at, value = entry(runs, begin, slots, j), np.float64(values[j])
                col, arc = entry(runs, common, columns, j), _arc(count, last[at], C)
                square += value * value
                _times(value, x[at], arc, row)
                for q in range(k):
                    for s in range(e):
                        all_b = mine[col, q, s] + elsewhere[col, q, s]
                        by = part[t, s] / ridge[s] * (all_b - shown[at, q, s])
                        m[q * e + s] += value * (others[at, q, s] + by)
                        b0[q * e + s] += value * told[at, q, s]
                        if lives:  # what the others here have learnt since, in what is kept
                            _times(by - drawn[at, q, s], x[at], arc, moved[q * e + s])
                            drawn[at, q, s] = by
            _duals(y[t], weight[t], beta[t], alpha)
            whole = (0, min(C, count + 1), 0, 0)
            for q in range(k):
                for s in range(e):
                    own = sigma[t, s] / ridge[s] * (_dot(alpha[q * e + s], row, whole) / C)
                    said[q * e + s] = np.float32(m[q * e + s] + half * own)
            several = 0  # that the task has met: to one that has met none, two are one margin
            for q in range(classes):
                several += t > 0 and first[t, q] < now
            if several > 2:
                said *= np.float32(2.0)
            for s in range(e):
                at = i * classes * e + s
                if binary:
                    links.two(said[s], label, now, first, weights[i], scores, at, e)
                else:
                    links.many(
                        said, r, s, k, t, label, now, first, weights[i], scores, at, e, said[s]
                    )
            if not teach:
                continue
            if lives:
                for q in range(k):
                    for s in range(e):
                        for p in range(C):
                            theirs[t, p, q, s] += moved[q * e + s, p]
            n[t, 1] += 1
            keeps = weights[i] > 0.0
            count += keeps
            n[t, 0] = count
            new = count % C
            if keeps:
                for j in range(lo, hi):
                    at = entry(runs, begin, slots, j)
                    for gone in range(max(last[at] + 1, count - C), count):
                        x[at, gone % C] = 0.0
                    x[at, new] = values[j]
                    last[at], named[at] = count, ids[j]
                row[new] = square
                for p in range(C):
                    G[t, new, p] = G[t, p, new] = np.float32(row[p])
                weight[t, new] = weights[i]
                for q in range(k):
                    up = label == (1 if binary else q)
                    is_met = q < 2 or first[0, q] < now or q == label
                    y[t, new, q] = np.float32((half if up else -half) if is_met else 0.0)
                    for s in range(e):
                        beta[t, new, q, s] = alpha[q * e + s, new] = 0.0
                        theirs[t, new, q, s], base[t, new, q, s] = m[q * e + s], b0[q * e + s]
            met = 0
            for q in range(classes):
                met += first[0, q] < now or q == label
            if met < 2:
                continue
            work = least + int((most - least + 1) * chance(seed[t, 0], n[t, 1]))
            filled, whole = min(count, C), (0, min(C, count + 1), 0, 0)
            for step in range(work):
                p = new
                if step > 0 or not keeps:
                    p = (count - int(filled * chance(n[t, 1], step))) % C
                for q in range(k):
                    if not (binary or first[0, q] < now or q == label):
                        continue
                    sign = 1.0 if y[t, p, q] > 0 else -1.0
                    for s in range(e):
                        v, by = np.float64(weight[t, p]), sigma[t, s] / ridge[s]
                        brake = rho[t, s] if keeps else blind[t, s]
                        grows = brake * by * v * np.float64(G[t, p, p]) / C
                        if grows <= 0.0:
                            continue
                        own = _dot(alpha[q * e + s], G[t, p], whole) / C
                        moved_by = brake * own - (brake - 1.0) * base[t, p, q, s] / half
                        u = sign * (theirs[t, p, q, s] / half + by * moved_by)
                        new_b = stepped(loss, beta[t, p, q, s], u, grows)
                        beta[t, p, q, s] = new_b
                        alpha[q * e + s, p] = sign * v * new_b
            if lives:
                for j in range(lo, hi):
                    at, col = entry(runs, begin, slots, j), entry(runs, common, columns, j)
                    arc = _arc(count, last[at], C)
                    for q in range(k):
                        for s in range(e):
                            b = half * _dot(alpha[q * e + s], x[at], arc) / C
                            mine[col, q, s] += b - shown[at, q, s]
                            shown[at, q, s] = b

    return run


@compiled
def telling(rows: I64, x: Any, last: Any, y: Any, weight: Any, beta: Any, n: Any, out: F64) -> None:
    """b of rows, as columns are stored: the mean over the window of alpha x."""
    C, k, e = beta.shape[1:]
    half = 1.0 if k == 1 else 0.5
    alpha = np.zeros((k * e, C))
    for i in range(len(rows)):
        t = rows[i]
        _duals(y[t], weight[t], beta[t], alpha)
        for d in range(x.shape[1]):
            arc = _arc(n[t, 0], last[t, d], C)
            for q in range(k):
                for s in range(e):
                    out[i, d, q, s] = half * _dot(alpha[q * e + s], x[t, d], arc) / C


@compiled
def hearing(
    rows: I64, x: Any, last: Any, named: Any, others: Any, told: Any, drawn: Any, theirs: Any,
    base: Any, n: Any, new_others: Any, new_told: Any, new_drawn: Any,
) -> None:  # fmt: skip
    """Take the others' part and what this task told, in columns that it has seen.

    And what they make of the window's examples, summed up in the order of the features' ids.
    """
    C, k, e = theirs.shape[1:]
    by_theirs, by_told = np.zeros((2, C))
    for i in range(len(rows)):
        t = rows[i]
        seen: Any = np.flatnonzero(last[t] > 0)
        seen = seen[np.argsort(named[t][seen], kind="mergesort")]
        for d in seen:
            others[t, d], told[t, d] = new_others[i, d], new_told[i, d]
            drawn[t, d] = new_drawn[i, d]
        for q in range(k):
            for s in range(e):
                by_theirs[:], by_told[:] = 0.0, 0.0
                for d in seen:
                    arc = _arc(n[t, 0], last[t, d], C)
                    _times(others[t, d, q, s] + drawn[t, d, q, s], x[t, d], arc, by_theirs)
                    _times(told[t, d, q, s], x[t, d], arc, by_told)
                theirs[t, :, q, s], base[t, :, q, s] = by_theirs, by_told
