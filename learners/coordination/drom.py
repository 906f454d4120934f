"""DROM: distributed primal-dual online multi-task learning, with a server (Yang & Li, AAAI 2020).

Peng Yang and Ping Li, "Distributed Primal-Dual Optimization for Online Multi-Task Learning",
AAAI 2020. **A reconstruction**: of the paper, abstract and summary were to be had, not equations.
It has every property promised there (dual characterisation of the trace norm, leading singular
direction only, capped L_p loss, periodic and postponed updates), and its own guarantee was proved
and checked; the letters are those of the derivation.

    min_W sum_t f_t(W) + lambda T |W|_*  =  min_W max_{|Z|_op <= 1} sum_t f_t(W) + lambda <W, Z>

The bilinear term is separable by column: only the constraint on Z couples tasks, and the clip of
its leading direction, Z - (s - 1)_+ u v', needs no more than that. So a task learns alone,

    w <- w - eta (c grad + lambda z)            c: weight of the capped loss min(l**p, epsilon)

and says, at a meeting, what it played; the meeting moves Z along the mean of that, clips, and gives
each task its z. Between meetings z does not change, so w = a - lambda H z with H the sum of the
steps since: an example costs O(non-zeros). The cumulative sum of the played w, which is told, is
n a - c for the same reason (c takes n times each change of a).

What travels per meeting and task: one vector up (float64) and one down, whatever lies between.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np

from learners import tree
from learners.coordination.drom_kernels import clip, learner, squares
from learners.coordination.linear import RATES, names
from learners.types import F32, F64, I64, Block, Inbox, Message, Rows, Scores, Shape, Strategy


class Task(NamedTuple):
    """A task's primal and dual, and what it takes to be lazy about both."""

    a: Annotated[F32, "tdke"]  # w = a - lambda H z
    g: Annotated[F32, "tdKe"]  # sums of squared gradients, for steps by coordinate
    z: Annotated[F32, "tdke"]  # dual, as last heard
    c: Annotated[F64, "tdke"]  # sum of played a's = n a - c
    H: Annotated[F64, "te"]  # sum of steps since the last merge
    played: Annotated[F64, "te"]  # sum of the H's played with since then
    norms: Annotated[F64, "te"]  # sum of squared gradient norms, for steps by norm
    zz: Annotated[F64, "te"]  # |z|**2
    n: Annotated[I64, "t1"]  # examples played
    seed: Annotated[I64, "t1"]


class Late(NamedTuple):
    """Updates that wait, of tasks that may postpone them."""

    b: Annotated[F32, "tdke"]  # sum of their gradients
    waits: Annotated[I64, "t1"]  # how many


class Drom(NamedTuple):
    """State of the tasks."""

    task: Task
    late: Late | tuple[()]


class Told(NamedTuple):
    """What a task has played so far."""

    total: Annotated[F64, "tdke"]  # sum of w over its examples
    n: Annotated[I64, "t1"]  # their number


class Duals(NamedTuple):
    """What the meeting remembers."""

    Z: Annotated[F32, "tdke"]
    total: Annotated[F64, "tdke"]  # as told last
    n: Annotated[I64, "t1"]
    u: Annotated[F64, "de"]  # leading direction, warm from meeting to meeting
    norms: Annotated[F64, "e"]  # sum of squared norms of the mean played W, for adaptive dual steps


class Heard(NamedTuple):
    """A task's dual."""

    z: Annotated[F32, "tdke"]


