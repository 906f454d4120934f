"""The step of a meeting of consensus ADMM: what tasks have in common, u, and each besides, V."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from learners.coordination.relations import spectrum
from learners.linalg import product
from learners.types import F64

FLOOR = 0.1  # of Omega: the share of the identity


def joint(S: F64, V: F64, rho: float, penalties: Sequence[float]) -> tuple[F64, F64]:
    """u (d,) and V (K, d) that make the Lagrangian least, by S = Z + rho W and the V before."""
    l1, l2, l3 = penalties[:3]
    K = len(S)
    found = spectrum(V)
    s, Q = found if found is not None else (np.zeros(0), np.zeros((K, 0)))
    rest = FLOOR if len(s) else 1.0  # Omega beside those directions
    omega = (1 - FLOOR) * K * s / max(s.sum(), 1e-300) + rest
    f0 = rest / ((l1 + rho) * rest + l3)
    f: F64 = omega / ((l1 + rho) * omega + l3) - f0

    def inverse(x: F64) -> F64:
        """B^-1 x."""
        return f0 * x + product(Q, f[:, None] * product(np.ascontiguousarray(Q.T), x))

    one = np.ones((K, 1))
    c = inverse(one)
    top = product(np.ascontiguousarray((one - rho * c).T), S)[0]
    u: F64 = top / (l2 + rho * K - rho**2 * c.sum())
    return u, inverse(S - rho * u)


def script(S: F64, V: F64, rho: float, penalties: Sequence[float]) -> tuple[F64, F64]:
    """The same as the shipped code has it."""
    l1, l2, l3, l4 = penalties
    own, K = l1 + l3, len(S)
    u: F64 = own * product(np.ones((1, K)), S)[0] / (own * (l2 + rho * K) + l2 * rho)
    new = l2 / (l2 * (own + rho) + rho * K * own) * S
    found = spectrum(V)
    if found is not None and len(found[0]):
        s, Q = found
        along = product(np.ascontiguousarray(Q.T), V) / s[:, None]
        new += l4 * s.sum() * product(Q, along)
    return u, new
