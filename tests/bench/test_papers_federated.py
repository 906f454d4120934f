"""The core of the federated papers' experiments, small: what they are to show does hold."""

from __future__ import annotations

import numpy as np

from bench.activations import course, made
from bench.papers import amtl


def test_who_waits_for_nobody_is_there_sooner() -> None:
    given = made(5, seed=0, n=30, d=6)
    goal = (1 + amtl.WITHIN) * given.least
    runs = [
        course(amtl.stepping(given), given, amtl.late(5), waits=waits, iterations=60, until=goal)
        for waits in (False, True)
    ]
    (alone, reached), (waiting, also) = (run[-1] for run in runs)
    assert max(reached, also) <= goal
    assert alone < 0.9 * waiting
    # What they come to is the same, whoever waits, and no less than the least there is.
    ends = [
        course(amtl.stepping(given), given, amtl.late(5), waits=waits, iterations=80)[-1][1]
        for waits in (False, True)
    ]
    np.testing.assert_allclose(ends, given.least, rtol=1e-3)
    assert min(ends) > (1 - 1e-6) * given.least


def test_without_chance_there_is_nothing_to_wait_for() -> None:
    given = made(3, seed=1, n=20, d=4)
    alone, waiting = amtl.times(given, 5, spread=0.0)
    assert alone == waiting == 5 * amtl.ITERATIONS
