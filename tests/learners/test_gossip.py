from __future__ import annotations

import numpy as np
import pytest

from learners.coordination import find
from learners.gossip import Gossip, cycle
from learners.place import Place
from learners.topology import Topology, from_edges, ring
from learners.types import F64, Bank, Inbox, Reply, Strategy
from tests.learners.made import BITS, pack, stream

PATH = from_edges("abc", [("a", "b"), ("b", "c")])


def net(
    strategy: str | Strategy = "shared", graph: Topology = PATH
) -> tuple[Gossip, dict[str, Place]]:
    made = find(strategy) if isinstance(strategy, str) else strategy
    gossip = Gossip(made, graph)
    places = {
        name: Place(made, bits=BITS, period=0, name=name, hub=gossip.at(name))
        for name in graph.places
    }
    for i, where in enumerate(places.values()):
        mine = [one._replace(task=f"{one.task} of {where.name}") for one in stream(24, seed=i)]
        where.learn(pack(mine))
    return gossip, places


def test_neighbours_alone_are_heard() -> None:
    gossip, places = net()
    cycle(places, gossip)
    assert {name: sorted(hub.inbox) for name, hub in gossip.hubs.items()} == {
        "a": ["a", "b"], "b": ["a", "b", "c"], "c": ["b", "c"]
    }  # fmt: skip


def test_tasks_of_neighbours_are_in_the_inbox_and_the_reply_is_of_ones_own() -> None:
    gossip, places = net("laplacian")
    for where in places.values():
        gossip.post(where.tell())
    replies = gossip.meet()
    assert set(replies["a"].tasks) == set(places["a"].tasks)
    assert set(gossip.at("a").names) == {*places["a"].tasks, *places["b"].tasks}


def test_a_liar_can_tell_each_neighbour_something_else() -> None:
    gossip, places = net()
    told = places["b"].tell()
    other = told._replace(seen=told.seen + 1)
    assert gossip.post(told, ["a", "b"]) and gossip.post(other, ["c"])
    assert gossip.at("a").inbox["b"] is told and gossip.at("c").inbox["b"] is other
    with pytest.raises(ValueError, match="'a' has no neighbour c"):
        gossip.post(places["a"].tell(), ["c"])
    with pytest.raises(ValueError, match="no place 'z'"):
        gossip.at("z")


def test_what_adds_to_a_message_that_a_neighbour_missed_has_to_be_whole() -> None:
    gossip, places = net()
    first = places["b"].tell()
    assert gossip.post(first, ["a", "b"])
    places["b"].learn(pack(stream(8, seed=9)))
    assert not gossip.post(places["b"].tell(since=first.number))
    assert gossip.post(places["b"].tell())


def watching(seen: list[F64]) -> Strategy:
    inner = find("shared")

    def mix(memory: Bank, inbox: Inbox) -> Reply:
        seen.append(inbox.mixing)
        return inner.mix(memory, inbox)

    return inner._replace(mix=mix)


def test_the_mixing_is_the_topologys_among_those_there() -> None:
    seen: list[F64] = []
    gossip, places = net(watching(seen))
    cycle(places, gossip)
    W = PATH.weights()
    np.testing.assert_array_equal(seen[1], W)
    np.testing.assert_allclose(seen[0][0], W[0, :2])  # the receiver's own row is as it is
    for one in seen:
        np.testing.assert_allclose(one.sum(0), 1.0)
        np.testing.assert_array_equal(one, one.T)


def test_who_dropped_out_stops_nobody_and_may_come_back() -> None:
    seen: list[F64] = []
    gossip, places = net(watching(seen))
    cycle(places, gossip)
    gossip.forget("b")
    seen.clear()
    for name in "ac":
        assert gossip.post(places[name].tell())
    assert sorted(gossip.meet()) == ["a", "c"]
    assert [one.tolist() for one in seen] == [[[1.0]], [[1.0]]]
    assert "b" not in gossip.at("a").inbox and gossip.receivers("a") == ("a",)
    seen.clear()
    cycle(places, gossip)
    assert gossip.receivers("a") == ("a", "b")
    cycle(places, gossip)
    np.testing.assert_array_equal(seen[-2], PATH.weights())


def test_a_meeting_may_be_held_at_one_place_alone() -> None:
    gossip, places = net()
    for where in places.values():
        gossip.post(where.tell())
    assert sorted(gossip.meet(["b"])) == ["b"]
    assert sorted(gossip.meet()) == ["a", "c"]
    assert gossip.meet() == {}  # no news, no meeting


def test_rounds_carry_mixed_models_further_than_one_edge() -> None:
    # What fedem_d tells has been mixed, so c's examples move a's model in the second round.
    def moved(rounds: int) -> bool:
        models = []
        for far in (False, True):
            gossip, places = net("fedem_d", from_edges("abc", [("a", "b"), ("b", "c")]))
            if far:
                places["c"].learn(pack(stream(24, seed=99)))
            cycle(places, gossip, rounds)
            where = places["a"]
            models.append(where.strategy.model(where.bank, where._tasks.rows(where.tasks)))
        return bool((models[0] != models[1]).any())

    assert not moved(1) and moved(2)


def test_on_a_ring_everybody_meets_its_two_neighbours() -> None:
    gossip, places = net("drom", ring("abcdef"))
    cycle(places, gossip, rounds=2)
    assert {len(hub.inbox) for hub in gossip.hubs.values()} == {3}
    assert {where.heard for where in places.values()} == {2}
