"""Delayed labels, with river's simulate_qa as the oracle."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from river.stream import simulate_qa

from streams import Event, delayed

times = st.lists(st.integers(0, 9), max_size=30).map(sorted)


def pairs(events: list[Event]) -> Any:
    """The events as river's sets are."""
    return [(event.x, event.y) for event in events]


def asked(event: Event) -> bool:
    return event.y is None


@given(st.integers(0, 20), st.integers(0, 25))
def test_a_constant_delay_by_count_is_rivers(n: int, delay: int) -> None:
    events = [Event("a", {"i": i}, i % 3) for i in range(n)]
    said = delayed(events, delay)
    assert [(i, e.x, e.y) for i, e in said] == list(simulate_qa(pairs(events), None, delay))


@given(times, st.lists(st.integers(0, 9), min_size=30, max_size=30))
def test_a_delay_of_each_event_by_time_is_rivers(moments: list[int], lags: list[int]) -> None:
    events = [
        Event("a", {"t": t, "lag": lag}, 1, float(t))
        for t, lag in zip(moments, lags, strict=False)
    ]
    said = delayed(events, lambda event: float(str(event.x["lag"])), by_time=True)
    assert [(i, e.x, e.y) for i, e in said] == list(simulate_qa(pairs(events), "t", "lag"))


@given(times)
def test_no_delay_is_the_plain_loop(moments: list[int]) -> None:
    events = [Event("a", {"n": i}, i, float(t)) for i, t in enumerate(moments)]
    plain = [pair for i, e in enumerate(events) for pair in ((i, e._replace(y=None)), (i, e))]
    assert list(delayed(events, 0)) == plain
    assert list(delayed(events, 0, by_time=True)) == plain


def test_what_has_no_label_is_asked_and_never_answered() -> None:
    events = [Event("a", {}, None), Event("a", {}, False), Event("a", {}, 0)]
    said = list(delayed(events, 5))
    assert [i for i, event in said if asked(event)] == [0, 1, 2]
    assert [(i, event.y) for i, event in said if not asked(event)] == [(1, False), (2, 0)]


@pytest.mark.parametrize("delay", [-1.0, float("nan")])
def test_the_delay_is_checked(delay: float) -> None:
    with pytest.raises(ValueError, match="the delay of event 0 is"):
        list(delayed([Event("a", {}, 1)], delay))


def test_by_time_wants_times() -> None:
    with pytest.raises(ValueError, match="event 0 of task 'a' has no time"):
        list(delayed([Event("a", {}, 1)], 1, by_time=True))
