"""Operations on streams."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams import Event, Value, hostile, interleave, pace, relabel, shuffle, take


def counted(task: str, n: int) -> list[Event]:
    return [Event(task, {"n": float(i)}, i, float(i)) for i in range(n)]


def test_take_reads_no_further() -> None:
    endless = (Event("a", {}, i) for i in itertools.count())
    assert [event.y for event in take(endless, 2)] == [0, 1]
    assert next(endless).y == 2


def test_shuffle_is_a_permutation_that_the_seed_fixes() -> None:
    events = counted("a", 100)
    once = shuffle(events, 1)
    assert once == shuffle(iter(events), 1)
    assert once != shuffle(events, 2)
    assert once != events
    assert sorted(once, key=lambda event: event.t or 0) == events


def test_interleave_takes_turns_until_all_have_ended() -> None:
    mixed = interleave(counted("a", 1), counted("b", 3), counted("c", 0), counted("d", 2))
    assert [(event.task, event.y) for event in mixed] == [
        ("a", 0), ("b", 0), ("d", 0), ("b", 1), ("d", 1), ("b", 2),
    ]  # fmt: skip


def test_interleave_by_time_merges_and_keeps_ties_in_order() -> None:
    mixed = list(interleave(counted("a", 3), counted("b", 2), by_time=True))
    assert [(event.t, event.task) for event in mixed] == [
        (0, "a"), (0, "b"), (1, "a"), (1, "b"), (2, "a"),
    ]  # fmt: skip
    with pytest.raises(ValueError, match="task 'c' has no time"):
        list(interleave([Event("c", {})], by_time=True))


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


def test_pace_by_rate() -> None:
    clock = Clock()
    events = pace(counted("a", 5), rate=4, clock=clock, sleep=clock.sleep)
    assert [clock.now for _ in events] == [100, 100.25, 100.5, 100.75, 101]


def test_pace_by_time_catches_up_with_a_slow_reader() -> None:
    clock, due = Clock(), []
    for event in pace(counted("a", 5), speedup=0.5, clock=clock, sleep=clock.sleep):
        due.append(clock.now)
        if event.y == 1:
            clock.now += 5  # the reader works; events 2, 3 and 4 were due at 104, 106 and 108
    assert due == [100, 102, 107, 107, 108]


@pytest.mark.parametrize("how", [{}, {"rate": 1.0, "speedup": 1.0}, {"rate": 0.0}, {"speedup": -1}])
def test_pace_wants_one_positive_speed(how: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="give one of them, positive"):
        pace([], **how)  # type: ignore[arg-type]  # the clock is not among them


def test_pace_by_time_wants_times() -> None:
    with pytest.raises(ValueError, match="task 'a' has no time"):
        list(pace([Event("a", {})], speedup=1))


def test_relabel_leaves_what_has_no_label() -> None:
    events = [Event("a", {}, "yes"), Event("a", {}), Event("a", {}, "no"), Event("a", {}, False)]
    assert [event.y for event in relabel(events, {"yes": 1, "no": 0})] == [1, None, 0, False]
    assert [event.y for event in relabel(events, str)] == ["yes", None, "no", "False"]


def test_hostile_scales_half_of_one_task_and_nothing_else() -> None:
    calm = list(interleave(counted("a", 400), counted("b", 400)))
    storm = list(hostile(calm, "a", seed=3))
    assert storm == list(hostile(calm, "a", seed=3))
    pairs = list(zip(calm, storm, strict=True))
    changed = [old for old, new in pairs if new != old]
    assert {event.task for event in changed} == {"a"}
    assert 150 < len(changed) < 250
    assert all(new.x["n"] == 1e6 * old.t for old, new in pairs if old in changed and old.t)
    assert [event.y for event in storm] == [event.y for event in calm]


def test_hostile_scales_every_kind_of_number() -> None:
    x: dict[str, Value] = {
        "f": 2, "b": True, "s": "one two", "l": [1.0, 2.0], "c": ["x"], "m": {"17": 3.0}, "n": None,
    }  # fmt: skip
    [event] = hostile([Event("a", x)], "a", share=1, factor=10)
    assert event.x == {
        "f": 20, "b": True, "s": "one two", "l": [10, 20], "c": ["x"], "m": {"17": 30}, "n": None,
    }  # fmt: skip
    assert x["f"] == 2
    with pytest.raises(ValueError, match="share=2"):
        hostile([], "a", share=2)


@given(st.lists(st.integers(0, 5), max_size=5))
def test_interleave_loses_nothing(lengths: list[int]) -> None:
    streams = [counted(str(i), n) for i, n in enumerate(lengths)]
    mixed = list(interleave(*streams))
    for i, stream in enumerate(streams):
        assert [event for event in mixed if event.task == str(i)] == stream
