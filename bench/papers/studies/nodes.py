"""A network of nodes in bare arrays: banks, blocks and inboxes by hand, and topologies' matrices.

For long runs of what a paper does round by round, where places and hubs would take minutes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learners import tree
from learners.types import CONSTANT, Block, Inbox, Shape, Strategy

Array = NDArray[np.float64]


def ring(n: int) -> Array:
    """Metropolis weights of a ring."""
    P = np.zeros((n, n))
    for i in range(n):
        for j in ((i - 1) % n, i, (i + 1) % n):
            P[i, j] += 1 / 3
    return P


def complete(n: int) -> Array:
    """Metropolis weights of the complete graph."""
    return np.full((n, n), 1 / n)


def doubly(r: np.random.Generator, n: int, share: float = 0.6) -> Array:
    """Metropolis weights of a random graph: symmetric, doubly stochastic."""
    near = np.triu(r.random((n, n)) < share, 1)
    near = near | near.T
    degree = near.sum(1)
    P = np.where(near, 1 / (1 + np.maximum(degree[:, None], degree)), 0.0)
    return P + np.diag(1 - P.sum(1))


class Network:
    """N nodes, each with all K tasks, that meet when told to."""

    def __init__(self, strategy: Strategy, nodes: int, tasks: int, features: int) -> None:
        self.strategy, self.n, self.K, self.d = strategy, nodes, tasks, features
        shape = Shape(tasks + 1, features + 1, 2)
        self.banks = [strategy.init(np.zeros(tasks + 1, np.int64), shape) for _ in range(nodes)]
        self.shape = Shape(nodes * tasks, features + 1, 2)
        self.memory = strategy.meet(self.shape, 0)
        self.first = np.full((tasks + 1, 2), -1, np.int64)  # both classes were always known
        self.columns = np.arange(1, features + 1, dtype=np.int32)
        self.kinds = np.full(features, CONSTANT, np.uint8)
        pairs = sorted((f"{k}@@{i}", i, k) for k in range(tasks) for i in range(nodes))
        self.names = tuple(name for name, _, _ in pairs)
        self.senders = np.array([i for _, i, _ in pairs])
        self.task = np.array([k for _, _, k in pairs])

    def learn(self, node: int, task: int, x: Array, label: int) -> None:
        """An example of a task at a node."""
        row = np.array([task + 1])
        block = Block(
            row, np.array([0, self.d]), self.columns, row * (self.d + 1) + 1,
            self.columns.astype(np.uint32), x.astype(np.float32), self.kinds, np.array([label]),
            np.ones(1, np.float32), self.first, 0, True,
        )  # fmt: skip
        self.strategy.learn(self.banks[node], block)

    def W(self, node: int) -> Array:
        """Models of a node, (K, d)."""
        rows = np.arange(1, self.K + 1)
        model: Any = self.strategy.model(self.banks[node], rows)
        return np.asarray(model[:, 1:, 0, 0], np.float64)

    def all(self) -> Array:
        """Models of all nodes, (N, K, d)."""
        return np.stack([self.W(i) for i in range(self.n)])

    def meet(self, P: Array, deaf: Sequence[int] = ()) -> None:
        """All speak; all hear but the deaf."""
        reply = self.strategy.mix(self.memory, self.inbox(P))
        for i in range(self.n):
            if i not in deaf:
                self.hear(i, reply)

    def inbox(self, P: Array) -> Inbox:
        """What all nodes tell, lying together."""
        rows = np.arange(1, self.K + 1)
        told = [self.strategy.message(bank, rows) for bank in self.banks]
        leaves = [[leaf for _, _, leaf in tree.leaves(one)] for one in told]
        axes = [names for _, names, _ in tree.leaves(told[0])]
        laid = iter(
            np.stack(parts)[self.senders, self.task] if "t" in names else np.stack(parts)
            for names, *parts in zip(axes, *leaves, strict=True)
        )
        message = tree.map(lambda _, leaf: next(laid), told[0])
        seen = np.ones(len(self.names), np.int64)
        return Inbox(message, self.names, self.senders, seen, self.shape, P, P)

    def hear(self, node: int, reply: Any) -> None:
        """Its part of the reply, at a node."""
        mine = np.flatnonzero(self.senders == node)  # in the order of task names, as rows are
        part = tree.map(lambda names, leaf: leaf[mine] if "t" in names else leaf[node], reply)
        self.strategy.merge(self.banks[node], np.arange(1, self.K + 1), part)
