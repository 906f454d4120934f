"""DROM: distributed primal-dual online multi-task learning, with a server (Yang & Li, AAAI 2020).

Related tasks have weights that span few directions. A convex measure of how few is the trace norm
|W|_*, the sum of the singular values of W, whose columns are the tasks' weights; but its gradient
needs all singular vectors of all tasks' weights, and examples come one by one, in many places. Its
dual form needs neither:

    min_W sum_t f_t(W) + lambda T |W|_*  =  min_W max_{|Z|_op <= 1} sum_t f_t(W) + lambda <W, Z>

The bilinear term is separable by column: only the constraint on Z couples tasks, and the clip of
its leading direction, Z - (s - 1)_+ u v', needs no more than that. The loss is capped, so that a
task's noise moves nothing: f = min(l**p, epsilon), epsilon the same for all or a quantile of the
task's own last losses (a `Quantile`: a sorted window of 200, O(window) moves of a float at most).

Learning: a task learns alone, w <- w - eta (c grad l + lambda z), c = p l**(p - 1) where
l**p <= epsilon, else 0. Between meetings z does not change, so w = a - lambda H z with H the sum of
the steps since: an example costs O(non-zeros). The steps eta are constant, eta / sqrt(n), or
adaptive, by the gradient's norm or by coordinate. A task without energy may postpone its updates:
it plays on, and makes up for them later, by one step along their sum.

Meetings: a task says what it played, the cumulative sum of w, which is n a - c (c takes n times
each change of a), and the count n; the meeting moves Z along the mean played since the last, so
that theta needs no change with the period, holds Z (`drom_constraints`: by a clip, a penalty, or
the ball |W|_* <= kappa) and gives each task its z. What travels per meeting and task, whatever lies
between: d float64 and a count up, d float32 down, for each class and rate. A meeting of T tasks
costs O(J K d T).

Guarantee: for convex f, constant steps, a meeting each round and any data, against any U,

    sum_t f_t(W_t) - f_t(U) <= lambda T (|U|_* - |mean W|_*) + |U|_F^2 / 2 eta
        + eta / 2 sum |G_t + lambda Z_t|_F^2 + min(d, m) / 2 theta
        + theta / 2 lambda^2 sum |W_t|_F^2 + lambda |U|_* sum (s_1(Z_t) - 1)_+

whatever unit pairs the clip is made along: it is the projection on a half-space that holds the
whole ball. With eta and theta of 1 / sqrt(T), gradients and W bounded, that is O(sqrt T) regret of
the regularised objective; a period of tau makes it O(sqrt(tau T)), updates postponed by delta at
most O(sqrt((1 + delta) T)). With a cap it holds for the losses as they were weighted when played.
The penalty needs rho >= lambda |W|_*; the ball bounds, for every U in it and every B, the regret
plus B T times the distance of the mean W from it (B^2 / 2 theta in the place of min(d, m)).

Use it where tasks lie near a common subspace and there is a server: 16 tasks of rank 2 in 50
dimensions are learnt with .158 error where alone they have .198 (.100 is the noise), with half of
all updates postponed as well as with none. Not where tasks share only a mean (`shared`), nor where
each has far more examples than columns. Labels or features with outliers: cap by a `Quantile`.

Source: Peng Yang and Ping Li, "Distributed Primal-Dual Optimization for Online Multi-Task
Learning", AAAI 2020. **A reconstruction**: of the paper, abstract and summary were to be had, not
equations. It has every property promised there (dual characterisation of the trace norm, leading
singular direction only, capped L_p loss, adaptive, periodic and postponed updates), and its own
guarantee was proved and checked; the letters are those of the derivation. The penalty's form is
that of Xiao, Li, Yang & Zhang, "SVD-free convex-concave approaches for nuclear norm
regularization", IJCAI 2017. The quantile, the mean in the dual step, rates by coordinate and
several classes (each task and class a column) are additions of this project's. Only w is postponed
here, not the dual step, which the meeting takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np

from learners import tree
from learners.coordination.drom_constraints import CLIP, Ball, Clip, Penalty, ascend, strides
from learners.coordination.drom_kernels import learner, squares
from learners.coordination.drom_meeting import hearing, telling
from learners.coordination.linear import RATES, Dual, Experts, Own, names, run
from learners.types import F32, F64, I64, Block, Inbox, Message, Rows, Scores, Shape, Strategy


class Norms(NamedTuple):
    """What steps by the gradient's norm go by."""

    norms: Annotated[F64, "te"]  # sum of squared gradient norms
    zz: Annotated[F64, "te"]  # |z|**2


