"""Client-server multi-task learning: a common function and each task's own, least squares, exact.

Francesco Dinuzzo, Gianluigi Pillonetto and Giuseppe De Nicolao, "Client-server multitask learning
from distributed datasets", IEEE Transactions on Neural Networks 22(2), 2011 (arXiv 0812.4235).

    K((x, s), (x', t)) = a x.x'  +  (1 - a) [s = t] x.x'        a: how much tasks have in common
    min_f  sum_i (y_i - f(x_i, t_i))^2 / (2 lambda / weight_i)  +  |f|_K^2 / 2

that is, y = x.(w_0 + w_t) + noise with w_0 ~ N(0, a I), w_t ~ N(0, (1 - a) I), noise of variance
lambda: a mixed-effects model, and its exact posterior by recursive least squares.

Learning: with w_t summed out, what a task's examples say about w_0 is a precision Lambda_t and
eta_t, precision times mean. For each example, y = +-1, with v = x - (1 - a) Lambda_t x and
S = lambda / weight + (1 - a) x.v,

    eta_t += v (y - (1 - a) x.eta_t) / S        Lambda_t += v v' / S

and that is all the state: of w_t given w_0, (1 - a) (I - (1 - a) Lambda_t) is the covariance and
(1 - a) (eta_t - Lambda_t w_0) the mean. A task answers from w_0 + (1 - a) (eta_t - Lambda_t w_0)
with P(y = 1) = Phi(mean / sqrt(lambda + variance)), the variance being what is not known of w_0 and
w_t. A task without data answers from w_0. Several classes are learnt one against the rest with one
Lambda_t, and their Phi made to sum to 1; of a class that comes later, what was learnt before says
nothing. It costs O(D^2) an example.

x is D numbers: features are hashed to D - 1 places with a sign, the constant has its own
(Weinberger et al., "Feature hashing for large scale multitask learning", ICML 2009). All is exact
for what is hashed: where no two features share a place, it is exact; of m features some
m^2 / (2 D) pairs share one.

Meetings: a task tells Lambda_t and eta_t, D (D + 3) / 2 floats for two classes (66.6 kB at 128),
the same for any number of columns. The meeting solves w_0 = (I + a sum Lambda_t)^-1 a sum eta_t, in
O(T D^2 + D^3), and sends every place w_0 and its covariance, as many floats again. The order of
examples, and how tasks' examples interleave, makes no difference.

Guarantee: right after a meeting, mean and variance are those of the batch solution of all that was
told and the task's own examples, to rounding (1e-12 here); between meetings w_0 is as of the last
one. Nobody's examples are sent, but a state is a sum of them: the first told after one example
would be the example itself, and two told one example apart differ by it. So a task tells how it
stood after the last whole batch of `batch` examples. Fewer than D of them still span the space
that they lie in. A passive place tells nothing, and hears.

Use it for dense numbers up to a few hundred, where tasks are one population with deviations: steps
are of second order, so it learns from few examples what gradient steps learn from many. Memory is
D^2 / 2 floats a task. Squared loss on labels is robust to no outliers, and it does not forget.

Source: abstract and introduction were to be had; the paper's own recursion (kernels, a common
dictionary of inputs that grows, the server sees active clients' data) was not. This is a
reconstruction of its problem in the space of features, with bounded memory and data kept at the
clients, checked against the batch solution in kernels. Ours: the form in Lambda and eta, which
needs neither covariance nor gain; hashing; the link; telling in batches. The paper's bias term is
here the constant feature, with the same prior as the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import numpy as np

from learners import tree
from learners.coordination.client_server_kernels import (
    learner,
    packed,
    place_of,
    times,
    total,
    unpacked,
)
from learners.coordination.silence import Silence
from learners.linalg import solve
from learners.types import F32, F64, I64, Bank, Block, Inbox, Rows, Scores, Shape, Strategy

SHARES = (0.2, 0.5, 0.8, 0.95)
D = 128  # a task's state is 66 kB for each share, and as much again where it is told in batches
BATCH = 8  # examples between two states that are told
TOIL = 20.0  # an entry's, by these D: 2 to 6 of long examples, 45 of short ones


class Client(NamedTuple):
    """What a task's examples say about the common function, its own part summed out."""

    Lambda: Annotated[F64, "teg"]  # precision, packed: D (D + 1) / 2
    eta: Annotated[F64, "tekb"]  # precision times mean
    n: Annotated[I64, "t1"]  # examples that weigh something


class Told(NamedTuple):
    """The same as it was when the last whole batch had been learnt."""

    Lambda: Annotated[F64, "teg"]
    eta: Annotated[F64, "tekb"]


class Common(NamedTuple):
    """What the server says of the common function: its mean, and its covariance, packed."""

    w0: Annotated[F64, "ekb"]
    M: Annotated[F64, "eg"]


class Named(NamedTuple):
    """Feature ids of columns, plus 1."""

    named: Annotated[I64, "d"]


