"""The compiled parts of `byzantine`: whose models a task hears, how it judges and combines them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from learners.coordination.byzantine_rules import accumulate, combine, weigh
from learners.kernels import compiled
from learners.losses import log
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
    z = np.uint64(x) + (np.uint64(salt) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.int64((z ^ (z >> np.uint64(31))) >> np.uint64(1))  # type: ignore[return-value]


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
    """Each task's own model of (t, d, k, e) and those of its chosen into (t, d, k, 1 + n, e)."""
    tasks, d, k, n, e = out.shape
    for t in range(tasks):
        for j in range(d):
            for q in range(k):
                for s in range(e):
                    out[t, j, q, 0, s] = v[t, j, q, s]
                for m in range(1, n):
                    if chosen[t, m - 1] >= 0:
                        for s in range(e):
                            out[t, j, q, m, s] = v[chosen[t, m - 1], j, q, s]


@compiled
def judge(
    rows: I64, labels: I64, weights: F32, said: F64, nu: float, name: I64, phi: F64, tried: I64
) -> None:
    """Take in what a task's models said of each label: (examples, classes, n e).

    An example of weight w counts as w of them, at most as all there is to know. Of a class that
    the task has yet to meet, nobody says anything.
    """
    n, e = phi.shape[1], phi.shape[2]
    for i in range(len(rows)):
        t, y = rows[i], labels[i]
        by = min(1.0, nu * weights[i])
        if tried[t, 0] == 0 or said[i, y, 0] == 0.0 or by == 0.0:
            continue
        tried[t, 0] += 1
        for m in range(n):
            if name[t, m] != 0:
                for s in range(e):
                    loss = -log(max(said[i, y, m * e + s], LEAST))
                    phi[t, m, s] = accumulate(phi[t, m, s], loss, by)


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
    rows: I64, v: F32, near: F32, name: I64, phi: F64, tried: I64, turn: I64, rule: int,
    phi0: float, new: F32, new_name: I64, new_turn: I64,
) -> None:  # fmt: skip
    """Combine the models that were judged, then take the new ones to be judged next.

    A neighbour heard before keeps its phi; a new one has at first the same standing as the task
    itself, and one whose model is not credible is as one who left. Of what was told before the
    last combination nothing is taken: it would be combined twice.
    """
    n, e = phi.shape[1], phi.shape[2]
    kept = np.empty((n, e))
    names = np.zeros(n, np.int64)
    for i in range(len(rows)):
        t = rows[i]
        moved = False
        if tried[t, 0] > 1:
            for s in range(e):
                a = weigh(phi[t, :, s], name[t] != 0, rule)
                if a[0] < 1.0:
                    moved = True
                    for q in range(v.shape[2]):
                        combine(a, near[t, :, q, :, s], v[t, :, q, s])
        if moved:
            turn[t, 0] += 1
            tried[t, 0] = 0
        if new_turn[i, 0] != turn[t, 0] or not credible(new[i, :, :, 0]):
            continue
        tried[t, 0] = 1
        for m in range(n):
            there = new_name[i, m] != 0 and credible(new[i, :, :, m])
            names[m] = new_name[i, m] if there else 0
            for s in range(e):
                kept[m, s] = max(phi0, phi[t, 0, s])
            for old in range(n):
                if there and name[t, old] == names[m]:
                    kept[m] = phi[t, old]
            if there:
                near[t, :, :, m] = new[i, :, :, m]
            else:
                near[t, :, :, m] = 0
        name[t], phi[t] = names, kept
