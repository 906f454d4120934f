"""Baytas, Yan, Jain & Zhou, "Asynchronous multi-task learning", ICDM 2016.

Tasks at nodes of their own take gradient steps on all their data; a server takes the proximal step
of the trace norm. The synchronous method (SMTL) waits for the slowest node each time, the
asynchronous one (AMTL) for nobody. The paper compares the time that both take for as many
iterations, on a network whose every message is late by an offset and a random part (tables I and
III), and the objective with fixed and dynamic steps (tables IV to VI).

Here: one strategy, `amtl` in the paper's form, in the simulator; SMTL is the same with meetings
that wait for all. A node that hears takes its step and tells at once, and what it tells is late.
Time is simulated, and computing takes none of it.

What differs: the loss is the log loss, the paper's is squared on the synthetic data, which here
are as many with models in three common directions. How many
iterations it took, its lambda and the random part of its delays are not known: here there are 20
for each node, and the random part is exponential with a mean of half the offset, which brings
AMTL's times near the paper's. A longer offset is then the same run with another draw of the random
part, and so would be table III, of which no data could be had as they were. The dynamic step counts
a delay in examples that the node learnt meanwhile: none here, so the factor is always ln 10.
Beyond the paper, time is taken until the objective of the models that the nodes use is within 1 %
of its least, for as many iterations are not as much progress.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from bench.papers.beside import Beside, Line
from bench.papers.studies.activations import LAMBDA, Problem, course, made
from learners.coordination.amtl import amtl
from learners.coordination.trace import trace
from learners.simulation import Delay
from learners.types import Strategy

METHODS = ("AMTL", "SMTL")
TAU = 4.0
ITERATIONS = 20
MOST_ITERATIONS = 400
SPREAD = 0.5  # mean of a delay's random part, by its offset
WITHIN = 0.01
PAPER_I: dict[str, Sequence[float]] = {
    "AMTL-5": (156.21, 172.59, 173.38), "AMTL-10": (297.34, 308.55, 313.54),
    "AMTL-30": (902.22, 910.39, 880.63), "SMTL-5": (239.34, 248.23, 256.94),
    "SMTL-10": (452.84, 470.79, 494.13), "SMTL-30": (1238.16, 1367.38, 1454.57),
}  # fmt: skip
PAPER_STEPS = {  # fixed and dynamic, for 5, 10 and 15 tasks
    5: ((163.62, 144.83), (366.27, 334.24), (559.07, 508.65)),
    10: ((163.59, 144.77), (367.63, 333.71), (561.68, 505.64)),
    15: ((163.56, 143.82), (366.26, 333.12), (561.87, 500.05)),
    20: ((168.63, 143.50), (366.35, 331.13), (561.21, 499.97)),
}


def late(offset: float, spread: float = SPREAD) -> Delay:
    """What a message takes on its way."""
    return Delay(offset, "exponential", spread * offset)


def stepping(given: Problem, *, tau: float = 0.0, dynamic: bool = False) -> Strategy:
    """The paper's AMTL, for steps that bear delays of tau."""
    return amtl(
        (1 / given.L,), LAMBDA, tau=tau, dynamic=dynamic, common=False, step="constant", whole=True
    )


def times(given: Problem, offset: float, spread: float = SPREAD, seed: int = 0) -> list[float]:
    """Seconds that AMTL and SMTL take for the iterations."""
    return [
        course(
            stepping(given),
            given,
            late(offset, spread),
            waits=waits,
            iterations=ITERATIONS,
            seed=seed,
        )[-1][0]
        for waits in (False, True)
    ]


def reached(strategy: Strategy, given: Problem, offset: float, waits: bool) -> float:
    """Seconds until the objective is near its least; not a number if it does not come there."""
    goal = (1 + WITHIN) * given.least
    went = course(
        strategy, given, late(offset), waits=waits, iterations=MOST_ITERATIONS, until=goal
    )
    return went[-1][0] if went[-1][1] <= goal else math.nan


def between(shares: Sequence[float]) -> str:
    """From the least to the most."""
    low, high = f"{min(shares):.2f}", f"{max(shares):.2f}"
    return low if low == high else f"{low} to {high}"


def per_iteration(given: Mapping[int, Problem]) -> Beside:
    """Table I."""
    took = {
        offset: [times(one, offset, seed=size + offset) for size, one in given.items()]
        for offset in (5, 10, 30)
    }
    lines = {
        f"{name}-{offset}": Line(
            PAPER_I[f"{name}-{offset}"][: len(given)], [pair[i] for pair in pairs]
        )
        for i, name in enumerate(METHODS)
        for offset, pairs in took.items()
    }

    def ratios(figures: Mapping[str, Sequence[Any]]) -> str:
        each = [
            np.divide(figures[f"SMTL-{offset}"], figures[f"AMTL-{offset}"])[: len(given)]
            for offset in took
        ]
        return ", ".join(f"{ratio:.2f}" for ratio in np.mean(each, 0))

    return Beside(
        f"Seconds for {ITERATIONS} iterations of each node (table I)",
        [f"{size} tasks" for size in given], lines,
        "SMTL takes, in the mean over the offsets, "
        f"{ratios({name: line.ours for name, line in lines.items()})} times as long as AMTL; in "
        f"the paper {ratios(PAPER_I)}.", 0,
    )  # fmt: skip


