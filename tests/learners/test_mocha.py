"""MOCHA where tasks are slow or dropped; what it is worth on the reference study and real sets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from learners.coordination import RIDGE as USED
from learners.coordination.dmtrl import dmtrl
from learners.coordination.mocha import mocha
from learners.coordination.scaled import scaled
from learners.place import Place
from learners.types import Strategy
from tests.learners.dual_plain import Array, Nodes, example, without_constant
from tests.learners.made import loop, pack, place, same, stream
from tests.learners.real import error, load

T, RIDGE = 8, 0.05
S = 0.5 * np.eye(T) + 0.5


def replica(seed: int = 0) -> tuple[Array, Array]:
    """As land mines are: few features, few examples, tasks alike."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(T, 24, 5))
    w = random.normal(size=5) + 0.5 * random.normal(size=(T, 5))
    Y = np.sign(np.einsum("tnd,td->tn", X, w) + random.normal(size=(T, 24)))
    return X.astype(np.float32).astype(float), Y


def gaps(
    rounds: int,
    who: Callable[[int], Sequence[int]],
    work: tuple[int, int] = (12, 12),
    lost: bool = False,
) -> list[float]:
    """How far the dual is from the best after each round, by who takes part in it.

    The others do nothing, and hear what is new; or all work, and all that they tell and are told
    is lost.
    """
    X, Y = replica()
    net = Nodes(mocha((RIDGE,), 0.5, loss="hinge", work=work, window=30), X, Y)
    net.meet()
    duals = []
    for r in range(rounds):
        there = list(who(r))
        for t in range(T) if lost else there:
            net.work(t, 2)
        duals.append(net.objectives("hinge", S, RIDGE)[1])
        net.meet(there if lost else None)
    assert np.diff(duals).min() > -1e-7 or lost
    return [best() - dual for dual in duals]


@cache
def best() -> float:
    """The optimum: where primal and dual meet."""
    X, Y = replica()
    net = Nodes(dmtrl((RIDGE,), 0.5, loss="hinge", window=30, replays=40, at_once=1), X, Y)
    net.meet()
    for turn in range(60 * T):
        net.meet()
        net.work(turn % T, 2)
    primal, dual = net.objectives("hinge", S, RIDGE)
    assert primal - dual < 2e-4 * dual
    return dual


def test_full_and_uneven_work_reach_the_optimum() -> None:
    for work, within in [((12, 12), 1e-3), ((1, 12), 3e-3), ((0, 8), 5e-3)]:
        left = gaps(200, lambda r: range(T), work=work)
        assert left[-1] < within * best()
        assert left[-1] < 0.6 * left[100]


@pytest.mark.parametrize(("drop", "within"), [(0.5, 1e-3), (0.9, 0.02)])
def test_dropped_rounds_are_made_good(drop: float, within: float) -> None:
    random = np.random.default_rng(1)
    there = [np.flatnonzero(random.random(T) >= drop).tolist() for _ in range(300)]
    left = gaps(300, lambda r: there[r])
    assert left[-1] < within * best()
    assert left[-1] < 0.6 * left[150]


def test_lost_messages_are_made_good() -> None:
    # Who has not heard goes on by what it heard last: the dual may fall for a moment, no more.
    random = np.random.default_rng(2)
    there = [np.flatnonzero(random.random(T) >= 0.5).tolist() for _ in range(300)]
    left = gaps(300, lambda r: there[r], lost=True)
    assert left[-1] < 2e-3 * best()


def test_who_is_always_dropped_leaves_the_others_at_a_wrong_point() -> None:
    left = gaps(300, lambda r: range(1, T))
    assert left[-1] > 0.02 * best()
    assert left[150] - left[-1] < 1e-3 * best()  # and there it stays


def test_no_work_at_all_is_no_learning_and_later_work_makes_it_good() -> None:
    idle = place(mocha((0.01,), work=(0, 0)))
    said = idle.learn(pack(stream())).probabilities
    assert np.isin(said[20:], [0.5]).all()
    assert idle.bank.duals.n[:, 0].any()


def test_even_work_is_dmtrl() -> None:
    examples = stream(third=60)
    same(
        loop(place(mocha((0.01,), work=(4, 4))), examples),
        loop(place(dmtrl((0.01,), replays=3)), examples),
    )


