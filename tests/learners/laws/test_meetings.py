"""Laws of several places at one hub: messages may be lost, late, reordered or sent twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learners import tree
from learners.exchange import Hub, Parcel
from learners.features import Example
from learners.gossip import Gossip, cycle
from learners.place import Place, Scored
from learners.topology import complete
from learners.types import F64, I64, Strategy
from tests.learners.laws.cases import CASES, law, near, tells
from tests.learners.made import BITS, ends, pack, place, raw, same, stream

HALVES = {"a": ("task 0", "task 2", "task 4"), "b": ("task 1", "task 3")}


class Net:
    """Places that share a hub; the test says who speaks and hears, and when."""

    def __init__(self, make: Callable[[], Strategy], names: Iterable[str]) -> None:
        self.hub = Hub(make())
        self.places = {
            name: Place(make(), bits=BITS, period=0, name=name, hub=self.hub) for name in names
        }

    def learn(self, name: str, examples: Sequence[Example]) -> Scored:
        return self.places[name].learn(pack(examples))

    def meet(self, *absent: str) -> None:
        """All but the absent speak; then the meeting; then they hear."""
        for name, where in self.places.items():
            if name not in absent:
                self.hub.post(where.tell())
        for name, reply in self.hub.meet().items():
            self.places[name].hear(reply)

    def digests(self) -> dict[str, str]:
        return {name: where.digest() for name, where in self.places.items()}


def home(task: str) -> str:
    return next(name for name, tasks in HALVES.items() if task in tasks)


@law
def test_a_hub_of_one_is_a_place(case: str) -> None:
    examples = stream(third=60)
    here = place(CASES[case](), lag=0)
    net = Net(CASES[case], ["here"])
    said = [here.learn(pack(examples))]
    apart = []
    for lo in range(0, len(examples), here.period):
        apart.append(net.learn("here", examples[lo : lo + here.period]))
        if lo + here.period <= len(examples):
            net.meet()
    same(ends(apart), ends(said))
    assert used(net.places["here"]) == used(here)


def used(where: Place) -> list[tuple[str, bytes]]:
    """The bank's bytes but for its spare room."""
    rows, columns = where._tasks.rows(where.tasks), where._columns.sorted()
    return raw(tree.take(where.bank, t=rows, d=columns))


@law
def test_who_hears_nobody_writes_nothing(case: str) -> None:
    here = place(CASES[case](), period=0)
    here.learn(pack(stream(third=60)))
    was = raw(here.bank)
    # A reply about nobody known here, and nothing of a common model.
    here.hub.post(here.tell())
    reply = here.hub.meet().get(here.name)
    assert reply is not None
    strangers = reply._replace(tasks=tuple(f"not {name}" for name in reply.tasks))
    here.hear(strangers)
    kept = tree.take(here.bank, t=here._tasks.rows(here.tasks))
    for (path, names, leaf), (_, before) in zip(tree.leaves(here.bank), was, strict=True):
        if names.startswith("t"):
            assert leaf.tobytes() == before, path
    # Alone in its hub, a place's common model is what its own examples made of it.
    if tells(here.strategy):
        for path, _, leaf in tree.leaves(here.bank):
            if path.split(".")[-1].startswith("heard"):
                assert not leaf.any(), path
    assert kept is not None


@law
def test_rows_that_a_reply_does_not_name_stay(case: str) -> None:
    here = place(CASES[case](), period=0)
    here.learn(pack(stream()))
    here.hub.post(here.tell())
    reply = here.hub.meet()[here.name]
    half = np.arange(0, len(reply.tasks), 2)
    part = reply._replace(
        tasks=tuple(reply.tasks[i] for i in half),
        births=reply.births[half],
        seen=reply.seen[half],
        tree=tree.take(reply.tree, t=half),
    )
    others = here._tasks.rows([name for name in reply.tasks if name not in part.tasks])
    was = _rows(here, others)
    here.hear(part)
    assert _rows(here, others) == was


