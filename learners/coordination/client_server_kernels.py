"""The compiled parts of client-server learning: hashing to D, recursive least squares, the link.

Symmetric matrices lie packed, by rows up to the diagonal: entry (i, j <= i) at i (i + 1) / 2 + j.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from learners import links
from learners.kernels import compiled
from learners.losses import exp
from learners.scramble import GOLDEN, scrambled
from learners.types import F64, I64

FAR = 8.0  # deviations: beyond, one minus the probability is less than rounding


@compiled
def place_of(name: int, D: int) -> tuple[int, float]:
    """Where in D a feature id lies, and its sign (Weinberger et al. 2009; splitmix64).

    The constant, id 0, has place 0 to itself.
    """
    if name == 0:
        return 0, 1.0
    x = scrambled(np.uint64(name) * GOLDEN)
    sign = 1.0 if x >> np.uint64(63) else -1.0
    return 1 + int((x & np.uint64(0xFFFFFFFF)) % np.uint64(D - 1)), sign


@compiled
def normal(z: float) -> float:
    """Probability that a standard normal variable is less than z, within 1e-15.

    Hart's rational function, as in G. West, "Better approximations to cumulative normal functions",
    Wilmott 2005.

    >>> round(normal(1.0), 14)
    0.84134474606854
    """
    x = abs(z)
    if x > 37.0:
        tail = 0.0
    else:
        e: Any = exp(-0.5 * x * x)
        if x < 7.07106781186547:
            up = 3.52624965998911e-02 * x + 0.700383064443688
            for c in (6.37396220353165, 33.912866078383, 112.079291497871, 221.213596169931,
                      220.206867912376):  # fmt: skip
                up = up * x + c
            down = 8.83883476483184e-02 * x + 1.75566716318264
            for c in (16.064177579207, 86.7807322029461, 296.564248779674, 637.333633378831,
                      793.826512519948, 440.413735824752):  # fmt: skip
                down = down * x + c
            tail = e * up / down
        else:
            f = x + 0.65
            for n in (4.0, 3.0, 2.0, 1.0):
                f = x + n / f
            tail = e / (f * 2.506628274631)
    return tail if z <= 0.0 else 1.0 - tail


@compiled
def times(packed: Any, x: F64, out: F64) -> None:
    """out = A x of a packed symmetric A."""
    out[:] = 0.0
    at = 0
    for i in range(len(x)):
        sums = (0.0, 0.0, 0.0, 0.0)
        s0, s1, s2, s3 = sums
        xi, j = x[i], 0
        while j + 4 <= i:
            s0 += packed[at + j] * x[j]
            s1 += packed[at + j + 1] * x[j + 1]
            s2 += packed[at + j + 2] * x[j + 2]
            s3 += packed[at + j + 3] * x[j + 3]
            j += 4
        while j < i:
            s0 += packed[at + j] * x[j]
            j += 1
        if xi != 0.0:
            for j in range(i):
                out[j] += packed[at + j] * xi
        out[i] += ((s0 + s1) + (s2 + s3)) + packed[at + i] * xi
        at += i + 1


@compiled
def dot(a: Any, b: Any) -> float:
    """a . b, in order."""
    total = 0.0
    for i in range(len(a)):
        total += a[i] * b[i]
    return total


@compiled
def packed(whole: F64) -> F64:
    """The lower triangle of a symmetric matrix."""
    D = len(whole)
    out = np.empty(D * (D + 1) // 2)
    at = 0
    for i in range(D):
        for j in range(i + 1):
            out[at] = whole[i, j]
            at += 1
    return out


@compiled
def unpacked(part: F64, D: int) -> F64:
    """The symmetric matrix of that lower triangle."""
    out = np.empty((D, D))
    at = 0
    for i in range(D):
        for j in range(i + 1):
            out[i, j] = out[j, i] = part[at]
            at += 1
    return out


@compiled
def total(parts: Any) -> F64:
    """The sum over the first axis, in order, of (t, n)."""
    out = np.zeros(parts.shape[1])
    for t in range(len(parts)):
        for i in range(len(out)):
            out[i] += parts[t, i]
    return out


@compiled
def answered(z: F64, known: int, now: int, first: I64, scores: Any, at: int, e: int) -> None:
    """Shares of classes by how many deviations each speaks for itself, over those that are known.

    Two are one margin, and P = Phi(z); of several it is what each says of itself, brought to sum
    to 1.
    """
    whole = 0.0
    for q in range(len(z)):
        if first[known, q] < now:
            share = normal(min(FAR, max(-FAR, z[q])))
            scores[at + q * e] = share
            whole += share
    for q in range(len(z)):
        if first[known, q] < now:
            scores[at + q * e] /= whole


@cache
def learner(binary: bool, teach: bool) -> Any:
    """The loop over a block: say, then learn; every `batch` examples a task's state may be told."""
    half = 1.0 if binary else 0.5  # a stored column is that much of its class's margin

    @compiled
    def run(
        rows: Any, indptr: Any, columns: Any, runs: bool, ids: Any, values: Any, labels: Any,
        weights: Any, first: Any, start: int, Lambda: Any, eta: Any, n: Any, told_Lambda: Any,
        told_eta: Any, w0: Any, M: Any, named: Any, shares: Any, noise: float, batch: int,
        scores: Any,
    ) -> None:  # fmt: skip
        classes, e, D = first.shape[1], len(shares), w0.shape[2]
        k = 1 if binary else classes
        phi, v, z = np.zeros(D), np.zeros(D), np.zeros(classes)
        Mv = np.zeros(D)
        for i in range(len(rows)):
            t, label, now = rows[i], labels[i], start + i
            phi[:] = 0.0
            lo, hi = indptr[i], indptr[i + 1]
            for j in range(lo, hi):
                b, sign = place_of(ids[j], D)
                phi[b] += sign * np.float64(values[j])
                if teach:
                    named[columns[i] + j - lo if runs else columns[j]] = np.int64(ids[j]) + 1
            known = links.consulted(t, now, first)
            for s in range(e):
                private = 1.0 - shares[s]
                times(Lambda[t, s], phi, v)
                for b in range(D):
                    v[b] = phi[b] - private * v[b]
                times(M[s], v, Mv)
                spread = private * dot(phi, v)
                deviation = np.sqrt(noise + spread + dot(v, Mv))
                for q in range(k):
                    mean = private * dot(phi, eta[t, s, q]) + dot(v, w0[s, q])
                    margin = mean / half / deviation
                    if not binary:
                        z[q] = margin
                    else:
                        z[0] = -margin
                        if classes > 1:
                            z[1] = margin
                answered(z, known, now, first, scores, i * classes * e + s, e)
                if not teach or weights[i] <= 0.0:
                    continue
                S = noise / np.float64(weights[i]) + spread
                at = 0
                for b in range(D):
                    by = v[b] / S
                    for c in range(b + 1):
                        Lambda[t, s, at + c] += by * v[c]
                    at += b + 1
                for q in range(k):
                    # Columns 0 and 1 are one margin from the start, whichever class came first.
                    if not (q < 2 or first[0, q] < now or q == label):
                        continue
                    up = label == (1 if binary else q)
                    lacks = (half if up else -half) - private * dot(phi, eta[t, s, q])
                    for b in range(D):
                        eta[t, s, q, b] += v[b] * (lacks / S)
            if teach and weights[i] > 0.0:
                n[t, 0] += 1
                if batch > 1 and n[t, 0] % batch == 0:
                    told_Lambda[t], told_eta[t] = Lambda[t], eta[t]

    return run
