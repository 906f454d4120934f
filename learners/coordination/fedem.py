"""FedEM: every task is a mixture, of its own, of a few components that all tasks share.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

import numpy as np

from learners import tree
from learners.coordination.fedem_kernels import learner
from learners.coordination.linear import Common, Told, add, hear, steps, tell
from learners.types import F32, F64, I64, Bank, Block, Inbox, Reply, Rows, Scores, Shape, Strategy


class Start(NamedTuple):
    """Where the components began, which no place need tell another, and what each answered for."""

    w: Annotated[F32, "dke"]  # 0 where none has begun
    N: Annotated[F64, "e"]  # responsibilities so far
    held: Annotated[F64, "d"]  # examples of this place that held a feature


class Share(NamedTuple):
    """Each task's mixture."""

    pi: Annotated[F64, "te"]  # sums to 1
    n: Annotated[I64, "t1"]  # examples met


class Kept(NamedTuple):
    """Each task's last b examples, as far as its mixture needs them. They are told to nobody."""

    x: Annotated[F32, "tdb"]  # values; of a feature, as of the last example that held it
    visited: Annotated[I64, "td"]  # how many examples there were with that one
    part: Annotated[F32, "tdke"]  # the components' weights that margins are made of
    margins: Annotated[F32, "tkeb"]
    truth: Annotated[F32, "tkb"]  # weights with the label's sign, in the manner of margins


class Fedem(NamedTuple):
    """State of a place: the model of a component is start + mine + heard."""

    start: Start
    common: Common
    share: Share
    kept: Kept | tuple[()]


class Models(NamedTuple):
    """What a place makes of the components."""

    mine: Annotated[F32, "dke"]
    heard: Annotated[F32, "dke"]
    held: Annotated[F64, "d"]


class Heard(NamedTuple):
    """What others made of them."""

    heard: Annotated[F32, "dke"]


def toward(told: Models, i: int, weight: Any) -> F32:
    """heard of place i, so that x_i, all it learnt and heard, is sum_j weight(j) x_j.

    What is not given to others stays at home: x_i + sum_j weight(j) (x_j - x_i).
    """
    x = told.mine.astype(np.float64) + told.heard
    out = told.heard[i].astype(np.float64)
    for j in range(len(x)):
        if j != i:
            out += weight(j)[:, None, None] * (x[j] - x[i])
    return out.astype(np.float32)


def fedem(
    components: int = 3,
    rate: float = 2.0,
    *,
    keep: int = 50,
    scale: float = 0.25,
    floor: float = 0.01,
    step: Literal["coordinate", "mass"] = "coordinate",
    meeting: Literal["add", "average"] = "add",
    train: bool = True,
    tempered: bool = True,
    name: str = "fedem",
) -> Strategy:
    """The strategy."""
    M, b = components, keep

    def init(seeds: I64, shape: Shape) -> Fedem:
        rows = shape._replace(tasks=len(seeds))
        share = tree.zeros(Share, rows, M)
        share.pi[:] = 1.0 / M
        kept: Any = tree.zeros(Kept, rows, M, b=b) if b else ()
        return Fedem(tree.zeros(Start, shape, M), tree.zeros(Common, shape, M), share, kept)

    def work(bank: Fedem, block: Block, teach: bool) -> Scores:
        k, classes = bank.start.w.shape[1], block.first.shape[1]
        scores = np.zeros((len(block.rows), classes, 1))
        none: Any = np.zeros(1, np.float32)
        kept: Any = (none, np.zeros(1, np.int64), none, none, np.zeros((1, 1, 1), np.float32))
        if b:
            kept = [*(leaf.reshape(-1) for leaf in bank.kept[:4]), bank.kept.truth]
        w, N, held = bank.start
        run = learner(k == 1, M, b, step == "mass", tempered, block.runs)
        run(
            block.rows, block.indptr, block.columns, block.slots, block.ids, block.values,
            block.labels, block.weights, block.first, block.start, block.names, w.reshape(-1),
            *(leaf.reshape(-1) for leaf in bank.common), N, held, *bank.share, *kept,
            steps((rate,) * M, k), scale, floor / M, scores.reshape(-1), teach, train,
        )  # fmt: skip
        return scores.transpose(0, 2, 1)

    def score(bank: Fedem, block: Block) -> Scores:
        return work(bank, block, teach=False)

    def learn(bank: Fedem, block: Block) -> Scores:
        return work(bank, block, teach=True)

    def message(bank: Fedem, rows: Rows) -> Told | Models:
        if meeting == "add":
            return tell(bank.common)
        return Models(bank.common.mine, bank.common.heard, bank.start.held)

    def merge(bank: Fedem, rows: Rows, reply: Reply) -> None:
        if meeting == "add":
            hear(bank.common, reply)
        elif reply.heard is not None:
            bank.common.heard[:] = reply.heard

    def meet(shape: Shape, seed: int) -> Bank:
        return ()

    def mix(memory: Bank, inbox: Inbox) -> Reply:
        told = inbox.message
        if meeting == "add":
            return add(told)
        all_ = told.held.sum(0)
        share = told.held / np.maximum(all_, 1.0)
        return Heard(np.stack([toward(told, i, lambda j: share[j]) for i in range(len(share))]))

    def model(bank: Fedem, rows: Rows) -> F32:
        w = bank.start.w + (bank.common.mine + bank.common.heard)
        mean: F32 = np.einsum("dke,te->tdk", w, bank.share.pi[rows]).astype(np.float32)
        return mean[..., None]

    def weigh(bank: Fedem, rows: Rows) -> tuple[tuple[str, ...], F64]:
        return tuple(f"component {m + 1}" for m in range(M)), bank.share.pi[rows]

    return Strategy(init, score, learn, message, merge, meet, mix, model, (name,), weigh)
