"""Digits and a power of ten -> the float nearest to them: compiled.

What is the product or quotient of two exact floats is that (Clinger 1990). Else the digits are
multiplied by the power's first 128 bits, which leaves no doubt within the powers taken here
(Lemire 2021, Number parsing at a gigabyte per second; Mushtak and Lemire 2023).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learners.kernels import loop

MOST_DIGITS = 19  # that fit into 64 bits, whatever they are
FEW_DIGITS = 15  # that a float holds, whatever they are
LOWEST, HIGHEST = -60, 40  # powers of ten
_EXACT = 10.0 ** np.arange(23)
_SMALL = np.uint64((1 << 32) - 1)
_HALF, _ONE, _TOP = np.uint64(32), np.uint64(1), np.uint64(63)
_SURE = np.uint64(0x1FF)  # bits of the product below those that a float, and its rounding, need


def _power(power: int) -> tuple[int, int]:
    """The first 128 bits of 5**power in two halves; of a fraction, rounded up."""
    five: int = 5 ** abs(power)
    if power >= 0:
        bits = five << 128 >> five.bit_length()
    else:
        bits = (1 << (127 + (five - 1).bit_length())) // five + 1
        bits >>= max(bits.bit_length() - 128, 0)
    return bits >> 64, bits & ((1 << 64) - 1)


_POWERS: NDArray[Any] = np.array([_power(q) for q in range(LOWEST, HIGHEST + 1)], np.uint64)


@loop
def few(digits: np.uint64, below: int) -> float:
    """digits / 10**below, rounded once; of at most FEW_DIGITS, and no more of them below one.

    >>> few(np.uint64(12345), 4)
    1.2345
    """
    whole: float = float(np.int64(digits))
    return whole / float(_EXACT[below])


@loop
def nearest(digits: np.uint64, power: int) -> float:
    """digits * 10**power, rounded once, to even; `power` from LOWEST to HIGHEST.

    >>> nearest(np.uint64(12345678901234567890), -19)
    1.2345678901234567
    """
    if digits == 0:
        return 0.0
    if -22 <= power <= 22 and not digits >> np.uint64(53):
        exact: float = float(np.int64(digits))
        return exact * float(_EXACT[power]) if power >= 0 else exact / float(_EXACT[-power])
    left = 0
    while not digits >> _TOP:
        digits = digits << _ONE
        left += 1
    high, low = _product(digits, _POWERS[power - LOWEST, 0])
    if high & _SURE == _SURE:
        more, _ = _product(digits, _POWERS[power - LOWEST, 1])
        low += more
        if low < more:
            high += _ONE
    top = high >> _TOP
    found = high >> (top + np.uint64(9))  # 54 bits
    if low <= 1 and -4 <= power <= 23 and found & np.uint64(3) == 1:
        if found << (top + np.uint64(9)) == high:  # just between two floats: to the even one
            found = found & ~_ONE
    found = (found + (found & _ONE)) >> _ONE
    # 5**power is its first bits times 2**(floor(log2(5**power)) - 127), whence the exponent.
    two = ((217706 * power) >> 16) - left + int(top) + 63 - 52
    return math.ldexp(float(np.int64(found)), two)


@loop
def _product(a: np.uint64, b: np.uint64) -> tuple[np.uint64, np.uint64]:
    """a * b in two halves of 64 bits."""
    a0, a1, b0, b1 = a & _SMALL, a >> _HALF, b & _SMALL, b >> _HALF
    low, one, two = a0 * b0, a1 * b0, a0 * b1
    middle = (low >> _HALF) + (one & _SMALL) + (two & _SMALL)
    high = a1 * b1 + (one >> _HALF) + (two >> _HALF) + (middle >> _HALF)
    return high, (middle << _HALF) | (low & _SMALL)
