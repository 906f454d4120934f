"""Several families side by side: their experts end to end along the axis of experts."""

from __future__ import annotations

import numpy as np

from learners.types import (
    F32,
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


def _side_by_side(*scores: Scores) -> Scores:
    """Scores of several strategies end to end, lying as kernels write them: classes first."""
    lying = [part.transpose(0, 2, 1) for part in scores]
    return np.concatenate(lying, axis=2).transpose(0, 2, 1)


def together(*families: Strategy) -> Strategy:
    """The families, none hearing of another; banks, messages and replies are tuples of theirs."""

    def init(seeds: I64, shape: Shape) -> Bank:
        return tuple(f.init(seeds, shape) for f in families)

    def score(bank: Bank, block: Block) -> Scores:
        return _side_by_side(*(f.score(b, block) for f, b in zip(families, bank, strict=True)))

    def learn(bank: Bank, block: Block) -> Scores:
        return _side_by_side(*(f.learn(b, block) for f, b in zip(families, bank, strict=True)))

    def message(bank: Bank, rows: Rows) -> Message:
        return tuple(f.message(b, rows) for f, b in zip(families, bank, strict=True))

    def merge(bank: Bank, rows: Rows, reply: Reply) -> None:
        for f, b, r in zip(families, bank, reply, strict=True):
            f.merge(b, rows, r)

    def meet(shape: Shape, seed: int) -> Bank:
        return tuple(f.meet(shape, seed) for f in families)

    def mix(memory: Bank, inbox: Inbox) -> Reply:
        return tuple(
            f.mix(m, inbox._replace(message=part))
            for f, m, part in zip(families, memory, inbox.message, strict=True)
        )

    def model(bank: Bank, rows: Rows) -> F32:
        return np.concatenate([f.model(b, rows) for f, b in zip(families, bank, strict=True)], -1)

    experts = tuple(name for f in families for name in f.experts)
    replayed = any(f.replayed for f in families)
    toil = max(f.toil for f in families)
    return Strategy(
        init, score, learn, message, merge, meet, mix, model, experts, replayed=replayed, toil=toil
    )
