"""Pieces of JSON between two places of a text: compiled, for loops that look at more of it.

Each tells where its piece ends, and -1 where there is none, or one that needs a closer look.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from learners.types import I32, I64, U8
from service.web.decimals import HIGHEST, LOWEST, MOST_DIGITS, nearest


@njit(cache=True, nogil=True)
def space(text: U8, i: int, end: int) -> int:
    """Where white space ends."""
    while i < end and (text[i] == 32 or text[i] == 10 or text[i] == 13 or text[i] == 9):
        i += 1
    return i


@njit(cache=True, nogil=True)
def string(text: U8, i: int, end: int) -> int:
    """Behind the quote that ends a string with nothing escaped; else -1."""
    while i < end and text[i] >= 32 and text[i] != 92:
        i += 1
        if text[i - 1] == 34:
            return i
    return -1


@njit(cache=True, nogil=True)
def word(text: U8, i: int, end: int) -> int:
    """Behind `true`, `false` or `null`; else -1."""
    if i + 4 <= end and text[i] == 116:
        return i + 4 if text[i + 1] == 114 and text[i + 2] == 117 and text[i + 3] == 101 else -1
    if i + 4 <= end and text[i] == 110:
        return i + 4 if text[i + 1] == 117 and text[i + 2] == 108 and text[i + 3] == 108 else -1
    if i + 5 <= end and text[i] == 102 and text[i + 1] == 97 and text[i + 2] == 108:
        return i + 5 if text[i + 3] == 115 and text[i + 4] == 101 else -1
    return -1


@njit(cache=True, nogil=True)
def number(text: U8, i: int, end: int) -> tuple[float, int]:
    """A number, and where it ends; -1 where it is none, or has too many digits."""
    negative = i < end and text[i] == 45
    i += negative
    digits, first, ten = np.uint64(0), i, np.uint64(10)
    while i < end and 48 <= text[i] <= 57:
        digits = digits * ten + np.uint64(text[i] - 48)
        i += 1
    many, power, plain = i - first, 0, True
    if many == 0 or (many > 1 and text[first] == 48):
        return 0.0, -1
    if i < end and text[i] == 46:
        i += 1
        dot = i
        while i < end and 48 <= text[i] <= 57:
            digits = digits * ten + np.uint64(text[i] - 48)
            i += 1
        if i == dot:
            return 0.0, -1
        many += i - dot
        power, plain = dot - i, False
    if many > MOST_DIGITS:  # zeros in front are none
        while many > MOST_DIGITS and (text[first] == 48 or text[first] == 46):
            many -= text[first] == 48
            first += 1
        if many > MOST_DIGITS:
            return 0.0, -1
    if i < end and (text[i] == 69 or text[i] == 101):
        plain = False
        i += 1
        below = i < end and text[i] == 45
        i += below or (i < end and text[i] == 43)
        first, shift = i, 0
        while i < end and 48 <= text[i] <= 57:
            shift = min(shift * 10 + text[i] - 48, 100_000)
            i += 1
        if i == first:
            return 0.0, -1
        power += -shift if below else shift
    if not LOWEST <= power <= HIGHEST:
        return 0.0, -1
    found = nearest(digits, power)
    if negative and not (plain and digits == 0):  # -0 is an integer
        found = -found
    return found, i


@njit(cache=True, nogil=True)
def same(text: U8, a: int, b: int, n: int) -> bool:
    """Whether n bytes are the same."""
    for j in range(n):
        if text[a + j] != text[b + j]:
            return False
    return True


@njit(cache=True, nogil=True)
def name(text: U8, lo: int, hi: int, secret: int, seats: I32, named: I64, met: int) -> int:
    """The number of a name: `met` of one not met before, which is noted; -1: there are too many."""
    mixed = np.uint64(secret)  # FNV-1a from a start that no sender knows
    for at in range(lo, hi):
        mixed = (mixed ^ np.uint64(text[at])) * np.uint64(1099511628211)
    seat = np.int64((mixed ^ (mixed >> np.uint64(32))) & np.uint64(len(seats) - 1))
    while True:
        name = int(seats[seat])
        if name < 0:
            if met == len(named):
                return -1
            seats[seat] = met
            named[met, 0], named[met, 1] = lo, hi
            return met
        if named[name, 1] - named[name, 0] == hi - lo and same(text, named[name, 0], lo, hi - lo):
            return name
        seat = (seat + 1) & (len(seats) - 1)
