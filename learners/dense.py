"""One expert of each task's own on dense data, two classes: entries are the lanes.

`kernels.learner` does the same, bit for bit, but has one lane then. Here four entries that lie
together, as all do in dense data, take one instruction.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from learners import lanes, links
from learners.kernels import FOUR, PRIOR, THREE, compiled, longest, oldest_first
from learners.links import inlined


@inlined
def rated(like: Any, g: Any, at: Any, square: Any, x: Any) -> Any:
    """Steps over rate and residual, of weights whose sums of squares take this one in first."""
    sums = lanes.fma(lanes.fill(like, square), x * x, lanes.load(g, at, like))
    lanes.store(g, at, sums)
    return lanes.fill(like, 1.0) / lanes.sqrt(sums + lanes.fill(like, PRIOR))


@cache
def learner(tempered: bool) -> Any:
    """The loop, for plain or importance-invariant steps."""

    @compiled
    def run(
        rows: Any, indptr: Any, slots: Any, values: Any, labels: Any, weights: Any, first: Any,
        start: int, v: Any, g: Any, rates: Any, scores: Any, teach: bool,
    ) -> None:  # fmt: skip
        most = longest(indptr)
        by = np.zeros(most + 4, np.float32)
        sums = np.zeros(4, np.float32)
        rate = rates[0]
        none = lanes.fill(lanes.load(sums, 0, 4), 0.0)
        zero = np.float32(0)
        for i in range(len(rows)):
            lo, hi = np.uint64(indptr[i]), np.uint64(indptr[i + 1])
            o = np.uint64(slots[i]) - lo
            whole = hi - ((hi - lo) & THREE)  # where the last four end
            s = none
            for j in range(lo, whole, FOUR):
                s = lanes.fma(lanes.load(values, j, 4), lanes.load(v, o + j, 4), s)
            lanes.store(sums, 0, s)
            for j in range(whole, hi):
                sums[j - whole] = lanes.fma(values[j], v[o + j], sums[j - whole])
            margin = oldest_first(sums, hi - lo)
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
                lanes.store(sums, 0, gain)
                for j in range(whole, hi):
                    by1 = rated(zero, g, o + j, square, values[j])
                    by[j - lo] = by1
                    sums[j - whole] = lanes.fma(values[j] * values[j], by1, sums[j - whole])
                reach = rate * oldest_first(sums, hi - lo)
                step = (r * links.temper(odds, weights[i] * reach)) * rate
                for j in range(lo, whole, FOUR):
                    move = lanes.load(values, j, 4) * lanes.load(by, j - lo, 4)
                    new = lanes.load(v, o + j, 4) - lanes.fill(none, step) * move
                    lanes.store(v, o + j, new)
                for j in range(whole, hi):
                    v[o + j] -= step * (values[j] * by[j - lo])
            else:
                step = r * rate
                for j in range(lo, whole, FOUR):
                    x = lanes.load(values, j, 4)
                    move = x * rated(none, g, o + j, square, x)
                    new = lanes.load(v, o + j, 4) - lanes.fill(none, step) * move
                    lanes.store(v, o + j, new)
                for j in range(whole, hi):
                    v[o + j] -= step * (values[j] * rated(zero, g, o + j, square, values[j]))

    return run
