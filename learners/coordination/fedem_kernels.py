"""The compiled loop of FedEM: a task's E and M step over the examples it keeps, then theirs.

Components are lanes (`lanes`): entry (column * classes + class) * M is where component 0 lies. What
a task keeps of a feature, its values in the last b examples, lies together by slot; so does the
part of the components that those examples' margins are made of.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from learners import lanes, links
from learners.kernels import PRIOR, compiled, entry
from learners.links import FAR, consulted, inlined
from learners.losses import exp, log
from learners.types import F64, U32, U64

FLOOR = 0.01  # no component's share is less than this, over M: what was useless once may come back
WIDE = 16  # examples kept that are brought up to date at once
HALF_LIFE = 50.0  # responsibility after which steps by mass have shrunk by sqrt(2)


@inlined
def draw(name: Any, feature: Any, component: int) -> float:
    """A number in [-1, 1) from the names of a class and a feature, and a component (splitmix64)."""
    x = name + np.uint64(feature) * np.uint64(0x9E3779B97F4A7C15)
    x = x ^ (np.uint64(component + 1) * np.uint64(0xD1B54A32D192ED03))
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return float((x ^ (x >> np.uint64(31))) >> np.uint64(11)) / 4503599627370496.0 - 1.0


@compiled
def begin(
    w: Any, at: int, k: int, M: int, scale: float, feature: Any, names: U64, first: Any, now: int
) -> bool:
    """Let components start in a feature, w[at:at + k M], as far as classes are known; whether any.

    A class's column is drawn from its name, so a margin is a difference of two draws and turns its
    sign with its classes; several columns are theirs less the mean of the first two, which makes
    these the halves of their margin.
    """
    if first.shape[1] < 2 or first[0, 0] > now or first[0, 1] > now:
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


@compiled
def expect(
    margins: Any, truth: Any, filled: int, newest: int, known: int, now: int, first: Any, pi: Any,
    p: F64, q: F64, mass: F64,
) -> float:  # fmt: skip
    """E step over a task's examples: the weight in all, and in `mass` the responsibilities' sums.

    By margins (k, M, b) and truth (k, b): the weight, in the manner of a margin with its label's
    sign. The responsibilities of the newest example are left in q.
    """
    k, M, _ = margins.shape
    mass[:] = 0.0
    whole = 0.0
    for i in range(filled):
        weight, y = np.float64(abs(truth[0, i])), 0
        if k > 1:
            weight = 0.0
            for c in range(k):
                if 2.0 * truth[c, i] > weight:
                    weight, y = 2.0 * np.float64(truth[c, i]), c
        if weight == 0.0 and i != newest:
            continue
        total = 0.0
        for m in range(M):
            if k == 1:
                margin = np.float64(margins[0, m, i])
                z = exp(-min(abs(margin), FAR))
                right = (margin >= 0.0) == (truth[0, i] >= 0.0)
                p[m] = pi[m] * ((1.0 if right else z) / (1.0 + z))
            else:
                top = np.float64(margins[y, m, i])
                for c in range(k):
                    if first[known, c] <= now:
                        top = max(top, np.float64(margins[c, m, i]))
                z = 0.0
                for c in range(k):
                    if first[known, c] <= now or c == y:
                        z += exp(max(np.float64(margins[c, m, i]) - top, -FAR))
                p[m] = pi[m] * (exp(max(np.float64(margins[y, m, i]) - top, -FAR)) / z)
            total += p[m]
        for m in range(M):
            share = p[m] / total
            mass[m] += weight * share
            if i == newest:
                q[m] = share
        whole += weight
    return whole


@compiled
def settle(pi: Any, shares: F64) -> None:
    """M step of a task: pi becomes those shares, none less than the floor."""
    total = 0.0
    for m in range(len(shares)):
        pi[m] = max(shares[m], FLOOR / len(shares))
        total += pi[m]
    for m in range(len(shares)):
        pi[m] /= total


@inlined
def weights_at(w: Any, mine: Any, heard: Any, e: Any, like: Any) -> Any:
    """The components' weights that lie there: as they began, and what was learnt since."""
    return lanes.load(w, e, like) + (lanes.load(mine, e, like) + lanes.load(heard, e, like))


