"""How DROM's dual is held: three forms of max over Z, each needing the leading pair of Z alone.

With (u, v) the leading pair of Z, s its singular value and theta the step of the dual,

    Clip       Z <- Z + theta lambda W,   then  Z <- Z - (s - 1)_+ u v'
    Penalty    Z <- Z + theta (lambda W - rho [s > 1] u v')
    Ball       Z <- Z + theta lambda (W - kappa u v')

The first two are min f(W) + lambda |W|_*. The penalty is exact where rho >= lambda |W|_* and
diverges below, so rho must be known beforehand; the clip needs no such number. The third is
min f(W) with |W|_* <= kappa: u v' is then the Frank-Wolfe step of the ball, and lambda Z the
multiplier, so lambda sets how fast it grows and not how much is asked of W.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from learners.coordination.drom_meeting import begin, clip, lengths, moving, norms, sweep, unit
from learners.types import F64


class Clip(NamedTuple):
    """Clip the top singular value to 1."""

    clips: int = 3  # J, a meeting
    steps: int = 2  # K, power steps a clip


CLIP = Clip()


class Penalty(NamedTuple):
    """Pull the leading direction back by rho where its singular value is above 1."""

    rho: float  # at least lambda |W|_* of all W met
    steps: int = 2  # power steps a meeting


class Ball(NamedTuple):
    """Hold |W|_* at kappa or below."""

    kappa: float
    steps: int = 2  # power steps a meeting


def strides(rule: str, theta: float, coupling: float, told: Any, memory: Any) -> F64:
    """Steps of the dual by that rule: (t, e), or (1, e) where all tasks make the same."""
    e = len(memory.norms)
    if rule == "constant":
        return np.full((1, e), theta)
    if rule == "sqrt":
        return np.repeat(theta / np.sqrt(np.maximum(told.n, 1.0)), e, 1)
    memory.norms[:] += coupling**2 * norms(told.total, told.n, memory.total, memory.n)
    floor = coupling**2 * len(told.n)
    by = np.sqrt(len(told.n)) * theta / np.sqrt(np.maximum(floor + memory.norms, 1e-300))
    return by[None]  # type: ignore[no-any-return]


def ascend(
    constraint: Clip | Penalty | Ball, coupling: float, by: F64, told: Any, memory: Any
) -> None:
    """A step of the dual along what was played since the last, held by the constraint."""
    Z, u = memory.Z, memory.u
    back = None
    if coupling and not isinstance(constraint, Clip):  # the pair is that of Z before the step
        news = told.n != memory.n
        back = _lead(Z, u, constraint.steps)
        bound = 1.0 if Z.shape[2] == 1 else np.sqrt(0.5)  # as in `clip`
        size = lengths(back)
        if isinstance(constraint, Penalty):
            strength = np.where(size > bound, constraint.rho, 0.0)
        else:
            strength = np.where(size > 0.0, constraint.kappa * coupling, 0.0)
        back *= (by * news)[:, None] * (strength * bound / np.maximum(size, 1e-300))
    moving(Z.shape[3])(told.total, told.n, memory.total, memory.n, by * coupling, Z)
    if back is not None:
        _passing(Z, u, back)(back, np.zeros(u.shape), True, False)
    elif coupling:
        clip(Z, u, *constraint)


def _lead(Z: Any, u: F64, steps: int) -> F64:
    """s v, (t, k, e), of the leading pair; power steps turn u, in place."""
    v = np.zeros((Z.shape[0], *Z.shape[2:]))
    begin(u)
    passing = _passing(Z, u, v)
    for _ in range(steps):
        new = np.zeros(u.shape)
        passing(v, new, False, True)
        unit(new, u)
    passing(v, np.zeros(u.shape), False, False)
    return v


def _passing(Z: Any, u: F64, v: F64) -> Any:
    """The reading of Z along u (`sweep`), which leaves v = Z' u."""
    tasks, _, k, e = Z.shape
    run = partial(sweep(e), tasks, k, Z.reshape(-1), u.reshape(-1), v.reshape(-1))
    return lambda less, new, *what: run(less.reshape(-1), new.reshape(-1), *what)
