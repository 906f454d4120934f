"""A strategy behind running scales (`learners.scale`), one for each task or one for all."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from learners import tree
from learners.scale import PlaceScale, Sums, TaskScale, combined, passed
from learners.types import (
    F32,
    F64,
    I64,
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


class Behind(NamedTuple):
    """A scale and the bank behind it."""

    scale: TaskScale | PlaceScale
    bank: Bank


def place_scale(shape: Shape) -> PlaceScale:
    """A scale of a place that has seen nothing."""
    return PlaceScale(tree.zeros(Sums, shape), tree.zeros(Sums, shape))


def hear_scale(scale: PlaceScale, reply: Reply) -> None:
    """Put the others' statistics in the place of what was heard before."""
    if reply.bags is None:  # only tasks are spoken of
        return
    for into, leaf in zip(scale.heard, reply, strict=True):
        into[:] = leaf


def others(seen: Sums) -> Sums:
    """For each place, by axis s, the statistics of all the others."""
    each = [combined(seen, s) for s in range(len(seen.n))]
    return Sums(*(np.stack(leaves) for leaves in zip(*each, strict=True)))


def scaled(inner: Strategy, by: Literal["task", "place"] = "place") -> Strategy:
    """The strategy behind running scales, one for each task or one for all."""

    def init(seeds: I64, shape: Shape) -> Behind:
        rows = shape._replace(tasks=len(seeds))
        scale = tree.zeros(TaskScale, rows) if by == "task" else place_scale(shape)
        return Behind(scale, inner.init(seeds, shape))

    def score(bank: Behind, block: Block) -> Scores:
        values = passed(bank.scale, block, teach=False)
        return inner.score(bank.bank, block._replace(values=values))

    def learn(bank: Behind, block: Block) -> Scores:
        values = passed(bank.scale, block, teach=True)
        return inner.learn(bank.bank, block._replace(values=values))

    def message(bank: Behind, rows: Rows) -> Message:
        told = inner.message(bank.bank, rows)
        return (told, bank.scale.mine) if isinstance(bank.scale, PlaceScale) else (told,)

    def merge(bank: Behind, rows: Rows, reply: Reply) -> None:
        inner.merge(bank.bank, rows, reply[0])
        if isinstance(bank.scale, PlaceScale):
            hear_scale(bank.scale, reply[1])

    def meet(shape: Shape, seed: int) -> Bank:
        return (inner.meet(shape, seed),)

    def mix(memory: Bank, inbox: Inbox) -> Reply:
        reply = inner.mix(memory[0], inbox._replace(message=inbox.message[0]))
        return (reply,) if by == "task" else (reply, others(inbox.message[1]))

    def model(bank: Behind, rows: Rows) -> F32:
        return inner.model(bank.bank, rows)

    def weigh(bank: Behind, rows: Rows) -> tuple[tuple[str, ...], F64]:
        assert inner.weigh is not None
        return inner.weigh(bank.bank, rows)

    return inner._replace(
        init=init, score=score, learn=learn, message=message, merge=merge, meet=meet, mix=mix,
        model=model, weigh=weigh if inner.weigh else None,
    )  # fmt: skip
