"""The core of the federated papers' experiments, small: what they are to show does hold."""

from __future__ import annotations

import numpy as np

from bench.activations import course, made
from bench.papers import amtl, fedem
from learners.coordination.fedem import fedem as fedem_strategy
from learners.coordination.independent import independent
from learners.coordination.pooled import pooled


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


def test_mixtures_are_told_apart_and_new_clients_are_at_home() -> None:
    data = fedem.made(clients=40, features=12, asked=100)
    found = {
        name: fedem.summed(fedem.right(fedem.taught(strategy, data.learnt, passes=2), data.asked))
        for name, strategy in {
            "local": independent(fedem.RATES),
            "one": pooled(fedem.RATES),
            "mixed": fedem_strategy(3, fedem.RATE),
        }.items()
    }
    assert found["mixed"][0] > max(found["local"][0], found["one"][0]) + 2
    lines = fedem.table_3(data).lines
    after_all = {name: float(str(line.ours[2])) for name, line in lines.items()}
    assert after_all["FedEM"] > after_all["FedAvg (`pooled`)"] + 2
