"""DROM-D as it is written: one matrix for all places, every round in full. Two oracles."""

from __future__ import annotations

import numpy as np

from tests.learners.drom_plain import Array, Run


def ring(n: int) -> Array:
    """Metropolis weights of a ring."""
    S = np.zeros((n, n))
    for i in range(n):
        for j in {(i + 1) % n, (i - 1) % n} - {i}:
            S[i, j] = 1 / 3
        S[i, i] = 1 - S[i].sum()
    return S


def as_written(
    X: Array,
    Y: Array,
    mixing: Array,
    coupling: float = 0.04,
    eta: float = 5.0,
    theta: float = 100.0,
    *,
    clips: int = 3,
    steps: int = 2,
    before: int = 0,
    u: Array,
) -> Run:
    """Each task a place; a synchronisation every round, of clips * steps tracked mixings.

    So many more turn the direction `before` each dual step.
    """
    T, m, d = X.shape
    W, Z, r, part = np.zeros((4, d, m))
    us = np.tile((u / np.linalg.norm(u))[:, None], (1, m))
    run = Run(np.zeros((T, m)), W, Z, [], [], [], [], [])

    def turn(Z: Array, r: Array, part: Array, us: Array) -> tuple[Array, Array, Array]:
        new = Z * (Z * us).sum(0)
        r = (r + new - part) @ mixing.T
        size = np.linalg.norm(r, axis=0)
        return r, new, np.where(size > 1e-30, r / np.maximum(size, 1e-300), us)

    for t in range(T):
        f = np.einsum("md,dm->m", X[t], W)
        run.margins[t] = f
        G = -(np.where(Y[t] * f < 1, 1.0, 0.0) * Y[t]) * X[t].T
        scale = 1 / np.sqrt(t + 1)
        for _ in range(before):
            r, part, us = turn(Z, r, part, us)
        W, Z = W - eta * scale * (G + coupling * Z), Z + theta * scale * coupling * W
        for _ in range(clips):
            for _ in range(steps):
                r, part, us = turn(Z, r, part, us)
            s = np.sqrt(m * np.linalg.norm(r, axis=0))
            Z = Z - (1 - 1 / np.maximum(s, 1)) * (Z * us).sum(0) * us
    return run._replace(W=W, Z=Z)


def by_meetings(
    X: Array,
    Y: Array,
    mixing: Array,
    home: list[int],
    coupling: float,
    eta: float,
    theta: float,
    *,
    meetings: int = 1,
    clips: int = 3,
    steps: int = 2,
    blocking: bool = False,
    mixings: int = 1,
    forget: float = 0.0,
    every: int = 1,
    u: Array,
) -> Run:
    """Tasks at their homes; so many meetings after every so many rounds, heard at once."""
    (T, m, d), P = X.shape, len(mixing)
    at = np.array(home)
    lives = np.eye(P)[at]  # (m, P)
    W, Z, total = np.zeros((3, d, m))
    r, fresh = np.zeros((2, d, P))
    us = np.tile((u / np.linalg.norm(u))[:, None], (1, P))
    v, after, count, heard, stepped = np.zeros(m), 0, 0, 0, 0
    run = Run(np.zeros((T, m)), W, Z, [], [], [], [], [])
    waits = blocking and P > 1

    def project() -> Array:
        v: Array = np.einsum("dm,dm->m", Z, us[:, at])
        return v

    def turn(R: Array) -> Array:
        size = np.linalg.norm(R, axis=0)
        turned: Array = np.where(size > 1e-30, R / np.maximum(size, 1e-300), us)
        return turned

    for t in range(T):
        f = np.einsum("md,dm->m", X[t], W)
        run.margins[t] = f
        G = -(np.where(Y[t] * f < 1, 1.0, 0.0) * Y[t]) * X[t].T
        total, count = total + W, count + 1
        W = W - eta / np.sqrt(t + 1) * (G + coupling * Z)
        for _ in range(meetings if (t + 1) % every == 0 else 0):
            told = r + fresh
            r = told @ mixing.T - forget * told
            heard += 1
            if heard % mixings and P > 1:
                fresh = np.zeros((d, P))
                continue
            before = (1 - forget) ** (heard - stepped) * Z * v
            stepped = heard
            if waits:
                us = turn(r)
                after += 1
                if after % steps == 0:
                    s = np.sqrt(P * np.linalg.norm(r, axis=0))
                    Z = Z - (1 - 1 / np.maximum(s, 1))[at] * project() * us[:, at]
            if count:
                Z = Z + theta / np.sqrt(t + 1) * coupling * total / count
                total, count, after = np.zeros((d, m)), 0, 0
            if not waits:
                others = P * r - before @ lives
                for _ in range(clips if P == 1 else 1):
                    for _ in range(steps if P == 1 else 1):
                        us = turn(others + (Z * project()) @ lives)
                    v = project()
                    s = np.sqrt(np.maximum(0, (others * us).sum(0)) + v**2 @ lives)
                    if (s <= 1).all():
                        break
                    Z = Z - ((1 - 1 / np.maximum(s, 1))[at] * v) * us[:, at]
            v = project()
            fresh = (Z * v - before) @ lives
    return run._replace(W=W, Z=Z)
