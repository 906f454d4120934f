"""Rounds: who is visited and when, meetings held elsewhere, messages of what changed alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learners.coordination.scaled import scaled
from learners.coordination.together import together
from learners.exchange import Hub, Parcel
from learners.features import Example
from learners.names import Numbers
from learners.place import Place
from learners.types import Strategy
from tests.learners.laws.cases import CASES, tells
from tests.learners.made import in_blocks, pack, place, raw, same, stream

TELLING = [case for case in CASES if tells(CASES[case]())]
BY_ROW = ["drom", "laplacian", "auto"]


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Meetings of these small banks are worth holding, and rounds visit a row or few at once."""
    monkeypatch.setattr("learners.talk.FIXED", 0)
    monkeypatch.setattr("learners.talk.TOGETHER", 16)


def wide(make: Callable[[], Strategy]) -> Place:
    """A place whose rounds take several due positions each."""
    return place(make(), thrift=4.0)


def test_slow_learning_has_paid_for_a_meeting_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("learners.talk.FIXED", 4096)
    plain, slow = CASES["laplacian"](), CASES["laplacian"]()._replace(toil=8.0)
    never, often = (place(one, thrift=1.0) for one in (plain, slow))
    for here in (never, often):
        here.learn(pack(stream(300)))
    assert often.talk.told > 2 * never.talk.told > 0
    assert scaled(together(plain, slow)).toil == 8.0


@pytest.mark.parametrize("case", BY_ROW)
def test_a_round_visits_all_who_learnt_as_learning_pays_for_it(case: str) -> None:
    here = wide(CASES[case])
    told: list[Parcel] = []
    post = here.hub.post

    def noting(parcel: Parcel) -> bool:
        told.append(parcel)
        return post(parcel)

    here.hub.post = noting  # type: ignore[method-assign]
    middle = 0
    for i in range(40):
        here.learn(pack(stream(48, seed=i)))
        middle += here.talk.round is not None and 0 < here.talk.round.done
    assert len(told) > 3
    assert middle  # rounds were under way between two blocks
    assert told[0].rows is None and all(parcel.rows is not None for parcel in told[1:])
    silent = [one._replace(task="task 1") for one in stream(48 * 40, seed=77)]
    here.learn(pack(silent))
    *_, last = told
    assert last.rows is not None
    assert [last.tasks[i] for i in last.rows] == ["task 1"]
    assert set(last.tasks) == set(here.tasks)  # the others' newest word stays
    assert {name for name, _ in here.hub.tasks} == set(here.tasks)


@pytest.mark.parametrize("case", TELLING)
def test_a_snapshot_in_the_middle_of_a_round(case: str) -> None:
    here, there = wide(CASES[case]), wide(CASES[case])
    middle = 0
    for i in range(16):
        for where in (here, there):
            where.learn(pack(stream(24, seed=i, third=12 if i == 6 else None)))
            if i == 7:
                where.forget("task 1")
        middle += here.talk.round is not None and 0 < here.talk.round.done
        there = Place.restore(CASES[case](), there.snapshot())
        assert there.digest() == here.digest()
    if case in BY_ROW:
        assert middle


@pytest.mark.parametrize("case", BY_ROW)
@pytest.mark.parametrize("thrift", [0.0, 4.0])
def test_where_a_meeting_is_held_makes_no_difference(case: str, thrift: float) -> None:
    examples = stream(400, third=300)
    here, there = (place(CASES[case](), thrift=thrift) for _ in range(2))
    mix = there.hub.strategy.mix

    def slowly(*given: object) -> object:
        time.sleep(0.002)
        return mix(*given)  # type: ignore[arg-type]

    there.hub.strategy = there.hub.strategy._replace(mix=slowly)
    with ThreadPoolExecutor(1) as elsewhere:
        there.talk.executor = elsewhere
        same(in_blocks(here, examples, [10, 100]), in_blocks(there, examples, [50, 333]))
        assert here.digest() == there.digest()


@pytest.mark.parametrize("case", [*BY_ROW, "shared"])
@settings(max_examples=10)
@given(fates=st.lists(st.sampled_from(["arrives", "lost", "twice"]), max_size=6))
def test_what_changed_adds_up_to_the_whole(case: str, fates: list[str]) -> None:
    here = place(CASES[case](), period=0)
    hub, plain = Hub(here.strategy), Hub(here.strategy)
    acknowledged = 0
    for i, fate in enumerate([*fates, "arrives"]):
        some = stream(12, seed=i, tasks=2 + i, third=6 if i == 3 else None)
        here.learn(pack(some))
        if i == 2:
            here.forget("task 0")
        parcel = here.tell(acknowledged)
        if acknowledged:
            assert parcel.since == acknowledged and parcel.rows is not None
        if fate != "lost":
            assert hub.post(parcel)
            acknowledged = parcel.number
        if fate == "twice":
            assert hub.post(parcel)  # not newer, and no news
    whole = here.tell()
    known = hub.inbox["here"]
    assert raw(known.tree) == raw(whole.tree)
    for a, b in zip(known[2:7], whole[2:7], strict=True):
        np.testing.assert_array_equal(a, b)
    plain.post(whole)
    assert raw(hub.meet()["here"].tree) == raw(plain.meet()["here"].tree)


def test_a_hub_that_has_not_what_a_message_adds_to_asks_for_all() -> None:
    here = place("drom", period=0)
    here.learn(pack(stream(20)))
    hub = Hub(here.strategy)
    assert hub.post(here.tell())
    here.learn(pack(stream(20, seed=1)))
    lost = here.tell(1)
    here.learn(pack([Example("task 0", {"x": 1.0}, "ham")]))
    after = here.tell(lost.number)
    assert not hub.post(after)
    assert not Hub(here.strategy).post(lost)
    assert hub.post(here.tell(1))
    assert raw(hub.inbox["here"].tree) == raw(here.tell().tree)


def test_who_heard_something_is_told_of_again() -> None:
    here = place("laplacian", period=0)
    here.learn(pack(stream(60)))
    hub = Hub(here.strategy)
    hub.post(here.tell())
    unchanged = here.tell(1)
    assert unchanged.rows is not None and not len(unchanged.rows)
    here.hear(hub.meet()["here"])
    assert len(here.tell(2).tree[0][0].v) == len(here)


def test_which_columns_meet_follows_from_the_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many tasks meet in few columns: the same few after a restart, though columns kept coming."""
    monkeypatch.setattr("learners.talk.CELLS", 64)
    monkeypatch.setattr("learners.talk.LEAST", 8)
    random = np.random.default_rng(1)
    lessons = []
    for i in range(1200):
        some = random.permutation(6 + i // 60)[:5]
        features = {f"x{j}": float(random.normal()) for j in some}
        lessons.append(Example(f"t{random.integers(6)}", features, bool(random.random() < 0.5)))
    here = place("drom")
    here.learn(pack(lessons[:600]))
    again = Place.restore("drom", here.snapshot())
    for one in (here, again):
        one.learn(pack(lessons[600:]))
    assert here.width > here.talk._most
    assert here.digest() == again.digest()


@given(st.lists(st.lists(st.text("abc", max_size=2), unique=True), min_size=1, max_size=4))
def test_numbers_are_in_the_order_of_names(lists: list[list[str]]) -> None:
    numbers = Numbers()
    for _ in range(2):
        given = [tuple(sorted(names)) for names in lists]
        flat = [name for names in given for name in names]
        ranks = numbers.ranks(given)
        assert [flat[i] for i in np.lexsort((ranks,))] == sorted(flat)
        assert len(set(ranks.tolist())) == len(set(flat))