@cache
def learner(binary: bool, M: int, b: int, by_mass: bool, tempered: bool, runs: bool) -> Any:
    """The loop for M components and b examples kept; with b = 0 shares follow a stochastic E step.

    Steps of a component are those of `kernels.learner` for an example that weighs what the
    component answers for of it; or, by mass, plain ones of rate / sqrt(1 + N_m / HALF_LIFE), N_m
    the responsibilities so far.
    """

    @compiled
    def run(
        rows: Any, indptr: Any, columns: Any, slots: Any, ids: U32, values: Any, labels: Any,
        weights: Any, first: Any, start: int, names: U64, w: Any, mine: Any, heard: Any, g: Any,
        heard_g: Any, N: Any, held: Any, pi: Any, counts: Any, x: Any, visited: Any, part: Any,
        margins: Any, truth: Any, rate: Any, scale: float, scores: Any, teach: bool, train: bool,
    ) -> None:  # fmt: skip
        classes = first.shape[1]
        k = 1 if binary else classes
        longest = 0
        for i in range(len(rows)):
            longest = max(longest, indptr[i + 1] - indptr[i])
        m, r, h = np.zeros((3, k * M), np.float32)
        by, moves = np.zeros((2, longest * k * M), np.float32)
        begins = np.zeros(longest, np.int64)
        said = np.zeros(classes * M)
        p, q, mass = np.zeros((3, M))
        none = lanes.fill(lanes.load(rate, 0, M), 0.0)
        prior = lanes.fill(none, PRIOR)
        eta = lanes.load(rate, 0, M)
        odds = none
        for i in range(len(rows)):
            t, y, now = rows[i], labels[i], start + i
            lo, hi = indptr[i], indptr[i + 1]
            o = slots[i] - lo if runs else lo
            d = columns[lo] - lo if runs and lo < hi else lo
            for again in range(2):  # by what was known before; then, to learn, by what it brings
                if again:
                    if not (teach and train):
                        break
                    began = False
                    for j in range(lo, hi):
                        e = np.int64(entry(runs, d, columns, j)) * k * M
                        if begin(w, e, k, M, scale, ids[j], names, first, now):
                            began = True
                    if not began:
                        break
                for c in range(k):
                    margin = none
                    for j in range(lo, hi):
                        e = (np.int64(entry(runs, d, columns, j)) * k + c) * M
                        margin = lanes.fma(
                            lanes.fill(none, values[j]), weights_at(w, mine, heard, e, none), margin
                        )
                    lanes.store(m, c * M, margin)
                said[:] = 0.0
                if binary:
                    residual, odds = links.two(
                        lanes.load(m, 0, M), y, now + again, first, 1.0, said, 0, M
                    )
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
            weight = np.float64(weights[i])
            n = counts[t, 0]
            counts[t, 0] += 1
            known = consulted(t, now + 1, first)  # its label is no news any more
            if b:
                at = n % b
                for j in range(lo, hi):
                    e = np.int64(entry(runs, d, columns, j)) * k * M
                    slot = np.int64(entry(runs, o, slots, j))
                    begins[j - lo] = slot * b
                    was = visited[slot]
                    visited[slot] = n + 1
                    if was and n - was >= b:
                        for s in range(b):
                            x[slot * b + s] = 0
                    elif was:
                        for s in range(was, n):  # examples since that did not hold it
                            x[slot * b + s % b] = 0
                    for s in range(k * M):
                        is_now = w[e + s] + (mine[e + s] + heard[e + s])
                        moves[(j - lo) * k * M + s] = is_now - part[slot * k * M + s]
                        part[slot * k * M + s] = is_now
                if n:
                    for s in range(k * M):
                        into = (t * k * M + s) * b
                        for u in range(0, b - b % WIDE, WIDE):
                            total_ = lanes.load(margins, into + u, WIDE)
                            for j in range(hi - lo):
                                total_ = lanes.fma(
                                    lanes.fill(total_, moves[j * k * M + s]),
                                    lanes.load(x, begins[j] + u, WIDE),
                                    total_,
                                )
                            lanes.store(margins, into + u, total_)
                        for u in range(b - b % WIDE, b):
                            for j in range(hi - lo):
                                margins[into + u] = lanes.fma(
                                    moves[j * k * M + s], x[begins[j] + u], margins[into + u]
                                )
                for j in range(lo, hi):
                    x[begins[j - lo] + at] = values[j]
                for c in range(k):
                    for s in range(M):
                        margins[((t * k + c) * M + s) * b + at] = m[c * M + s]
                    truth[(t * k + c) * b + at] = 0
                half = np.float32(0.5 * weight)
                if binary:
                    truth[t * b + at] = weight if y == 1 else -weight
                else:
                    if y < 2:
                        truth[(t * k + 1 - y) * b + at] = -half
                    truth[(t * k + y) * b + at] = half
                whole = expect(
                    margins[t * k * M * b : (t + 1) * k * M * b].reshape(k, M, b),
                    truth[t * k * b : (t + 1) * k * b].reshape(k, b),
                    min(n + 1, b), at, known, now, first, pi[t], p, q, mass,
                )  # fmt: skip
                if whole > 0.0:
                    for s in range(M):
                        mass[s] /= whole
                    settle(pi[t], mass)
            else:
                total = 0.0
                lanes.store(h, 0, odds)
                for s in range(M):
                    p[s] = pi[t, s] * (1.0 - 1.0 / (1.0 + np.float64(h[s])))
                    total += p[s]
                gamma = exp(-0.6 * log(n + 2.0)) if weight > 0.0 else 0.0
                for s in range(M):
                    q[s] = p[s] / total
                    mass[s] = pi[t, s] + gamma * (q[s] - pi[t, s])
                settle(pi[t], mass)
            if not train:
                continue
            for s in range(M):
                h[s] = weight * q[s]
            mine_of_it = lanes.load(h, 0, M)
            if by_mass:
                for s in range(M):
                    h[s] = 1.0 / np.sqrt(1.0 + N[s] / HALF_LIFE)
                slower = eta * lanes.load(h, 0, M)
                for s in range(M):
                    N[s] += weight * q[s]
            reach = none
            for c in range(k):
                residual = lanes.load(r, c * M, M) * mine_of_it
                far = none
                for j in range(lo, hi):
                    e = (np.int64(entry(runs, d, columns, j)) * k + c) * M
                    value = lanes.fill(none, values[j])
                    if by_mass:
                        step = slower
                    else:
                        sums = lanes.load(g, e, M) + (residual * value) * (residual * value)
                        lanes.store(g, e, sums)
                        step = eta / lanes.sqrt((sums + lanes.load(heard_g, e, M)) + prior)
                    lanes.store(by, ((j - lo) * k + c) * M, step)
                    far = lanes.fma(value * value, step, far)
                if tempered and binary:
                    reach = far
                elif tempered:
                    label = lanes.load(r, y * M, M)
                    least = lanes.fill(none, 1e-30)
                    ratio = lanes.less(
                        lanes.size(label), least, none, lanes.load(r, c * M, M) / label
                    )
                    reach = lanes.fma(ratio * ratio, far, reach)
            share = lanes.fill(none, 1.0)
            if tempered:
                share = links.temper(odds, mine_of_it * reach)
            for c in range(k):
                residual = lanes.load(r, c * M, M) * mine_of_it * share
                for j in range(lo, hi):
                    e = (np.int64(entry(runs, d, columns, j)) * k + c) * M
                    step = lanes.load(by, ((j - lo) * k + c) * M, M)
                    moved = (residual * lanes.fill(none, values[j])) * step
                    lanes.store(mine, e, lanes.load(mine, e, M) - moved)
            for j in range(lo, hi):
                held[np.int64(entry(runs, d, columns, j))] += 1.0

    return run
