"""The compiled parts of DROM's meetings: what rows tell and hear, and the meeting's clip.

Whoever calls them may be a thread beside others: they hold no lock, and sum in a fixed order.
"""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import numpy as np

from learners import lanes
from learners.coordination.drom_kernels import chance
from learners.kernels import AHEAD, compiled, fetch
from learners.links import inlined
from learners.types import F32, F64, I64

ONE, TWO, THREE, FOUR, FIVE, SIX, SEVEN, EIGHT = (np.uint64(i) for i in range(1, 9))


@inlined
def fetch_row(array: Any, t: Any) -> None:
    """Have the cache get a task's row, which may lie among other experts'."""
    row, column = array.strides[0] // array.itemsize, array.strides[1] // array.itemsize
    fetch(array, t * row, array.shape[1] * column)


@compiled
def telling(
    rows: I64, a: F32, c: F64, z: F32, played: F64, n: I64, coupling: float, out: F64
) -> None:
    """Sum what rows have played, of the mean over the rates: n a - c - lambda played z."""
    tasks, d, k, e = a.shape
    for i in range(len(rows)):
        t = rows[i]
        if i + AHEAD < len(rows):
            there = rows[i + AHEAD]
            fetch_row(a, there)
            fetch_row(c, there)
            fetch_row(z, there)
        count, pulls = np.float64(n[t, 0]), 0.0
        for s in range(e):
            pulls += played[t, s]
        for j in range(d):
            for q in range(k):
                sums = 0.0
                for s in range(e):
                    sums += a[t, j, q, s]
                drawn = (coupling * (pulls / e)) * z[t, j, q, 0]
                out[i, j, q, 0] = (count * (sums / e) - c[t, j, q, 0]) - drawn


@cache
def hearing(everywhere: bool) -> Any:
    """The loop that gives rows their new z.

    What z pulled so far becomes part of a, and of the sum of what was played; w is scaled by
    `short`. But for `everywhere`, z is heard where the task has learnt something, g > 0: so what a
    task keeps follows the features that it has seen, however many the others have.
    """

    @compiled
    def run(
        rows: Any, a: Any, g: Any, c: Any, z: Any, H: Any, played: Any, n: Any, coupling: float,
        short: Any, new: Any,
    ) -> None:  # fmt: skip
        tasks, d, k, e = a.shape
        for i in range(len(rows)):
            t = rows[i]
            if i + AHEAD < len(rows):
                there = rows[i + AHEAD]
                fetch_row(a, there)
                fetch_row(g, there)
                fetch_row(c, there)
                fetch_row(z, there)
            count, pulls = np.float64(n[t, 0]), 0.0
            for s in range(e):
                pulls += played[t, s]
            for j in range(d):
                for q in range(k):
                    dual, moved = z[t, j, q, 0], 0.0
                    for s in range(e):
                        old = a[t, j, q, s]
                        w = (old - np.float32(coupling * H[t, s]) * dual) * short[i, s]
                        moved += np.float64(w) - np.float64(old)
                        a[t, j, q, s] = w
                    grown = c[t, j, q, 0] + count * (moved / e)
                    c[t, j, q, 0] = grown + (coupling * (pulls / e)) * dual
                    heard = everywhere or g[t, j, q, 0] > 0.0
                    z[t, j, q, 0] = new[i, j, q, 0] if heard else np.float32(0)
            H[t], played[t] = 0.0, 0.0

    return run


@compiled
def norms(total: F64, n: I64, before: F64, n_before: I64) -> F64:
    """Sums, over all tasks, of squares of the mean played since the last meeting: (e)."""
    tasks, d, k, e = total.shape
    out = np.zeros(e)
    for t in range(tasks):
        news = np.float64(n[t, 0] - n_before[t, 0])
        if news > 0.0:
            for j in range(d):
                for q in range(k):
                    for s in range(e):
                        mean = (total[t, j, q, s] - before[t, j, q, s]) / news
                        out[s] += mean * mean
    return out


@cache
def moving(e: int) -> Any:
    """The loop of the dual step, Z += by * mean played, for e experts; notes what was told."""

    @compiled
    def run(total: Any, n: Any, before: Any, n_before: Any, by: Any, Z: Any) -> None:
        for t in range(len(Z)):
            news = np.float64(n[t, 0] - n_before[t, 0])
            row = by[t if len(by) > 1 else 0]
            if news > 0.0:
                for j in range(Z.shape[1]):
                    for q in range(Z.shape[2]):
                        for s in range(e):
                            now = total[t, j, q, s]
                            mean = (now - before[t, j, q, s]) / news
                            Z[t, j, q, s] += np.float32(row[s] * mean)
                            before[t, j, q, s] = now
            n_before[t, 0] = n[t, 0]

    return run


