"""What the AdaGrad families share: their bank's parts and the call of the kernel."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any, NamedTuple

import numpy as np

from learners import dense, kernels
from learners.types import F32, F64, I64, Block, Reply, Scores

RATES = (1.0, 30.0)  # inputs are of length about 1: to learn by, and to follow what was last


class Own(NamedTuple):
    """What each task made of its own examples."""

    v: Annotated[F32, "tdke"]  # weights
    g: Annotated[F32, "tdKf"]  # sums of squared gradients, of the mean over a family's rates


class Common(NamedTuple):
    """One model for all tasks: what this place made of it, and what the others did."""

    mine: Annotated[F32, "dke"]
    heard: Annotated[F32, "dke"]  # the model is mine + heard
    g: Annotated[F32, "dKf"]  # sums of squared gradients, this place's
    heard_g: Annotated[F32, "dKf"]  # and the others'


class Told(NamedTuple):
    """A place's part of the common model."""

    mine: Annotated[F32, "dke"]
    g: Annotated[F32, "dKf"]


def names(family: str, rates: Sequence[float]) -> tuple[str, ...]:
    """Names of a family's experts: `family:rate`."""
    return tuple(f"{family}:{rate:g}" for rate in rates)


@cache
def steps(rates: tuple[float, ...], k: int) -> F32:
    """Rates for k margins: one is w = 2 w_1, so the columns of a softmax learn at half its rate."""
    return np.array(rates or (0.0,), np.float32) * np.float32(1.0 if k == 1 else 0.5)


class Dual(NamedTuple):
    """What pulls a task's own weights: its dual, and what it takes to be lazy about it (`drom`)."""

    z: Annotated[F32, "tdk1"]  # dual, as last heard
    c: Annotated[F64, "tdk1"]  # sum of played v's = n v - c, of the mean over the rates
    H: Annotated[F64, "te"]  # sum of steps since the last merge
    played: Annotated[F64, "te"]  # sum of the H's played with since then
    n: Annotated[I64, "t1"]  # examples played


class Experts(NamedTuple):
    """Which experts learn from a block together: their rates, and the parts of their weights.

    They come in families of `each`, one for each rate, side by side.
    """

    each: int
    own: tuple[float, ...] = ()  # rates of the lanes of own weights,
    common: tuple[float, ...] = ()  # and of the common ones
    both: int = 0  # how many, the last of the own and the first of the common, have both
    dual: tuple[float, ...] = ()  # rates of those that have a dual
    coupling: float = 0.0  # and how strong it is
    alone: int = 0  # the first of the own, before those with a dual: behind another scale
    tempered: bool = True

    @property
    def number(self) -> int:
        """How many experts there are."""
        return len(self.own) + len(self.common) - self.both


_NONE: Any = np.zeros(1, np.float32)  # stands for parts that there are not
_NO_DUAL: Any = (_NONE, *(np.zeros(1),) * 3, np.zeros(1, np.int64))


def run(
    experts: Experts,
    block: Block,
    teach: bool,
    own: Own | None = None,
    common: Common | None = None,
    dual: Dual | None = None,
    apart: F32 | None = None,
    into: F64 | None = None,
) -> Scores:
    """Score, and with `teach` learn, a block; `apart` are the values that those `alone` see.

    Their scores are the first of `into` (n, classes, experts or more), where it is given.
    """
    leaf = own.v if own is not None else common.mine  # type: ignore[union-attr]
    k, classes, n = leaf.shape[-2], block.first.shape[1], len(block.rows)
    # Classes before experts: what experts say of one class lies together, as lanes.
    scores = np.zeros((n, classes, experts.number)) if into is None else into
    across = scores.shape[2]
    most = kernels.longest(block.indptr)
    v, g = (_NONE, _NONE) if own is None else (leaf.reshape(-1) for leaf in own)
    alone = (k, across, len(experts.own)) == (1, 1, 1) and not (experts.common or experts.dual)
    if alone and block.runs:
        dense.learner(experts.tempered)(
            block.rows, block.indptr, block.slots, block.values, block.labels, block.weights,
            block.first, block.start, v, g, steps(experts.own, k), np.zeros(most + 4, np.float32),
            scores.reshape(-1), teach,
        )  # fmt: skip
        return scores.transpose(0, 2, 1)
    shared = (_NONE,) * 4 if common is None else (leaf.reshape(-1) for leaf in common)
    duals = _NO_DUAL if dual is None else (leaf.reshape(-1) for leaf in dual)
    lanes = len(experts.own), len(experts.common)
    kernels.learner(
        k == 1, experts.each, *lanes, experts.both,
        len(experts.dual), experts.alone, experts.tempered, block.runs,
    )(
        block.rows, block.indptr, block.columns, block.slots, block.values,
        block.values if apart is None else apart, block.labels, block.weights, block.first,
        block.start, v, g, steps(experts.own, k), *shared, steps(experts.common, k), *duals,
        steps(experts.dual, 1), experts.coupling, *np.zeros((2, k * across), np.float32),
        *(np.zeros(most * k * max(n // experts.each, 1), np.float32) for n in lanes),
        scores.reshape(-1), across, teach,
    )  # fmt: skip
    return scores.transpose(0, 2, 1)


def tell(common: Common) -> Told:
    """What a place says of the common model."""
    return Told(common.mine, common.g)


def hear(common: Common, reply: Reply) -> None:
    """Put the others' part in the place of what was heard before."""
    if reply.mine is None:  # only tasks are spoken of
        return
    common.heard[:] = reply.mine
    common.heard_g[:] = reply.g


def add(message: Told, adding: F64) -> Told:
    """For each place the sum of what the others told, in the order of their names.

    Of each counts the share `adding` (`Inbox.adding`): at a hub all of it.
    """

    def others(told: F32) -> F32:
        heard = np.zeros_like(told)
        for s in range(len(told)):
            for other in range(len(told)):
                if other != s and adding[s, other]:
                    heard[s] += np.float32(adding[s, other]) * told[other]
        return heard

    return Told(others(message.mine), others(message.g))
