"""The compiled parts of FedEM that are a task's own: the examples it keeps, its E and its M step.

What a task keeps of a feature, its values in the last b examples, lies together, by slot. So does
the part of the components that those examples' margins are made of, as it was when the task last
met the feature: an example brings the margins up to date in the features that it holds, all b at
once, which for dense data is exact. A value there counts only if none of the b examples since has
taken its place; which have is known from how many there were when the feature came last.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from learners import lanes
from learners.kernels import loop
from learners.links import FAR, inlined
from learners.types import F32, F64, I64

WIDE = 16  # examples brought up to date at once


@loop
def keep(
    slots: I64, values: F32, theta: F32, m: F32, t: int, n: int, b: int, x: Any, visited: Any,
    part: Any, margins: Any,
) -> None:  # fmt: skip
    """Keep a task's n-th example, of those values and margins m, in the place of its (n - b)-th.

    `theta` are the components' weights in its features; `slots` where they lie.
    """
    size = len(m)
    for j in range(len(slots)):
        slot = slots[j]
        since = n - visited[slot]  # examples that did not hold it
        visited[slot] = n + 1
        for i in range(n - min(since, b), n):
            x[slot * b + i % b] = 0
        for s in range(size):
            now = theta[j * size + s]
            theta[j * size + s] = now - part[slot * size + s]  # how far they have moved since
            part[slot * size + s] = now
    if n:
        for s in range(size):
            at = (t * size + s) * b
            for u in range(0, b - b % WIDE, WIDE):
                sums = lanes.load(margins, at + u, WIDE)
                for j in range(len(slots)):
                    by = lanes.fill(sums, theta[j * size + s])
                    sums = lanes.fma(by, lanes.load(x, slots[j] * b + u, WIDE), sums)
                lanes.store(margins, at + u, sums)
            for u in range(b - b % WIDE, b):
                for j in range(len(slots)):
                    by_one = theta[j * size + s]
                    margins[at + u] = lanes.fma(by_one, x[slots[j] * b + u], margins[at + u])
    for j in range(len(slots)):
        x[slots[j] * b + n % b] = values[j]
    for s in range(size):
        margins[(t * size + s) * b + n % b] = m[s]


@loop
def note(truth: Any, label: int, weight: float, at: int) -> None:
    """Write down an example's label and weight, in the manner of a margin: truth (k, b) at `at`."""
    truth[:, at] = 0
    if len(truth) == 1:
        truth[0, at] = weight if label == 1 else -weight
        return
    if label < 2:
        truth[1 - label, at] = -0.5 * weight
    truth[label, at] = 0.5 * weight


@inlined
def of_two(margin: Any, truth: Any) -> Any:
    """What a margin says of the label whose sign `truth` has; of lanes or of one."""
    nothing, one = lanes.fill(margin, 0.0), lanes.fill(margin, 1.0)
    far, size = lanes.fill(margin, FAR), lanes.size(margin)
    z = lanes.exp(-lanes.less(size, far, size, far))
    return lanes.less(margin * truth, nothing, z, one) / (one + z)


@inlined
def of_many(margins: Any, m: int, i: int, y: int, known: int, now: int, first: Any) -> Any:
    """What component m says of label y of example i, by margins (k, M, b).

    The softmax runs over the classes that the task `known` has met up to now.
    """
    top, total = margins[y, m, i], np.float32(0)
    for c in range(len(margins)):
        if first[known, c] <= now:
            top = max(top, margins[c, m, i])
    for c in range(len(margins)):
        if first[known, c] <= now or c == y:
            total += lanes.exp(max(margins[c, m, i] - top, np.float32(-FAR)))
    return lanes.exp(max(margins[y, m, i] - top, np.float32(-FAR))) / total


@loop
def expect(
    margins: Any, truth: Any, filled: int, newest: int, known: int, now: int, first: Any, pi: Any,
    q: F64, mass: F64, p: F32,
) -> float:  # fmt: skip
    """E step over the examples that a task keeps: their weight, and each component's part of it.

    By margins (k, M, b) and truth (k, b); the parts go to `mass`, the responsibilities for the
    newest example to q; p (M, b) is for what components say of each label.
    """
    k, M, b = margins.shape
    mass[:] = 0.0
    whole = 0.0
    if k == 1:
        for m in range(M):
            for i in range(0, b - b % WIDE, WIDE):
                here = lanes.load(margins, m * b + i, WIDE)
                lanes.store(p, m * b + i, of_two(here, lanes.load(truth, i, WIDE)))
            for i in range(b - b % WIDE, b):
                p[m, i] = of_two(margins[0, m, i], truth[0, i])
    for i in range(filled):
        weight: Any = np.float64(abs(truth[0, i]))
        if k > 1:
            y, weight = 0, 0.0
            for c in range(k):
                if 2.0 * truth[c, i] > weight:
                    y, weight = c, 2.0 * np.float64(truth[c, i])
            for m in range(M):
                p[m, i] = of_many(margins, m, i, y, known, now, first)
        total: Any = 0.0
        for m in range(M):
            total += pi[m] * p[m, i]
        each = 1.0 / total
        for m in range(M):
            share = pi[m] * p[m, i] * each
            mass[m] += weight * share
            if i == newest:
                q[m] = share
        whole += weight
    return whole


@loop
def settle(pi: Any, shares: F64, floor: float) -> None:
    """M step of a task: pi becomes those shares, none less than the floor."""
    total = 0.0
    for m in range(len(shares)):
        pi[m] = max(shares[m], floor)
        total += pi[m]
    for m in range(len(shares)):
        pi[m] /= total
