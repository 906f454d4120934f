"""Exponential and logarithm, compiled: the same bits on every machine of one architecture.

The C library's `exp` and `log` differ between versions in the last bit, and what differs in the
last bit becomes another state. These use only operations that IEEE 754 fixes.
"""

from __future__ import annotations

import math
from decimal import Context, Decimal, localcontext
from typing import Any

import numpy as np
from numba import njit
from numba.extending import intrinsic

_POWERS = np.ldexp(1.0, np.arange(-1074, 1024)).astype(np.float64)  # 2**n exactly, at n + 1074
_LN2_HIGH = 6.93147180369123816490e-01  # 32 significant bits: n times it is exact
_LN2_LOW = 1.90821492927058770002e-10
_SQRT_HALF = 0.7071067811865476
_STEPS = 92.33248261689366  # 64 / ln 2
_STEP_HIGH = 0.010830424695086549  # ln 2 / 64: 33 significant bits, and the rest
_STEP_LOW = 1.162596423439437e-12
_SHIFT = 6755399441055744.0  # 1.5 * 2**52: what is added to it is rounded to a whole number
with localcontext(Context(prec=30)):  # 2**(i / 64), each rounded once, whatever the C library
    _ROOTS = np.array([float(Decimal(2) ** (Decimal(i) / 64)) for i in range(64)])


def _fma(context: Any, x: Any, y: Any, z: Any) -> Any:
    return x(x, y, z), lambda context, builder, signature, args: builder.fma(*args)


# x y + z, rounded once: an instruction, or the same bits slower where there is none
fma: Any = intrinsic(_fma)


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
