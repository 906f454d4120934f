"""Exponential and logarithm, compiled: the same bits on every machine of one architecture.

The C library's `exp` and `log` differ between versions in the last bit, and what differs in the
last bit becomes another state. These use only operations that IEEE 754 fixes.
"""

from __future__ import annotations

from decimal import Context, Decimal, localcontext
from typing import Any

import numpy as np
from numba import njit

from learners.lanes import exponent, fill, fma, mantissa

_POWERS = np.ldexp(1.0, np.arange(-1074, 1024)).astype(np.float64)  # 2**n exactly, at n + 1074
_LN2_HIGH = 6.93147180369123816490e-01  # 32 significant bits: n times it is exact
_LN2_LOW = 1.90821492927058770002e-10
_STEPS = 92.33248261689366  # 64 / ln 2
_STEP_HIGH = 0.010830424695086549  # ln 2 / 64: 33 significant bits, and the rest
_STEP_LOW = 1.162596423439437e-12
_SHIFT = 6755399441055744.0  # 1.5 * 2**52: what is added to it is rounded to a whole number
with localcontext(Context(prec=30)):  # 2**(i / 64), each rounded once, whatever the C library
    _ROOTS = np.array([float(Decimal(2) ** (Decimal(i) / 64)) for i in range(64)])


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def exp(x: float) -> float:
    """e to the x for x <= 709, within 1e-15 of it relatively; 0 below -700.

    Tang, "Table-driven implementation of the exponential function", ACM TOMS 1989: x is
    k ln 2 / 64 + r, and e**r for |r| <= 0.0055 is Taylor's polynomial to r**5, which leaves 4e-17.

    >>> float(exp(1.0))
    2.718281828459045
    """
    if x < -700.0:
        return 0.0
    k = fma(x, _STEPS, _SHIFT) - _SHIFT  # to the nearest whole number
    n = int(k)
    r = fma(k, -_STEP_LOW, fma(k, -_STEP_HIGH, x))
    high, low = fma(r, 1.0 / 120.0, 1.0 / 24.0), fma(r, 1.0 / 6.0, 0.5)
    square = r * r
    s = fma(fma(high, square, low), square, r)
    root = _ROOTS[n & 63]
    return fma(root, s, root) * _POWERS[(n >> 6) + 1074]  # type: ignore[no-any-return]


@njit(inline="always", error_model="numpy")
def log_lanes(x: Any) -> Any:
    """Natural logarithm of positive, normal float64 numbers, within 1e-15; of lanes or of one."""
    n, m = exponent(x), mantissa(x)
    f = (m - fill(x, 1.0)) / (m + fill(x, 1.0))  # log m = 2 artanh f, |f| <= 0.172
    q = f * f
    s = fill(x, 1.0 / 21.0)
    for k in range(19, 0, -2):
        s = fma(s, q, fill(x, 1.0 / k))
    return fma(n, fill(x, _LN2_HIGH), fma(f + f, s, n * fill(x, _LN2_LOW)))


@njit(cache=True, nogil=True, error_model="numpy")
def log(x: float) -> float:
    """Natural logarithm of a positive, normal x, within 1e-15.

    >>> round(float(log(10.0)), 12)
    2.302585092994
    """
    return log_lanes(x)  # type: ignore[no-any-return]
