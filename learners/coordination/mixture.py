"""A task never pays for being coordinated: a Bayesian mixture of experts, for each task.

No strategy is best for all tasks, nor at one rate. So a task has N experts, the last of them made
of the others, and answers with the mean of their probabilities, each first made (1 - e) p + e / K
for K classes (e = DOUBT), so that none says never:

    p(c) = sum_i w_ti p_i(c)        w_ti <- (1 - a_n) w_ti p_i(y) / p(y) + a_n w_i

In the catalogue they are `independent`, `drom`, `shared` and `pooled`, each at two rates, `newton`
at four paces, and their pool.

Learning: each expert learns as it does by itself (`families`). A new task begins
with weights w_i that are a quarter uniform, the rest the mean of what the tasks seen so far weigh
them by, so it learns from them which experts suit this family of tasks. After its n-th example a
share a_n = max(1 / (n + 1), SWITCHING) of its weights goes back there, so that the weights follow
drift. A family's mixture by itself is the same, from uniform weights. The expert made of the others
is `stacked`, their logarithmic pool

    p(c) ~ prod_i p_i(c) ** (1/(N-1) + alpha_i)

with alpha common to all tasks and learnt by AdaGrad on the log loss. Where experts are right for
different reasons it is better than any of them, which no mixture can be by more than its weights
move; for two classes its margin is the sum of theirs, each times its exponent.

Meetings: each family's own. Besides, a place tells the sum of its tasks' weights, alpha and its
sums of squares, 3 N - 2 float64, and hears the others' sums. The weights of a task move with it and
never meet. On a network that is not complete, what neighbours tell counts in part, as in `shared`.

Guarantee: over the first n examples of a task's life, whatever the data, the other tasks and the
network do, and for every expert i,

    loss(mixture) <= loss(expert i) + ln 4N - sum_s ln(1 - a_s)

in log loss as mixed, where the last sum is ln(n + 1) up to n = 1 / SWITCHING and then grows by
SWITCHING an example. It assumes nothing: it is an inequality, and tested as one. Of errors it says
nothing directly, and it is against experts as they ran, of which only the own family's is sure to
be what it would be in no company.

Use it by default. Where it is known which strategy suits, that one alone is cheaper; with fewer
than some ten examples a task, the nats that choosing costs show.

Source: Vovk, "Aggregating strategies", COLT 1990: weights; Herbster & Warmuth, "Tracking the best
expert", Machine Learning 1998 (fixed share): switching, whose price lets the weights follow drift;
Genest & Zidek, "Combining probability distributions", Statistical Science 1986, stacked as in
Wolpert, "Stacked generalization", Neural Networks 1992, but online: the pool. Ours: where a new
task's weights begin, and the rate of switching.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, NamedTuple

import numpy as np

from learners import lanes, tree
from learners.kernels import AHEAD, fetch, loop
from learners.links import consulted, inlined
from learners.losses import exp, log_lanes
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
UNIFORM = 0.25  # share of a new task's weights that the population does not move
STACKED = "stacked"
PIECE = 4096  # examples at once: what is made of them on the way takes a megabyte
STRIP = 16  # examples whose logarithms are taken before any of them is learnt from
RATE, PRIOR = 0.1, 10.0  # of the pool's exponents: AdaGrad's, from a sum of squares PRIOR


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


class Stack(NamedTuple):
    """The pool's exponents over 1 / e: what this place's tasks made of them, and the others'."""

    mine: Annotated[F64, "e"]
    heard: Annotated[F64, "e"]
    g: Annotated[F64, "e"]  # sums of squared gradients
    heard_g: Annotated[F64, "e"]


class Voice(NamedTuple):
    """A place's part of the population, and of the exponents."""

    mine: Annotated[F64, "e"]
    alpha: Annotated[F64, "e"]
    g: Annotated[F64, "e"]


class Mixed(NamedTuple):
    """Weights, and the bank of the experts."""

    weights: Weights
    population: Population
    stack: Stack
    bank: Bank


@inlined
def doubted(
    like: Any, e: int, rows: I64, first: I64, start: int, lo: int, hi: int, k: int, said: F64,
    logs: F64,
) -> None:  # fmt: skip
    """Doubt what was said of examples lo to hi, and take the logarithms, which wait for nothing."""
    for i in range(lo, hi):
        known, now = consulted(rows[i], start + i, first), start + i
        classes = 0.0
        for c in range(k):
            classes += first[known, c] < now
        for c in range(k):
            if first[known, c] < now:
                p = lanes.fill(like, 1.0 - DOUBT) * lanes.load(said, (i * k + c) * e, like)
                p = p + lanes.fill(like, DOUBT / classes)
                lanes.store(said, (i * k + c) * e, p)
                lanes.store(logs, ((i - lo) * k + c) * e, log_lanes(p))


