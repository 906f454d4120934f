"""Any strategy, with replies that a task takes only when its own examples speak for them.

A place keeps the strategy's state twice: as it is, and as it would be with the last reply merged.
Both learn from every example. Each is judged by a moving average of its losses on the examples of
a task, before it learns from them: phi <- (1 - nu) phi + nu loss. When the next reply comes, the
task's row is the tried one if that was no worse, phi_tried <= phi, and stays as it is else; what is
common to a place is decided likewise, by the losses of all its tasks. So with replies that hurt on
its own examples a task's trajectory is that of never having met anybody, bit for bit.

The filter of Li, Abbas & Koutsoukos, "Byzantine resilient distributed multi-task learning", NeurIPS
2020, put to what any strategy's meeting says; that is ours. It costs twice the memory and learning.
A strategy that only does well as a whole (a common part and each task's deviation from it) may be
split by it: the common part taken, a row not.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray

from learners import tree
from learners.coordination.byzantine_rules import accumulate
from learners.kernels import compiled
from learners.losses import log
from learners.types import (
    F32,
    F64,
    I64,
    Bank,
    Block,
    Message,
    Reply,
    Rows,
    Scores,
    Shape,
    Strategy,
)

LEAST = 1e-300  # probability, lest its logarithm be none
UNSOUND = 1.0  # nats that phi rises by where a reply led to what is no number, which is not judged


class Judged(NamedTuple):
    """How the state as it is, and the tried one, did: by task, and for the place."""

    phi: Annotated[F64, "t2"]
    tried: Annotated[I64, "t1"]  # examples since the reply came; its first is yet to come at 0
    place_phi: Annotated[F64, "2"]
    place_tried: Annotated[I64, "1"]


class Guarded(NamedTuple):
    """The state as it is, the tried one, and how both did."""

    bank: Bank
    trial: Bank
    judged: Judged


@compiled
def judge(
    rows: I64, labels: I64, weights: F32, said: F64, tried: F64, nu: float, phi: F64, count: I64,
    place_phi: F64, place_count: I64,
) -> None:  # fmt: skip
    """Take in the losses of both, the mean over their experts, (n, e, classes)."""
    e = said.shape[1]
    lost = np.zeros(2)
    for i in range(len(rows)):
        t, y = rows[i], labels[i]
        by = min(1.0, nu * weights[i])
        if by == 0.0 or said[i, 0, y] == 0.0:
            continue
        lost[:] = 0.0
        for s in range(e):
            lost[0] -= log(max(said[i, s, y], LEAST)) / e
            lost[1] -= log(max(tried[i, s, y], LEAST)) / e
        for one in range(2):
            phi[t, one] = accumulate(phi[t, one], lost[one], by)
            place_phi[one] = accumulate(place_phi[one], lost[one], by)
        count[t, 0] += 1
        place_count[0] += 1


def guarded(inner: Strategy, nu: float = 0.05) -> Strategy:
    """The strategy, behind a trial of each reply; nu is the weight of the newest example."""
    if not 0 < nu <= 1:
        raise ValueError(f"nu: {nu!r} is not above 0 and at most 1")

    def init(seeds: I64, shape: Shape) -> Guarded:
        judged: Judged = tree.zeros(Judged, shape._replace(tasks=len(seeds)))
        return Guarded(inner.init(seeds, shape), inner.init(seeds, shape), judged)

    def score(bank: Guarded, block: Block) -> Scores:
        return inner.score(bank.bank, block)

    def learn(bank: Guarded, block: Block) -> Scores:
        said, tried = inner.learn(bank.bank, block), inner.learn(bank.trial, block)
        judge(block.rows, block.labels, block.weights, said, tried, nu, *bank.judged)
        return said

    def message(bank: Guarded, rows: Rows) -> Message:
        return inner.message(bank.bank, rows)

    def merge(bank: Guarded, rows: Rows, reply: Reply) -> None:
        judged, sound = bank.judged, finite(bank.trial, rows)
        phi, tried = judged.phi[rows], judged.tried[rows, 0] > 0
        better = rows[tried & sound & (phi[:, 1] <= phi[:, 0])]
        judged.phi[rows[~sound], 1] = phi[~sound].max(1) + UNSOUND
        copy_rows(bank.trial, bank.bank, better)
        copy_rows(bank.bank, bank.trial, rows)
        judged.tried[rows] = 0
        if tree.speaks_of_commons(reply):
            place, both = judged.place_phi, (bank.bank, bank.trial)
            if not finite_commons(bank.trial):
                place[1] = place.max() + UNSOUND
            elif judged.place_tried[0] and place[1] <= place[0]:
                both = (bank.trial, bank.bank)
            copy_commons(*both)
            judged.place_tried[0] = 0
        inner.merge(bank.trial, rows, reply)

    def model(bank: Guarded, rows: Rows) -> F32:
        return inner.model(bank.bank, rows)

    return inner._replace(
        init=init, score=score, learn=learn, message=message, merge=merge, model=model
    )


def copy_rows(source: Bank, into: Bank, rows: Rows) -> None:
    """Copy those rows from one state to the other."""
    for (_, names, leaf), (_, _, to) in zip(tree.leaves(source), tree.leaves(into), strict=True):
        if "t" in names:
            to[rows] = leaf[rows]


def copy_commons(source: Bank, into: Bank) -> None:
    """Copy what is common to all tasks from one state to the other."""
    for (_, names, leaf), (_, _, to) in zip(tree.leaves(source), tree.leaves(into), strict=True):
        if "t" not in names:
            to[...] = leaf


def finite(bank: Bank, rows: Rows) -> NDArray[np.bool_]:
    """Which of those rows are all numbers."""
    out = np.ones(len(rows), np.bool_)
    for _, names, leaf in tree.leaves(bank):
        if "t" in names and leaf.dtype.kind == "f":
            out &= np.isfinite(leaf[rows]).all(axis=tuple(range(1, leaf.ndim)))
    return out


def finite_commons(bank: Bank) -> bool:
    """Whether what is common to all tasks is all numbers."""
    commons = [leaf for _, names, leaf in tree.leaves(bank) if "t" not in names]
    return all(bool(np.isfinite(leaf).all()) for leaf in commons)
