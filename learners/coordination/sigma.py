"""The covariance of tasks, learnt at the meeting from what they believe: the Sigma-step.

Of m tasks, m Sigma = c 11' + (1 - c) S, with S of trace m: models are w_t = u + v_t,

    |u|^2 / c  +  tr(V S^-1 V') / (1 - c)

being what they cost. For V fixed the S >= 0 of trace m that is best is m (V'V)^1/2 / tr (V'V)^1/2
(Zhang & Yeung, "A convex formulation for learning task relationships in multi-task learning",
UAI 2010), and then c = |u| / (|u| + tr (V'V)^1/2 / m^1/2) is. Alone that starves who believes
little: its variance goes to 0 and it learns no more. So V'V is added to, as if there had been other
models, weak ones, each of a task by itself,

    V'V + FLOOR^2 tr(V'V) I

and no eigenvalue of the root is less than nearly FLOOR times the largest; |u|^2 likewise. And it
takes W for the truth, however few examples that is from, and W = B Sigma / lambda leaps when Sigma
does: so S goes only PACE of the way at a time, and c LEAD times that.

Mean variances are 1: a task that meets nobody has S = 1 and need not know how many others there
are. With several classes each is a further row of W.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np

from learners.linalg import eigh, gram, product
from learners.types import F64, I64

FLOOR = 0.05  # 1e-3 cost 1.5 to 4 points, 1e-7 is none
PACE = 0.1  # of S's way: all of it at once cost half a point, and a third of the log loss
LEAD = 5.0  # c's, by that: it is one number, S one for each pair of tasks
GROWN = 5  # examples before a task is related to others
MOST = 256  # tasks that are: a meeting costs the cube of their number


class Related(NamedTuple):
    """What the meeting remembers of tasks: who is related, how, and what all have in common."""

    seat: Annotated[I64, "t1"]  # 1 + index along q of those that are; 0: others, who have S = 1
    S: Annotated[F64, "tqe"]  # by seat, q = MOST
    part: Annotated[F64, "e"]  # c
    step: Annotated[I64, "1"]  # examples that all had seen at the last Sigma-step


def seated(memory: Related, seen: I64) -> I64:
    """Give seats to tasks that have grown; the rows that have one, in order.

    Where there are more than seats, those go to the tasks that have seen the most. Who left, or was
    born anew, has a row of 0 and left its seat; who comes is related to nobody yet.
    """
    grown = np.flatnonzero(seen >= GROWN)
    if len(grown) > MOST:
        grown = np.sort(grown[np.argsort(-seen[grown], kind="stable")[:MOST]])
    kept = np.zeros(len(seen), bool)
    kept[grown] = True
    memory.seat[~kept] = 0
    memory.S[~kept] = 0.0
    seats = memory.seat[grown, 0]
    free = np.setdiff1d(np.arange(1, MOST + 1), seats)
    memory.S[:, free - 1] = 0.0
    fresh = grown[seats == 0]
    memory.seat[fresh, 0] = free[: len(fresh)]
    memory.S[fresh, memory.seat[fresh, 0] - 1] = 1.0
    return grown


def root(W: F64, floor: float = FLOOR) -> F64:
    """(W'W + FLOOR^2 tr(W'W) I)^1/2 for the columns of W, given as rows (m, d)."""
    products = gram(W)
    whole = _in_order(np.diag(products))
    values, vectors = eigh(products + floor * floor * whole * np.eye(len(W)))
    return gram(vectors * np.sqrt(np.sqrt(np.maximum(values, 0.0))))


def sigma_step(W: F64, floor: float = FLOOR) -> F64:
    """S by the columns of W, given as rows (m, d): symmetric, of trace m; W of all 0 gives I.

    >>> sigma_step(np.array([[3.0], [-3.0]])).round(3).tolist()
    [[1.0, -0.905], [-0.905, 1.0]]
    """
    return _of_mean_one(root(W, floor))


def nearer(S: F64, c: float, B: F64, floor: float = FLOOR, pace: float = PACE) -> tuple[F64, float]:
    """S and c (0 stays 0), so much nearer to the best for the models that B (m, d) makes by them.

    >>> S, c = nearer(np.eye(2), 0.5, np.array([[3.0], [-3.0]]))
    >>> S.round(3).tolist(), round(c, 3)
    ([[1.0, -0.09], [-0.09, 1.0]], 0.282)
    """
    m = len(B)
    u, V = c * product(np.ones((1, m)), B), (1.0 - c) * drawn(S, B, own=True)
    square, spread = float(gram(u)[0, 0]), root(V, floor)
    weak = floor * floor * (_in_order(np.diag(gram(V))) + square)
    mine = float(np.sqrt(square + weak))
    theirs = _in_order(np.diag(spread)) / np.sqrt(m)
    if not mine + theirs > 0.0:
        return S, c
    best = float(mine / (mine + theirs)) if c else 0.0
    return S + pace * (_of_mean_one(spread) - S), c + min(1.0, LEAD * pace) * (best - c)


def safe_rho(S: F64, own: F64 | None = None, at_once: int | None = None) -> float:
    """How much harder tasks must brake that move at once: the least rho, or more, for which

    rho diag(own) - S >= 0, own being S's diagonal where it is not said: then the whole never falls
    short of its parts' progress, each with its own square term times rho. It is the largest
    eigenvalue of S by these sizes. Where it is not known who moves, but that no more than `at_once`
    do: no such part of it has a row that comes to more than its own entry and the largest so many
    others, nor hence an eigenvalue (Gershgorin).

    >>> round(safe_rho(np.array([[1.0, 0.5], [0.5, 1.0]])), 12)
    1.5
    """
    if not len(S):
        return 0.0
    scale = 1.0 / np.sqrt(np.diag(S) if own is None else own)
    alike = S * scale * scale[:, None]
    rho = float(eigh(alike)[0][-1])
    if at_once is not None and at_once < len(S):
        mine = np.diag(alike)
        apart = np.sort(-np.abs(alike - np.diag(mine)), axis=1)[:, : at_once - 1]
        rho = min(rho, max(one - _in_order(row) for one, row in zip(mine, apart, strict=True)))
    return rho


def most_apart(own: F64, places: I64, at_once: int | None = None) -> float:
    """Likewise for what is 1 between tasks of different places, and 0 within one: at least its rho.

    >>> most_apart(np.ones(3), np.array([0, 0, 1])), most_apart(np.ones(3), np.array([0, 0, 0]))
    (2.0, 0.0)
    """
    if not len(own):
        return 0.0
    each: F64 = np.asarray(np.bincount(places, 1.0 / own), np.float64)
    rho = float(_in_order(each) - each[each > 0.0].min())
    return rho if at_once is None else min(rho, (at_once - 1) / float(own.min()))


def drawn(S: F64, B: F64, own: bool) -> F64:
    """B S for b given as rows (m, d), with each task's own part in it or without."""
    return product(S if own else S - np.diag(np.diag(S)), B)


def _of_mean_one(S: F64) -> F64:
    """S brought to a mean variance of 1; I where it is all 0."""
    size = _in_order(np.diag(S)) / len(S)
    return S / size if size > 0.0 else np.eye(len(S))


def _in_order(numbers: F64) -> float:
    total = 0.0
    for one in numbers.tolist():
        total += one
    return total
