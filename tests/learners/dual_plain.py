"""The problem of DMTRL and MOCHA in the open: objectives, a slow version, meetings by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from learners.coordination.drom_kernels import chance
from learners.exchange import Hub
from learners.features import Batch, Example, batch
from learners.place import Place
from learners.types import CONSTANT, Strategy

Array = NDArray[np.float64]
GAMMA = 0.5


def loss(kind: str, u: Array) -> Array:
    """l at the margin u = y x.w."""
    if kind == "hinge":
        return np.maximum(0.0, 1.0 - u)
    if kind == "smooth":
        a = np.clip((1.0 - u) / GAMMA, 0.0, 1.0)
        return a * (1.0 - u) - GAMMA * a * a / 2
    if kind == "squared":
        return 0.5 * (1.0 - u) ** 2
    return np.logaddexp(0.0, -u)


def conjugate(kind: str, b: Array) -> Array:
    """-l*(-y b)."""
    if kind == "hinge":
        return b
    if kind == "smooth":
        return b - GAMMA * b * b / 2
    if kind == "squared":
        return b - b * b / 2
    b = np.clip(b, 1e-300, 1 - 1e-16)
    return -(b * np.log(b) + (1 - b) * np.log1p(-b))


def step(kind: str, b: float, u: float, q: float) -> float:
    """The b that is best with the others held, by a root finder or the closed form."""
    if kind == "hinge":
        return float(np.clip(b + (1 - u) / q, 0, 1))
    if kind == "smooth":
        return float(np.clip(b + (1 - u - GAMMA * b) / (q + GAMMA), 0, 1))
    if kind == "squared":
        return b + (1 - u - b) / (1 + q)

    def f(p: float) -> float:
        return float(np.log((1 - p) / p) - u - q * (p - b))

    return float(brentq(f, 1e-15, 1 - 1e-15, xtol=1e-15))


def without_constant(examples: Sequence[Example]) -> Batch:
    """The papers have no constant column."""
    one = batch(examples, 14)
    kept = one.kinds != CONSTANT
    ends = np.concatenate([[0], np.cumsum(kept)])[one.indptr]
    return one._replace(
        indptr=ends, columns=one.columns[kept], values=one.values[kept], kinds=one.kinds[kept]
    )


def example(task: str, x: Array, y: float, weight: float = 1.0) -> Example:
    return Example(task, {f"x{j}": float(v) for j, v in enumerate(x) if v}, bool(y > 0), weight)


class Nodes:
    """Tasks at places of their own, and a hub: the test says who works, speaks and hears."""

    def __init__(self, strategy: Strategy, X: Array, Y: Array) -> None:
        self.X, self.Y = X.astype(np.float32).astype(float), Y
        self.hub = Hub(strategy)
        self.places = [
            Place(strategy, bits=14, period=0, name=f"node {t:02d}", hub=self.hub)
            for t in range(len(X))
        ]
        names = [Example("names", {}, label, 0.0) for label in (False, True)]
        for t, place in enumerate(self.places):
            kept = [example(f"task {t:02d}", x, y) for x, y in zip(X[t], Y[t], strict=True)]
            place.learn(without_constant([*names, *kept]))
            place.forget("names")

    def work(self, t: int, times: int = 1) -> None:
        """Steps on what is kept: examples that weigh nothing."""
        self.places[t].learn(without_constant([Example(f"task {t:02d}", {}, True, 0.0)] * times))

    def meet(self, speak: Sequence[int] | None = None) -> None:
        """These speak and hear; by default all."""
        who = range(len(self.places)) if speak is None else speak
        for t in who:
            self.hub.post(self.places[t].tell())
        for name, reply in self.hub.meet().items():
            self.places[int(name.split()[1])].hear(reply)

    def duals(self, t: int) -> Any:
        """The state of a task: its duals' leaves, without the axis of tasks."""
        place = self.places[t]
        row = place._tasks.row[f"task {t:02d}"]
        return type(place.bank.duals)(*(leaf[row] for leaf in place.bank.duals))

    def b(self) -> tuple[list[Array], Array]:
        """Each task's b by example, in the order they came; and B (T, d)."""
        betas, B = [], np.zeros((len(self.X), self.X.shape[2]))
        for t in range(len(self.X)):
            d, n = self.duals(t), len(self.X[t])
            C = len(d.y)
            assert n < C
            beta = d.beta[1 : n + 1, 0, 0]
            betas.append(beta)
            B[t] = (beta * self.Y[t]) @ self.X[t] / C
        return betas, B

    def objectives(self, kind: str, S: Array, ridge: float) -> tuple[float, float]:
        """Primal and dual, at W = B S / ridge."""
        betas, B = self.b()
        C = len(self.duals(0).y)
        W = S @ B / ridge
        square = float(np.sum(W * np.linalg.solve(S, W))) * ridge / 2
        margins = [self.Y[t] * (self.X[t] @ W[t]) for t in range(len(B))]
        primal = sum(float(loss(kind, m).sum()) for m in margins) / C + square
        dual = sum(float(conjugate(kind, b).sum()) for b in betas) / C
        return primal, dual - float(np.sum(B * (S @ B))) / (2 * ridge)


