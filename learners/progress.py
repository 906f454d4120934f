"""Progressive validation in a few numbers a task: predict, score, and only then learn."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
from numba import njit

from learners.losses import log
from learners.types import F64, I64, Block, Scores

FLOOR = 1e-15  # least probability in a log loss: a new label costs 34.5 nats, not infinity
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


@njit(cache=True, nogil=True, error_model="numpy")
def _tally(
    rows: I64, labels: I64, scores: Scores, nats: F64, errors: F64, brier: F64,
    recent_nats: F64, recent_errors: F64, recent: F64, counts: I64, seen: I64,
) -> None:  # fmt: skip
    keep = 1.0 - 1.0 / WINDOW
    for i in range(len(rows)):
        t, y = rows[i], labels[i]
        seen[i] = counts[t, 0]
        counts[t, 0] += 1
        recent[t, 0] = keep * recent[t, 0] + 1.0
        for e in range(scores.shape[1]):
            best, square = 0, 0.0
            for k in range(scores.shape[2]):
                p = scores[i, e, k]
                if p > scores[i, e, best]:
                    best = k
                square += (p - 1.0) ** 2 if k == y else p * p
            loss = -log(max(scores[i, e, y], FLOOR))
            wrong = 0.0 if best == y and scores[i, e, y] > 0.0 else 1.0
            nats[t, e] += loss
            errors[t, e] += wrong
            brier[t, e] += 0.5 * square
            recent_nats[t, e] = keep * recent_nats[t, e] + loss
            recent_errors[t, e] = keep * recent_errors[t, e] + wrong


def tally(progress: Progress, block: Block, scores: Scores) -> I64:
    """Score the predictions of a block; how many examples each task had learnt before, (n,)."""
    seen = np.zeros(len(block.rows), np.int64)
    p = progress
    _tally(
        block.rows, block.labels, scores, p.nats, p.errors, p.brier,
        p.recent_nats, p.recent_errors, p.recent, p.counts, seen,
    )  # fmt: skip
    return seen
