"""Noise that is secret, the same on every machine, and the ledger of what it has to pay for."""

from __future__ import annotations

import hashlib

import numpy as np

from learners.kernels import compiled
from learners.losses import log
from learners.types import F64

SENSITIVITY = 2.0  # in clips: one stream of examples in the place of any other


def normals(key: bytes, n: int) -> F64:
    """n standard normals that follow from a key, and look drawn to all who have it not.

    Bits of SHAKE-256, an extendable hash, two words of 53 for a point; of those in the unit circle
    two normals each, by Marsaglia's polar method: square roots and this project's logarithm.

    >>> normals(b"a key", 3).round(3).tolist() == normals(b"a key", 4)[:3].round(3).tolist()
    True
    """
    words = 2 * n + 64
    while True:
        bits = np.frombuffer(hashlib.shake_256(key).digest(8 * words), "<u8")
        made: F64 = _polar((bits >> np.uint64(11)).astype(np.float64), n)
        if len(made) == n:
            return made
        words *= 2


@compiled
def _polar(words: F64, n: int) -> F64:
    out, found = np.empty(n), 0
    for i in range(len(words) // 2):
        if found == n:
            break
        x = words[2 * i] * (2.0 / 9007199254740992.0) - 1.0
        y = words[2 * i + 1] * (2.0 / 9007199254740992.0) - 1.0
        square = x * x + y * y
        if 0.0 < square < 1.0:
            by = np.sqrt(-2.0 * log(square) / square)
            out[found] = x * by
            found += 1
            if found < n:
                out[found] = y * by
                found += 1
    return out[:found]


@compiled
def clipped(change: F64, clip: float) -> F64:
    """The change, of length `clip` at most."""
    total = 0.0
    for x in change:
        total += x * x
    length = np.sqrt(total)
    return change * (clip / length) if length > clip else change.copy()


def rho(releases: int, noise: float) -> float:
    """Zero-concentrated privacy of that many releases: each is (2 clip)**2 / 2 (noise clip)**2.

    It adds up: Bun & Steinke, "Concentrated differential privacy", TCC 2016.
    """
    return releases * SENSITIVITY**2 / (2.0 * noise**2)


def epsilon(releases: int, noise: float, delta: float) -> float:
    """The epsilon that so many releases have spent at that delta, by Google's accountant.

    Raises
    ------
    ImportError
        when it is not installed.
    """
    try:
        from dp_accounting import GaussianDpEvent, SelfComposedDpEvent
        from dp_accounting.pld import PLDAccountant
    except ImportError as error:
        raise ImportError(
            "the ledger is kept by dp-accounting: pip install 'kindred[private]'"
        ) from error
    if not releases:
        return 0.0
    accountant = PLDAccountant()
    accountant.compose(SelfComposedDpEvent(GaussianDpEvent(noise / SENSITIVITY), releases))
    return float(accountant.get_epsilon(delta))
