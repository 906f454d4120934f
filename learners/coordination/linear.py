"""What the AdaGrad families share: their bank's parts and the call of the kernel."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any, NamedTuple

import numpy as np

from learners import kernels
from learners.types import F32, Block, Reply, Scores

RATES = (0.2, 0.6, 2.0, 6.4)  # each three times the last; inputs are of length about 1


class Own(NamedTuple):
    """What each task made of its own examples."""

    v: Annotated[F32, "tdke"]  # weights
    g: Annotated[F32, "tdKe"]  # sums of squared gradients


class Common(NamedTuple):
    """One model for all tasks: what this place made of it, and what the others did."""

    mine: Annotated[F32, "dke"]
    heard: Annotated[F32, "dke"]  # the model is mine + heard
    g: Annotated[F32, "dKe"]  # sums of squared gradients, this place's
    heard_g: Annotated[F32, "dKe"]  # and the others'


class Told(NamedTuple):
    """A place's part of the common model."""

    mine: Annotated[F32, "dke"]
    g: Annotated[F32, "dKe"]


class Silence(NamedTuple):
    """The message of those who tell nothing."""


def names(family: str, rates: Sequence[float]) -> tuple[str, ...]:
    """Names of a family's experts: `family:rate`."""
    return tuple(f"{family}:{rate:g}" for rate in rates)


@cache
def steps(rates: tuple[float, ...], k: int) -> F32:
    """Rates of k margins: one is w = 2 w_1, so the columns of a softmax learn at half its rate."""
    return np.tile(np.array(rates, np.float32) * np.float32(1.0 if k == 1 else 0.5), k)


def run(
    block: Block,
    own: Own | None,
    common: Common | None,
    rates_v: Sequence[float],
    rates_u: Sequence[float],
    teach: bool,
    tempered: bool,
) -> Scores:
    """Score, and with `teach` learn, a block with own weights, common ones or both."""
    leaf = own.v if own is not None else common.mine  # type: ignore[union-attr]
    k, e = leaf.shape[-2:]
    classes = block.first.shape[1]
    scores = np.zeros((len(block.rows), e, classes))
    none: Any = np.zeros((1, 1), np.float32)

    v, gv = (none, none) if own is None else (leaf.reshape(len(leaf), -1) for leaf in own)
    mine, heard, gu, heard_g = (none[0],) * 4 if common is None else map(np.ravel, common)
    dense = kernels.consecutive(block.indptr, block.columns)
    kernels.adagrad(k == 1, e, own is not None, common is not None, tempered, dense)(
        block.rows, block.indptr, block.columns, block.values, block.labels, block.weights,
        block.first, block.start, v, gv, steps(tuple(rates_v), k),
        mine, heard, gu, heard_g, steps(tuple(rates_u), k),
        scores, teach,
    )  # fmt: skip
    return scores


def tell(common: Common) -> Told:
    """What a place says of the common model."""
    return Told(common.mine, common.g)


def hear(common: Common, reply: Reply) -> None:
    """Put the others' part in the place of what was heard before."""
    if reply.mine is None:  # only tasks are spoken of
        return
    common.heard[:] = reply.mine
    common.heard_g[:] = reply.g


def add(message: Told) -> Told:
    """For each place the sum of what all the others told, in the order of their names."""

    def others(told: F32) -> F32:
        heard = np.zeros_like(told)
        for s in range(len(told)):
            for other in range(len(told)):
                if other != s:
                    heard[s] += told[other]
        return heard

    return Told(others(message.mine), others(message.g))
