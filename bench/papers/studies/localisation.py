"""The paper's first study: 100 agents, each looking for one of four targets, some of them lying.

Li, Abbas & Koutsoukos 2020. Squared loss, LMS; models exchanged and combined at every step, all by
the rules that `byzantine` goes by.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from learners.coordination.byzantine_rules import DISTANCE, accumulate, combine, weigh
from learners.kernels import compiled
from learners.types import F64

AGENTS, STEPS, LAST = 100, 500, 100
MU, NU, PHI0 = 0.1, 0.1, 10.0


class Found(NamedTuple):
    """Of the honest agents, over the last steps."""

    loss: float  # mean squared, of the model before it learns
    trusted: float  # mean weight given to all liars together
    strangers: float  # and to honest neighbours that look for another target
    paths: F64  # (steps, agents, 2)


@compiled
def _run(
    w: F64, x: F64, u: F64, d: F64, near: Any, liar: Any, group: Any, lies: F64, rule: int,
    losses: F64, trusted: F64, strangers: F64, paths: F64,
) -> None:  # fmt: skip
    n = len(x)
    phi = np.full((n, near.shape[1]), PHI0)
    psi, before = np.zeros((n, 2)), w.copy()
    for i in range(len(u)):
        for k in range(n):
            q = x[k] + d[i, k] * u[i, k]
            before[k] = w[k]
            psi[k] = w[k] + MU * (q - w[k])
            if liar[k]:
                psi[k] = lies[i, k]
        for k in range(n):
            if liar[k]:
                continue
            size = 0
            for m in range(near.shape[1]):
                size += near[k, m] >= 0
            models = np.zeros((size, 2))
            for m in range(size):
                models[m] = psi[near[k, m]]
                if rule == DISTANCE:
                    away = models[m] - before[k]
                    loss = away[0] * away[0] + away[1] * away[1]
                else:
                    left = models[m] - x[k]
                    loss = (d[i, k] - left[0] * u[i, k, 0] - left[1] * u[i, k, 1]) ** 2
                phi[k, m] = accumulate(phi[k, m], loss, NU)
            a = weigh(phi[k, :size], np.ones(size, np.bool_), rule)
            w[k] = combine(a, models)
            left = w[k] - x[k]
            losses[i, k] = (d[i, k] - left[0] * u[i, k, 0] - left[1] * u[i, k, 1]) ** 2
            for m in range(1, size):
                if liar[near[k, m]]:
                    trusted[i, k] += a[m]
                elif group[near[k, m]] != group[k]:
                    strangers[i, k] += a[m]
        paths[i] = w


def localise(rule: int, liars: int, seed: int, lie: float = 15.0) -> Found:
    """One run of the study; liars tell `lie` and up to 1 more for each coordinate."""
    random = np.random.default_rng(seed)
    n = AGENTS
    targets = np.array([[10, 10], [10, 20], [20, 10], [20, 20]]) + random.uniform(size=(4, 2))
    group = np.arange(n) % 4
    random.shuffle(group)
    x = random.uniform(0, 3, size=(n, 2))
    near = np.full((n, 10), -1)
    for k in range(n):  # itself first, and at most nine others within 1
        far = np.linalg.norm(x - x[k], axis=1)
        around = np.array([m for m in np.argsort(far) if m != k and far[m] <= 1])
        around = random.permutation(around)[:9]
        near[k, 0], near[k, 1 : 1 + len(around)] = k, around
    liar = np.zeros(n, bool)
    liar[random.permutation(n)[:liars]] = True
    sigma_d, sigma_u = random.uniform(0.1, 0.2, n), random.uniform(0.01, 0.02, n)
    sigma_u[random.permutation(n)[:5]] = 0.1
    way = targets[group] - x
    v_u = sigma_u * random.normal(size=(STEPS, n))
    u = way / np.linalg.norm(way, axis=1, keepdims=True) + v_u[..., None]
    d = (way * u).sum(-1) + sigma_d * random.normal(size=(STEPS, n))
    lies = lie + random.uniform(size=(STEPS, n, 2))
    losses, trusted, strangers = np.zeros((3, STEPS, n))
    paths = np.zeros((STEPS, n, 2))
    _run(x.copy(), x, u, d, near, liar, group, lies, rule, losses, trusted, strangers, paths)
    honest = ~liar
    loss, to_liars, to_strangers = (
        float(each[-LAST:, honest].mean()) for each in (losses, trusted, strangers)
    )
    return Found(loss, to_liars, to_strangers, paths[:, honest])
