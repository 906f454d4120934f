"""Labels that come later than the questions they answer.

Delayed progressive validation, as river's `stream.simulate_qa` does it (Grzenda, Gomes and Bifet,
Delayed labelling evaluation for data streams, DMKD 34, 2020).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator

from streams.event import Event


def delayed(
    events: Iterable[Event], delay: float | Callable[[Event], float], *, by_time: bool = False
) -> Iterator[tuple[int, Event]]:
    """Ask every event without its label, and answer it with the label `delay` later.

    The moment of event i is i, or its time `t`. An answer comes before the first question whose
    moment has reached the question's own plus the delay; those still due at the end come then, in
    order. With a delay of 0 every question is followed by its answer: the plain loop. Events that
    have no label are asked and never answered. Holds the events that wait for their answer.

    >>> events = [Event("a", {"n": i}, i % 2 == 0) for i in range(3)]
    >>> [(i, "?" if event.y is None else event.y) for i, event in delayed(events, 2)]
    [(0, '?'), (1, '?'), (0, True), (2, '?'), (1, False), (2, True)]

    Yields:
        (i, event): a question, whose label is None, or the answer to question i.

    Raises:
        ValueError: a delay is negative or not a number; by time, and an event has none.
    """
    waiting: list[tuple[float, int, Event]] = []
    for i, event in enumerate(events):
        if by_time and event.t is None:
            raise ValueError(f"event {i} of task {event.task!r} has no time: "
                             "name the column that holds it, or delay by count")
        moment = event.t if by_time and event.t is not None else float(i)
        lag = delay(event) if callable(delay) else delay
        if not lag >= 0:
            raise ValueError(f"the delay of event {i} is {lag}: give 0 or more")
        while waiting and waiting[0][0] <= moment:
            _, earlier, answer = heapq.heappop(waiting)
            yield earlier, answer
        yield i, event._replace(y=None)
        if event.y is not None:
            heapq.heappush(waiting, (moment + lag, i, event))
    while waiting:
        _, earlier, answer = heapq.heappop(waiting)
        yield earlier, answer
