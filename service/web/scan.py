"""Pieces of JSON between two places of a text: compiled, for loops that look at more of it.

Each tells where its piece ends, and -1 where there is none, or one that needs a closer look.
"""

from __future__ import annotations

import numpy as np

from learners.kernels import loop
from learners.links import inlined
from learners.types import I32, I64, U8
from service.web.decimals import FEW_DIGITS, HIGHEST, LOWEST, MOST_DIGITS, few, nearest
from service.web.eight import WIDTH, below, digits, eight, equal, first, get, same

_SIGNS = np.array([1.0, -1.0])
_TENS = np.array([10**i for i in range(MOST_DIGITS + 1)], np.uint64)


@loop
def space(text: U8, i: int, end: int) -> int:
    """Where white space ends."""
    while i < end:
        byte = get(text, i)
        if byte > 32 or not (byte == 32 or byte == 10 or byte == 13 or byte == 9):
            break
        i += 1
    return i


@loop
def string(text: U8, i: int, end: int) -> int:
    """Behind the quote that ends a string with nothing escaped; else -1."""
    while i + WIDTH <= end:
        some = eight(text, i)
        at = first(equal(some, 34) | equal(some, 92) | below(some, 32))
        i += at
        if at < WIDTH:
            return i + 1 if get(text, i) == 34 else -1
    while i < end and get(text, i) >= 32 and get(text, i) != 92:
        i += 1
        if get(text, i - 1) == 34:
            return i
    return -1


@loop
def stands(text: U8, i: int, end: int, word: bytes) -> bool:
    """Whether that word stands there."""
    if i + len(word) > end:
        return False
    for j in range(len(word)):
        if get(text, i + j) != word[j]:
            return False
    return True


@loop
def word(text: U8, i: int, end: int) -> int:
    """Behind `true`, `false` or `null`; else -1."""
    if stands(text, i, end, b"true") or stands(text, i, end, b"null"):
        return i + 4
    return i + 5 if stands(text, i, end, b"false") else -1


@inlined
def number(text: U8, i: int, end: int) -> tuple[float, int]:
    """A number, and where it ends; -1 where it is none, or has too many digits."""
    negative = i < end and get(text, i) == 45
    i += negative
    begin, whole = i, np.uint64(0)
    while i < end and 48 <= get(text, i) <= 57:  # mostly one
        whole = whole * np.uint64(10) + np.uint64(get(text, i) - 48)
        i += 1
    many, power, plain = i - begin, 0, True
    if many == 0 or (many > 1 and get(text, begin) == 48):
        return 0.0, -1
    if i < end and get(text, i) == 46:
        dot = i + 1
        part, i = digits(text, dot, end)
        if i == dot:
            return 0.0, -1
        many += i - dot
        power, plain = dot - i, False
        whole = whole * _TENS[min(i - dot, MOST_DIGITS)] + part  # of more, it is 0 or too many
    exponent = i < end and (get(text, i) == 69 or get(text, i) == 101)
    if many > FEW_DIGITS or exponent:
        found: tuple[float, int] = _long(text, begin, i, end, whole, many, power, negative)
        return found
    below = negative and not (plain and whole == 0)  # -0 is an integer
    return few(whole, -power) * _SIGNS[np.int64(below)], i  # no branch: half of it were guesses


@loop
def _long(
    text: U8, begin: int, i: int, end: int, whole: np.uint64, many: int, power: int, negative: bool
) -> tuple[float, int]:
    """The same of so many digits from `begin` to i, where an exponent may follow."""
    while many > MOST_DIGITS and (get(text, begin) == 48 or get(text, begin) == 46):
        many -= get(text, begin) == 48  # zeros in front are none
        begin += 1
    if many > MOST_DIGITS:
        return 0.0, -1
    if i < end and (get(text, i) == 69 or get(text, i) == 101):
        i += 1
        smaller = i < end and get(text, i) == 45
        i += smaller or (i < end and get(text, i) == 43)
        begin, shift = i, 0
        while i < end and 48 <= get(text, i) <= 57:
            shift = min(shift * 10 + get(text, i) - 48, 100_000)
            i += 1
        if i == begin:
            return 0.0, -1
        power += -shift if smaller else shift
    if not LOWEST <= power <= HIGHEST:
        return 0.0, -1
    return nearest(whole, power) * _SIGNS[np.int64(negative)], i


@loop
def name(text: U8, lo: int, hi: int, secret: int, seats: I32, named: I64, met: int) -> int:
    """The number of a name: `met` of one not met before, which is noted; -1: there are too many."""
    mixed = np.uint64(secret)  # FNV-1a from a start that no sender knows
    for at in range(lo, hi):
        mixed = (mixed ^ np.uint64(get(text, at))) * np.uint64(1099511628211)
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