@cache
def mixer(e: int, begins: int) -> Any:
    """The loop that mixes e experts, as lanes, and the pool made of them, one number more.

    Bit j of `begins` says that with expert j a family begins. What is said are scores (n, classes,
    e); what comes out, (n, classes, 2 + families). The others' part of what is common is heard.
    """

    @loop
    def run(
        rows: I64, labels: I64, first: I64, start: int, said: F64, all_: F64, alone: F64, nats: F64,
        counts: I64, mine: F64, heard: F64, alpha: F64, heard_alpha: F64, g: F64, heard_g: F64,
        logs: F64, z: F64, teach: bool, k: int, f: int, scores: F64,
    ) -> None:  # fmt: skip
        n = len(rows)
        none = lanes.fill(lanes.load(alpha, 0, e), 0.0)
        one = lanes.fill(none, 1.0)
        part = one / lanes.grouped(one, begins)
        even = 1.0 / (e + 1.0)
        # What all examples move stays in registers: each would wait for what the last one wrote.
        moved, moved_g = lanes.load(alpha, 0, e), lanes.load(g, 0, e)
        weighed = lanes.load(mine, 0, e)
        others, others_g = lanes.load(heard_alpha, 0, e), lanes.load(heard_g, 0, e)
        strange = lanes.load(heard, 0, e)
        for i in range(n):
            t, now, y = rows[i], start + i, labels[i]
            if i % STRIP == 0:
                doubted(none, e, rows, first, start, i, min(i + STRIP, n), k, said, logs)
            at = t * (e + 1)
            if i + AHEAD < n:
                there = rows[i + AHEAD] * (e + 1)
                fetch(all_, there, e + 1)
                fetch(alone, there, e + 1)
                fetch(nats, there, e + 1)
                lanes.prefetch(counts, rows[i + AHEAD])
            usual, usual_s = lanes.fill(part, even), even
            population, population_s = weighed + strange, mine[e] + heard[e]
            tasks = lanes.total(population) + population_s
            if tasks > 0.5:
                like = (1.0 - UNIFORM) / tasks
                usual = lanes.fill(part, UNIFORM * even) + population * lanes.fill(part, like)
                usual_s = UNIFORM * even + population_s * like
            w, w_s, v = usual, usual_s, part
            if all_[at] != 0.0:
                w, w_s, v = lanes.load(all_, at, e), all_[at + e], lanes.load(alone, at, e)
            known = consulted(t, now, first)
            classes = 0.0
            for c in range(k):
                classes += first[known, c] < now
            exponents = (moved + others) + lanes.fill(part, 1.0 / e)
            top, total = -np.inf, 0.0
            for c in range(k):
                if first[known, c] < now:
                    z[c] = lanes.total(exponents * lanes.load(logs, (i % STRIP * k + c) * e, e))
                    top = max(top, z[c])
            for c in range(k):
                if first[known, c] < now:
                    z[c] = exp(z[c] - top)
                    total += z[c]
            in_family = none
            for c in range(k):
                if first[known, c] < now:
                    p = lanes.load(said, (i * k + c) * e, e)
                    z[c] = z[c] / total
                    pooled = (1.0 - DOUBT) * z[c] + DOUBT / classes
                    by_family = lanes.grouped(v * p, begins)
                    there = (i * k + c) * f
                    scores[there] = lanes.total(w * p) + w_s * pooled
                    lanes.store(scores, there + 1, lanes.firsts(by_family, begins))
                    scores[there + f - 1] = pooled
                    if c == y:
                        in_family = by_family
            if not teach or y < 0:
                continue
            old, old_s = lanes.load(all_, at, e), all_[at + e]
            if first[known, y] < now:
                p, whole = lanes.load(said, (i * k + y) * e, e), scores[(i * k + y) * f]
                pooled = scores[(i * k + y) * f + f - 1]
                counts[t] += 1
                switch = max(1.0 / (counts[t] + 1.0), SWITCHING)
                stay, leave = lanes.fill(part, 1.0 - switch), lanes.fill(part, switch)
                here = i % STRIP * k * e
                right = lanes.load(logs, here + y * e, e)
                lanes.store(nats, at, lanes.load(nats, at, e) - right)
                nats[at + e] -= log_lanes(pooled)
                w = stay * (w * p / lanes.fill(part, whole)) + leave * usual
                w_s = (1.0 - switch) * (w_s * pooled / whole) + switch * usual_s
                v = stay * (v * p / in_family) + leave * part
                slope = none
                for c in range(k):
                    if first[known, c] < now:
                        away = z[c] - 1.0 if c == y else z[c]
                        # Rounded each by itself, lest it matter which of two classes came first.
                        slope = slope + lanes.fill(part, away) * lanes.load(logs, here + c * e, e)
                moved_g = lanes.fma(slope, slope, moved_g)
                sums = (moved_g + others_g) + lanes.fill(part, PRIOR)
                moved = moved - (lanes.fill(part, RATE) * slope) / lanes.sqrt(sums)
            weighed = weighed + (w - old)
            mine[e] += w_s - old_s
            lanes.store(all_, at, w)
            all_[at + e] = w_s
            lanes.store(alone, at, v)
            alone[at + e] = 1.0
        lanes.store(alpha, 0, moved)
        lanes.store(g, 0, moved_g)
        lanes.store(mine, 0, weighed)

    return run


