"""One expert of each task's own on dense data, two classes: entries are the lanes.

`kernels.learner` does the same, bit for bit, but has one lane then. Here four entries that lie
together, as all do in dense data, take one instruction.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from learners import lanes, links
from learners.kernels import FOUR, ONE, PRIOR, THREE, TWO, ZERO, loop
from learners.links import inlined


@inlined
def rated(like: Any, g: Any, at: Any, square: Any, x: Any) -> Any:
    """Steps over rate and residual, of weights whose sums of squares take this one in first."""
    sums = lanes.fma(lanes.fill(like, square), x * x, lanes.load(g, at, like))
    lanes.store(g, at, sums)
    return lanes.fill(like, 1.0) / lanes.sqrt(sums + lanes.fill(like, PRIOR))


@inlined
def last(like: Any, array: Any, at: Any, n: Any) -> Any:
    """The last numbers, n < 4 from `at` on, as lanes; 0 in the others.

    One by one, as they were written: four read together would wait for all that was.
    """
    some = like
    if n > ZERO:
        some = lanes.widen(array[at], 0, 4)
    if n > ONE:
        some = some + lanes.widen(array[at + ONE], 1, 4)
    if n > TWO:
        some = some + lanes.widen(array[at + TWO], 2, 4)
    return some


@inlined
def added(sums: Any, n: Any) -> Any:
    """`kernels.oldest_first` of four lanes; n, or what it leaves by four."""
    a, b = lanes.part(sums, 0, 1), lanes.part(sums, 1, 1)
    c, d = lanes.part(sums, 2, 1), lanes.part(sums, 3, 1)
    return (b + c) + (d + a) if n & ONE else (a + b) + (c + d)


@cache
def learner(tempered: bool) -> Any:
    """The loop, for plain or importance-invariant steps."""

    @loop
    def run(
        rows: Any, indptr: Any, slots: Any, values: Any, labels: Any, weights: Any, first: Any,
        start: int, v: Any, g: Any, rates: Any, by: Any, scores: Any, teach: bool,
    ) -> None:  # fmt: skip
        rate = rates[0]
        none = lanes.fill(lanes.load(by, 0, 4), 0.0)
        zero = np.float32(0)
        for i in range(len(rows)):
            lo, hi = np.uint64(indptr[i]), np.uint64(indptr[i + 1])
            o = np.uint64(slots[i]) - lo
            rest = (hi - lo) & THREE
            whole = hi - rest  # where the last four end
            s = none
            for j in range(lo, whole, FOUR):
                s = lanes.fma(lanes.load(values, j, 4), lanes.load(v, o + j, 4), s)
            s = lanes.fma(last(none, values, whole, rest), last(none, v, o + whole, rest), s)
            margin = added(s, rest)
            r, odds = links.two(
                margin, labels[i], start + i, first, weights[i], scores, i * first.shape[1], 1
            )
            if not teach:
                continue
            square = r * r
            if tempered:
                gain = none
                for j in range(lo, whole, FOUR):
                    x = lanes.load(values, j, 4)
                    by4 = rated(none, g, o + j, square, x)
                    lanes.store(by, j - lo, by4)
                    gain = lanes.fma(x * x, by4, gain)
                for j in range(whole, hi):
                    by[j - lo] = rated(zero, g, o + j, square, values[j])
                x = last(none, values, whole, rest)
                gain = lanes.fma(x * x, last(none, by, whole - lo, rest), gain)
                reach = rate * added(gain, rest)
                step = (r * links.temper(odds, weights[i] * reach)) * rate
                for j in range(lo, whole, FOUR):
                    move = lanes.fill(none, -step) * lanes.load(values, j, 4)
                    new = lanes.fma(move, lanes.load(by, j - lo, 4), lanes.load(v, o + j, 4))
                    lanes.store(v, o + j, new)
                for j in range(whole, hi):
                    v[o + j] = lanes.fma(-step * values[j], by[j - lo], v[o + j])
            else:
                step = r * rate
                for j in range(lo, whole, FOUR):
                    x = lanes.load(values, j, 4)
                    by4 = rated(none, g, o + j, square, x)
                    move = lanes.fill(none, -step) * x
                    lanes.store(v, o + j, lanes.fma(move, by4, lanes.load(v, o + j, 4)))
                for j in range(whole, hi):
                    by1 = rated(zero, g, o + j, square, values[j])
                    v[o + j] = lanes.fma(-step * values[j], by1, v[o + j])

    return run