class ClientServer(NamedTuple):
    """State of the tasks, what was heard, and which feature a column is."""

    client: Client
    told: Told | tuple[()]  # none where every example may be told at once
    common: Common
    named: Named


def client_server(
    shares: Sequence[float] = SHARES,
    *,
    noise: float = 0.1,
    D: int = D,
    batch: int = BATCH,
    passive: bool = False,
) -> Strategy:
    """The strategy, for each of several shares.

    Parameters
    ----------
    shares
        a, one for each expert: at 0 every task is by itself, at 1 there is one model for all, which
        learns at meetings
    noise
        lambda, the variance of labels about the best that can be said
    D
        features are hashed to so many numbers
    batch
        a task tells how it stood after the last so many examples, twice so many, and so on; 1: how
        it stands, which may give away an example
    passive
        this place's tasks tell nothing

    Raises
    ------
    ValueError
        when a share is not from 0 to 1, or another number is out of range.
    """
    if not shares or not all(0 <= a <= 1 for a in shares):
        raise ValueError(f"shares: {shares!r} are not from 0 to 1")
    if not 0 < noise < np.inf:
        raise ValueError(f"noise: {noise!r} is not a positive number")
    if D < 2 or batch < 1:
        raise ValueError(f"D: {D!r}, batch: {batch!r}: at least 2 and 1")
    e, g = len(shares), D * (D + 1) // 2
    a = np.array(shares, np.float64)

    def init(seeds: I64, shape: Shape) -> ClientServer:
        rows = shape._replace(tasks=len(seeds))
        common = tree.zeros(Common, shape, e, g=g, b=D)
        for s in range(e):
            common.M[s] = packed(a[s] * np.eye(D))
        return ClientServer(
            tree.zeros(Client, rows, e, g=g, b=D),
            tree.zeros(Told, rows, e, g=g, b=D) if batch > 1 else (),
            common,
            tree.zeros(Named, shape),
        )

    def run(bank: ClientServer, block: Block, teach: bool) -> Scores:
        k, classes, n = bank.common.w0.shape[1], block.first.shape[1], len(block.rows)
        scores = np.zeros((n, classes, e))
        told = bank.told or bank.client[:2]
        learner(k == 1, teach)(
            block.rows, block.indptr, block.columns, block.runs, block.ids, block.values,
            block.labels, block.weights, block.first, block.start, *bank.client, *told,
            *bank.common, *bank.named, a, noise, batch, scores.reshape(-1),
        )  # fmt: skip
        return scores.transpose(0, 2, 1)

    def score(bank: ClientServer, block: Block) -> Scores:
        return run(bank, block, teach=False)

    def learn(bank: ClientServer, block: Block) -> Scores:
        return run(bank, block, teach=True)

    def message(bank: ClientServer, rows: Rows) -> Told:
        said = Told(*(leaf[rows] for leaf in (bank.told or bank.client[:2])))
        return Told(*map(np.zeros_like, said)) if passive else said

    def merge(bank: ClientServer, rows: Rows, reply: Common) -> None:
        if reply.w0 is not None:
            bank.common.w0[:], bank.common.M[:] = reply.w0, reply.M

    def meet(shape: Shape, seed: int) -> Bank:
        return Silence()

    def mix(memory: Bank, inbox: Inbox) -> Common:
        told: Told = inbox.message
        k, places = told.eta.shape[2], len(inbox.mixing)
        w0, M = np.zeros((places, e, k, D)), np.zeros((places, e, g))
        for s in range(e):
            precision = np.eye(D) + a[s] * unpacked(total(told.Lambda[:, s]), D)
            right = a[s] * total(told.eta[:, s].reshape(-1, k * D)).reshape(k, D).T
            x = solve(precision, np.concatenate([right, a[s] * np.eye(D)], 1))
            w0[:, s], M[:, s] = x[:, :k].T, packed(x[:, k:])
        return Common(w0, M)

    def model(bank: ClientServer, rows: Rows) -> F32:
        named = bank.named.named
        columns = np.flatnonzero(named)
        places = [place_of(int(name) - 1, D) for name in named[columns]]
        at = np.array([place for place, _ in places], np.int64)
        sign = np.array([sign for _, sign in places])
        w = np.zeros((len(rows), len(named), *bank.common.w0.shape[1::-1]), np.float32)
        drawn = np.zeros(D)
        for i, t in enumerate(rows):
            for s in range(e):
                for q in range(w.shape[2]):
                    w0: Any = bank.common.w0[s, q]
                    times(bank.client.Lambda[t, s], w0, drawn)
                    whole = w0 + (1.0 - a[s]) * (bank.client.eta[t, s, q] - drawn)
                    w[i, columns, q, s] = sign * whole[at]
        return w

    named = tuple(f"client_server:{share:g}" for share in shares)
    return Strategy(init, score, learn, message, merge, meet, mix, model, named, toil=TOIL)
