"""Running scales: features brought to like size as they stream by.

NUMBER columns are centred and divided by their deviation over the examples that hold them, clipped,
and divided by the square root of how many numbers the example has; AMOUNT columns (words,
categories, counts) become log(1 + |x|) times the inverse document frequency log(1 + N / N_d), and
the example's bag is divided by its length. Each example is part of its own statistics: no label is
looked at, and the first number of a column is 0. Whatever came before, no number is larger than
CLIP then, and no bag longer than 1.
"""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

import numpy as np

from learners import lanes
from learners.kernels import AHEAD, entry, fetch, loop, repeated
from learners.links import inlined
from learners.losses import log
from learners.types import AMOUNT, CONSTANT, F32, F64, I64, NUMBER, Block

CLIP = 8.0  # deviations; farther out is an error or a heavy tail, and one of either is not to rule
WIDE = 4  # entries of dense data done at once
_WIDE, _ONE, _TWO, _THREE = (np.uint64(i) for i in (WIDE, 1, 2, 3))


class TaskScale(NamedTuple):
    """Each task's statistics: what the others send changes none of its values."""

    n: Annotated[F64, "td"]  # examples that held it
    mean: Annotated[F64, "td"]
    spread: Annotated[F64, "td"]  # sum of squared deviations
    bags: Annotated[F64, "t1"]  # examples that had a bag


class Sums(NamedTuple):
    """Statistics over all the tasks of a place."""

    n: Annotated[F64, "d"]
    mean: Annotated[F64, "d"]
    spread: Annotated[F64, "d"]
    bags: Annotated[F64, "1"]


class PlaceScale(NamedTuple):
    """The statistics of all tasks: what this place saw, and what the others did."""

    mine: Sums
    heard: Sums


@inlined
def standard(x: Any, n: Any, mean: Any, spread: Any) -> Any:
    """The statistics with x among them, and x by them; of lanes or of one number (Welford 1962)."""
    n = n + lanes.fill(n, 1.0)
    away = x - mean
    mean = mean + away / n
    spread = spread + away * (x - mean)
    return n, mean, spread, by_them(x, n, mean, spread)


@inlined
def by_them(x: Any, n: Any, mean: Any, spread: Any) -> Any:
    """How many deviations x is from the mean, clipped; 0 while all are the same."""
    nothing, most = lanes.fill(n, 0.0), lanes.fill(n, CLIP)
    z = lanes.less(nothing, spread, (x - mean) * lanes.sqrt(n / spread), nothing)
    z = lanes.less(z, most, z, most)
    return lanes.less(nothing - most, z, z, nothing - most)


@inlined
def unheard(heard_n: F64, d: Any) -> bool:
    """Whether no other place told of so many columns from d on."""
    return len(heard_n) == 0 or (
        (heard_n[d] + heard_n[d + _ONE]) + (heard_n[d + _TWO] + heard_n[d + _THREE]) == 0.0
    )