def root(W: Array, floor: float = 0.05) -> Array:
    """(W'W)^1/2 by numpy, rows of W being tasks, with the weak models beside them."""
    weak = floor * np.linalg.norm(W) * np.eye(len(W))
    vectors, roots, _ = np.linalg.svd(np.hstack([W, weak]), full_matrices=False)
    R: Array = (vectors * roots) @ vectors.T
    return R


def sigma(W: Array) -> Array:
    """That of trace m."""
    if not W.any():
        return np.eye(len(W))
    S = root(W)
    S *= len(W) / np.trace(S)
    return S


def nearer(S: Array, c: float, B: Array) -> tuple[Array, float]:
    """A tenth of the way to the best S for what B makes by those of before, half of it to c."""
    u, V = c * B.sum(0), (1 - c) * S @ B
    if not B.any():
        return S, c
    mine = np.sqrt(u @ u + 0.05**2 * (u @ u + np.sum(V * V)))
    theirs = np.trace(root(V)) / np.sqrt(len(B))
    return 0.9 * S + 0.1 * sigma(V), (c + mine / (mine + theirs)) / 2


def plain(
    kind: str, X: Array, Y: Array, task: Sequence[int], ridge: float, C: int, replays: int,
    every: int, c: float,
) -> tuple[Array, Array]:  # fmt: skip
    """Margins before each example, and W at the end, from examples kept as they are.

    One place; after so many examples all meet. Each loop does the next thing that happens. A task
    shows what it holds, and looks at what the others show, in the columns of its example.
    """
    T, d = max(task) + 1, X.shape[1]
    kept: list[list[tuple[int, int]]] = [[] for _ in range(T)]  # (its number, index)
    count = np.zeros(T, int)
    b = np.zeros(len(X))
    S, s, rho = np.eye(T), np.ones(T), np.ones(T)
    others, told, margins = np.zeros((T, d)), np.zeros((T, d)), np.zeros(len(X))
    shown, drawn = np.zeros((T, d)), np.zeros((T, d))

    def mean(t: int) -> Array:
        total: Array = sum((b[i] * Y[i] * X[i] for _, i in kept[t]), np.zeros(d)) / C
        return total

    def live(t: int) -> Array:
        theirs: Array = c / ridge * (shown.sum(0) - shown[t])
        return theirs

    for i, t in enumerate(task):
        held = X[i] != 0
        drawn[t, held] = live(t)[held]
        margins[i] = X[i] @ (others[t] + drawn[t] + s[t] / ridge * mean(t))
        count[t] += 1
        kept[t] = [*kept[t], (count[t], i)][-C:]
        for r in range(replays + 1):
            j = i
            if r:
                back = int(len(kept[t]) * chance(int(count[t]), r))
                j = kept[t][len(kept[t]) - 1 - back][1]
            w = others[t] + drawn[t] + s[t] / ridge * (told[t] + rho[t] * (mean(t) - told[t]))
            q = rho[t] * s[t] / ridge * (X[j] @ X[j]) / C
            b[j] = step(kind, b[j], Y[j] * (X[j] @ w), q) if q else b[j]
        shown[t, held] = mean(t)[held]
        if (i + 1) % every == 0:
            B = np.array([mean(u) for u in range(T)])
            grown = np.flatnonzero(count >= 5)
            part = np.ix_(grown, grown)
            S_new = np.eye(T)
            S_new[part], c = nearer(S[part], c, B[grown])
            S, s, least = S_new, c + (1 - c) * np.diag(S_new), np.full(T, 1 - c)
            scale = 1 / np.sqrt(s)
            alike = ((1 - c) * S * scale * scale[:, None])[part]
            if len(grown):
                least[grown] = np.linalg.eigvalsh(alike)[-1]
            rho = np.maximum(1, c / s + least)
            others, told = (1 - c) * (S - np.diag(np.diag(S))) @ B / ridge, B
            shown = B.copy()
            drawn = np.array([live(u) for u in range(T)])
    W = np.array([others[u] + live(u) + s[u] / ridge * mean(u) for u in range(T)])
    return margins, W
