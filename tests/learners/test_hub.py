"""The hub: versions, births, and the union of columns and classes that places name differently."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from learners import tree
from learners.exchange import Hub, reclass
from learners.features import Example
from learners.place import Place
from learners.types import F32, Inbox, Label, Shape, Tree
from tests.learners.laws.cases import CASES
from tests.learners.made import BITS, pack, raw, stream

NAMES: list[Label] = ["ham", "spam", 1, "1", True]
ORDERS = st.lists(st.sampled_from(range(5)), unique=True, max_size=5).map(
    lambda found: tuple(NAMES[i] for i in found)
)


class Leaf(NamedTuple):
    w: Annotated[F32, "tdke"]
    g: Annotated[F32, "tdKe"]


def columns(one: Leaf, classes: tuple[Label, ...]) -> dict[tuple[str, object], list[float]]:
    """What a tree says of each class, whichever way it is folded."""
    out: dict[tuple[str, object], list[float]] = {}
    for i, name in enumerate(classes):
        key = (type(name).__name__, name)
        if one.w.shape[2] == 1:
            out[key] = ((i - 0.5) * one.w[:, :, 0]).ravel().tolist()
        else:
            w = one.w[:, :, i]
            out[key] = w.ravel().tolist()
    return out


def made(classes: int, seed: int) -> Leaf:
    random = np.random.default_rng(seed)
    like: Leaf = tree.zeros(Leaf, Shape(2, 3, classes), 2)
    filled: Leaf = tree.map(lambda _, leaf: random.normal(size=leaf.shape).astype("f4"), like)
    return filled if classes > 1 else like  # of one class there is nothing to learn


@given(ORDERS, st.permutations(range(5)), st.integers(0, 9))
def test_renaming_there_and_back_changes_nothing(
    have: tuple[Label, ...], order: list[int], seed: int
) -> None:
    one = made(len(have), seed)
    want = tuple(NAMES[i] for i in order)  # all five, in any order
    there = reclass(one, have, want)
    assert there.w.shape[2] == 5
    back = reclass(there, want, have)
    assert raw(back) == raw(one)
    if len(have) > 1:
        said, kept = columns(there, want), columns(one, have)
        for key, values in kept.items():
            np.testing.assert_allclose(said[key], values, rtol=1e-7)
        for key in said.keys() - kept.keys():
            assert not any(said[key])


@given(st.permutations(range(3)), st.integers(0, 9))
def test_several_classes_are_only_moved(order: list[int], seed: int) -> None:
    have, want = tuple(NAMES[:3]), tuple(NAMES[i] for i in order)
    one = made(3, seed)
    moved = reclass(one, have, want)
    np.testing.assert_array_equal(moved.w, one.w[:, :, order])
    np.testing.assert_array_equal(moved.g, one.g[:, :, order])


def test_two_classes_the_other_way_round_turn_the_margin() -> None:
    one = made(2, 0)
    turned = reclass(one, ("ham", "spam"), ("spam", "ham"))
    np.testing.assert_array_equal(turned.w, -one.w)
    np.testing.assert_array_equal(turned.g, one.g)


class Spy(NamedTuple):
    """A strategy whose meeting keeps what it was given."""

    heard: list[Inbox]

    def hub(self) -> Hub:
        inner = CASES["shared"]()

        def mix(memory: Tree, inbox: Inbox) -> Tree:
            self.heard.append(inbox)
            return inner.mix(memory, inbox)

        return Hub(inner._replace(mix=mix))


def test_a_meeting_sees_one_order_whatever_the_places_history() -> None:
    # Two hubs, whose places met the same features, tasks and classes in another order.
    first, second = stream(60), list(reversed(stream(60)))
    told = []
    for examples in (first, second):
        spy = Spy([])
        hub = spy.hub()
        here = Place(CASES["shared"](), bits=BITS, period=0, name="a", hub=hub)
        here.learn(pack(examples))
        hub.post(here.tell())
        hub.meet()
        told.append((hub.ids.tolist(), [name for name, _ in hub.tasks], spy.heard[0].tasks))
    assert told[0] == told[1]
    assert told[0][0] == sorted(told[0][0])
    assert told[0][1] == sorted(told[0][1]) == list(told[0][2])


def test_classes_in_another_order_are_one_meeting_s_classes() -> None:
    hub = Hub(CASES["pooled"]())
    places = {}
    for name, labels in {"a": ("ham", "spam"), "b": ("spam", "ham"), "c": ("eggs", "spam")}.items():
        here = Place(CASES["pooled"](), bits=BITS, period=0, name=name, hub=hub)
        here.learn(pack([Example(name, {}, label, 0.0) for label in labels]))
        for i in range(30):
            word = labels[i % 2]
            here.learn(pack([Example(name, {"says": word}, word)]))
        hub.post(here.tell())
        places[name] = here
    assert hub.inbox["a"].classes != hub.inbox["b"].classes
    for name, reply in hub.meet().items():
        assert reply.classes == places[name].classes
        assert places[name].hear(reply)
    for label in ("ham", "spam"):  # together they know better than each alone
        for name in "ab":
            said = places[name].score(pack([Example("new", {"says": label}, None)]))
            assert said.classes[int(said.probabilities[0, 0].argmax())] == label
    # What c says of eggs is no one else's business; what it says of spam is.
    heard = {name: p.bank.bank.heard[:, :, 0] for name, p in places.items()}
    assert heard["a"].shape[1] == 1
    assert all(np.abs(leaf).any() for leaf in heard.values())


def test_of_a_task_told_by_two_places_the_newer_life_and_then_the_more_learnt_counts() -> None:
    spy = Spy([])
    hub = spy.hub()
    old, new = (Place(CASES["shared"](), bits=BITS, period=0, name=n, hub=hub) for n in "ab")
    old.learn(pack([one._replace(task="moved") for one in stream(20)]))
    new.learn(pack([one._replace(task="else") for one in stream(20)]))
    new.learn(pack([one._replace(task="moved") for one in stream(5)]))
    for where in (old, new):
        hub.post(where.tell())
    replies = hub.meet()
    assert hub.tasks == [("else", 1), ("moved", 21)]  # the later birth, though it has learnt less
    assert spy.heard[-1].senders.tolist() == [1, 1]
    assert spy.heard[-1].seen.tolist() == [20, 5]
    assert replies["a"].tasks == ()
    assert replies["b"].tasks == ("else", "moved")
    # Of one life, who has learnt more.
    told = new.tell()
    hub.post(told._replace(place="c", number=1, seen=told.seen + 1))
    hub.meet()
    assert spy.heard[-1].senders.tolist() == [2, 2]


def test_a_memory_follows_its_tasks_and_columns() -> None:
    hub = Hub(CASES["drom"]())
    here = Place(CASES["drom"](), bits=BITS, period=0, hub=hub)
    here.learn(pack(stream(60)))
    for _ in range(2):
        hub.post(here.tell())
        here.hear(hub.meet()["here"])
    before = {n: hub.memory[0].Z[i] for i, (n, _) in enumerate(hub.tasks)}
    ids = hub.ids
    here.forget("task 1")
    here.learn(pack([Example("a first", {"a new": 1.0}, "ham"), Example("task 1", {}, "spam")]))
    assert hub.memory[0].Z.shape[:2] == (len(hub.tasks), len(hub.ids))
    hub.post(here.tell())
    parcel = here.tell()
    shape = Shape(len(parcel.tasks), len(parcel.ids), 2)
    hub._remember(parcel.tasks, parcel.births, parcel.ids, shape)
    kept = np.searchsorted(hub.ids, ids)
    for i, (name, _) in enumerate(hub.tasks):
        if name in ("a first", "task 1"):
            assert not hub.memory[0].Z[i].any(), name  # new, or born anew
        else:
            np.testing.assert_array_equal(hub.memory[0].Z[i][kept], before[name])
            assert before[name].any()


def test_a_message_that_is_not_newer_is_dropped() -> None:
    hub = Hub(CASES["pooled"]())
    here = Place(CASES["pooled"](), bits=BITS, period=0, hub=hub)
    here.learn(pack(stream(20)))
    first = here.tell()
    here.learn(pack(stream(20, seed=1)))
    second = here.tell()
    hub.post(second)
    hub.post(first)
    assert hub.inbox["here"] is second
    assert hub.meet().keys() == {"here"}
    hub.post(second)
    assert hub.meet() == {}
    assert hub.number == 1


def test_a_hub_may_meet_before_anyone_has_learnt() -> None:
    for case, make in CASES.items():
        hub = Hub(make())
        here = Place(make(), bits=BITS, period=0, hub=hub)
        hub.post(here.tell())
        reply = hub.meet()["here"]
        assert here.hear(reply), case
        here.learn(pack(stream(10, third=3)))
        assert here.hear(reply._replace(number=2)), case
        assert len(here.learn(pack(stream(10))).probabilities) == 10
