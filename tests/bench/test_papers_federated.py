"""The core of the federated papers' experiments, small: what they are to show does hold."""

from __future__ import annotations

import numpy as np
import pytest

from bench.papers import amtl, client_server, dmtrl, fedem, mocha
from bench.papers.studies import clients
from bench.papers.studies.activations import course, made
from bench.papers.studies.troubles import Network, Trouble
from learners.coordination.fedem import fedem as fedem_strategy
from learners.coordination.independent import independent
from learners.coordination.pooled import pooled


@pytest.mark.slow
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
    data = clients.made(clients=40, features=12, asked=100)
    strategies = {
        "local": independent(fedem.RATES),
        "one": pooled(fedem.RATES),
        "mixed": fedem_strategy(3, fedem.RATE),
    }
    found = {}
    for name, strategy in strategies.items():
        place = fedem.taught(strategy, data.learnt, passes=2)
        found[name] = clients.summed(clients.right(place, data.asked))
    assert found["mixed"][0] > max(found["local"][0], found["one"][0]) + 2
    lines = fedem.table_3(data).lines
    after_all = {name: float(str(line.ours[2])) for name, line in lines.items()}
    assert after_all["FedEM"] > after_all["FedAvg (`pooled`)"] + 2


def test_more_local_steps_need_fewer_meetings() -> None:
    data = dmtrl.made(dmtrl.models(0, d=8), 30, seed=0)
    few, many = (dmtrl.rounds_to((0.1, 0.01), local, data, 30, 300) for local in (10, 100))
    assert len(few) == len(many) == 2
    assert 2 * many[1] < few[1]


def test_tasks_that_are_related_in_part_gain_by_finding_out_how() -> None:
    alone, _ = dmtrl.learnt(30, 0, 0.0)
    mine, S = dmtrl.learnt(30, 0, None)
    assert mine < alone - 1
    assert dmtrl.likeness(S) > 0.6


@pytest.mark.slow
def test_who_is_slow_or_dropped_by_chance_comes_there_and_who_is_always_dropped_does_not() -> None:
    made = dmtrl.made(dmtrl.models(1, d=6)[:5], 20, seed=1)
    net = Network(made.X, made.y, made.task)
    after = (200, 400)
    least = net.objectives(Trouble(), (300,), steps=50)[0]
    for trouble in (Trouble(0.1), Trouble(drop=0.5, first=0.5)):
        assert net.objectives(trouble, after)[-1] < 1.005 * least
    before, still = net.objectives(Trouble(first=1.0), after)
    assert still > 1.05 * least
    assert before - still < 2e-3 * least


@pytest.mark.slow
def test_relations_that_are_learnt_beat_both_extremes() -> None:
    made = dmtrl.made(dmtrl.models(2, d=10), 40, seed=2)
    data = mocha.Data(made.X, made.y, made.task)
    found = {
        model: np.mean([mocha.held_out(model, data, seed, {model: 48}) for seed in range(2)])
        for model in mocha.PAPER
    }
    assert found["mocha"] < min(found["local"], found["global"])


@pytest.mark.slow
def test_active_users_bring_the_passive_much_where_they_rated_little() -> None:
    at = client_server.SHARES.index(client_server.TRUE)
    none = [client_server.of_music(0, own, 0)[at] for own in (0, 10)]
    some = [client_server.of_music(20, own, 0)[at] for own in (0, 10)]
    gains = np.subtract(none, some)
    assert 45 < none[0] < 55
    assert gains[0] > gains[1] > 2
