"""The compiled loop of all linear learners: score, then learn, example by example, over a block.

An expert's weights are the sum of the parts that it has: its task's own, v_t, those that all tasks
have in common, u, and what a dual z_t pulls them by. Experts are lanes (`lanes`): each feature is
read once for all of them. In the order of experts those with an own part come first, those with a
common part last, so that both are neighbours. The first `alone` see values of their own (behind
another scale), those with a dual come next; the last `both` own ones have a common part too.

Experts come in families of `each`, one for each rate. A family has one sum of squared gradients for
each weight, of the mean over its rates, and one dual: they would differ little, and cost as much
memory and time as the weights themselves.

Parts lie flat, an entry's weights at (slot * classes + class) * lanes, its sums of squares likewise
by families; a slot is where a task and column lie, for the common part the column itself. Each
kernel is made for its numbers of lanes and for two classes or several, and compiled when first
called; `kindred warm` calls them all.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba import njit

from learners import lanes, links
from learners.links import inlined
from learners.types import I32, I64

compiled = njit(cache=True, nogil=True, error_model="numpy")
# Makes no arrays, and so need not count who holds those it is given: a count is an atomic step, and
# no example would begin before the one before it had ended.
LOOP: Any = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": False}
loop = njit(**LOOP)
ZERO, ONE, TWO, THREE, FOUR = (np.uint64(i) for i in range(5))  # unsigned: none counts from the end
AHEAD = 4  # examples: about as long as memory takes
PRIOR = np.float32(0.01)  # what the sums of squared gradients start from


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


@compiled
def repeated(indptr: I64, each_entry: Any) -> bool:
    """Whether all examples hold the same of it in as many entries, as the rows of a table do."""
    n, base = len(indptr) - 1, np.uint64(indptr[0])
    if n < 2 or indptr[n] == indptr[0]:
        return False
    each = np.uint64(indptr[1] - indptr[0])
    if np.uint64(indptr[n]) - base != n * each:
        return False
    other = each_entry[base] ^ each_entry[base]
    for j in range(base + each, np.uint64(indptr[n])):
        other |= each_entry[j] ^ each_entry[j - each]
    if other != 0:
        return False
    for i in range(n):
        if np.uint64(indptr[i + 1] - indptr[i]) != each:
            return False
    return True


@compiled
def heads(indptr: I64, entries: Any) -> Any:
    """The first entry of each example; 0 where there is none."""
    out = np.zeros(len(indptr) - 1, entries.dtype)
    for i in range(len(out)):
        if indptr[i] < indptr[i + 1]:
            out[i] = entries[indptr[i]]
    return out


@compiled
def longest(indptr: I64) -> int:
    """How many entries the longest example has."""
    most = 0
    for i in range(len(indptr) - 1):
        most = max(most, indptr[i + 1] - indptr[i])
    return most


@compiled
def whole(indptr: I64, columns: I32) -> I32:
    """The columns of all entries; those of one example may stand for all, which hold the same."""
    each, n = np.uint64(len(columns)), np.uint64(indptr[-1])
    if each == n:
        return columns
    out = np.empty(n, np.int32)
    for i in range(ZERO, n, each):
        for j in range(each):
            out[i + j] = columns[j]
    return out


@compiled
def lay(rows: I64, indptr: I64, columns: I32, width: int) -> tuple[I32, I64, bool]:
    """Columns, and slots in arrays with a row of that width for each task, as `Block` has them.

    Columns of one example may stand for those of all (`whole`).
    """
    if len(columns) < indptr[-1] and consecutive(indptr[:2], columns):
        first = np.full(len(rows), columns[0], np.int32)
        return first, rows * width + first, True
    columns = whole(indptr, columns)
    if consecutive(indptr, columns):
        first = heads(indptr, columns)
        return first, rows * width + first, True
    slots = np.empty(len(columns), np.int64)
    for i in range(len(rows)):
        for j in range(indptr[i], indptr[i + 1]):
            slots[j] = rows[i] * width + columns[j]
    return columns, slots, False


@inlined
def oldest_first(sums: Any, n: Any) -> Any:
    """The four sums that n products went to in turn, each to the oldest, added up."""
    i = np.uint64(n)
    early = sums[i & THREE] + sums[(i + ONE) & THREE]
    return early + (sums[(i + TWO) & THREE] + sums[(i + THREE) & THREE])


@inlined
def entry(runs: bool, begin: Any, where: Any, j: Any) -> Any:
    """Where entry j lies: counted from where entry 0 would, or looked up."""
    return begin + j if runs else np.uint64(where[j])


@inlined
def fetch(array: Any, at: Any, n: Any) -> None:
    """Have the cache get n numbers from `at` on: of thousands of tasks it holds but a few."""
    i, end = np.uint64(at), np.uint64(at) + np.uint64(n)
    while i < end:  # a `range` would divide, to know how often
        lanes.prefetch(array, i)
        i += lanes.per_line(array)


@cache
def learner(
    binary: bool, each: int, own: int, common: int, both: int, dual: int, alone: int,
    tempered: bool, runs: bool,
) -> Any:  # fmt: skip
    """AdaGrad on the log loss of weights that are sums of parts, with so many lanes of each.

    Duchi, Hazan & Singer, "Adaptive subgradient methods", JMLR 2011, with sums that start at PRIOR;
    each part learns from every example, with sums of its own; `tempered`, importance-invariantly.
    Experts with a dual have weights v - coupling H z; what they played is summed up in c (`drom`).
    With `runs`, entries are counted and not looked up: the same operations, hence the same bits.
    Scores are written for the first of `across` experts. Room for margins and residuals, as many
    for each class, and for steps over rate and residual, is the caller's.
    """
    experts = own + common - both
    common_at = own - both  # the first of those with a common part
    own_f, common_f, alone_f, all_f = (n // each for n in (own, common, alone, experts))
    common_at_f = common_at // each

    @loop
    def run(
        rows: Any, indptr: Any, columns: Any, slots: Any, values: Any, apart: Any, labels: Any,
        weights: Any, first: Any, start: int, v: Any, g: Any, rate_v: Any, mine: Any, heard: Any,
        gu: Any, heard_g: Any, rate_u: Any, z: Any, c: Any, H: Any, played: Any, played_n: Any,
        eta: Any, coupling: float, m: Any, r: Any, by_v: Any, by_u: Any, scores: Any, across: int,
        teach: bool,
    ) -> None:  # fmt: skip
        classes = first.shape[1]
        k = np.uint64(1 if binary else classes)
        rate_o, rate_c = lanes.load(rate_v, 0, own), lanes.load(rate_u, 0, common)
        none_o, none_c = lanes.fill(rate_o, 0.0), lanes.fill(rate_c, 0.0)
        none_d = lanes.fill(lanes.load(eta, 0, dual), 0.0)
        none_of, none_cf = (
            lanes.fill(lanes.load(rate_v, 0, own_f), 0.0),
            lanes.fill(lanes.load(rate_u, 0, common_f), 0.0),
        )
        prior_o, prior_c = lanes.fill(none_of, PRIOR), lanes.fill(none_cf, PRIOR)
        one_o, one_c = lanes.fill(none_of, 1.0), lanes.fill(none_cf, 1.0)
        zero = np.float32(0.0)
        none = lanes.fill(lanes.load(m, 0, experts), 0.0)
        pull = none_d
        for i in range(len(rows)):
            t, y, now = np.uint64(rows[i]), labels[i], start + i
            lo, hi = np.uint64(indptr[i]), np.uint64(indptr[i + 1])
            o = np.uint64(slots[i]) - lo if runs else lo
            d = np.uint64(columns[i]) - lo if runs else lo
            at = i * classes * across
            if runs and own and i + AHEAD < len(rows):
                there, wide = np.uint64(slots[i + AHEAD]) * k, (hi - lo) * k
                fetch(v, there * own, wide * own)
                fetch(g, there * own_f, wide * own_f)
                if dual:
                    fetch(z, there, wide)
                    fetch(c, there, wide)
                fetch(first, rows[i + AHEAD] * classes, classes)
            if dual:
                pull = lanes.fill(none_d, -coupling) * lanes.single(lanes.load(H, t * dual, dual))
            margin = none
            for q in range(k):
                # Each product goes to the oldest of four sums, lest it wait for the last one.
                if common:
                    s0, s1, s2, s3 = none_c, none_c, none_c, none_c
                    for j in range(lo, hi):
                        e = (entry(runs, d, columns, j) * k + q) * common
                        w = lanes.load(mine, e, common) + lanes.load(heard, e, common)
                        x = lanes.fill(none_c, values[j])
                        s0, s1, s2, s3 = s1, s2, s3, lanes.fma(x, w, s0)
                    margin = lanes.widen((s0 + s1) + (s2 + s3), common_at, experts)
                if own:
                    s4, s5, s6, s7 = none_o, none_o, none_o, none_o
                    for j in range(lo, hi):
                        e = (entry(runs, o, slots, j) * k + q) * own
                        x = lanes.pair(none_o, apart[j], values[j], alone)
                        s4, s5, s6, s7 = s5, s6, s7, lanes.fma(x, lanes.load(v, e, own), s4)
                    sums = lanes.widen((s4 + s5) + (s6 + s7), 0, experts)
                    margin = margin + sums if common else sums
                if dual:
                    z0, z1, z2, z3 = zero, zero, zero, zero
                    for j in range(lo, hi):
                        e = entry(runs, o, slots, j) * k + q
                        z0, z1, z2, z3 = z1, z2, z3, lanes.fma(values[j], z[e], z0)
                    drawn = pull * lanes.fill(none_d, (z0 + z1) + (z2 + z3))
                    margin = margin + lanes.widen(drawn, alone, experts)
                if not binary:
                    lanes.store(m, q * across, margin)
            if binary:
                residual, odds = links.two(margin, y, now, first, weights[i], scores, at, across)
                lanes.store(r, 0, residual)
            else:
                odds = links.many(
                    m, r, 0, classes, rows[i], y, now, first, weights[i], scores, at, across, none
                )
            if not teach:
                continue
            reach = none
            for q in range(k):
                residual = lanes.load(r, q * across, experts)
                squares = lanes.folded(residual * residual, all_f)
                squares = squares * lanes.fill(squares, 1.0 / each)
                far = none
                if common:
                    r_c = lanes.part(squares, common_at_f, common_f)
                    s0, s1, s2, s3 = none_cf, none_cf, none_cf, none_cf
                    for j in range(lo, hi):
                        e = (entry(runs, d, columns, j) * k + q) * common_f
                        x = lanes.fill(none_cf, values[j])
                        sums = lanes.fma(r_c, x * x, lanes.load(gu, e, common_f))
                        lanes.store(gu, e, sums)
                        sums = (sums + lanes.load(heard_g, e, common_f)) + prior_c
                        by = one_c / lanes.sqrt(sums)
                        lanes.store(by_u, ((j - lo) * k + q) * common_f, by)
                        s0, s1, s2, s3 = s1, s2, s3, lanes.fma(x * x, by, s0)
                    gone = rate_c * lanes.repeat((s0 + s1) + (s2 + s3), each)
                    far = lanes.widen(gone, common_at, experts)
                if own:
                    r_o = lanes.part(squares, 0, own_f)
                    s4, s5, s6, s7 = none_of, none_of, none_of, none_of
                    for j in range(lo, hi):
                        e = (entry(runs, o, slots, j) * k + q) * own_f
                        x = lanes.pair(none_of, apart[j], values[j], alone_f)
                        sums = lanes.fma(r_o, x * x, lanes.load(g, e, own_f))
                        lanes.store(g, e, sums)
                        by = one_o / lanes.sqrt(sums + prior_o)
                        lanes.store(by_v, ((j - lo) * k + q) * own_f, by)
                        s4, s5, s6, s7 = s5, s6, s7, lanes.fma(x * x, by, s4)
                    gone = rate_o * lanes.repeat((s4 + s5) + (s6 + s7), each)
                    far = far + lanes.widen(gone, 0, experts)
                if tempered and binary:
                    reach = far
                elif tempered:
                    mine_ = lanes.load(r, y * across, experts)
                    least = lanes.fill(none, 1e-30)
                    ratio = lanes.less(lanes.size(mine_), least, none, residual / mine_)
                    reach = lanes.fma(ratio * ratio, far, reach)
            share = none
            if tempered:
                share = links.temper(odds, lanes.fill(none, weights[i]) * reach)
            if dual:
                played_n[t] += 1
            for q in range(k):
                residual = lanes.load(r, q * across, experts)
                if tempered:
                    residual = residual * share
                if common:
                    r_c = -lanes.part(residual, common_at, common) * rate_c
                    for j in range(lo, hi):
                        e = (entry(runs, d, columns, j) * k + q) * common
                        by = lanes.load(by_u, ((j - lo) * k + q) * common_f, common_f)
                        move = r_c * lanes.fill(none_c, values[j])
                        new = lanes.fma(move, lanes.repeat(by, each), lanes.load(mine, e, common))
                        lanes.store(mine, e, new)
                if own:
                    r_o = -lanes.part(residual, 0, own) * rate_o
                    for j in range(lo, hi):
                        e = entry(runs, o, slots, j) * k + q
                        by = lanes.load(by_v, ((j - lo) * k + q) * own_f, own_f)
                        move = r_o * lanes.pair(none_o, apart[j], values[j], alone)
                        old = lanes.load(v, e * own, own)
                        new = lanes.fma(move, lanes.repeat(by, each), old)
                        lanes.store(v, e * own, new)
                        if dual:
                            was = lanes.double(lanes.part(old, alone, dual))
                            moved = lanes.double(lanes.part(new, alone, dual)) - was
                            mean = lanes.folded(moved, 1) * (1.0 / each)
                            c[e] += np.float64(played_n[t]) * mean
            if dual:
                steps = lanes.load(H, t * dual, dual)
                lanes.store(played, t * dual, lanes.load(played, t * dual, dual) + steps)
                root = lanes.fill(steps, np.sqrt(np.float64(played_n[t])))
                by_n = lanes.double(lanes.load(eta, 0, dual)) / root
                lanes.store(H, t * dual, steps + by_n)

    return run
