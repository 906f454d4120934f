"""Numbers that look drawn, from numbers that are given: the same on every machine.

Steele, Lea & Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014 (splitmix64).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from learners.links import inlined

GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # steps by it visit all numbers of 64 bits, far apart


@inlined
def scrambled(x: Any) -> Any:
    """Another number of 64 bits, each bit of which hangs on all those of x; for compiled code."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