class Late(NamedTuple):
    """Updates that wait, of tasks that may postpone them."""

    b: Annotated[F32, "tdke"]  # sum of their gradients
    waits: Annotated[I64, "t1"]  # how many
    seed: Annotated[I64, "t1"]


class Watched(NamedTuple):
    """Losses**p of a task's last examples (of its worst class): as they came, and ascending."""

    recent: Annotated[F32, "tbe"]
    ordered: Annotated[F32, "tbe"]


class Quantile(NamedTuple):
    """A cap of each task's own: epsilon is this quantile of its last losses**p, never below 1."""

    q: float = 0.95
    window: int = 200  # how many are the last


class Drom(NamedTuple):
    """State of the tasks: v is the derivation's a, w = a - lambda H z."""

    own: Own
    dual: Dual
    norms: Norms | tuple[()]
    late: Late | tuple[()]
    watched: Watched | tuple[()] = ()


class Told(NamedTuple):
    """What a task has played so far."""

    total: Annotated[F64, "tdk1"]  # sum of w over its examples, of the mean over the rates
    n: Annotated[I64, "t1"]  # their number


class Duals(NamedTuple):
    """What the meeting remembers."""

    Z: Annotated[F32, "tdk1"]
    total: Annotated[F64, "tdk1"]  # as told last
    n: Annotated[I64, "t1"]
    u: Annotated[F64, "d1"]  # leading direction, warm from meeting to meeting
    norms: Annotated[F64, "1"]  # sum of squared norms of the mean played W, for adaptive dual steps


class Heard(NamedTuple):
    """A task's dual."""

    z: Annotated[F32, "tdk1"]


