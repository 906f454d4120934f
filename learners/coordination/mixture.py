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

from functools import cache
from typing import Annotated, Any, NamedTuple

import numpy as np

from learners import lanes, tree
from learners.kernels import compiled
from learners.links import consulted
from learners.losses import log_lanes
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


@cache
def mixer(e: int) -> Any:
    """The loop that mixes e experts, as lanes; scores (n, classes, e) and (n, classes, 1 + f)."""

    @compiled
    def run(
        rows: I64, labels: I64, first: I64, start: int, family: I64, sizes: F64, said: F64,
        all_: F64, alone: F64, nats: F64, counts: I64, mine: F64, heard: F64, teach: bool,
        scores: F64,
    ) -> None:  # fmt: skip
        n, k, f = scores.shape
        part = lanes.fill(lanes.load(sizes, 0, e), 1.0) / lanes.load(sizes, 0, e)
        even = lanes.fill(part, 1.0 / e)
        halves = np.zeros(e)
        for i in range(n):
            t, now, y = rows[i], start + i, labels[i]
            population = lanes.load(mine, 0, e) + lanes.load(heard, 0, e)
            tasks = lanes.total(population)
            usual = even
            if tasks > 0.5:
                usual = lanes.fill(even, 0.5 / e) + population * lanes.fill(even, 0.5 / tasks)
            w, v = usual, part
            if all_[t * e] != 0.0:
                w, v = lanes.load(all_, t * e, e), lanes.load(alone, t * e, e)
            known = consulted(t, now, first)
            classes = 0.0
            for c in range(k):
                classes += first[known, c] < now
            for c in range(k):
                if first[known, c] < now:
                    at = (i * k + c) * e
                    p = lanes.fill(even, 1.0 - DOUBT) * lanes.load(said, at, e)
                    p = p + lanes.fill(even, DOUBT / classes)
                    lanes.store(said, at, p)
                    scores[i, c, 0] = lanes.total(w * p)
                    lanes.store(halves, 0, v * p)
                    for j in range(e):
                        scores[i, c, 1 + family[j]] += halves[j]
            if not teach or y < 0:
                continue
            old = lanes.load(all_, t * e, e)
            if first[known, y] < now:
                p, whole = lanes.load(said, (i * k + y) * e, e), scores[i, y, 0]
                counts[t] += 1
                switch = max(1.0 / (counts[t] + 1.0), SWITCHING)
                stay, leave = lanes.fill(even, 1.0 - switch), lanes.fill(even, switch)
                for j in range(e):
                    halves[j] = scores[i, y, 1 + family[j]]
                lanes.store(nats, t * e, lanes.load(nats, t * e, e) - log_lanes(p))
                w = stay * (w * p / lanes.fill(even, whole)) + leave * usual
                v = stay * (v * p / lanes.load(halves, 0, e)) + leave * part
            lanes.store(mine, 0, lanes.load(mine, 0, e) + (w - old))
            lanes.store(all_, t * e, w)
            lanes.store(alone, t * e, v)

    return run


def mixture(inner: Strategy) -> Strategy:
    """The mixture of a strategy's experts, and beside it each family's mixture by itself.

    Axis e of its scores: the mixture of all, then that of each family (the part of an expert's name
    before the colon), so that what the others brought a task is a difference of two losses.
    """
    named = [name.split(":")[0] for name in inner.experts]
    families = list(dict.fromkeys(named))
    family = np.array([families.index(name) for name in named])
    sizes = np.array([float(named.count(name)) for name in named])  # of each expert's family

    def init(seeds: I64, shape: Shape) -> Mixed:
        rows, n = shape._replace(tasks=len(seeds)), len(family)
        population = tree.zeros(Population, rows, n)
        return Mixed(tree.zeros(Weights, rows, n), population, inner.init(seeds, shape))

    def mix_scores(bank: Mixed, block: Block, said: Scores, teach: bool) -> Scores:
        said = np.ascontiguousarray(said.transpose(0, 2, 1))  # as the kernels made it
        scores = np.zeros((*said.shape[:2], 1 + len(families)))
        weights = (leaf.reshape(-1) for leaf in bank.weights)
        mixer(len(family))(
            block.rows, block.labels, block.first, block.start, family, sizes, said.reshape(-1),
            *weights, *bank.population, teach, scores,
        )  # fmt: skip
        return scores.transpose(0, 2, 1)

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
