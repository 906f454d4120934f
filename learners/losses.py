"""Exponential, logarithm and links, compiled: the same bits on every machine of one architecture.

The C library's `exp` and `log` differ between versions in the last bit, and what differs in the
last bit becomes another state. These two use only operations that IEEE 754 fixes.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

_POWERS = np.ldexp(1.0, np.arange(-1074, 1024)).astype(np.float64)  # 2**n exactly, at n + 1074
_LOG2E = 1.4426950408889634
_LN2_HIGH = 6.93147180369123816490e-01  # 32 significant bits: n times it is exact
_LN2_LOW = 1.90821492927058770002e-10
_SQRT_HALF = 0.7071067811865476


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def exp(x: float) -> float:
    """e to the x for x <= 709, within 1e-15 of it relatively; 0 below -700.

    >>> float(exp(1.0))
    2.718281828459045
    """
    if x < -700.0:
        return 0.0
    n = int(np.floor(x * _LOG2E + 0.5))
    r = (x - n * _LN2_HIGH) - n * _LN2_LOW  # |r| <= 0.35: Taylor to r**13 leaves 4e-18
    s = 1.0 / 6227020800.0
    s = s * r + 1.0 / 479001600.0
    s = s * r + 1.0 / 39916800.0
    s = s * r + 1.0 / 3628800.0
    s = s * r + 1.0 / 362880.0
    s = s * r + 1.0 / 40320.0
    s = s * r + 1.0 / 5040.0
    s = s * r + 1.0 / 720.0
    s = s * r + 1.0 / 120.0
    s = s * r + 1.0 / 24.0
    s = s * r + 1.0 / 6.0
    s = s * r + 0.5
    s = s * r + 1.0
    s = s * r + 1.0
    return s * _POWERS[n + 1074]


@njit(cache=True, nogil=True, error_model="numpy")
def log(x: float) -> float:
    """Natural logarithm of a positive, normal x, within 1e-15.

    >>> round(float(log(10.0)), 12)
    2.302585092994
    """
    m, n = math.frexp(x)
    if m < _SQRT_HALF:
        m *= 2.0
        n -= 1
    f = (m - 1.0) / (m + 1.0)  # log m = 2 artanh f, |f| <= 0.172
    q = f * f
    s = 1.0 / 21.0
    for k in range(19, 0, -2):
        s = s * q + 1.0 / k
    return n * _LN2_HIGH + (2.0 * f * s + n * _LN2_LOW)


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def sigmoid(m: float) -> float:
    """1 / (1 + e**-m), without overflow."""
    if m >= 0.0:
        return 1.0 / (1.0 + exp(-m))
    z = exp(m)
    return z / (1.0 + z)
