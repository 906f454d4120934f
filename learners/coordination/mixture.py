"""A task never pays for being coordinated: a Bayesian mixture of experts, for each task.

Each task weighs its experts by the probability that they gave to its labels. A new task begins with
weights that are half uniform over the N experts, half the mean of what the tasks seen so far weigh
them by, so it learns from them which experts suit this family of tasks. After its n-th example a
share a_n = max(1 / (n + 1), SWITCHING) of its weights goes back there, so that the weights follow
drift. Over the first n examples of its life, whatever the data and for every expert i,

    loss(mixture) <= loss(expert i) + ln 2N - sum_s ln(1 - a_s)

where the last sum is ln(n + 1) up to n = 1 / SWITCHING and then grows by SWITCHING an example.
A family's mixture by itself is the same, from uniform weights.

Weights: Vovk, "Aggregating strategies", COLT 1990; switching: Herbster & Warmuth, "Tracking the
best expert", Machine Learning 1998 (fixed share), whose price lets the weights follow drift.
"""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

import numpy as np

from learners import tree
from learners.kernels import compiled
from learners.links import consulted
from learners.losses import log
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

SWITCHING = 1e-3  # chance, at least, that another expert is best from the next example on
DOUBT = 1e-3  # every expert's probabilities become (1 - DOUBT) p + DOUBT / classes


class Weights(NamedTuple):
    """What each task thinks of its experts."""

    all: Annotated[F64, "te"]  # sum to 1 over the experts; all 0 before the first example
    alone: Annotated[F64, "te"]  # sum to 1 over each family's experts
    nats: Annotated[F64, "te"]  # each expert's log loss so far, as mixed
    n: Annotated[I64, "t1"]  # examples weighed by


class Population(NamedTuple):
    """The sum of all tasks' weights: what this place's made of it, and what the others' did."""

    mine: Annotated[F64, "e"]
    heard: Annotated[F64, "e"]  # as each sums to 1, the whole sum is the number of tasks


class Voice(NamedTuple):
    """A place's part of the population."""

    mine: Annotated[F64, "e"]


class Mixed(NamedTuple):
    """Weights, and the bank of the experts."""

    weights: Weights
    population: Population
    bank: Bank


@compiled
def _mix(
    rows: I64, labels: I64, first: I64, start: int, family: I64, families: int, said: F64,
    all_: F64, alone: F64, nats: F64, counts: I64, mine: F64, heard: F64, teach: bool, scores: F64,
) -> None:  # fmt: skip
    n, e, k = said.shape
    size = np.zeros(families)
    for i in range(e):
        size[family[i]] += 1.0
    w = np.zeros(e)
    v = np.zeros(e)
    usual = np.zeros(e)
    total = np.zeros(families)
    for i in range(n):
        t, now, y = rows[i], start + i, labels[i]
        fresh = all_[t, 0] == 0.0
        tasks = 0.0
        for j in range(e):
            tasks += mine[j] + heard[j]
        for j in range(e):
            usual[j] = 0.5 / e + 0.5 * (mine[j] + heard[j]) / tasks if tasks > 0.5 else 1.0 / e
            w[j] = usual[j] if fresh else all_[t, j]
            v[j] = 1.0 / size[family[j]] if fresh else alone[t, j]
        known = consulted(t, now, first)
        classes = 0.0
        for c in range(k):
            classes += first[known, c] < now
        for c in range(k):
            if first[known, c] < now:
                for j in range(e):
                    p = (1.0 - DOUBT) * said[i, j, c] + DOUBT / classes
                    said[i, j, c] = p
                    scores[i, 0, c] += w[j] * p
                    scores[i, 1 + family[j], c] += v[j] * p
        if not teach or y < 0:
            continue
        if first[known, y] < now:
            whole = scores[i, 0, y]
            counts[t, 0] += 1
            switch = max(1.0 / (counts[t, 0] + 1.0), SWITCHING)
            total[:] = 0.0
            for j in range(e):
                v[j] *= said[i, j, y]
                total[family[j]] += v[j]
            for j in range(e):
                nats[t, j] -= log(said[i, j, y])
                w[j] = (1.0 - switch) * (w[j] * said[i, j, y] / whole) + switch * usual[j]
                share = switch / size[family[j]]
                v[j] = (1.0 - switch) * (v[j] / total[family[j]]) + share
        for j in range(e):
            mine[j] += w[j] - all_[t, j]
            all_[t, j] = w[j]
            alone[t, j] = v[j]


def mixture(inner: Strategy) -> Strategy:
    """The mixture of a strategy's experts, and beside it each family's mixture by itself.

    Axis e of its scores: the mixture of all, then that of each family (the part of an expert's name
    before the colon), so that what the others brought a task is a difference of two losses.
    """
    named = [name.split(":")[0] for name in inner.experts]
    families = list(dict.fromkeys(named))
    family = np.array([families.index(name) for name in named])

    def init(seeds: I64, shape: Shape) -> Mixed:
        rows, n = shape._replace(tasks=len(seeds)), len(family)
        population = tree.zeros(Population, rows, n)
        return Mixed(tree.zeros(Weights, rows, n), population, inner.init(seeds, shape))

    def mix_scores(bank: Mixed, block: Block, said: Scores, teach: bool) -> Scores:
        scores = np.zeros((len(said), 1 + len(families), said.shape[2]))
        _mix(
            block.rows, block.labels, block.first, block.start, family, len(families), said,
            *bank.weights, *bank.population, teach, scores,
        )  # fmt: skip
        return scores

    def score(bank: Mixed, block: Block) -> Scores:
        return mix_scores(bank, block, inner.score(bank.bank, block), teach=False)

    def learn(bank: Mixed, block: Block) -> Scores:
        return mix_scores(bank, block, inner.learn(bank.bank, block), teach=True)

    def message(bank: Mixed, rows: Rows) -> Message:
        return Voice(bank.population.mine), inner.message(bank.bank, rows)

    def merge(bank: Mixed, rows: Rows, reply: Reply) -> None:
        if reply[0].mine is not None:
            bank.population.heard[:] = reply[0].mine
        inner.merge(bank.bank, rows, reply[1])

    def meet(shape: Shape, seed: int) -> Bank:
        return (inner.meet(shape, seed),)

    def mix(memory: Bank, inbox: Inbox) -> Reply:
        voices, told = inbox.message
        others = voices.mine.sum(0)[None] - voices.mine
        return Voice(others), inner.mix(memory[0], inbox._replace(message=told))

    def model(bank: Mixed, rows: Rows) -> F32:
        w = weigh(bank, rows)[1].astype(np.float32)
        mean: Any = np.einsum("tdke,te->tdk", inner.model(bank.bank, rows), w)[..., None]
        return np.broadcast_to(mean, (*mean.shape[:-1], 1 + len(families)))

    def weigh(bank: Mixed, rows: Rows) -> tuple[tuple[str, ...], F64]:
        w = bank.weights.all[rows]
        return inner.experts, np.where(w.sum(1, keepdims=True) > 0, w, 1 / len(family))

    names = ("mixture", *families)
    return Strategy(
        init, score, learn, message, merge, meet, mix, model, names, weigh, inner.replayed
    )
