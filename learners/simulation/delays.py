"""How long things take: an offset and a random part."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

FORMS = "SECONDS, uniform:A,B, exponential:MEAN, lognormal:MEDIAN,SIGMA, each also as SECONDS+..."
_SIZES = {"uniform": 2, "exponential": 1, "lognormal": 2}


class Delay(NamedTuple):
    """A distribution of seconds, never negative.

    >>> Delay.parse("2+exponential:0.5")
    Delay(offset=2.0, kind='exponential', a=0.5, b=0.0)
    """

    offset: float = 0.0
    kind: str = "constant"
    a: float = 0.0  # least, mean or median
    b: float = 0.0  # most, or sigma of the logarithm

    @classmethod
    def parse(cls, text: str) -> Delay:
        """A delay from its words.

        Raises
        ------
        ValueError
            that says what there is.
        """
        offset, plus, rest = text.rpartition("+")
        if not plus and ":" not in rest:
            offset, rest = rest, ""
        kind, _, numbers = rest.partition(":")
        try:
            start = float(offset) if offset else 0.0
            a, b = 0.0, 0.0
            if rest or plus:
                given = [float(n) for n in numbers.split(",")]
                if len(given) != _SIZES[kind]:
                    raise ValueError
                a, b = (*given, 0.0)[:2]
            fine = all(math.isfinite(n) and n >= 0 for n in (start, a, b))
            if not fine or (kind == "uniform" and b < a) or not (offset or rest):
                raise ValueError
        except (ValueError, KeyError):
            raise ValueError(f"delay: {text!r} is none of {FORMS}") from None
        return cls(start, kind or "constant", a, b)

    def draw(self, random: np.random.Generator) -> float:
        """One of them."""
        if self.kind == "uniform":
            return self.offset + float(random.uniform(self.a, self.b))
        if self.kind == "exponential":
            return self.offset + float(random.exponential(self.a))
        if self.kind == "lognormal":
            return self.offset + self.a * math.exp(self.b * float(random.standard_normal()))
        return self.offset