def _rows(where: Place, rows: I64) -> list[tuple[str, bytes]]:
    kept = tree.take(where.bank, t=rows)
    return [(path, leaf.tobytes()) for path, names, leaf in tree.leaves(kept) if names[:1] == "t"]


@law
def test_sent_twice_late_or_out_of_order_is_as_sent_once(case: str) -> None:
    everything = stream(third=60)

    def run(noisy: bool) -> dict[str, str]:
        net = Net(CASES[case], "ab")
        old: list[Parcel] = []
        replies: list[dict[str, Parcel]] = []
        for i, part in enumerate(np.array_split(np.arange(96), 6)):
            examples = [everything[j] for j in part]
            for name in "ab":
                mine = [one for one in examples if home(one.task) == name]
                net.learn(name, mine)
                told = net.places[name].tell()
                old.append(told)
                net.hub.post(told)
                if noisy:
                    for late in old[:-2:2]:
                        net.hub.post(late)
                    net.hub.post(told)
            replies.append(net.hub.meet())
            if noisy:
                assert net.hub.meet() == {}  # no news, no meeting
            for name, reply in replies[-1].items():
                assert net.places[name].hear(reply)
                if noisy:
                    was = net.places[name].digest()
                    assert not net.places[name].hear(reply)
                    assert not net.places[name].hear(replies[i // 2][name])
                    assert net.places[name].digest() == was
        return net.digests()

    assert run(noisy=True) == run(noisy=False)


@law
@settings(max_examples=8)
@given(fate=st.lists(st.sampled_from(["fine", "lost", "late", "reply lost"]), max_size=8))
def test_what_is_lost_or_late_does_no_harm(case: str, fate: list[str]) -> None:
    # Whatever befell the messages before, a meeting at which all speak and hear makes it good:
    # the common part heard is what the others tell, and all answers are probabilities.
    net = Net(CASES[case], "ab")
    waiting: list[Parcel] = []
    for i, what in enumerate([*fate, "fine"]):
        examples = stream(24, seed=i, third=12 if i == 2 else None)
        for name in "ab":
            said = net.learn(name, [one for one in examples if home(one.task) == name])
            assert np.isfinite(said.probabilities).all()
            np.testing.assert_array_less(said.probabilities.sum(-1), 1.0 + 1e-12)
            told = net.places[name].tell()
            if what == "late":
                waiting.append(told)
            elif what != "lost" or name == "b":
                net.hub.post(told)
        for name, reply in net.hub.meet().items():
            if what != "reply lost":
                net.places[name].hear(reply)
        for parcel in waiting[:-1]:
            net.hub.post(parcel)
    last = [net.places[name].tell() for name in "ab"]
    fresh = Hub(CASES[case]())
    fresh.classes.add(net.hub.classes.names)  # in that order
    for parcel in last:
        net.hub.post(parcel)
        fresh.post(parcel)
    said_now, anew = net.hub.meet(), fresh.meet()
    memory = [leaf for _, _, leaf in tree.leaves(net.hub.memory)]
    for name in "ab":
        assert all(np.isfinite(leaf).all() for _, _, leaf in tree.leaves(said_now[name].tree))
        if not memory:  # what a meeting says depends on what was told at last, not on what was not
            assert raw(said_now[name].tree) == raw(anew[name].tree)
    for leaf in memory:
        assert np.isfinite(leaf).all()


@law
def test_two_places_that_always_meet_are_one(case: str) -> None:
    # A reply speaks of the columns and classes that its place told of, so a place hears at once
    # only of what it has met: both begin with all of them, weighing nothing.
    examples = stream(96)
    primers = {
        name: [one._replace(task=f"names {name}", weight=0.0) for one in examples] for name in "ab"
    }
    one_place = place(CASES[case](), period=1, lag=0)
    net = Net(CASES[case], "ab")
    for name in "ab":
        for example in primers[name]:
            one_place.learn(pack([example]))
            net.learn(name, [example])
            net.meet()
    together, apart = [], []
    for example in examples:
        together.append(one_place.learn(pack([example])))
        apart.append(net.learn(home(example.task), [example]))
        net.meet()
    a, b = ends(together).probabilities, ends(apart).probabilities
    for i, expert in enumerate(one_place.experts):
        if expert.startswith("independent") and case != "scaled by place":
            np.testing.assert_array_equal(a[:, i], b[:, i])
        near(a[:, i], b[:, i], 1e-4 if one_place.strategy.weigh else 1e-5)


@law
def test_joining_later_is_as_having_been_there_from_the_start(case: str) -> None:
    def run(joins: int) -> dict[str, str]:
        net = Net(CASES[case], "abc")
        for i in range(6):
            for name in "ab":
                examples = stream(24, seed=i, third=12 if i == 2 else None)
                net.learn(name, [one for one in examples if home(one.task) == name])
            if i >= 3:
                late = [one._replace(task="late") for one in stream(16, seed=i + 10)]
                net.learn("c", late)
            net.meet(*("c" if i < joins else ""))
        net.places["c"].talk.told = 0  # how often it spoke before it had anything to say
        return net.digests()

    assert run(joins=0) == run(joins=2)  # at the meeting before its first example


@law
def test_a_silent_place_stops_nobody(case: str) -> None:
    # Silence is as saying the same again.
    def run(silent: bool) -> dict[str, str]:
        net = Net(CASES[case], "abc")
        net.learn("c", [one._replace(task="mute") for one in stream(16, seed=9)])
        net.meet()
        said = net.places["c"].tell()
        for i in range(4):
            for name in "ab":
                examples = stream(24, seed=i)
                net.learn(name, [one for one in examples if home(one.task) == name])
                net.hub.post(net.places[name].tell())
            if not silent:
                net.hub.post(said._replace(number=said.number + i))
            replies = net.hub.meet()
            assert {"a", "b"} <= replies.keys()
            for name in "ab":
                assert net.places[name].hear(replies[name])
        return {name: net.places[name].digest() for name in "ab"}

    assert run(silent=True) == run(silent=False)


@law
def test_a_hub_is_gossip_on_the_complete_graph(case: str) -> None:
    # Also where one speaks seldom, a class comes midway, and a meeting is of several rounds.
    def run(gossips: bool) -> dict[str, str]:
        make = CASES[case]
        hub, gossip = Hub(make()), Gossip(make(), complete("abc"))
        exchange = gossip if gossips else hub
        places = {
            name: Place(make(), bits=BITS, period=0, name=name, hub=gossip.at(name))
            for name in "abc"
        }
        cycle(places, exchange)
        for i in range(5):
            for name in "abc":
                examples = stream(24, seed=i, third=12 if i == 2 else None)
                mine = [one._replace(task=f"{one.task} of {name}") for one in examples]
                places[name].learn(pack(mine if name == "c" else mine[:16]))
            there = {name: places[name] for name in ("ab" if i % 2 else "abc")}
            cycle(there, exchange, rounds=1 + i % 2)
        return {name: where.digest() for name, where in places.items()}

    assert run(gossips=True) == run(gossips=False)


@pytest.mark.parametrize("case", ["pooled", "shared"])
def test_who_left_the_hub_is_no_more_heard(case: str) -> None:
    net = Net(CASES[case], "ab")
    for name in "ab":
        net.learn(name, [one for one in stream(60) if home(one.task) == name])
    net.meet()
    assert any(leaf.any() for leaf in _heard(net.places["a"]))
    net.hub.forget("b")
    net.meet("b")
    assert not any(leaf.any() for leaf in _heard(net.places["a"]))


def _heard(where: Place) -> list[F64]:
    return [leaf for path, _, leaf in tree.leaves(where.bank) if path.endswith("heard")]
