"""The compiled parts of DROM-D: what a place makes of its tasks' duals and of the tracker.

A place's columns lie in the order in which they came to it, and what it becomes must not follow
from that: sums over columns are such that no order changes them (`steady`).
"""

from __future__ import annotations

from math import frexp, ldexp
from typing import Any

import numpy as np

from learners.coordination.drom_kernels import chance
from learners.kernels import compiled
from learners.types import F32, F64, I64


@compiled
def steady(terms: F64) -> float:
    """The sum of terms in any order, the same to the last bit.

    Each is rounded to a multiple of such a power of two that adding them is exact: to 2**-52 of the
    largest possible sum (Demmel & Nguyen, "Fast reproducible floating-point summation", 2013).

    >>> x = np.array([1e-9, 1.0, -1.0, 3e-9])
    >>> float(steady(x)) == float(steady(x[::-1].copy()))
    True
    """
    most, n = 0.0, 1
    for x in terms:
        if x != 0.0:
            n += 1
            most = max(most, abs(x))
    if most == 0.0 or not np.isfinite(most):
        return most
    _, high = frexp(most)
    _, many = frexp(np.float64(n))
    big = ldexp(1.5, high + many + 1)
    total = 0.0
    for x in terms:
        total += (x + big) - big
    return total


@compiled
def sizes(one: F64) -> F64:
    """Lengths of (d, e) over d."""
    out = np.zeros(one.shape[1])
    for s in range(len(out)):
        out[s] = np.sqrt(steady(one[:, s] * one[:, s]))
    return out


@compiled
def powers(base: float, times: I64) -> F64:
    """The base to each power, by squaring; from 0 on."""
    out = np.ones(len(times))
    for i in range(len(times)):
        left, square = max(0, times[i]), base
        while left:
            if left % 2:
                out[i] *= square
            square *= square
            left //= 2
    return out


@compiled
def shared_out(told: Any, mixing: F64) -> F32:
    """For each place, what mixing adds to what it told: sum_j S_ij (r_j - r_i)."""
    out = np.zeros(told.shape, np.float32)
    places, d, e = told.shape
    for i in range(places):
        for c in range(d):
            for s in range(e):
                total = 0.0
                for j in range(places):
                    away = np.float64(told[j, c, s]) - np.float64(told[i, c, s])
                    total += mixing[i, j] * away
                out[i, c, s] = np.float32(total)
    return out


@compiled
def climb(total: F64, news: I64, by: F64, kept: Any, Z: Any) -> None:
    """The dual step Z += by * mean played, where a task keeps a dual; (r, d, k, e)."""
    for t in range(len(Z)):
        for j in range(Z.shape[1]):
            for q in range(Z.shape[2]):
                for s in range(Z.shape[3]):
                    if not kept[t, j, q, s]:
                        Z[t, j, q, s] = 0.0
                    elif news[t] > 0:
                        mean = total[t, j, q, s] / np.float64(news[t])
                        Z[t, j, q, s] += np.float32(by[t, s] * mean)


@compiled
def mean_squares(total: F64, news: I64) -> F64:
    """Squares of the mean played since the last time, (r, e)."""
    tasks, d, k, e = total.shape
    out = np.zeros((tasks, e))
    for t in range(tasks):
        if news[t] > 0:
            for s in range(e):
                mean = total[t, :, :, s].copy().reshape(-1) / np.float64(news[t])
                out[t, s] = steady(mean * mean)
    return out


@compiled
def along(Z: Any, u: F64) -> F64:
    """v = Z' u: (r, k, e) of Z (r, d, k, e) and u (d, e)."""
    tasks, d, k, e = Z.shape
    v = np.zeros((tasks, k, e))
    terms = np.zeros(d)
    for t in range(tasks):
        for q in range(k):
            for s in range(e):
                for j in range(d):
                    terms[j] = np.float64(Z[t, j, q, s]) * u[j, s]
                v[t, q, s] = steady(terms)
    return v


@compiled
def spread(Z: Any, v: F64, weight: F64, met: F64, out: F64) -> None:
    """What tasks contribute: out += weight_t Z_t v_t, where columns are spoken of.

    Unfolded classes hold a margin's column twice, halved: counted twice, so that a third class
    changes nothing of what is there.
    """
    tasks, d, k, e = Z.shape
    twice = 1.0 if k == 1 else 2.0
    for t in range(tasks):
        for j in range(d):
            if met[j] != 0.0:
                for q in range(k):
                    for s in range(e):
                        part = np.float64(Z[t, j, q, s]) * v[t, q, s]
                        out[j, s] += (twice * weight[t]) * part


@compiled
def shorten(Z: Any, u: F64, v: F64, excess: F64, at: Any, kept: Any) -> None:
    """The clip Z_t <- Z_t - excess v_t u of the rows `at`, where they keep a dual."""
    for t in range(len(Z)):
        if at[t]:
            for j in range(Z.shape[1]):
                for q in range(Z.shape[2]):
                    for s in range(Z.shape[3]):
                        if kept[t, j, q, s] and excess[s] > 0.0:
                            Z[t, j, q, s] -= np.float32((excess[s] * v[t, q, s]) * u[j, s])


@compiled
def turned(R: F64, u: F64, met: F64) -> None:
    """u <- R / |R|, where there is any R."""
    size = sizes(R)
    for s in range(len(size)):
        if size[s] > 1e-60:
            for j in range(len(u)):
                u[j, s] = R[j, s] / size[s] if met[j] != 0.0 else 0.0


@compiled
def begun(u: F64, met: F64) -> None:
    """Where u is 0 yet, let it begin as `met`, of length 1."""
    size, first = sizes(u), np.zeros(u.shape)
    for s in range(len(size)):
        if size[s] == 0.0:
            first[:, s] = met
    turned(first, u, met)


@compiled
def beginning(places: int, d: int) -> F64:
    """A direction for all to begin with, by the order of columns at a meeting; nowhere 0."""
    out = np.zeros((places, d))
    for j in range(d):
        out[:, j] = (chance(0, j) - 0.5) / np.sqrt(np.float64(d))
    return out


@compiled
def excesses(squared: F64) -> F64:
    """1 - 1 / s where s, the root of these, is above 1; else 0."""
    out = np.zeros(len(squared))
    for s in range(len(out)):
        if squared[s] > 1.0:
            out[s] = 1.0 - 1.0 / np.sqrt(squared[s])
    return out


@compiled
def clip_own(Z: Any, u: F64, others: F64, clips: int, steps: int, kept: Any, met: F64) -> F64:
    """Clip these rows along the leading pair of their part and the others', held as it was told.

    `others` (d, e) is the sum of the others' Z v. Without them this is the clip of `drom`. Returns
    v = Z' u as it is then.
    """
    everyone = np.ones(len(Z), np.bool_)
    twice = 1.0 if Z.shape[2] == 1 else 2.0
    one, v = np.ones(len(Z)), np.zeros((len(Z), Z.shape[2], Z.shape[3]))
    begun(u, met)
    for _ in range(clips):
        for _ in range(steps):
            R = others.copy()
            spread(Z, along(Z, u), one, met, R)
            turned(R, u, met)
        v = along(Z, u)
        squared = np.zeros(u.shape[1])
        for s in range(len(squared)):
            squared[s] = max(0.0, steady(others[:, s] * u[:, s]))
            for t in range(len(Z)):
                for q in range(Z.shape[2]):
                    squared[s] += twice * v[t, q, s] * v[t, q, s]
        excess = excesses(squared)
        if not (excess > 0.0).any():
            break
        shorten(Z, u, v, excess, everyone, kept)
        v = along(Z, u)
    return v
