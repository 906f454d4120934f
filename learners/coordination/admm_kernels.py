"""The compiled parts of consensus ADMM: steps with a pull that is kept in closed form."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from learners import links
from learners.kernels import compiled
from learners.losses import exp, log
from learners.types import F64, I64

MOST = 0.1  # of the way, about: what a meeting pulls by coordinate, lest rare ones undo learning
FARTHEST = 69.0  # 2**-100: of what was further away from the centre nothing is left to be pulled


@compiled
def fade(rows: I64, H: F64, by: F64) -> None:
    """Note one pull by exp(-by) for each example's task and expert."""
    for t in rows:
        for s in range(len(by)):
            H[t, s] = min(H[t, s] + by[s], MOST)


@compiled
def left(H: F64) -> F64:
    """exp(-H): what is left of the way from the centre."""
    out = np.empty_like(H)
    for t in range(H.shape[0]):
        for s in range(H.shape[1]):
            out[t, s] = exp(-H[t, s])
    return out


@cache
def learner(binary: bool, e: int, loss: str, falling: bool) -> Any:
    """The loop of w <- (eta w + rho m - g) / (rho + eta), for e experts, lazy in its non-zeros.

    m, the centre, does not change between meetings, so w = m + exp(-H) a: a step multiplies the
    distance from m by eta / (rho + eta), which adds to H, and only g moves a. Rows lie flat as in
    `kernels.learner`. With `falling` steps eta grows as the root of the task's examples.
    """
    # A margin is w = 2 w_1: the columns of a softmax learn at half its rate.
    half = np.float32(1.0 if binary else 0.5)

    @compiled
    def run(
        rows: Any, indptr: Any, slots: Any, runs: bool, values: Any, labels: Any, weights: Any,
        first: Any, start: int, m: Any, a: Any, H: Any, n: Any, eta: Any, rho: float,
        scores: Any, teach: bool,
    ) -> None:  # fmt: skip
        classes = first.shape[1]
        k = 1 if binary else classes
        margins, r = np.zeros((2, k * e), np.float32)
        near, far = np.zeros((2, k * e))
        for i in range(len(rows)):
            t, y, now = rows[i], labels[i], start + i
            lo, hi = indptr[i], indptr[i + 1]
            at = i * classes * e
            near[:], far[:] = 0.0, 0.0
            for j in range(lo, hi):
                d = (slots[i] + j - lo if runs else slots[j]) * k * e
                for q in range(k * e):
                    near[q] += np.float64(values[j]) * m[d + q]
                    far[q] += np.float64(values[j]) * a[d + q]
            for q in range(k * e):
                margins[q] = np.float32(near[q] + exp(-H[t, q % e]) * far[q])
            for s in range(e):
                if binary:
                    r[s], _ = links.two(margins[s], y, now, first, weights[i], scores, at + s, e)
                else:
                    links.many(
                        margins, r, s, k, t, y, now, first, weights[i], scores, at + s, e,
                        margins[s],
                    )  # fmt: skip
            if not teach:
                continue
            if loss != "logistic":
                # Of the hinge, what is lost is 1 - y w.x; of the script's, 1 - y sign(w.x).
                least = np.float32(1.0 if loss == "hinge" else 0.0)
                for q in range(k):
                    sign = np.float32(1.0 if (y == 1 if binary else y == q) else -1.0)
                    for s in range(e):
                        held = sign * margins[q * e + s]
                        wrong = held < least or (loss == "sign" and held == least)
                        r[q * e + s] = -sign * weights[i] if wrong else np.float32(0.0)
            n[t, 0] += 1
            grown = np.sqrt(np.float64(n[t, 0])) if falling else 1.0
            for s in range(e):
                H[t, s] = min(H[t, s] + log(1.0 + rho / (eta[s] * grown)), FARTHEST)
            for j in range(lo, hi):
                d = (slots[i] + j - lo if runs else slots[j]) * k * e
                for q in range(k * e):
                    by = exp(H[t, q % e]) / (rho + eta[q % e] * grown)
                    a[d + q] -= np.float32(by * half * r[q] * values[j])

    return run
