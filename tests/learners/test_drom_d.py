"""DROM-D against plain versions of itself, DROM, its reference figures, and a bad network."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.papers.studies.lowrank import (
    PAPER,
    Network,
    error,
    homes,
    learnt,
    problem,
    rounds,
    whole,
)
from learners import talk, topology
from learners.coordination.drom import drom
from learners.coordination.drom_d import drom_d
from learners.coordination.drom_d_meeting import steady
from learners.features import column
from learners.gossip import Gossip, cycle
from learners.place import Place
from tests.learners.drom_d_plain import as_written, by_meetings, ring
from tests.learners.drom_made import by_name, singular, start
from tests.learners.drom_plain import Array, Run

FULL = np.full((16, 16), 1 / 16)


def duals(net: Network) -> Array:
    """Z (d, m), tasks in order."""
    return np.concatenate([by_name(p, p.bank.drom.dual.z) for p in net.places], 1)


def models(net: Network) -> Array:
    each = [p.strategy.model(p.bank, np.arange(len(p.bank.part.v))) for p in net.places]
    return np.concatenate([by_name(p, w) for p, w in zip(net.places, each, strict=True)], 1)


@pytest.mark.parametrize("blocking", [False, True])
@pytest.mark.parametrize(
    ("places", "forget", "mixings"), [(16, 0.0, 1), (4, 0.05, 1), (4, 0.05, 2), (1, 0.01, 2)]
)
def test_meetings_are_plain(places: int, forget: float, mixings: int, blocking: bool) -> None:
    # Not for long: where singular values are close, power steps make much of a last bit.
    X, Y = problem(1, rounds=12)
    settings: dict[str, Any] = {"blocking": blocking, "forget": forget, "mixings": mixings}
    meetings, S = 4 if blocking else 2, ring(places)
    net = Network(drom_d((2.0,), 0.04, 10.0, **PAPER, **settings), S, homes(places))
    net.learn(X, Y, meetings, every=2)
    slow = by_meetings(
        X, Y, S, homes(places), 0.04, 2.0, 10.0, meetings=meetings, every=2, u=start(), **settings
    )
    np.testing.assert_allclose(duals(net), slow.Z, atol=1e-4)
    np.testing.assert_allclose(models(net), slow.W, atol=1e-4 * np.abs(slow.W).max())
    assert singular(slow.Z)[0] > 1.1  # it clips


@pytest.mark.parametrize("mixing", [FULL, ring(16)], ids=["complete", "ring"])
def test_meetings_that_wait_are_as_written(mixing: Array) -> None:
    # One meeting takes the dual steps, and turns the direction; then come the J K power steps.
    X, Y = problem(2, rounds=15)
    first = as_written(X, Y, mixing, 0.04, 2.0, 10.0, before=1, u=start())
    second = by_meetings(
        X, Y, mixing, homes(16), 0.04, 2.0, 10.0, meetings=7, blocking=True, u=start()
    )
    np.testing.assert_allclose(second.margins, first.margins, atol=1e-9)


def test_a_place_alone_is_drom() -> None:
    X, Y = problem(3, rounds=20)
    alone = learnt(drom_d((2.0,), 0.04, 10.0, **PAPER), X, Y)
    hub = learnt(drom((2.0,), 0.04, 10.0, **PAPER), X, Y)
    Z = by_name(hub, hub.bank.dual.z)
    np.testing.assert_allclose(by_name(alone, alone.bank.drom.dual.z), Z, atol=1e-3)
    assert singular(Z)[0] > 1.1
    assert error(alone) == error(hub)


def test_tasks_visited_in_parts_are_clipped_still(monkeypatch: pytest.MonkeyPatch) -> None:
    # Each part sees the others' as they contributed it last.
    X, Y = problem(3, rounds=300)
    errors = []
    for together in (talk.TOGETHER, 4 * 64):
        monkeypatch.setattr(talk, "TOGETHER", together)
        here = learnt(drom_d((5.0,), 0.02, 100.0, **PAPER), X, Y, lag=1)
        assert singular(by_name(here, here.bank.drom.dual.z))[0] < 5
        errors.append(error(here))
    alone = error(learnt(drom((5.0,), 0.0, 100.0, **PAPER), X, Y, every=300))
    assert errors[0] < errors[1] < alone


def test_on_the_complete_graph_the_clip_is_that_of_the_stacked_matrix() -> None:
    X, Y = problem(4, rounds=12)
    net = Network(drom_d((2.0,), 0.04, 40.0, blocking=True, forget=0.0, **PAPER), FULL, homes(16))
    net.learn(X, Y)
    u = np.array([by_place(p, p.bank.track.u[:, 0]) for p in net.places])
    Z, u0 = duals(net), u[0]
    assert singular(Z)[0] > 2
    net.meet()  # a power step; the second clips along it
    u = np.array([by_place(p, p.bank.track.u[:, 0]) for p in net.places])
    np.testing.assert_allclose(u, np.tile(u[:1], (16, 1)), atol=1e-5)
    net.meet()
    u1 = u[0]
    R = Z @ (Z.T @ u1)
    u2, s = R / np.linalg.norm(R), np.sqrt(np.linalg.norm(R))
    wanted = Z - (1 - 1 / s) * np.outer(u2, Z.T @ u2)
    np.testing.assert_allclose(duals(net), wanted, atol=1e-5)
    assert np.abs(u2 - u0).max() > 1e-3


def by_place(place: Place, leaf: Array) -> Array:
    """A leaf (d,) by the columns x0, x1, ..."""
    ids = np.array([column(f"x{j}", 14) for j in range(50)], np.uint32)
    named: Array = leaf[place._columns.find(ids)]
    return named


def contributions(net: Network) -> Array:
    """Sum over all tasks of z v, as they contributed it last."""
    total = np.zeros(50)
    for p in net.places:
        Z, v = p.bank.drom.dual.z[..., 0, 0].astype(float), p.bank.part.v[:, 0, 0]
        total += by_place(p, v @ Z)
    return total


def tracked(net: Network) -> Array:
    """Sum over all places of what they track."""
    return sum(
        (by_place(p, (p.bank.track.r + p.bank.track.fresh)[:, 0]) for p in net.places), np.zeros(50)
    )


def test_mixing_keeps_the_sum() -> None:
    X, Y = problem(5, rounds=30)
    net = Network(drom_d((2.0,), 0.02, 40.0, forget=0.0, **PAPER), ring(8), homes(8))
    net.learn(X, Y, every=3)
    scale = np.abs(contributions(net)).max()
    np.testing.assert_allclose(tracked(net), contributions(net), atol=1e-5 * scale)


@pytest.mark.parametrize("forget", [0.0, 0.2])
def test_what_was_lost_is_forgotten(forget: float) -> None:
    """A place that is not heard bends the sum; forgetting straightens it, at its own rate."""
    X, Y = problem(5, rounds=30)
    net = Network(drom_d((2.0,), 0.02, 40.0, forget=forget, **PAPER), ring(8), homes(8))
    net.learn(X[:15], Y[:15])
    for place in net.places:
        net.hub.post(place.tell())
    for name, reply in net.hub.meet().items():  # of eight, three hear nothing of it
        if int(name[-2:]) > 2:
            net.places[int(name[-2:])].hear(reply)
    bent = np.linalg.norm(tracked(net) - contributions(net))
    assert bent > 0.01 * np.linalg.norm(contributions(net))
    for part in net.parts(X[15:], Y[15:]):
        for place, batch in zip(net.places, part, strict=True):
            place.learn(batch)
        net.meet()
    left = np.linalg.norm(tracked(net) - contributions(net))
    if forget:
        assert left < 1.5 * bent * (1 - forget) ** 15
    else:
        assert left > 0.9 * bent


def test_a_task_that_left_is_forgotten_by_the_tracker() -> None:
    X, Y = problem(6, rounds=40)
    net = Network(drom_d((2.0,), 0.02, 40.0, forget=0.2, **PAPER), np.ones((1, 1)), [0] * 16)
    net.learn(X[:20], Y[:20])
    net.places[0].forget("task 03")
    ghost = np.linalg.norm(tracked(net) - contributions(net))
    assert ghost > 0.01 * np.linalg.norm(contributions(net))
    kept = np.delete(np.arange(16), 3)
    for x, y in zip(X[20:, kept], Y[20:, kept], strict=True):
        net.places[0].learn(rounds(x[None], y[None], kept))
        net.meet()
    left = np.linalg.norm(tracked(net) - contributions(net))
    assert left < 1.5 * ghost * 0.8**20


def test_what_travels_is_one_vector_a_place() -> None:
    X, Y = problem(7, rounds=3)
    net = Network(drom_d((2.0,), 0.04, 10.0, **PAPER), ring(4), homes(4)).learn(X, Y)
    told = net.places[0].tell().tree
    assert told.r.shape == (50, 1) and told.r.dtype == np.float32
    assert told.n.shape == (4, 1)
    assert sum(leaf.nbytes for leaf in told) == 4 * 50 + 8 * 4


def test_a_second_class_that_splits_keeps_the_tracker() -> None:
    """The third class unfolds the margin; what the tasks contribute is the same."""
    X, Y = problem(8, rounds=20)
    net = Network(drom_d((2.0,), 0.04, 40.0, forget=0.0, **PAPER), np.ones((1, 1)), [0] * 16)
    net.learn(X, Y)
    place = net.places[0]
    before = tracked(net)
    third = rounds(X[:1, :1], Y[:1, :1])._replace(weight=np.zeros(1, np.float32))
    place.learn(third._replace(classes=("third",), label=np.zeros(1, np.int64)))
    assert place.bank.part.v.shape[1] == 3
    Z, v = place.bank.drom.dual.z[..., 0].astype(float), place.bank.part.v[..., 0]
    now = by_place(place, 2 * np.einsum("tdk,tk->d", Z, v))
    np.testing.assert_allclose(now, before, atol=1e-5 * np.abs(before).max())


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40), st.randoms())
def test_the_order_of_a_sum_is_of_no_effect(terms: list[float], random: Any) -> None:
    shuffled = list(terms)
    random.shuffle(shuffled)
    total = steady(np.array(terms))
    assert total == steady(np.array(shuffled))
    assert total == pytest.approx(math.fsum(terms), abs=1e-12 * max(map(abs, terms)) * len(terms))


@pytest.fixture(scope="module")
def study() -> list[tuple[Array, Array]]:
    return [problem(100 + s) for s in range(3)]


def wrong(run: Run, Y: Array) -> float:
    return float((np.where(run.margins >= 0, 1, -1) != Y).mean())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("times", "figure"), [(1, 0.183), (3, 0.178), (10, 0.170), (0, 0.161)],
    ids=["ring", "ring, 3 mixings", "ring, 10 mixings", "complete"],
)  # fmt: skip
def test_reference_figures(study: list[tuple[Array, Array]], times: int, figure: float) -> None:
    S = np.linalg.matrix_power(ring(16), times) if times else FULL
    errors = [wrong(as_written(X, Y, S, u=start()), Y) for X, Y in study]
    assert np.mean(errors) == pytest.approx(figure, abs=0.004)


@pytest.mark.slow
@pytest.mark.parametrize(("every", "figure"), [(1, 0.173), (5, 0.182)])
def test_reference_figures_of_not_waiting(
    study: list[tuple[Array, Array]], every: int, figure: float
) -> None:
    errors = [
        wrong(by_meetings(X, Y, FULL, homes(16), 0.02, 5.0, 100.0, every=every, u=start()), Y)
        for X, Y in study
    ]
    assert np.mean(errors) == pytest.approx(figure, abs=0.004)


PLACES = [f"place {i:02d}" for i in range(16)]


@pytest.mark.slow
def test_the_better_joined_the_better(study: list[tuple[Array, Array]]) -> None:
    made = [topology.ring(PLACES), topology.grid(PLACES), topology.regular(PLACES, 4, 1)]
    errors = []
    for one in [*made, topology.complete(PLACES)]:
        # With one mixing a power step (not three) sparse random graphs do worse than no coupling.
        S = np.linalg.matrix_power(one.mixing(PLACES, ()), 3)
        errors.append(np.mean([wrong(as_written(X, Y, S, u=start()), Y) for X, Y in study]))
    assert errors == sorted(errors, reverse=True)
    assert errors[0] < 0.95 * 0.198 and errors[-1] == pytest.approx(0.161, abs=0.004)


@pytest.mark.parametrize("graph", ["ring", "grid", "random:3", "complete"])
def test_gossip_over_any_graph_is_the_hub_that_mixes_so(graph: str) -> None:
    X, Y = problem(9, rounds=10)
    X, Y = X[:, :8], Y[:, :8]
    joined = topology.find(graph)(PLACES[:8])
    strategy = drom_d((2.0,), 0.04, 10.0, places=8, **PAPER)
    net = Network(strategy, joined.mixing(PLACES[:8], ()), homes(8, 8)).learn(X, Y)
    gossip = Gossip(strategy, joined)
    places = {
        name: Place(strategy, bits=14, period=0, name=name, hub=gossip.at(name))
        for name in PLACES[:8]
    }
    for parts in net.parts(X, Y):
        for place, part in zip(places.values(), parts, strict=True):
            place.learn(part)
        cycle(places, gossip)
    Z = np.concatenate([by_name(p, p.bank.drom.dual.z) for p in places.values()], 1)
    np.testing.assert_allclose(Z, duals(net), atol=1e-4)
    assert np.abs(Z).max() > 0.1


@pytest.mark.slow
def test_a_bad_network_costs_little() -> None:
    """A tenth of all messages and replies are lost; another tenth comes late, a third twice."""
    X, Y = problem(100, rounds=300)
    errors = []
    for bad, forget in ((False, 0.03), (True, 0.03), (True, 0.0)):
        r = np.random.default_rng(1)
        strategy = drom_d((5.0,), 0.02, 100.0, places=16, forget=forget, **PAPER)
        net = Network(strategy, FULL, homes(16))
        late: list[Any] = []
        for parts in net.parts(X, Y):
            for place, part in zip(net.places, parts, strict=True):
                place.learn(part)
                told, fate = place.tell(), r.random() if bad else 1.0
                if fate >= 0.2:
                    net.hub.post(told)
                elif fate >= 0.1:
                    late.append(told)
                if fate > 0.9:
                    net.hub.post(told)
            for name, reply in net.hub.meet().items():
                if not bad or r.random() > 0.1:
                    net.places[int(name[-2:])].hear(reply)
            while late:
                net.hub.post(late.pop())
        errors.append(whole(net))
    assert errors[1] < errors[0] + 0.01
    assert errors[2] > errors[1] + 0.03  # where nothing is forgotten, what is lost stays lost


@pytest.mark.parametrize(
    ("name", "value"), [("forget", 2.0), ("places", -1), ("mixings", 0), ("theta", -1.0)]
)
def test_bad_settings_are_named(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        drom_d(**{name: value})  # type: ignore[arg-type]
