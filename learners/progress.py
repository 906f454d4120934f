"""Progressive validation in a few numbers a task: predict, score, and only then learn."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, NamedTuple

import numpy as np

from learners import lanes
from learners.kernels import AHEAD, compiled, fetch, loop
from learners.losses import log_lanes
from learners.types import F64, I64, Block, Scores

FLOOR = 1e-15  # least probability in a log loss: a new label costs 34.5 nats, not infinity
WIDE = 4  # logarithms taken at once
WINDOW = 100.0  # examples that `recent_*` looks back, exponentially


class Progress(NamedTuple):
    """Sums over the life of each task and place row, for each expert of the scores."""

    nats: Annotated[F64, "te"]  # log loss
    errors: Annotated[F64, "te"]
    brier: Annotated[F64, "te"]  # half the squared distance to the label, over all classes
    recent_nats: Annotated[F64, "te"]  # decayed sums; divide by `recent`
    recent_errors: Annotated[F64, "te"]
    recent: Annotated[F64, "t1"]
    counts: Annotated[I64, "t1"]  # examples


@compiled
def losses(scores: F64, labels: I64, k: int, e: int) -> F64:
    """Log losses of the labels by flat scores (n, k, e): (n, e), flat, and room for a lane more."""
    n = len(labels) * e
    out = np.ones(n + WIDE)
    for i in range(len(labels)):
        at, to = np.uint64((i * k + labels[i]) * e), np.uint64(i * e)
        for j in range(np.uint64(e)):
            out[to + j] = max(scores[at + j], FLOOR)
    for i in range(0, n, WIDE):
        right = lanes.load(out, i, WIDE)
        lanes.store(out, i, lanes.fill(right, 0.0) - log_lanes(right))
    return out


@cache
def tallier(e: int) -> Any:
    """The loop over scores (n, classes, e), all e at once."""

    @loop
    def run(
        rows: I64, labels: I64, scores: F64, loss: F64, k: int, nats: F64, errors: F64, brier: F64,
        recent_nats: F64, recent_errors: F64, recent: F64, counts: I64, seen: I64,
    ) -> None:  # fmt: skip
        none = lanes.fill(lanes.load(nats, 0, e), 0.0)
        one, half = lanes.fill(none, 1.0), lanes.fill(none, 0.5)
        keep = lanes.fill(none, 1.0 - 1.0 / WINDOW)
        for i in range(len(rows)):
            t, y = rows[i], labels[i]
            if e > 1 and i + AHEAD < len(rows):  # of one, the processor itself looks ahead so far
                there = rows[i + AHEAD]
                for sums in (nats, errors, brier, recent_nats, recent_errors):
                    fetch(sums, there * e, e)
                lanes.prefetch(recent, there)
                lanes.prefetch(counts, there)
            seen[i] = counts[t]
            counts[t] += 1
            recent[t] = (1.0 - 1.0 / WINDOW) * recent[t] + 1.0
            right = lanes.load(scores, (i * k + y) * e, e)
            wrong, square = lanes.less(none, right, none, one), none
            for c in range(k):
                p = lanes.load(scores, (i * k + c) * e, e)
                if c < y:  # of the likeliest, the first is the answer
                    wrong = lanes.less(p, right, wrong, one)
                elif c > y:
                    wrong = lanes.less(right, p, one, wrong)
                away = p - one if c == y else p
                square = square + away * away
            at = t * e
            nat = lanes.load(loss, i * e, e)
            lanes.store(nats, at, lanes.load(nats, at, e) + nat)
            lanes.store(errors, at, lanes.load(errors, at, e) + wrong)
            lanes.store(brier, at, lanes.load(brier, at, e) + half * square)
            lanes.store(recent_nats, at, keep * lanes.load(recent_nats, at, e) + nat)
            lanes.store(recent_errors, at, keep * lanes.load(recent_errors, at, e) + wrong)

    return run


def tally(progress: Progress, block: Block, scores: Scores) -> I64:
    """Score the predictions of a block; how many examples each task had learnt before, (n,)."""
    seen = np.empty(len(block.rows), np.int64)
    e, k = scores.shape[1:]
    by_class = np.ascontiguousarray(scores.transpose(0, 2, 1)).reshape(-1)  # as kernels made it
    tallier(e)(
        block.rows, block.labels, by_class, losses(by_class, block.labels, k, e), k,
        *(leaf.reshape(-1) for leaf in progress), seen,
    )  # fmt: skip
    return seen
