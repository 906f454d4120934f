"""What places sum up over a network that is not complete."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given

from learners.coordination import find
from learners.coordination.linear import Told, add
from learners.features import Example
from learners.gossip import Gossip, cycle
from learners.place import Place
from learners.simulation.nodes import Arrival
from learners.simulation.simulator import simulate
from learners.topology import Topology, complete
from learners.topology import find as form
from learners.types import F32, F64
from streams.synthetic import generate
from tests.learners.made import BITS, pack, stream
from tests.learners.test_topology import graphs

NAMES = [f"p{i}" for i in range(8)]
NETWORKS = ["ring", "grid", "random:3", "star"]


@given(graphs)
def test_shares_are_of_neighbours_and_let_nobody_run_away(graph: Topology) -> None:
    M, alone = graph.adding(), np.eye(len(graph.places), dtype=bool)
    np.testing.assert_array_equal(M, M.T)
    np.testing.assert_array_equal(M > 0, graph.joined | alone)
    assert (M[alone] == 1.0).all() and (M <= 1.0).all()
    assert np.linalg.eigvalsh(M)[0] > -1e-5
    # No more is possible: with a little more, some eigenvalue is below 0.
    assert np.linalg.eigvalsh(M + 0.001 * graph.joined)[0] < 0.0


@pytest.mark.parametrize("n", [1, 2, 3, 8, 50])
def test_on_the_complete_graph_all_of_each_counts(n: int) -> None:
    assert (complete([f"p{i:02d}" for i in range(n)]).adding() == 1.0).all()


def downhill(M: F64, steps: int) -> F64:
    """Sums of places that go down |u_i|**2 / 2, each by its own part."""
    mine = np.random.default_rng(0).normal(size=(len(M), 3, 1, 1)).astype(np.float32)
    for _ in range(steps):
        told = Told(mine, np.zeros((len(M), 3, 1, 1), np.float32))
        mine = mine - np.float32(0.1) * (mine + add(told, M).mine)
    size: F64 = np.abs(mine + add(Told(mine, mine), M).mine)
    return size


@pytest.mark.parametrize("network", NETWORKS)
def test_small_steps_on_a_quadratic_end_at_its_minimum(network: str) -> None:
    graph = form(network)(NAMES, seed=0)
    whole = graph.joined + np.eye(len(NAMES))
    assert downhill(graph.adding(), 400).max() < 0.05
    assert downhill(whole, 400).max() > 1e3  # as sums of all that neighbours made are not


def commons(places: dict[str, Place]) -> tuple[F32, F32]:
    banks: list[Any] = [places[name].bank.bank.common for name in sorted(places)]
    return np.stack([b.mine for b in banks]), np.stack([b.heard for b in banks])


@pytest.mark.parametrize("network", NETWORKS)
def test_what_is_heard_is_the_share_of_what_neighbours_made(network: str) -> None:
    graph, strategy = form(network)(NAMES, seed=0), find("shared")
    gossip = Gossip(strategy, graph)
    places = {
        name: Place(strategy, bits=BITS, period=0, name=name, hub=gossip.at(name)) for name in NAMES
    }
    examples = stream(48, seed=1)
    for i, where in enumerate(places.values()):
        where.learn(pack(examples))  # so all have the same columns, in the same order
        where.learn(pack(examples[i : i + 8]))
    cycle(places, gossip)
    mine, heard = commons(places)
    others = graph.adding() - np.eye(len(NAMES))
    np.testing.assert_allclose(heard, np.einsum("ij,jdke->idke", others, mine), atol=1e-4)
    cycle(places, gossip, rounds=3)
    np.testing.assert_array_equal(commons(places)[1], heard)  # nothing new, nothing moves


def one_pass(kind: str, strategy: str, network: str | None) -> tuple[float, float]:
    """Error of 16 tasks at 8 places, and the largest weight in the end; None: a hub."""
    problem = generate(kind, tasks=16, rounds=100)
    arrivals = []
    for i, one in enumerate(problem.events()):
        where = NAMES[problem.tasks.index(one.task) % len(NAMES)]
        arrivals.append(Arrival(float(i), where, pack([Example(one.task, one.x, one.y)])))
    graph = form(network)(NAMES, seed=0) if network else None
    run = simulate(find(strategy), arrivals, topology=graph, period=64.0, bits=BITS)
    models = [
        where.strategy.model(where.bank, where.rows(where.tasks)) for where in run.places.values()
    ]
    return run.error(), float(max(np.abs(model).max() for model in models))


@pytest.mark.parametrize("kind", ["clustered", "lowrank"])
@pytest.mark.parametrize("strategy", ["shared", "pooled", "trace", "mean", "clustered", "amtl"])
def test_on_a_network_sums_are_no_worse_than_at_a_hub_or_alone(kind: str, strategy: str) -> None:
    alone, largest = one_pass(kind, "independent", None)
    error, _ = one_pass(kind, strategy, None)
    for network in NETWORKS:
        here, weight = one_pass(kind, strategy, network)
        # What one model for all costs tasks that have none in common, it costs at a hub too.
        assert here <= max(alone, error) + 0.01, network
        assert weight <= 1.25 * largest, network