def mixture(inner: Strategy) -> Strategy:
    """The mixture of a strategy's experts, and beside it each family's mixture by itself.

    Axis e of its scores: the mixture of all, then that of each family (the part of an expert's name
    before the colon), so that what the others brought a task is a difference of two losses; last
    the pool by itself.
    """
    families = list(dict.fromkeys(name.split(":")[0] for name in inner.experts))
    order = sorted(  # in a sum a family may come twice; here it lies side by side
        range(len(inner.experts)), key=lambda i: families.index(inner.experts[i].split(":")[0])
    )
    experts = tuple(inner.experts[i] for i in order)
    named = [name.split(":")[0] for name in experts]
    e, begins = len(named), sum(1 << named.index(name) for name in families)

    def init(seeds: I64, shape: Shape) -> Mixed:
        rows = shape._replace(tasks=len(seeds))
        return Mixed(
            tree.zeros(Weights, rows, e + 1),
            tree.zeros(Population, rows, e + 1),
            tree.zeros(Stack, rows, e),
            inner.init(seeds, shape),
        )

    def work(bank: Mixed, block: Block, teach: bool) -> Scores:
        n, k = len(block.rows), block.first.shape[1]
        scores = np.zeros((n, k, 2 + len(families)))
        say = inner.learn if teach else inner.score
        for lo in range(0, n, PIECE):
            piece = block if n <= PIECE else block.part(lo, min(lo + PIECE, n))
            blend(bank, piece, say(bank.bank, piece), teach, scores[lo : lo + PIECE])
        return scores.transpose(0, 2, 1)

    def blend(bank: Mixed, block: Block, said: Scores, teach: bool, scores: F64) -> None:
        said = said.transpose(0, 2, 1)  # as the kernels made it
        said = np.ascontiguousarray(said if experts == inner.experts else said[:, :, order])
        k, f = scores.shape[1:]
        weights = (leaf.reshape(-1) for leaf in bank.weights)
        mixer(e, begins)(
            block.rows, block.labels, block.first, block.start, said.reshape(-1), *weights,
            *bank.population, bank.stack.mine, bank.stack.heard, bank.stack.g, bank.stack.heard_g,
            np.zeros(STRIP * k * e), np.zeros(k), teach, k, f, scores.reshape(-1),
        )  # fmt: skip

    def score(bank: Mixed, block: Block) -> Scores:
        return work(bank, block, teach=False)

    def learn(bank: Mixed, block: Block) -> Scores:
        return work(bank, block, teach=True)

    def message(bank: Mixed, rows: Rows) -> Message:
        told = Voice(bank.population.mine, bank.stack.mine, bank.stack.g)
        return told, inner.message(bank.bank, rows)

    def merge(bank: Mixed, rows: Rows, reply: Reply) -> None:
        if reply[0].mine is not None:
            bank.population.heard[:] = reply[0].mine
            bank.stack.heard[:], bank.stack.heard_g[:] = reply[0][1:]
        inner.merge(bank.bank, rows, reply[1])

    def meet(shape: Shape, seed: int) -> Bank:
        return (inner.meet(shape, seed),)

    def mix(memory: Bank, inbox: Inbox) -> Reply:
        voices, told = inbox.message
        shares = inbox.adding[:, :, None]
        others = Voice(*((shares * leaf).sum(1) - leaf for leaf in voices))
        return others, inner.mix(memory[0], inbox._replace(message=told))

    def model(bank: Mixed, rows: Rows) -> F32:
        w = weigh(bank, rows)[1]
        exponents = 1.0 / e + bank.stack.mine + bank.stack.heard
        each = (w[:, :-1] + w[:, -1:] * exponents).astype(np.float32)
        mean: Any = np.einsum("tdke,te->tdk", inner.model(bank.bank, rows)[..., order], each)
        return np.broadcast_to(mean[..., None], (*mean.shape, 2 + len(families)))

    def weigh(bank: Mixed, rows: Rows) -> tuple[tuple[str, ...], F64]:
        w = bank.weights.all[rows]
        return (*experts, STACKED), np.where(w.sum(1, keepdims=True) > 0, w, 1 / (e + 1))

    names = ("mixture", *families, STACKED)
    return inner._replace(
        init=init, score=score, learn=learn, message=message, merge=merge, meet=meet, mix=mix,
        model=model, experts=names, weigh=weigh,
    )  # fmt: skip
