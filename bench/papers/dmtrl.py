"""Liu, Pan & Ho, "Distributed multi-task relationship learning", KDD 2017.

Tasks at workers climb the dual by some steps of coordinate ascent, then all meet: how many meetings
does it take, by how many steps lie between them? And what is learnt of the tasks' covariance, on
synthetic tasks of which it is known, is it worth anything beside single-task learning?

Here: `dmtrl` with the logistic loss; ten synthetic tasks of 100 examples in 20 dimensions, whose
models are drawn with a known correlation: two groups of four, the first two of each group opposite
to its others, and two tasks by themselves. In the first table the covariance is given, half of it
common to all, so that there is one optimum; the gap is that of primal and dual, by the primal.

What differs: the paper's text and figures could not be had, only its abstract and recollections of
the rest, so there is nothing beside ours. Its data were two synthetic sets, schools (a regression),
MNIST and reviews of 22 kinds of goods; the synthetic ones here are of the same kind, no more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.papers.beside import Beside, Line
from bench.papers.studies.occasions import Rounds
from learners.coordination.dmtrl import dmtrl
from learners.types import F64

TASKS, N, D = 10, 100, 20
RIDGE, COUPLING = 0.03, 0.5
RIDGES = (0.003, 0.01, 0.03, 0.1, 0.3)
STEPS = 10  # at each occasion
MEETINGS = 150  # where the covariance is learnt


class Made(NamedTuple):
    """Examples of all tasks, in random order."""

    X: F64
    y: NDArray[np.bool_]
    task: NDArray[np.str_]


def correlation(tasks: int = TASKS) -> F64:
    """Two groups of four in ten, in each of which two are opposite to the others."""
    S, side = np.eye(tasks), np.array([1, 1, -1, -1])
    for low in (0, 4):
        group = slice(low, low + 4)
        S[group, group] = 0.9 * np.outer(side, side) + 0.1 * np.eye(4)
    return S


def made(W: F64, n: int, seed: int) -> Made:
    """So many examples of each task, labels by a logistic link."""
    random, tasks = np.random.default_rng(seed), np.repeat(np.arange(len(W)), n)
    random.shuffle(tasks)
    X = random.normal(size=(len(tasks), W.shape[1]))
    chance = 1 / (1 + np.exp(-2 * (X * W[tasks]).sum(1)))
    return Made(X, random.random(len(tasks)) < chance, np.array([f"task {t}" for t in tasks]))


def models(seed: int, d: int = D) -> F64:
    """Models of length 3 with that correlation."""
    W = np.linalg.cholesky(correlation()) @ np.random.default_rng(seed).normal(size=(TASKS, d))
    return np.asarray(3 * W / np.linalg.norm(W, axis=1, keepdims=True), np.float64)


def gap(net: Rounds, data: Made, n: int) -> float:
    """Of primal and dual, by the primal, the covariance being given."""
    place = net.place
    rows = place.rows(place.tasks)
    B = np.asarray(place.strategy.message(place.bank, rows).b[:, :, 0, 0], np.float64)
    square = float(np.sum(B * (((1 - COUPLING) * np.eye(len(B)) + COUPLING) @ B))) / (2 * RIDGE)
    b = np.clip(place.bank.duals.beta[rows, :, 0, 0], 1e-300, 1 - 1e-16)
    dual = float(-(b * np.log(b) + (1 - b) * np.log1p(-b)).sum()) / n - square
    margins = net.margins(data.X, data.task.tolist()) * np.where(data.y, 1, -1)
    primal = float(np.logaddexp(0, -margins).sum()) / n + square
    return (primal - dual) / primal


def rounds_to(goals: Sequence[float], local: int, data: Made, n: int, most: int) -> list[int]:
    """Meetings until the gap is no more than each goal, with so many local steps between them."""
    strategy = dmtrl((RIDGE,), COUPLING, replays=STEPS - 1, window=n)
    net = Rounds(strategy, data.X, data.y, data.task.tolist())
    work = dict.fromkeys(np.unique(data.task).tolist(), local // STEPS)
    found: list[int] = []
    for meeting in range(1, most + 1):
        net.round(work)
        left = gap(net, data, n)
        found += [meeting for goal in goals[len(found) :] if left <= goal]
        if len(found) == len(goals):
            break
    return found


def communication(short: bool) -> Beside:
    """Meetings by the local steps between them."""
    data, goals = made(models(0), N, 0), (0.1, 0.01, 0.001)
    most = 300 if short else 3000
    lines = {}
    for local in (10, 50, 100, 500, 2000):
        found: list[float | str] = [*rounds_to(goals, local, data, N, most)]
        found += [f"> {most}"] * (len(goals) - len(found))
        spent = local * int(found[-1]) if isinstance(found[-1], int) else "-"
        lines[f"{local} steps"] = Line([None] * 4, [*found, spent])
    last = {name: line.ours[-2] for name, line in lines.items()}
    return Beside(
        f"Meetings until the duality gap is so small, {TASKS} tasks of {N} examples",
        [*(f"{100 * goal:g} %" for goal in goals), "local steps of a task, to the last"], lines,
        "Meetings to the smallest gap: " + "; ".join(f"{name} {n}" for name, n in last.items())
        + ".", 0,
    )  # fmt: skip


def learnt(n: int, seed: int, coupling: float | None) -> tuple[float, F64]:
    """Error in per cent on new examples, of the best ridge; the covariance at its meeting."""
    W = models(seed)
    data, asked = made(W, n, seed), made(W, 500, seed + 1000)
    strategy = dmtrl(
        RIDGES, coupling, replays=STEPS - 1, window=n, every=0, common=0.0, pace=1.0
    )  # fmt: skip
    net = Rounds(strategy, data.X, data.y, data.task.tolist())
    work = dict.fromkeys(np.unique(data.task).tolist(), -(-n // STEPS))
    for _ in range(MEETINGS):
        net.round(work)
    wrong = 100 * (1 - net.right(asked.X, asked.y, asked.task.tolist()).mean(0))
    memory = net.place.hub.memory
    best = int(wrong.argmin())
    return float(wrong[best]), memory.S[:, memory.seat[:, 0] - 1, best]


def likeness(S: F64) -> float:
    """How the correlations of a covariance go with the true ones, over pairs of tasks."""
    pairs, size = np.triu_indices(len(S), 1), np.sqrt(np.diag(S))
    found = (S / np.outer(size, size))[pairs]
    return float(np.corrcoef(found, correlation(len(S))[pairs])[0, 1])


def worth(seeds: int, counts: Sequence[int]) -> Beside:
    """Errors of three models, and the covariance that was learnt."""
    runs = {
        name: [[learnt(n, seed, coupling) for seed in range(seeds)] for n in counts]
        for name, coupling in {"each alone": 0.0, "one for all": 1.0, "dmtrl": None}.items()
    }
    errors = {
        name: [float(np.mean([error for error, _ in some])) for some in by_count]
        for name, by_count in runs.items()
    }
    gains = np.subtract(errors["each alone"], errors["dmtrl"])
    near = [np.mean([likeness(S) for _, S in some]) for some in runs["dmtrl"]]
    return Beside(
        f"Error on new examples, %, {seeds} draws", [f"{n} examples a task" for n in counts],
        {name: Line([None] * len(counts), row) for name, row in errors.items()},
        f"dmtrl has {', '.join(f'{-gain:+.1f}' for gain in gains)} beside each alone; its "
        f"correlations of tasks go with the true ones by {', '.join(f'{one:.2f}' for one in near)} "
        "(coefficient over pairs of tasks).",
    )  # fmt: skip


def tables(short: bool) -> Iterator[Beside]:
    """Communication, then what the covariance is worth."""
    yield communication(short)
    yield worth(*((1, (30,)) if short else (5, (15, 30, 60, 120))))