def clip(Z: F32, u: F64, clips: int, steps: int) -> None:
    """Z <- Z - (s - 1)_+ u v' along the leading pair (u, v) of Z, found by power steps, in place.

    Z (t, d, k, e) is, for each expert, a matrix with a column for each task and class. With any
    unit u this is the projection on a half-space that holds the whole spectral unit ball, hence
    never moves Z away from a point of it. Unfolded classes hold a margin's column twice, halved:
    their bound is sqrt(1/2). Z is read once a power step, and once more a clip.
    """
    tasks, _, k, e = Z.shape
    bound = 1.0 if k == 1 else np.sqrt(0.5)
    v, less = np.zeros((tasks, k, e)), np.zeros((tasks, k, e))
    begin(u)
    run, flat = partial(sweep(e), tasks, k, Z.reshape(-1)), u.reshape(-1)
    clipped = False
    for _ in range(clips):
        for _ in range(steps):
            new = np.zeros(u.shape)
            run(flat, v.reshape(-1), less.reshape(-1), new.reshape(-1), clipped, True)
            clipped = False
            unit(new, u)
        run(flat, v.reshape(-1), less.reshape(-1), flat, clipped, False)
        clipped = _excess(v, bound, less)
        if not clipped:
            return
    if clipped:
        run(flat, v.reshape(-1), less.reshape(-1), flat, True, False)


@cache
def sweep(e: int) -> Any:
    """One reading of Z for e experts: Z -= u less', if `clipped`; v = Z' u; new += Z v, if `power`.

    A row is in the cache for all three, and there is one after another for any number of tasks.
    """
    single = e == 1

    @compiled
    def run(
        tasks: int, k: int, Z: Any, u: Any, v: Any, less: Any, new: Any, clipped: bool, power: bool
    ) -> None:
        d = np.uint64(len(u) // e)
        none = lanes.fill(lanes.load(u, 0, e), 0.0)
        for t in range(np.uint64(tasks)):
            if single and k == 1:  # the sum in eight parts, or it would wait for every addition
                z = t * d
                if clipped:
                    for j in range(d):
                        Z[z + j] -= np.float32(less[t] * u[j])
                sums = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
                s0, s1, s2, s3, s4, s5, s6, s7 = sums
                x: Any = np.uint64(0)
                while x + EIGHT <= d:
                    s0 += Z[z + x] * u[x]
                    s1 += Z[z + x + ONE] * u[x + ONE]
                    s2 += Z[z + x + TWO] * u[x + TWO]
                    s3 += Z[z + x + THREE] * u[x + THREE]
                    s4 += Z[z + x + FOUR] * u[x + FOUR]
                    s5 += Z[z + x + FIVE] * u[x + FIVE]
                    s6 += Z[z + x + SIX] * u[x + SIX]
                    s7 += Z[z + x + SEVEN] * u[x + SEVEN]
                    x += EIGHT
                while x < d:
                    s0 += Z[z + x] * u[x]
                    x += ONE
                v[t] = ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7))
                if power:
                    for j in range(d):
                        new[j] += v[t] * Z[z + j]
                continue
            for q in range(np.uint64(k)):
                at = (t * k + q) * e
                over, total = lanes.load(less, at, e), none
                for j in range(d):
                    z = ((t * d + j) * k + q) * e
                    w = lanes.load(u, j * e, e)
                    if clipped:
                        lanes.store(Z, z, lanes.load(Z, z, e) - lanes.single(over * w))
                    total = lanes.fma(lanes.double(lanes.load(Z, z, e)), w, total)
                lanes.store(v, at, total)
                if power:
                    for j in range(d):
                        w = lanes.double(lanes.load(Z, ((t * d + j) * k + q) * e, e))
                        lanes.store(new, j * e, lanes.fma(w, total, lanes.load(new, j * e, e)))

    return run


@compiled
def begin(u: F64) -> None:
    """Give a column that is new here some start: any will do, but not 0."""
    d, e = u.shape
    for j in range(d):
        for s in range(e):
            if u[j, s] == 0.0:
                u[j, s] = (chance(s, j) - 0.5) / np.sqrt(np.float64(d))


@compiled
def unit(new: F64, u: F64) -> None:
    """Write into u what is new, of length 1."""
    d, e = u.shape
    size = np.zeros(e)
    for j in range(d):
        for s in range(e):
            size[s] += new[j, s] * new[j, s]
    for j in range(d):
        for s in range(e):
            u[j, s] = new[j, s] / np.sqrt(size[s]) if size[s] > 1e-60 else new[j, s]


@compiled
def lengths(v: F64) -> F64:
    """Lengths of (t, k, e) as vectors over tasks and classes."""
    size = np.zeros(v.shape[2])
    for t in range(v.shape[0]):
        for q in range(v.shape[1]):
            for s in range(v.shape[2]):
                size[s] += v[t, q, s] * v[t, q, s]
    return np.sqrt(size)


@compiled
def _excess(v: F64, bound: float, less: F64) -> bool:
    """What of v is over the bound in length; whether anything is."""
    tasks, k, e = v.shape
    size = lengths(v)
    over = False
    for s in range(e):
        over = over or size[s] > bound
    for t in range(tasks):
        for q in range(k):
            for s in range(e):
                share = 1.0 - bound / size[s] if size[s] > bound else 0.0
                less[t, q, s] = v[t, q, s] * share
    return over
