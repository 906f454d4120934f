"""Several numbers in one register, for compiled loops: what is done, is done to all of them.

The experts of a mixture do the same arithmetic on different weights. As lanes they take one
instruction where numbers would take one each, with the same bits: every operation here is what IEEE
754 fixes for each lane by itself. A count of 1 makes plain numbers, so a kernel is written once.

All functions here are for compiled code only; counts and offsets are literals or what a closure
captured. `like` is a value whose kind (count, width) the result has.
"""

from __future__ import annotations

from learners.lanes.moving import fill, load, pair, part, per_line, prefetch, repeat, store, widen
from learners.lanes.numbers import (
    bits,
    double,
    exp,
    exponent,
    firsts,
    fma,
    folded,
    grouped,
    less,
    mantissa,
    power_of_two,
    single,
    size,
    sqrt,
    total,
)

__all__ = [
    "bits",
    "double",
    "exp",
    "exponent",
    "fill",
    "firsts",
    "fma",
    "folded",
    "grouped",
    "less",
    "load",
    "mantissa",
    "pair",
    "part",
    "per_line",
    "power_of_two",
    "prefetch",
    "repeat",
    "single",
    "size",
    "sqrt",
    "store",
    "total",
    "widen",
]