def study(kind: str, n: int, seed: int) -> tuple[Array, Array]:
    """Twenty tasks in 20 dimensions and a bias; labels drawn by a logistic link."""
    random = np.random.default_rng(seed)
    tasks, d = 20, 20
    if kind == "mean":
        W = random.normal(size=d) + 0.5 * random.normal(size=(tasks, d))
    elif kind == "cluster":
        W = random.normal(size=(3, d))[random.integers(3, size=tasks)]
        W = W + 0.2 * random.normal(size=(tasks, d))
    else:
        W = random.normal(size=(tasks, 2)) @ random.normal(size=(2, d))
    W *= 3 / np.linalg.norm(W, axis=1, keepdims=True)
    X = random.normal(size=(tasks, n, d))
    chance = 1 / (1 + np.exp(-2 * np.einsum("tnd,td->tn", X, W)))
    Y = np.where(random.random((tasks, n)) < chance, 1.0, -1.0)
    return np.concatenate([X, np.ones((tasks, n, 1))], -1), Y


def accuracy(strategy: Strategy, X: Array, Y: Array, period: int) -> tuple[float, float]:
    """Per cent right over the whole stream, and over its last quarter."""
    here = Place(strategy, bits=14, period=period, lag=0, thrift=0.0)
    tasks, n = Y.shape
    batch = without_constant(
        [example(f"task {t:02d}", X[t, i], Y[t, i]) for i in range(n) for t in range(tasks)]
    )
    said = here.learn(batch).probabilities[:, 0].argmax(1) == batch.label
    return 100 * float(said.mean()), 100 * float(said[-len(said) // 4 :].mean())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "whole", "last"),
    [("mean", 79.0, 82.5), ("cluster", 79.7, 84.9), ("lowrank", 81.6, 86.3)],
)
def test_the_reference_study(kind: str, whole: float, last: float) -> None:
    # A buffer of 50, 5 replays, ridge 3e-2 T, floor 5 %, one task after another, Sigma learnt whole
    # and at once as the papers do: means of three seeds. The reference's problems were others
    # of the same kind: a point or two is noise.
    learnt, frozen = [], []
    for seed in range(3):
        X, Y = study(kind, 100, seed)
        one = {"loss": "hinge", "replays": 5, "window": 50}
        learnt.append(accuracy(dmtrl((0.6,), common=0.0, pace=1.0, at_once=1, **one), X, Y, 1))  # type: ignore[arg-type]
        frozen.append(accuracy(dmtrl((0.6,), 0.0, **one), X, Y, 100))  # type: ignore[arg-type]
    a, b = np.mean(learnt, 0), np.mean(frozen, 0)
    print(f"{kind}: {a.round(1)} (reference {whole}, {last}); Sigma = I / T: {b.round(1)}")
    assert a[0] > b[0] + 2 and a[1] > b[1] + 3
    assert a[0] > whole - 2.5 and a[1] > last - 3.5


@pytest.mark.parametrize("name", ["har_uci_part", "vehicle_ditto"])
def test_as_used_it_is_below_its_own_and_its_pooled_learner(name: str, data_dir: Path) -> None:
    # One pass, of the same loss, ridge, windows and work: none of the others' examples, or one
    # model for all of all that is kept.
    wrong = np.zeros(3)
    for seed in range(3):
        batch = load(data_dir, name, seed)
        for i, coupling in enumerate([None, 0.0, 1.0]):
            here = Place(scaled(mocha(USED, coupling)))
            wrong[i] += error(batch, here.learn(batch).probabilities[:, 0]) / 3
            assert here.heard > 2
    print(f"{name}: mocha {wrong[0]:.2f} %, own {wrong[1]:.2f} %, pooled {wrong[2]:.2f} %")
    assert wrong[0] < wrong[1] - 5.0
    assert wrong[0] < wrong[2] - 0.3


@pytest.mark.slow
@pytest.mark.parametrize("name", ["har_uci_part", "vehicle_ditto"])
def test_it_is_below_the_own_and_the_pooled_learner(name: str, data_dir: Path) -> None:
    # One pass, same loss, ridge chosen for each of them with hindsight, a meeting after every
    # example as in the paper's sequential form. The own learner's meetings, with a coupling of 0,
    # would change no bit of it.
    batch = load(data_dir, name)
    ridges = (0.001, 0.003)

    def least(strategy: Strategy, period: int = 0, one: bool = False) -> float:
        here = Place(scaled(strategy), period=period, lag=0, thrift=0.0)
        told = batch
        if one:
            told = batch._replace(tasks=("all",), task=np.zeros_like(batch.task))
        said = here.learn(told).probabilities
        return min(error(batch, said[:, e]) for e in range(len(ridges)))

    mine = least(mocha(ridges, at_once=1), period=1)
    own, pooled = least(mocha(ridges, 0.0)), least(mocha(ridges, 0.0), one=True)
    print(f"{name}: mocha {mine:.2f} %, own {own:.2f} %, pooled {pooled:.2f} %")
    assert mine < own
    assert mine < pooled
