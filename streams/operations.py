"""Operations on streams: iterables of events in, the same out, lazy where they can be."""

from __future__ import annotations

import heapq
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice

from streams.event import Event, Label, Value


def take(events: Iterable[Event], count: int) -> Iterator[Event]:
    """The first `count` events.

    >>> [event.y for event in take((Event("a", {}, i) for i in range(9)), 3)]
    [0, 1, 2]
    """
    return islice(events, count)


def shuffle(events: Iterable[Event], seed: int = 0) -> list[Event]:
    """All events in a random order that the seed fixes; holds them all.

    >>> [event.y for event in shuffle((Event("a", {}, i) for i in range(5)), seed=3)]
    [0, 2, 3, 4, 1]
    """
    held = list(events)
    random.Random(seed).shuffle(held)
    return held


def interleave(*streams: Iterable[Event], by_time: bool = False) -> Iterator[Event]:
    """Several streams as one: an event of each in turn until all have ended, or all by their time.

    >>> a, b = [Event("a", {}, t=1.0), Event("a", {}, t=2.0)], [Event("b", {}, t=3.0)]
    >>> [event.task for event in interleave(a, b)]
    ['a', 'b', 'a']
    >>> [event.task for event in interleave(a, b, by_time=True)]
    ['a', 'a', 'b']

    Raises:
        ValueError: by time, and an event has none.
    """
    if by_time:
        yield from heapq.merge(*streams, key=_time)
        return
    waiting = [iter(stream) for stream in streams]
    while waiting:
        for stream in tuple(waiting):
            try:
                yield next(stream)
            except StopIteration:
                waiting.remove(stream)


def pace(
    events: Iterable[Event],
    *,
    rate: float | None = None,
    speedup: float | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> Iterator[Event]:
    """Hold each event back until it is due, by sleeping; a late reader is not made later.

    With `rate`, event i is due i / rate seconds after the first; with `speedup`, when the stream's
    own time has passed, that many times as fast.

    >>> naps = []
    >>> both = [Event("a", {}, t=60.0), Event("a", {}, t=90.0)]
    >>> [e.t for e in pace(both, speedup=10, clock=lambda: sum(naps), sleep=naps.append)], naps
    ([60.0, 90.0], [3.0])

    Raises:
        ValueError: not exactly one of the two, one not positive, or an event without time.
    """
    speed = rate if speedup is None else speedup
    if (rate is None) == (speedup is None) or speed is None or not speed > 0:
        raise ValueError(f"rate={rate}, speedup={speedup}: give one of them, positive")
    return _paced(events, speed, speedup is not None, clock, sleep)


def _paced(
    events: Iterable[Event],
    speed: float,
    by_time: bool,
    clock: Callable[[], float],
    sleep: Callable[[float], object],
) -> Iterator[Event]:
    begun = first = None
    for i, event in enumerate(events):
        moment = _time(event) if by_time else float(i)
        if begun is None or first is None:
            begun, first = clock(), moment
        wait = begun + (moment - first) / speed - clock()
        if wait > 0:
            sleep(wait)
        yield event


def relabel(
    events: Iterable[Event], change: Mapping[Label, Label] | Callable[[Label], Label]
) -> Iterator[Event]:
    """Every label changed by a mapping (what is not in it stays) or a function.

    >>> scores = [Event("school", {}, 17), Event("school", {}, 31)]
    >>> [event.y for event in relabel(scores, lambda score: score > 20)]
    [False, True]
    """
    turn = change if callable(change) else lambda y: change.get(y, y)
    return (event if event.y is None else event._replace(y=turn(event.y)) for event in events)


def hostile(
    events: Iterable[Event], task: str, share: float = 0.5, factor: float = 1e6, seed: int = 0
) -> Iterator[Event]:
    """One task's numbers times `factor`, in a share of its examples that the seed fixes.

    Numbers, lists of numbers and amounts of bags are scaled; booleans and words stay.

    >>> calm = [Event("a", {"x": 2.0, "words": "to be"}), Event("b", {"x": 2.0})]
    >>> [event.x for event in hostile(calm, "a", share=1)]
    [{'x': 2000000.0, 'words': 'to be'}, {'x': 2.0}]

    Raises:
        ValueError: the share is outside [0, 1].
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share={share}: give a share between 0 and 1")
    rng = random.Random(seed)
    return (
        event._replace(x={name: _scaled(value, factor) for name, value in event.x.items()})
        if event.task == task and rng.random() < share
        else event
        for event in events
    )


def _scaled(value: Value, factor: float) -> Value:
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (int, float)):
        return value * factor
    if isinstance(value, Mapping):
        return {token: amount * factor for token, amount in value.items()}
    return [item if isinstance(item, (bool, str)) else item * factor for item in value]  # type: ignore[return-value]


def _time(event: Event) -> float:
    if event.t is None:
        raise ValueError(f"an event of task {event.task!r} has no time: "
                         "name the column that holds it, or go by count")
    return event.t