def drom(
    rates: Sequence[float] = RATES,
    coupling: float = 0.1,
    theta: float = 3.0,
    *,
    loss: Literal["hinge", "logistic"] = "logistic",
    step: Literal["coordinate", "constant", "sqrt", "norm"] = "coordinate",
    dual_step: Literal["constant", "sqrt", "norm"] = "norm",
    power: float = 1.0,
    cap: float = np.inf,
    radius: float = np.inf,
    clips: int = 3,
    steps: int = 2,
    postpone: float = 0.0,
    tempered: bool = True,
) -> Strategy:
    """The strategy, for each of several rates eta.

    Parameters
    ----------
    rates
        eta, one for each expert
    coupling
        lambda; at 0 every task is independent, bit for bit
    theta
        of the dual step: theta ("constant"), theta / sqrt(n) ("sqrt"), or the adaptive theta
        sqrt(m) / norm of all mean played W so far ("norm")
    loss
        hinge, as in the paper, or logistic
    step
        AdaGrad by coordinate, eta, eta / sqrt(n), or AdaGrad by the gradient's norm
    power, cap
        p and epsilon of the capped loss: an example whose loss**p exceeds `cap` does not move w
    radius
        R: w is scaled into |w| <= R when a reply is merged
    clips, steps
        J and K: clips a meeting, power steps a clip
    postpone
        probability that a task has no energy to update now; it plays on, and updates later
    tempered
        importance-invariant steps (`kernels.temper`), of steps by coordinate on the plain log loss
    """
    for name, value in {"coupling": coupling, "theta": theta, "postpone": postpone}.items():
        if not 0 <= value < np.inf:
            raise ValueError(f"{name}: {value!r} is not a number from 0 on")
    e = len(rates)
    eta = np.array(rates, np.float32)

    def init(seeds: I64, shape: Shape) -> Drom:
        rows = shape._replace(tasks=len(seeds))
        task: Task = tree.zeros(Task, rows, e)
        task.seed[:, 0] = seeds
        return Drom(task, tree.zeros(Late, rows, e) if postpone else ())

    def run(bank: Drom, block: Block, teach: bool) -> Scores:
        k = bank.task.a.shape[2]
        scores = np.zeros((len(block.rows), e, block.first.shape[1]))
        none: Any = np.zeros((1, 1, 1, 1), np.float32)
        late = bank.late or Late(none, np.zeros((1, 1), np.int64))
        calm = tempered and loss == "logistic" and power == 1
        learner(k == 1, e, loss, step, bool(postpone), calm)(
            block.rows, block.indptr, block.columns, block.values, block.labels, block.weights,
            block.first, block.start, *bank.task, *late, eta, coupling, power, cap, postpone,
            scores, teach,
        )  # fmt: skip
        return scores

    def score(bank: Drom, block: Block) -> Scores:
        return run(bank, block, teach=False)

    def learn(bank: Drom, block: Block) -> Scores:
        return run(bank, block, teach=True)

    def message(bank: Drom, rows: Rows) -> Message:
        task, n = bank.task, bank.task.n[rows]
        played = coupling * task.played[rows][:, None, None]
        return Told(n[:, :, None, None] * task.a[rows] - task.c[rows] - played * task.z[rows], n)

    def merge(bank: Drom, rows: Rows, reply: Heard) -> None:
        task, n = bank.task, bank.task.n[rows][:, :, None, None]
        old = task.a[rows]
        # What z pulled so far becomes part of a, and of the sum of what was played.
        new = old - (coupling * task.H[rows]).astype(np.float32)[:, None, None] * task.z[rows]
        if radius < np.inf:
            short = np.minimum(1.0, radius / np.maximum(np.sqrt(squares(new)), 1e-12))
            new *= short.astype(np.float32)[:, None, None]
        task.c[rows] += n * (new.astype(np.float64) - old)
        task.c[rows] += coupling * task.played[rows][:, None, None] * task.z[rows]
        task.a[rows], task.z[rows] = new, reply.z
        task.H[rows], task.played[rows] = 0.0, 0.0
        if step == "norm":
            task.zz[rows] = squares(reply.z)

    def meet(shape: Shape, seed: int) -> Duals:
        return tree.zeros(Duals, shape, e)  # type: ignore[no-any-return]

    def mix(memory: Duals, inbox: Inbox) -> Heard:
        told: Told = inbox.message
        news = told.n - memory.n
        mean = (told.total - memory.total) / np.maximum(news, 1)[:, :, None, None]
        if dual_step == "constant":
            by = np.full((1, 1), theta)
        elif dual_step == "sqrt":
            by = theta / np.sqrt(np.maximum(told.n, 1.0))
        else:
            memory.norms[:] += coupling**2 * squares(mean).sum(0)
            floor = coupling**2 * len(mean)
            by = (
                np.sqrt(len(mean)) * theta / np.sqrt(np.maximum(floor + memory.norms, 1e-300))[None]
            )
        moved = (by * (news > 0) * coupling)[:, None, None] * mean
        memory.Z[:] += moved.astype(np.float32)
        memory.total[:], memory.n[:] = told.total, told.n
        if coupling:
            clip(memory.Z, memory.u, clips, steps)
        return Heard(memory.Z.copy())

    def model(bank: Drom, rows: Rows) -> F32:
        pull = (coupling * bank.task.H[rows]).astype(np.float32)[:, None, None]
        return bank.task.a[rows] - pull * bank.task.z[rows]

    experts = names("drom", rates)
    return Strategy(init, score, learn, message, merge, meet, mix, model, experts)
