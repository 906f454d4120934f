"""The compiled loop of plain gradient steps on the log loss, of eta times a task's pace."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from learners import lanes, links
from learners.kernels import compiled, entry


@cache
def learner(binary: bool, e: int) -> Any:
    """The loop for e experts: margins by v, steps into `into`, which may be v itself."""
    half = np.float32(1.0 if binary else 0.5)  # a margin is w = 2 w_1

    @compiled
    def run(
        rows: Any, indptr: Any, slots: Any, runs: bool, values: Any, labels: Any, weights: Any,
        first: Any, start: int, v: Any, into: Any, pace: Any, eta: Any, scores: Any, teach: bool,
    ) -> None:  # fmt: skip
        classes = first.shape[1]
        k = 1 if binary else classes
        m, r = np.zeros(k * e, np.float32), np.zeros(k * e, np.float32)
        for i in range(len(rows)):
            t, y, now = rows[i], labels[i], start + i
            lo, hi = np.uint64(indptr[i]), np.uint64(indptr[i + 1])
            begin = np.uint64(slots[i]) - lo if runs else lo
            at = i * classes * e
            m[:] = 0.0
            for j in range(lo, hi):
                o = entry(runs, begin, slots, j) * np.uint64(k * e)
                for q in range(k * e):
                    m[q] = lanes.fma(values[j], v[o + np.uint64(q)], m[q])
            for s in range(e):
                if binary:
                    r[s], _ = links.two(m[s], y, now, first, weights[i], scores, at + s, e)
                else:
                    links.many(m, r, s, k, t, y, now, first, weights[i], scores, at + s, e, m[s])
            if not teach:
                continue
            share = pace[t, 0] if pace[t, 0] > 0.0 else 1.0
            for j in range(lo, hi):
                o = entry(runs, begin, slots, j) * np.uint64(k * e)
                for q in range(k * e):
                    by = half * np.float32(share * eta[q % e])
                    into[o + np.uint64(q)] -= by * r[q] * values[j]

    return run
