"""The compiled loop of Newton steps in a metric that all tasks of a place share."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from learners import lanes, links
from learners.kernels import AHEAD, ZERO, entry, fetch, loop

CURVATURE = 0.25  # of the log loss, at most (Boehning 1992)
WIDE = 8  # neighbours of a row of P that are worked on at once; its length is a multiple


@cache
def learner(binary: bool, e: int, runs: bool) -> Any:
    """Say, then learn, example by example, for e experts, in two classes or several.

    Scores are written for the first of `across` experts. Room is the caller's: for an example's
    entries, for P x, and for margins and residuals, `across` for each class.
    """

    @loop
    def run(
        rows: Any, indptr: Any, columns: Any, slots: Any, values: Any, labels: Any, weights: Any,
        first: Any, start: int, at: Any, used: Any, P: Any, N: Any, u: Any, rate_u: Any, v: Any,
        n: Any, rate_v: Any, kappa: float, D: int, x: Any, Px: Any, place: Any, where: Any, m: Any,
        r: Any, scores: Any, across: int, teach: bool,
    ) -> None:  # fmt: skip
        classes = first.shape[1]
        k = 1 if binary else classes
        common, own = lanes.load(rate_u, 0, e), lanes.load(rate_v, 0, e)
        none = lanes.fill(common, 0.0)
        zero = lanes.fill(lanes.load(P, 0, WIDE), 0.0)
        count = 0  # entries of the example that have a place,
        full = ZERO  # and of the one before, if all of its have
        for i in range(len(rows)):
            t, y, now, weight = rows[i], labels[i], start + i, np.float64(weights[i])
            lo, hi = np.uint64(indptr[i]), np.uint64(indptr[i + 1])
            o = np.uint64(slots[i]) - lo if runs else lo
            d = np.uint64(columns[i]) - lo if runs else lo
            if runs and i + AHEAD < len(rows):
                fetch(v, slots[i + AHEAD] * k * e, (hi - lo) * np.uint64(k * e))
                lanes.prefetch(n, rows[i + AHEAD])
            if runs and full > ZERO and full == hi - lo and columns[i] == columns[i - 1]:
                # A table's examples hold the same: their places are those of the one before.
                for j in range(full):
                    x[j], where[j] = values[lo + j], o + lo + j
            else:
                count = 0
                for j in range(lo, hi):
                    known = at[entry(runs, d, columns, j)]
                    if known > 0:
                        x[count], place[count] = values[j], known - 1
                        where[count] = entry(runs, o, slots, j)
                        count += 1
            margin = none
            for q in range(k):
                s0, s1 = none, none
                for j in range(count):
                    w = lanes.load(u, (place[j] * k + q) * e, e)
                    w = w + lanes.load(v, (where[j] * k + q) * e, e)
                    s0, s1 = s1, lanes.fma(lanes.fill(none, x[j]), w, s0)
                margin = s0 + s1
                if not binary:
                    lanes.store(m, q * across, margin)
            begin = i * classes * across
            if binary:
                residual, odds = links.two(margin, y, now, first, weights[i], scores, begin, across)
                lanes.store(r, 0, residual)
            else:
                odds = links.many(
                    m, r, 0, classes, t, y, now, first, weights[i], scores, begin, across, none
                )
            full = hi - lo if np.uint64(count) == hi - lo else ZERO
            if not teach or weight <= 0.0:
                continue
            end = lo if full else hi  # mostly all have a place
            for j in range(lo, end):
                column = entry(runs, d, columns, j)
                if at[column] == 0 and used[0] < D:
                    x[count], place[count] = values[j], used[0]
                    where[count] = entry(runs, o, slots, j)
                    count += 1
                    used[0] += 1
                    at[column] = used[0]
            N[0] += 1
            n[t] += 1
            taken = used[0]
            for b in range(0, taken, WIDE):
                sums = zero
                for j in range(count):
                    row = lanes.load(P, place[j] * D + b, WIDE)
                    sums = lanes.fma(lanes.fill(zero, x[j]), row, sums)
                lanes.store(Px, b, sums)
            a0, a1, a2, a3 = 0.0, 0.0, 0.0, 0.0
            for j in range(count):
                a0, a1, a2, a3 = a1, a2, a3, lanes.fma(x[j], Px[place[j]], a0)
            s = max((a0 + a1) + (a2 + a3), 0.0)
            by_u = 1.0 / (1.0 + CURVATURE * weight * s)
            f = np.float64(N[0]) / (np.float64(n[t]) + kappa)
            by_v = f / (1.0 + CURVATURE * weight * f * s)
            far_u, far_v = common * lanes.fill(none, by_u), own * lanes.fill(none, by_v)
            far = (far_u + far_v) * lanes.fill(none, s)
            reach = far
            if not binary:
                mine = lanes.load(r, y * across, e)
                least = lanes.fill(none, 1e-30)
                squares = none
                for q in range(k):
                    ratio = lanes.less(
                        lanes.size(mine), least, none, lanes.load(r, q * across, e) / mine
                    )
                    squares = lanes.fma(ratio, ratio, squares)
                reach = far * squares
            share = links.temper(odds, lanes.fill(none, weights[i]) * reach)
            # P moves while the shares are being found, each of whose steps waits for the last one.
            g = lanes.fill(zero, -CURVATURE * weight * by_u)
            for a in range(taken):
                beside = lanes.fill(zero, Px[a])
                for b in range(0, taken, WIDE):
                    square = beside * lanes.load(Px, b, WIDE)  # first, lest P lose its symmetry
                    here = a * D + b
                    lanes.store(P, here, lanes.fma(g, square, lanes.load(P, here, WIDE)))
            for q in range(k):
                residual = lanes.load(r, q * across, e) * share
                step_u, step_v = far_u * residual, far_v * residual
                for b in range(taken):
                    here = (b * k + q) * e
                    lanes.store(u, here, lanes.load(u, here, e) - step_u * lanes.fill(none, Px[b]))
                for j in range(count):
                    here = (where[j] * k + q) * e
                    step = step_v * lanes.fill(none, Px[place[j]])
                    lanes.store(v, here, lanes.load(v, here, e) - step)

    return run