def by_spread(given: Problem) -> Beside:
    """The same, by how random delays are."""
    spreads = (0.0, 0.25, 0.5, 1.0, 2.0)
    found = [times(given, 5, spread, seed=1) for spread in spreads]
    nothing = [None] * len(spreads)
    return Beside(
        f"The same for {len(given.data)} tasks and an offset of 5, by the mean of the random part",
        [f"{spread:g} offsets" for spread in spreads],
        {name: Line(nothing, [pair[i] for pair in found]) for i, name in enumerate(METHODS)},
        "It is the random part that the slowest is waited for: SMTL takes "
        + ", ".join(f"{pair[1] / pair[0]:.2f}" for pair in found) + " times as long.", 0,
    )  # fmt: skip


def to_the_same_objective(given: Mapping[int, Problem]) -> Beside:
    """What the iterations are for."""
    steps: dict[str, dict[str, Any]] = {
        "eta_k = 0.9": {"tau": 0.0},
        f"eta_k for delays of {TAU:g}": {"tau": TAU},
        "the same, dynamic": {"tau": TAU, "dynamic": True},
    }
    rows: dict[str, list[float]] = {}
    for name, waits in zip(METHODS, (False, True), strict=True):
        for said, how in steps.items():
            rows[f"{name}, {said}"] = [
                reached(stepping(one, **how), one, 5, waits) for one in given.values()
            ]
    rows["SMTL, whole steps (`trace`)"] = [
        reached(
            trace((1 / one.L,), LAMBDA, common=False, step="constant", whole=True), one, 5, True
        )
        for one in given.values()
    ]

    def part(one: str, other: str) -> str:
        shares = [a / b for a, b in zip(rows[one], rows[other], strict=True)]
        return between(shares)

    last = list(rows)[-1]
    same = [part(f"AMTL, {said}", f"SMTL, {said}") for said in steps]
    return Beside(
        f"Seconds until the objective is within {100 * WITHIN:g} % of its least, offset 5",
        [f"{size} tasks" for size in given],
        {name: Line([None] * len(row), row) for name, row in rows.items()},
        f"With the same steps AMTL takes {'; '.join(same)} of SMTL's time, line by line. But who "
        "waits needs no shorter steps: beside SMTL with whole ones, AMTL takes "
        + "; ".join(part(f"AMTL, {said}", last) for said in steps)
        + " of the time. Nothing is proved for eta_k = 0.9 where replies are late; for delays of "
        f"{TAU:g} it is where at most {TAU:g} others speak meanwhile, as with 5 tasks on "
        "average.", 0,
    )  # fmt: skip


def by_steps(given: Mapping[int, Problem]) -> Beside:
    """Tables IV to VI."""
    lines, gains = {}, []
    for offset, paper in PAPER_STEPS.items():
        cells = []
        for size, one in given.items():
            pair = [
                course(
                    stepping(one, tau=TAU, dynamic=dynamic), one, late(offset), waits=False,
                    iterations=ITERATIONS, seed=size + offset,
                )[-1][1]
                for dynamic in (False, True)
            ]  # fmt: skip
            cells.append(f"{pair[0]:.1f} / {pair[1]:.1f}")
            gains.append(pair[1] / pair[0])
        said = [f"{fixed:.1f} / {dynamic:.1f}" for fixed, dynamic in paper[: len(given)]]
        lines[f"AMTL-{offset}"] = Line(said, cells)
    least = ", ".join(f"{one.least:.1f}" for one in given.values())
    theirs = [b / a for said in PAPER_STEPS.values() for a, b in said[: len(given)]]
    return Beside(
        f"Objective after {ITERATIONS} iterations, fixed / dynamic steps (tables IV to VI)",
        [f"{size} tasks" for size in given], lines,
        f"Dynamic steps leave {between(gains)} of the objective that fixed ones leave, in the "
        f"paper {between(theirs)}; the least there is: {least}.",
    )  # fmt: skip


def tables(short: bool) -> Iterator[Beside]:
    """Table I, what its ratio hangs on, the time to one objective, and tables IV to VI."""
    given = {size: made(size, seed=size) for size in ((5,) if short else (5, 10, 15))}
    yield per_iteration(given)
    yield by_spread(list(given.values())[-1])
    yield to_the_same_objective(given)
    yield by_steps(given)
