"""The compiled parts of `byzantine`: whose models a task hears, how it judges and combines them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from learners.coordination.byzantine_rules import LOSS, accumulate, combine, weigh
from learners.kernels import compiled
from learners.losses import exp, log
from learners.scramble import GOLDEN, scrambled
from learners.types import F32, F64, I64

HUGE = 1e18  # a weight beyond is taken for a lie: a margin of such may not be finite
LEAST = 1e-300  # probability, lest its logarithm be none


def key(task: str) -> int:
    """Who a task is to those that hear it: a number from its name, never 0."""
    digest = hashlib.blake2b(task.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return (int.from_bytes(digest, "little") >> 1) or 1


def keys(tasks: Sequence[str]) -> I64:
    """The keys of several."""
    return np.array([key(task) for task in tasks], np.int64)


@compiled
def _scatter(x: int, salt: int) -> int:
    """Any number as one of 63 bits that looks drawn (splitmix64)."""
    z = np.uint64(x) + (np.uint64(salt) + np.uint64(1)) * GOLDEN
    return np.int64(scrambled(z) >> np.uint64(1))  # type: ignore[return-value]


@compiled
def choose(names: I64, senders: I64, mixing: F64, seed: int, n: int) -> I64:
    """At most n neighbours of each task, as rows (T, n); -1 where there are no more.

    Tasks lie on a ring by their keys, and each asks at n points of its own for who comes next: so
    all are chosen where there are few, and who comes or goes is the affair of some n tasks. Of
    tasks at a place that is not heeded, none.
    """
    tasks = len(names)
    ring = np.empty(tasks, np.int64)
    for t in range(tasks):
        ring[t] = _scatter(names[t], seed)
    order = np.argsort(ring, kind="mergesort")
    ring = ring[order]
    out = np.full((tasks, n), -1, np.int64)
    for t in range(tasks):
        for m in range(n):
            at = np.searchsorted(ring, _scatter(_scatter(names[t], m), seed))
            for step in range(tasks):
                other = order[(at + step) % tasks]
                free = other != t and mixing[senders[t], senders[other]] > 0.0
                for earlier in range(m):
                    free = free and out[t, earlier] != other
                if free:
                    out[t, m] = other
                    break
            if out[t, m] < 0:
                break
    return out


@compiled
def copy(v: F32, chosen: I64, out: F32) -> None:
    """The models (t, d, k, e) of the chosen into (t, d, k, n, e)."""
    tasks, d, k, n, e = out.shape
    for t in range(tasks):
        for j in range(d):
            for q in range(k):
                for m in range(n):
                    if chosen[t, m] >= 0:
                        for s in range(e):
                            out[t, j, q, m, s] = v[chosen[t, m], j, q, s]


@compiled
def weights(phi: F64, age: I64, rule: int, proved: int) -> F64:
    """The weights of a task's models: its own, and those of neighbours that have proved themselves.

    An age is of examples judged, and 0 nobody's; by loss, `proved` of them are wanted.
    """
    there = age >= (proved if rule == LOSS else 0)
    return weigh(phi, there, rule)


@compiled
def consult(
    rows: I64, labels: I64, importance: F32, own: F64, others: F64, nu: float, proved: int,
    rule: int, age: I64, phi: F64, teach: bool,
) -> None:  # fmt: skip
    """Turn what the own models said (examples, classes, e) into what the combinations say.

    A combination's margins are the mean of margins, so its probabilities are in proportion to the
    geometric mean of theirs. With `teach`, phi takes in each example's losses after that: an
    example of weight w counts as w of them, at most as all there is to know; a class that the task
    has yet to meet, nobody is judged by.
    """
    classes, e, n = own.shape[1], own.shape[2], age.shape[1]
    a = np.zeros((e, n))
    lost = np.zeros((n, e))
    for i in range(len(rows)):
        t, y = rows[i], labels[i]
        by = min(1.0, nu * importance[i])
        judged = teach and by > 0.0 and own[i, y, 0] > 0.0
        if judged:
            for s in range(e):
                lost[0, s] = -log(max(own[i, y, s], LEAST))
                for m in range(1, n):
                    lost[m, s] = -log(max(others[i, y, (m - 1) * e + s], LEAST))
        for s in range(e):
            a[s] = weights(phi[t, :, s], age[t], rule, proved)
            if a[s, 0] == 1.0:
                continue
            total = 0.0
            for c in range(classes):
                if own[i, c, s] == 0.0:
                    continue
                mean = a[s, 0] * log(own[i, c, s])
                for m in range(1, n):
                    if a[s, m] > 0.0:
                        mean += a[s, m] * log(max(others[i, c, (m - 1) * e + s], LEAST))
                own[i, c, s] = exp(mean)
                total += own[i, c, s]
            for c in range(classes):
                if total > 0.0:
                    own[i, c, s] /= total
        if judged:
            for m in range(n):
                if age[t, m] >= 0:
                    age[t, m] += 1
                    for s in range(e):
                        phi[t, m, s] = accumulate(phi[t, m, s], lost[m, s], by)


@compiled
def credible(model: F32) -> bool:
    """Whether all weights (d, k, e) are numbers of a size that can be reckoned with."""
    for j in range(model.shape[0]):
        for q in range(model.shape[1]):
            for s in range(model.shape[2]):
                if not abs(model[j, q, s]) <= HUGE:
                    return False
    return True


@compiled
def hear(
    rows: I64, near: F32, name: I64, age: I64, phi: F64, phi0: float, new: F32, new_name: I64
) -> None:
    """Take the models of neighbours in the place of those heard before.

    A neighbour heard before keeps its phi; a new one begins with the standing of the task itself,
    and one whose model is not credible is as one who left.
    """
    n, e = name.shape[1], phi.shape[2]
    kept, ages, names = np.empty((n, e)), np.empty(n, np.int64), np.empty(n, np.int64)
    for i in range(len(rows)):
        t = rows[i]
        for m in range(n):
            there = new_name[i, m] != 0 and credible(new[i, :, :, m])
            names[m], ages[m] = (new_name[i, m], 0) if there else (0, -1)
            for s in range(e):
                kept[m, s] = max(phi0, phi[t, 0, s])
            for old in range(n):
                if there and name[t, old] == names[m]:
                    kept[m], ages[m] = phi[t, 1 + old], age[t, 1 + old]
            if there:
                near[t, :, :, m] = new[i, :, :, m]
            else:
                near[t, :, :, m] = 0
        name[t], age[t, 1:], phi[t, 1:] = names, ages, kept


@compiled
def combined(rows: I64, v: F32, near: F32, age: I64, phi: F64, rule: int, proved: int) -> F32:
    """The combinations of those rows, (r, d, k, e)."""
    _, d, k, n, e = near.shape
    out = np.empty((len(rows), d, k, e), np.float32)
    models = np.empty((1 + n, d), np.float32)
    for i in range(len(rows)):
        t = rows[i]
        for s in range(e):
            a = weights(phi[t, :, s], age[t], rule, proved)
            for q in range(k):
                models[0] = v[t, :, q, s]
                for m in range(n):
                    models[1 + m] = near[t, :, q, m, s]
                out[i, :, q, s] = combine(a, models)
    return out
