"""What liars make of their messages: other numbers in the same shapes.

Only leaves of floating point are lied in, since names, versions and counts are checked at the door;
and what is never negative in truth, as sums of squares are, stays so, or the lie would be plain.
Their own learning is honest. The kinds are those that the literature on Byzantine learners uses:

============  ==================================================================================
constant:C    C everywhere
random:S      normal, S times as large as the truth is
sign-flip     the truth, negated
scaled:S      S times the truth
ipm:E         -E times the mean of what the honest told last (inner-product manipulation: Xie,
              Koyejo & Gupta, UAI 2019), so that a mean of all comes to point the wrong way
different:S   each receiver is told S times the truth in another random direction
============  ==================================================================================
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from learners import tree
from learners.exchange import Parcel, reclass
from learners.types import Shape

Array = NDArray[Any]
STRENGTH = {
    "constant": 1.0, "random": 10.0, "sign-flip": 1.0, "scaled": 10.0, "ipm": 1.0, "different": 1.0,
}  # fmt: skip


class Liar(NamedTuple):
    """A kind of lie, and how large it is."""

    kind: str
    strength: float

    @classmethod
    def parse(cls, text: str) -> Liar:
        """A liar from KIND or KIND=STRENGTH.

        >>> Liar.parse("scaled=-3"), Liar.parse("sign-flip").strength
        (Liar(kind='scaled', strength=-3.0), 1.0)

        Raises
        ------
        ValueError
            that says what there is.
        """
        kind, equals, number = text.partition("=")
        try:
            strength = float(number) if equals else STRENGTH[kind]
            if kind not in STRENGTH or not math.isfinite(strength):
                raise ValueError
        except (ValueError, KeyError):
            raise ValueError(f"byzantine: {text!r} is none of {', '.join(STRENGTH)}") from None
        return cls(kind, strength)

    def tell(self, truth: Parcel, receiver: str, honest: Sequence[Parcel], seed: int) -> Parcel:
        """What is told to a receiver in the place of the truth, given what the honest told last.

        One seed is one lie: `random` draws by message and sender, `different` by receiver too.
        """
        named = f"{truth.place}\0{receiver if self.kind == 'different' else ''}"
        random = np.random.default_rng([seed, truth.number, crc32(named.encode())])
        means = iter(_means(truth, honest) if self.kind == "ipm" else [])

        def lie(names: str, leaf: Array) -> Array:
            mean = next(means, None)
            if leaf.dtype.kind != "f" or not leaf.size:
                return leaf
            told = self._of(leaf.astype(np.float64), mean, random)
            told = np.abs(told) if (leaf >= 0).all() else told
            most = np.finfo(leaf.dtype).max
            return np.clip(told, -most, most).astype(leaf.dtype)

        return truth._replace(tree=tree.map(lie, truth.tree))

    def _of(self, leaf: Array, mean: Array | None, random: np.random.Generator) -> Array:
        size = float(np.sqrt(np.mean(leaf * leaf)))
        made: Array
        if self.kind == "constant":
            made = np.full(leaf.shape, self.strength)
        elif self.kind == "random":
            made = self.strength * size * random.standard_normal(leaf.shape)
        elif self.kind == "different":
            made = random.standard_normal(leaf.shape)
            length = float(np.sqrt(np.mean(made * made)))
            made *= self.strength * size / length if length else 0.0
        elif self.kind == "ipm":
            made = -self.strength * (leaf if mean is None else mean)
        else:
            made = (-self.strength if self.kind == "sign-flip" else self.strength) * leaf
        return made


def _means(truth: Parcel, honest: Sequence[Parcel]) -> list[Array]:
    """For each leaf the mean of what the honest told, in the sender's names; without any, none.

    Leaves with a row for each task give each row the mean over all the honest's rows.
    """
    shape = Shape(0, len(truth.ids), len(truth.classes))
    sums: list[list[Array]] = []
    for parcel in honest:
        shared, at, there = np.intersect1d(truth.ids, parcel.ids, return_indices=True)
        part = reclass(tree.take(parcel.tree, d=there), parcel.classes, truth.classes)
        part = tree.spread(part, shape._replace(tasks=len(parcel.tasks)), d=at)
        sums.append([leaf.astype(np.float64) for _, _, leaf in tree.leaves(part)])
    means = []
    for (_, names, own), *others in zip(tree.leaves(truth.tree), *sums, strict=True):
        if "t" not in names:
            means.append(np.mean(others, axis=0) if others else own)
            continue
        rows = np.concatenate(others) if others else own
        means.append(np.broadcast_to(rows.mean(0) if len(rows) else 0.0, own.shape))
    return means