@loop
def _pass(
    rows: I64, indptr: I64, where: Any, runs: bool, values: F32, kinds: Any,
    alike: bool, n: F64, mean: F64, spread: F64, bags: F64, heard_n: F64, heard_mean: F64,
    heard_spread: F64, heard_bags: F64, teach: bool, out: F32,
) -> None:  # fmt: skip
    j: Any = 0
    numbers, held = 0, 0
    for i in range(len(rows)):
        t = rows[i] if len(bags) > 1 else 0
        lo, hi = np.uint64(indptr[i]), np.uint64(indptr[i + 1])
        begin = np.uint64(where[i]) - lo if runs else lo
        if runs and len(bags) > 1 and i + AHEAD < len(rows):
            fetch(n, where[i + AHEAD], hi - lo)
            fetch(mean, where[i + AHEAD], hi - lo)
            fetch(spread, where[i + AHEAD], hi - lo)
            lanes.prefetch(bags, rows[i + AHEAD])
        if i == 0 or not alike:  # in kinds
            numbers, held = 0, 0
            for j in range(lo, hi):
                numbers += kinds[j] == NUMBER
                held += kinds[j] == AMOUNT
        documents = bags[t] + heard_bags[0] + 1.0
        if teach and held:
            bags[t] += 1.0
        part = 1.0 / np.sqrt(np.float64(numbers))
        length: Any = 0.0
        j = lo
        while j < hi:
            d = entry(runs, begin, where, j)
            if runs and held == 0 and j + _WIDE <= hi and unheard(heard_n, d):
                x, here = lanes.double(lanes.load(values, j, WIDE)), lanes.load(n, d, WIDE)
                ns, means, spreads, z = standard(
                    x, here, lanes.load(mean, d, WIDE), lanes.load(spread, d, WIDE)
                )
                if teach:
                    lanes.store(n, d, ns)
                    lanes.store(mean, d, means)
                    lanes.store(spread, d, spreads)
                lanes.store(out, j, lanes.single(z * lanes.fill(z, part)))
                j += _WIDE
                continue
            x1 = np.float64(values[j])
            if kinds[j] != AMOUNT:
                n1, mean1, spread1, z1 = standard(x1, n[d], mean[d], spread[d])
                if teach:
                    n[d], mean[d], spread[d] = n1, mean1, spread1
                if len(heard_n) and heard_n[d] > 0.0:  # Chan, Golub & LeVeque 1979
                    all_n = n1 + heard_n[d]
                    apart = heard_mean[d] - mean1
                    spread1 += heard_spread[d] + apart * apart * n1 * heard_n[d] / all_n
                    mean1 += apart * heard_n[d] / all_n
                    z1 = by_them(x1, all_n, mean1, spread1)
                out[j] = np.float32(z1 * part)
            else:
                df = n[d] + 1.0
                if teach:
                    n[d] = df
                if len(heard_n):
                    df += heard_n[d]
                size = log(1.0 + abs(x1)) * log(1.0 + documents / df)
                length += size * size
                out[j] = np.float32(size if x1 >= 0.0 else -size)
            j += _ONE
        if numbers + held < hi - lo:
            for j in range(lo, hi):
                if kinds[j] == CONSTANT:
                    out[j] = values[j]
        if length > 0.0:
            length = np.sqrt(length)
            for j in range(lo, hi):
                if kinds[j] == AMOUNT:
                    out[j] = np.float32(out[j] / length)


_UNHEARD = Sums(*(np.zeros(0),) * 3, np.zeros(1))


def passed(scale: TaskScale | PlaceScale, block: Block, teach: bool) -> F32:
    """The block's values behind the scale, which with `teach` takes them in."""
    out = np.empty_like(block.values)
    mine: TaskScale | Sums
    where: Any
    if isinstance(scale, TaskScale):
        mine, heard, where = scale, _UNHEARD, block.slots
    else:
        mine, heard, where = scale.mine, scale.heard, block.columns
    sums: list[Any] = [*(leaf.reshape(-1) for leaf in mine), *heard]
    _pass(
        block.rows, block.indptr, where, block.runs, block.values, block.kinds,
        repeated(block.indptr, block.kinds), *sums, teach, out,
    )  # fmt: skip
    return out


def combined(seen: Sums, but: int) -> Sums:
    """The statistics of all the examples behind those of places (axis s first), but of one."""
    n, mean, spread = np.zeros((3, seen.n.shape[1]))
    for s in range(len(seen.n)):
        if s == but:
            continue
        m = seen.n[s]
        total = np.maximum(n + m, 1.0)
        apart = seen.mean[s] - mean
        spread += seen.spread[s] + apart * apart * n * m / total
        mean = np.where(m > 0, mean + apart * m / total, mean)
        n = n + m
    return Sums(n, mean, spread, seen.bags.sum(0) - seen.bags[but])