def drom(
    rates: Sequence[float] = RATES,
    coupling: float = 0.1,
    theta: float = 3.0,
    *,
    loss: Literal["hinge", "logistic"] = "logistic",
    step: Literal["coordinate", "constant", "sqrt", "norm"] = "coordinate",
    dual_step: Literal["constant", "sqrt", "norm"] = "norm",
    power: float = 1.0,
    cap: float | Quantile = np.inf,
    radius: float = np.inf,
    constraint: Clip | Penalty | Ball = CLIP,
    postpone: float = 0.0,
    tempered: bool = True,
) -> Strategy:
    """The strategy, for each of several rates eta, which play for one dual: the mean of their w.

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
        p and epsilon of the capped loss: an example whose loss**p exceeds `cap` does not move w;
        by a `Quantile` each task has an epsilon of its own, as noisy as itself
    radius
        R: w is scaled into |w| <= R when a reply is merged
    constraint
        how the dual is held: `Clip` its top singular value, `Penalty`, or `Ball`
    postpone
        probability that a task has no energy to update now; it plays on, and updates later (where
        rows are dense)
    tempered
        importance-invariant steps (`links.temper`), where nothing is postponed and steps are by
        coordinate on the plain log loss
    """
    strength = {type(constraint).__name__.lower(): constraint[0]}
    settings = {"coupling": coupling, "theta": theta, "postpone": postpone, **strength}
    for name, value in settings.items():
        if not 0 <= value < np.inf:
            raise ValueError(f"{name}: {value!r} is not a number from 0 on")
    watch = cap if isinstance(cap, Quantile) else None
    if watch is not None and not (0 < watch.q <= 1 and watch.window > 0):
        raise ValueError(f"cap: {watch!r} is no quantile of any window")
    most = cap.q if isinstance(cap, Quantile) else cap
    e = len(rates)
    eta = np.array(rates, np.float32)
    plain = loss == "logistic" and step == "coordinate" and (power, cap, postpone) == (1, np.inf, 0)
    experts = Experts(
        e, own=tuple(rates), dual=tuple(rates), coupling=coupling, tempered=tempered and plain
    )

    def init(seeds: I64, shape: Shape) -> Drom:
        rows = shape._replace(tasks=len(seeds))
        late: Any = ()
        if postpone:
            late = tree.zeros(Late, rows, e)
            late.seed[:, 0] = seeds
        return Drom(
            tree.zeros(Own, rows, e),
            tree.zeros(Dual, rows, e),
            tree.zeros(Norms, rows, e) if step == "norm" else (),
            late,
            () if watch is None else tree.zeros(Watched, rows, e, b=watch.window),
        )

    def work(bank: Drom, block: Block, teach: bool) -> Scores:
        if plain:
            return run(experts, block, teach, own=bank.own, dual=bank.dual)
        v = bank.own.v
        k, classes, dense = v.shape[-2], block.first.shape[1], v.ndim == 4
        if postpone and not dense:
            raise ValueError("postpone: what waits lies in dense rows (layout='dense')")
        scores = np.zeros((len(block.rows), classes, e))
        none: Any = np.zeros((1, 1, 1, 1), np.float32)
        some, no = np.zeros((1, 1)), np.zeros((1, 1), np.int64)
        late = bank.late or (none, no, no)

        def flat(leaf: Any) -> Any:
            return leaf.reshape(-1, *leaf.shape[-2:])

        learner(k == 1, e, loss, step, bool(postpone), watch is not None)(
            block.rows, block.indptr, block.slots, block.runs, v.shape[1] if dense else 0,
            block.values, block.labels, block.weights, block.first, block.start,
            *(flat(leaf) for leaf in bank.own), flat(bank.dual.z), flat(bank.dual.c),
            *bank.dual[2:], *(bank.norms or (some, some)), flat(late[0]), *late[1:],
            *(bank.watched or (none[0], none[0])), eta, coupling, power, most, postpone,
            scores.reshape(-1), teach,
        )  # fmt: skip
        return scores.transpose(0, 2, 1)

    def score(bank: Drom, block: Block) -> Scores:
        return work(bank, block, teach=False)

    def learn(bank: Drom, block: Block) -> Scores:
        return work(bank, block, teach=True)

    def message(bank: Drom, rows: Rows) -> Message:
        dual, v = bank.dual, bank.own.v
        total = np.empty((len(rows), *v.shape[1:3], 1))
        telling(rows, v, dual.c, dual.z, dual.played, dual.n, coupling, total)
        return Told(total, dual.n[rows])

    def merge(bank: Drom, rows: Rows, reply: Heard) -> None:
        dual, v = bank.dual, bank.own.v
        short = np.ones((len(rows), e), np.float32)
        if radius < np.inf:
            length = np.sqrt(squares(model(bank, rows)))
            short = np.minimum(1.0, radius / np.maximum(length, 1e-12)).astype(np.float32)
        hearing(step != "coordinate")(
            rows, v, bank.own.g, dual.c, dual.z, dual.H, dual.played, dual.n, coupling, short,
            reply.z,
        )  # fmt: skip
        if isinstance(bank.norms, Norms):
            bank.norms.zz[rows] = squares(reply.z)

    def meet(shape: Shape, seed: int) -> Duals:
        return tree.zeros(Duals, shape)  # type: ignore[no-any-return]

    def mix(memory: Duals, inbox: Inbox) -> Heard:
        told: Told = inbox.message
        by = strides(dual_step, theta, coupling, told, memory)
        ascend(constraint, coupling, by, told, memory)
        return Heard(memory.Z.copy())

    def model(bank: Drom, rows: Rows) -> F32:
        pull = (coupling * bank.dual.H[rows]).astype(np.float32)[:, None, None]
        return bank.own.v[rows] - pull * bank.dual.z[rows]

    return Strategy(init, score, learn, message, merge, meet, mix, model, names("drom", rates))
