"""The compiled loop of FedEM: score, let the task make up its mind, then move the components.

Components are lanes (`lanes`): those of a column and class lie at (column * classes + class) * M.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from learners import lanes, links
from learners.coordination.fedem_shares import expect, keep, note, settle
from learners.kernels import PRIOR, entry, loop
from learners.links import consulted, inlined
from learners.losses import exp, log
from learners.scramble import GOLDEN, scrambled
from learners.types import F32, F64, I64, U32, U64

HALVED = 50.0  # responsibility at which steps by mass have shrunk by sqrt(2)
FORGET = 0.6  # the n-th stochastic E step counts (n + 1) ** -FORGET


@inlined
def draw(name: Any, feature: Any, component: int) -> float:
    """A number in [-1, 1) from the names of a class and a feature, and a component (splitmix64)."""
    x = name + np.uint64(feature) * GOLDEN
    x = x ^ (np.uint64(component + 1) * np.uint64(0xD1B54A32D192ED03))
    return float(scrambled(x) >> np.uint64(11)) / 4503599627370496.0 - 1.0


@loop
def begin(
    w: Any, at: int, k: int, M: int, scale: float, feature: Any, names: U64, first: Any, now: int
) -> bool:
    """Let components begin in a feature, w[at:at + k M], as far as classes are met; whether any do.

    A class's column is drawn by its name, so a margin is a difference of two draws and turns its
    sign with its classes; of several, columns are their draws less the mean of the first two, which
    makes those two the halves of their margin.
    """
    if scale == 0.0 or first.shape[1] < 2 or first[0, 0] > now or first[0, 1] > now:
        return False
    began = False
    for q in range(k):
        if w[at + q * M] != 0 or (q > 1 and first[0, q] > now):
            continue
        began = True
        for m in range(M):
            a, b = draw(names[0], feature, m), draw(names[1], feature, m)
            if q < 2:
                margin = np.float32(scale * (b - a))
                half = np.float32(0.5 if q == 1 else -0.5)
                w[at + q * M + m] = margin if k == 1 else half * margin
            else:
                w[at + q * M + m] = scale * (draw(names[q], feature, m) - 0.5 * (a + b))
    return began


@cache
def learner(binary: bool, M: int, runs: bool) -> Any:
    """The loop for M components; with b = 0 examples kept shares follow stochastic E steps.

    Steps of a component are those of `kernels.learner` for an example that weighs what the
    component answers for of it; or, by mass, of rate / sqrt(1 + N_m / HALVED), N_m what it has
    answered for so far. One component is `kernels.learner` for one common part, bit for bit.
    Room is the caller's, rows of it: where entries lie, steps and weights in them, what margins
    take, what shares take, and what components say of the examples kept.
    """

    @loop
    def run(
        rows: Any, indptr: Any, columns: Any, slots: Any, ids: U32, values: Any, labels: Any,
        weights: Any, first: Any, start: int, names: U64, w: Any, mine: Any, heard: Any, g: Any,
        heard_g: Any, N: Any, held: Any, pi: Any, counts: Any, x: Any, visited: Any, part: Any,
        margins: Any, truth: Any, rate: Any, b: int, by_mass: bool, tempered: bool, scale: float,
        floor: float, at_entries: I64, of_entries: F32, of_margins: F32, of_shares: F64, p: F32,
        scores: Any, teach: bool, train: bool,
    ) -> None:  # fmt: skip
        classes = first.shape[1]
        k = 1 if binary else classes
        where, into = at_entries[0], at_entries[1]  # in common leaves; in those of pairs
        by, theta = of_entries[0], of_entries[1]
        m, r, lane = of_margins[0], of_margins[1], of_margins[2]
        said, q, mass = of_shares[0], of_shares[1, :M], of_shares[2, :M]
        eta = lanes.load(rate, 0, M)
        none, prior, odds = lanes.fill(eta, 0.0), lanes.fill(eta, PRIOR), eta
        for i in range(len(rows)):
            t, y, now = rows[i], labels[i], start + i
            lo, hi = indptr[i], indptr[i + 1]
            o = slots[i] - lo if runs else lo
            d = columns[i] - lo if runs else lo
            for j in range(lo, hi):
                where[j - lo] = np.int64(entry(runs, d, columns, j)) * k * M
            for again in range(2):  # by what was known before; then, to learn, by what it brings
                if again:
                    began = False
                    if teach and train:
                        for j in range(lo, hi):
                            at = where[j - lo]
                            began |= begin(w, at, k, M, scale, ids[j], names, first, now)
                    if not began:
                        break
                for c in range(k):
                    # Each product goes to the oldest of four sums, as in `kernels.learner`.
                    s0, s1, s2, s3 = none, none, none, none
                    for j in range(lo, hi):
                        e = where[j - lo] + c * M
                        learnt = lanes.load(mine, e, M) + lanes.load(heard, e, M)
                        here = lanes.load(w, e, M) + learnt
                        lanes.store(theta, ((j - lo) * k + c) * M, here)
                        value = lanes.fill(none, values[j])
                        s0, s1, s2, s3 = s1, s2, s3, lanes.fma(value, here, s0)
                    lanes.store(m, c * M, (s0 + s1) + (s2 + s3))
                said[:] = 0.0
                if binary:
                    margin = lanes.load(m, 0, M)
                    residual, odds = links.two(margin, y, now + again, first, 1.0, said, 0, M)
                    lanes.store(r, 0, residual)
                else:
                    odds = links.many(
                        m, r, 0, classes, t, y, now + again, first, 1.0, said, 0, M, none
                    )
                if not again:
                    for c in range(classes):
                        for s in range(M):
                            scores[i * classes + c] += pi[t, s] * said[c * M + s]
            if not teach:
                continue
            weight, n = np.float64(weights[i]), counts[t, 0]
            counts[t, 0] = n + 1
            if b:
                for j in range(lo, hi):
                    into[j - lo] = entry(runs, o, slots, j)
                keep(into[: hi - lo], values[lo:hi], theta, m, t, n, b, x, visited, part, margins)
                note(truth[t], y, weight, n % b)
                known = consulted(t, now + 1, first)  # its label is no news any more
                mine_of_it = margins[t * k * M * b : (t + 1) * k * M * b].reshape(k, M, b)
                whole = expect(
                    mine_of_it, truth[t], min(n + 1, b), n % b, known, now, first, pi[t], q, mass, p
                )
                if whole > 0.0:
                    mass /= whole
                    settle(pi[t], mass, floor)
            else:
                lanes.store(lane, 0, odds)
                total = 0.0
                for s in range(M):
                    likely = min(np.float64(lane[s]), 1e30)  # to one; infinite where it is all
                    q[s] = pi[t, s] * (likely / (1.0 + likely))
                    total += q[s]
                step = exp(-FORGET * log(n + 2.0)) if weight > 0.0 else 0.0
                for s in range(M):
                    q[s] /= total
                    mass[s] = pi[t, s] + step * (q[s] - pi[t, s])
                settle(pi[t], mass, floor)
            if not train:
                continue
            slower, one = eta, lanes.fill(none, 1.0)
            if by_mass:
                for s in range(M):
                    lane[s] = 1.0 / np.sqrt(1.0 + N[s] / HALVED)
                slower = eta * lanes.load(lane, 0, M)
            for s in range(M):
                lane[s] = weight * q[s]
                N[s] += weight * q[s]
            answers = lanes.load(lane, 0, M)
            reach = none
            for c in range(k):
                residual = lanes.load(r, c * M, M)
                squares = (residual * answers) * (residual * answers)
                s0, s1, s2, s3 = none, none, none, none
                for j in range(lo, hi):
                    e = where[j - lo] + c * M
                    value, size = lanes.fill(none, values[j]), one
                    if not by_mass:
                        sums = lanes.fma(squares, value * value, lanes.load(g, e, M))
                        lanes.store(g, e, sums)
                        size = one / lanes.sqrt((sums + lanes.load(heard_g, e, M)) + prior)
                    lanes.store(by, ((j - lo) * k + c) * M, size)
                    s0, s1, s2, s3 = s1, s2, s3, lanes.fma(value * value, size, s0)
                far = slower * ((s0 + s1) + (s2 + s3))
                if tempered and binary:
                    reach = far
                elif tempered:
                    label, least = lanes.load(r, y * M, M), lanes.fill(none, 1e-30)
                    ratio = lanes.less(lanes.size(label), least, none, residual / label)
                    reach = lanes.fma(ratio * ratio, far, reach)
            if tempered:
                answers = answers * links.temper(odds, answers * reach)
            for c in range(k):
                grad = -(lanes.load(r, c * M, M) * answers) * slower
                for j in range(lo, hi):
                    e = where[j - lo] + c * M
                    size = lanes.load(by, ((j - lo) * k + c) * M, M)
                    move = grad * lanes.fill(none, values[j])
                    lanes.store(mine, e, lanes.fma(move, size, lanes.load(mine, e, M)))
            for j in range(lo, hi):
                held[where[j - lo] // (k * M)] += 1.0

    return run
