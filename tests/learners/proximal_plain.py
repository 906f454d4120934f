"""Proximal methods in plain numpy, tasks as columns of W, and the stage to act them on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learners import tree
from learners.types import I64, Block, Inbox, Shape, Strategy

Array = NDArray[np.float64]
Gradient = Callable[[int, Array], Array]  # of task t, at its w
Prox = Callable[[Array, float], Array]  # of W (d, T)


def data(seed: int, T: int = 5, n: int = 30, d: int = 6) -> tuple[Array, Array]:
    """X (T, n, d) and Y (T, n), from models of rank 2."""
    r = np.random.default_rng(seed)
    W = r.normal(size=(d, 2)) @ r.normal(size=(2, T))
    X = r.normal(size=(T, n, d)).astype(np.float32).astype(np.float64)
    Y = np.where(np.einsum("tnd,dt->tn", X, W) + r.normal(size=(T, n)) > 0, 1.0, -1.0)
    return X, Y


def logistic(X: Array, Y: Array) -> tuple[Callable[[Array], float], Gradient, float]:
    """The sum of all tasks' log losses, a task's gradient, and the Lipschitz constant of all."""

    def loss(W: Array) -> float:
        return float(np.logaddexp(0, -Y * np.einsum("tnd,dt->tn", X, W)).sum())

    def gradient(t: int, w: Array) -> Array:
        out: Array = X[t].T @ (-Y[t] / (1 + np.exp(Y[t] * (X[t] @ w))))
        return out

    return loss, gradient, max(float(np.linalg.norm(x, 2)) ** 2 / 4 for x in X)


def shrink(W: Array, step: float) -> Array:
    u, s, vt = np.linalg.svd(W, full_matrices=False)
    out: Array = u * np.maximum(s - step, 0) @ vt
    return out


def rows_of(W: Array, step: float) -> Array:
    size: Array = np.linalg.norm(W, axis=1, keepdims=True)
    return W * np.maximum(1 - step / np.maximum(size, 1e-300), 0)


def to_mean(W: Array, step: float) -> Array:
    middle: Array = W.mean(1, keepdims=True)
    return middle + (W - middle) / (1 + step)


def soft(W: Array, step: float) -> Array:
    return np.sign(W) * np.maximum(np.abs(W) - step, 0)


def nuclear(W: Array) -> float:
    return float(np.linalg.svd(W, compute_uv=False).sum())


def rows_norm(W: Array) -> float:
    return float(np.linalg.norm(W, axis=1).sum())


def apart(W: Array) -> float:
    return 0.5 * float(((W - W.mean(1, keepdims=True)) ** 2).sum())


def magnitudes(W: Array) -> float:
    return float(np.abs(W).sum())


def descend(
    gradient: Gradient, prox: Prox, lam: float, eta: float, shape: tuple[int, int], rounds: int
) -> list[Array]:
    """W <- prox(W - eta grad), all columns at once; every W."""
    W = np.zeros(shape)
    out = []
    for _ in range(rounds):
        G = np.stack([gradient(t, W[:, t]) for t in range(shape[1])], 1)
        W = prox(W - eta * G, eta * lam)
        out.append(W)
    return out


class Stage:
    """A strategy and the data of its tasks: acts of them in any order, replies of any age.

    An act is a task's whole data, learnt, and what it then tells; V is what all told last.
    """

    def __init__(self, strategy: Strategy, X: Array, Y: Array) -> None:
        self.strategy = strategy
        T, n, d = X.shape
        self.shape = Shape(T, d + 1, 2)  # column 0 is the feature never seen
        self.bank = strategy.init(np.arange(T), self.shape)
        self.memory = strategy.meet(self.shape, 0)
        self.blocks = [self._block(t, X[t], Y[t]) for t in range(T)]
        self.seen = np.zeros(T, np.int64)
        self.names = tuple(f"task {t}" for t in range(T))
        self.told = tree.take(strategy.message(self.bank, np.arange(T)))

    def _block(self, t: int, X: Array, Y: Array) -> Block:
        n, d = X.shape
        columns = np.tile(np.arange(1, d + 1, dtype=np.int32), n)
        return Block(
            np.full(n, t), np.arange(0, n * d + 1, d), columns, t * (d + 1) + columns.astype(int),
            columns.astype(np.uint32), X.ravel().astype(np.float32), np.zeros(n * d, np.uint8),
            (Y > 0).astype(np.int64), np.ones(n, np.float32),
            np.zeros((self.shape.tasks, 2), np.int64), 1, False,
        )  # fmt: skip

    def act(self, *tasks: int) -> None:
        """Those tasks learn their data and tell."""
        for t in tasks:
            self.strategy.learn(self.bank, self.blocks[t])
            self.seen[t] += len(self.blocks[t].rows)
        self.tell(*tasks)

    def tell(self, *tasks: int) -> None:
        rows = np.array(tasks)
        tree.put(self.told, rows, self.strategy.message(self.bank, rows))

    def reply(self, *tasks: int) -> Any:
        """What a meeting of all that was told replies to those tasks."""
        commons = tree.map(lambda names, leaf: leaf if "t" in names else leaf[None], self.told)
        senders = np.zeros(len(self.seen), np.int64)
        alone = np.ones((1, 1))
        inbox = Inbox(
            commons, self.names, senders, self.seen.copy(), self.shape, alone, alone
        )  # fmt: skip
        return tree.take(self.strategy.mix(self.memory, inbox), t=np.array(tasks))

    def hear(self, reply: Any, *tasks: int) -> None:
        self.strategy.merge(self.bank, np.array(tasks), reply)

    def round(self) -> None:
        """All act, meet and hear."""
        everyone = range(len(self.seen))
        self.act(*everyone)
        self.hear(self.reply(*everyone), *everyone)

    def asynchronous(self, order: I64, tau: int = 0) -> None:
        """Those act one after the other; each hears once `tau` others have spoken since."""
        due: list[tuple[int, int, Any]] = []
        for now, t in enumerate(order.tolist()):
            for item in [item for item in due if item[0] <= now or item[1] == t]:
                due.remove(item)
                self.hear(item[2], item[1])
            self.act(t)
            due.append((now + tau, t, self.reply(t)))
        for _, t, reply in due:
            self.hear(reply, t)

    @property
    def V(self) -> Array:
        """What was told last, as the paper's d x T."""
        V: Array = self.told[0].v[:, 1:, 0, 0].T.astype(np.float64)
        return V

    @property
    def W(self) -> Array:
        """The models played."""
        W = self.strategy.model(self.bank, np.arange(len(self.seen)))
        out: Array = W[:, 1:, 0, 0].T.astype(np.float64)
        return out
