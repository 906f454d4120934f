"""Running scale: a strategy behind features that are brought to like size as they stream by.

NUMBER columns are centred and divided by their deviation over the examples that hold them, clipped,
and divided by the square root of how many numbers the example has; AMOUNT columns (words,
categories, counts) become log(1 + |x|) times the inverse document frequency log(1 + N / N_d), and
the example's bag is divided by its length. Each example is part of its own statistics: no label is
looked at, and the first number of a column is 0. Whatever came before, no number is larger than
CLIP then, and no bag longer than 1.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

import numpy as np

from learners import tree
from learners.kernels import compiled
from learners.losses import log
from learners.types import (
    AMOUNT,
    F32,
    F64,
    I64,
    NUMBER,
    Bank,
    Block,
    Inbox,
    Message,
    Reply,
    Rows,
    Scores,
    Shape,
    Strategy,
)

CLIP = 8.0  # deviations; farther out is an error or a heavy tail, and one of either is not to rule


class ByTask(NamedTuple):
    """Each task's statistics: what the others send changes none of its values."""

    moments: Annotated[
        F64, "td4"
    ]  # count, mean, sum of squared deviations; examples with it in a bag
    bags: Annotated[F64, "t1"]  # examples that had a bag


class ByPlace(NamedTuple):
    """The statistics of all tasks: what this place saw, and what the others did."""

    mine: Annotated[F64, "d4"]
    bags: Annotated[F64, "1"]
    heard: Annotated[F64, "d4"]
    heard_bags: Annotated[F64, "1"]


class Seen(NamedTuple):
    """What a place tells of its statistics."""

    moments: Annotated[F64, "d4"]
    bags: Annotated[F64, "1"]


class Behind(NamedTuple):
    """A scale and the bank behind it."""

    scale: ByTask | ByPlace
    bank: Bank


@compiled
def _scale(
    rows: I64, indptr: I64, columns: Any, values: F32, kinds: Any, moments: F64, bags: F64,
    heard: F64, heard_bags: F64, teach: bool, out: F32,
) -> None:  # fmt: skip
    for i in range(len(rows)):
        t = rows[i] if len(moments) > 1 else 0
        lo, hi = indptr[i], indptr[i + 1]
        numbers, held = 0, 0
        for j in range(lo, hi):
            numbers += kinds[j] == NUMBER
            held += kinds[j] == AMOUNT
        documents = bags[t, 0] + heard_bags[0] + 1.0
        if teach and held:
            bags[t, 0] += 1.0
        root = np.sqrt(np.float64(numbers))
        length = 0.0
        for j in range(lo, hi):
            d, x = columns[j], np.float64(values[j])
            if kinds[j] == NUMBER:
                n = moments[t, d, 0] + 1.0
                away = x - moments[t, d, 1]
                mean = moments[t, d, 1] + away / n
                spread = moments[t, d, 2] + away * (x - mean)
                if teach:
                    moments[t, d, 0] = n
                    moments[t, d, 1] = mean
                    moments[t, d, 2] = spread
                if len(heard) and heard[d, 0] > 0.0:  # Chan, Golub & LeVeque 1979
                    all_n = n + heard[d, 0]
                    apart = heard[d, 1] - mean
                    spread += heard[d, 2] + apart * apart * n * heard[d, 0] / all_n
                    mean += apart * heard[d, 0] / all_n
                    n = all_n
                z = (x - mean) / np.sqrt(spread / n) if spread > 0.0 else 0.0
                out[j] = np.float32(min(max(z, -CLIP), CLIP) / root)
            elif kinds[j] == AMOUNT:
                df = moments[t, d, 3] + 1.0
                if teach:
                    moments[t, d, 3] = df
                if len(heard):
                    df += heard[d, 3]
                size = log(1.0 + abs(x)) * log(1.0 + documents / df)
                length += size * size
                out[j] = np.float32(size if x >= 0.0 else -size)
            else:
                out[j] = values[j]
        if length > 0.0:
            length = np.sqrt(length)
            for j in range(lo, hi):
                if kinds[j] == AMOUNT:
                    out[j] = np.float32(out[j] / length)


def scaled(inner: Strategy, by: Literal["task", "place"] = "place") -> Strategy:
    """The strategy behind running scales, one for each task or one for all."""

    def init(seeds: I64, shape: Shape) -> Behind:
        kind = ByTask if by == "task" else ByPlace
        scale = tree.zeros(kind, shape._replace(tasks=len(seeds)))
        return Behind(scale, inner.init(seeds, shape))

    def pass_by(bank: Behind, block: Block, teach: bool) -> Block:
        values = np.empty_like(block.values)
        scale = bank.scale
        if isinstance(scale, ByTask):
            none = np.zeros((0, 4))
            sums = (scale.moments, scale.bags, none, np.zeros(1))
        else:
            sums = (scale.mine[None], scale.bags[None], scale.heard, scale.heard_bags)
        _scale(
            block.rows, block.indptr, block.columns, block.values, block.kinds, *sums, teach, values
        )
        return block._replace(values=values)

    def score(bank: Behind, block: Block) -> Scores:
        return inner.score(bank.bank, pass_by(bank, block, teach=False))

    def learn(bank: Behind, block: Block) -> Scores:
        return inner.learn(bank.bank, pass_by(bank, block, teach=True))

    def message(bank: Behind, rows: Rows) -> Message:
        told = inner.message(bank.bank, rows)
        if isinstance(bank.scale, ByTask):
            return (told,)
        return told, Seen(bank.scale.mine, bank.scale.bags)

    def merge(bank: Behind, rows: Rows, reply: Reply) -> None:
        inner.merge(bank.bank, rows, reply[0])
        if isinstance(bank.scale, ByPlace) and reply[1].bags is not None:
            bank.scale.heard[:] = reply[1].moments
            bank.scale.heard_bags[:] = reply[1].bags

    def meet(shape: Shape, seed: int) -> Bank:
        return (inner.meet(shape, seed),)

    def mix(memory: Bank, inbox: Inbox) -> Reply:
        reply = inner.mix(memory[0], inbox._replace(message=inbox.message[0]))
        if by == "task":
            return (reply,)
        seen: Seen = inbox.message[1]
        moments = np.stack(
            [_combined(np.delete(seen.moments, s, 0)) for s in range(len(seen.bags))]
        )
        return reply, Seen(moments, seen.bags.sum(0)[None] - seen.bags)

    def model(bank: Behind, rows: Rows) -> F32:
        return inner.model(bank.bank, rows)

    return Strategy(
        init, score, learn, message, merge, meet, mix, model, inner.experts,
        replayed=inner.replayed,
    )  # fmt: skip


def _combined(moments: F64) -> F64:
    """The moments (d, 4) of all the examples behind moments (s, d, 4)."""
    out = np.zeros(moments.shape[1:])
    for part in moments:
        n, m = out[:, 0].copy(), part[:, 0]
        total = np.maximum(n + m, 1.0)
        apart = part[:, 1] - out[:, 1]
        out[:, 2] += part[:, 2] + apart * apart * n * m / total
        out[:, 1] = np.where(m > 0, out[:, 1] + apart * m / total, out[:, 1])
        out[:, 0] = n + m
        out[:, 3] += part[:, 3]
    return out
