"""A machine that a place runs on: as slow as it is, with as much energy as it has."""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

from learners.features.examples import Batch, join
from learners.place import Place, Scored


class Arrival(NamedTuple):
    """A batch of examples that comes to a place, all at one time."""

    time: float
    place: str
    batch: Batch


class Energy(NamedTuple):
    """What a node may do in each stretch of so many seconds; the rest it does in the next ones.

    To tell all neighbours once is one message, as a radio does it.
    """

    messages: int
    seconds: float
    updates: int | None = None  # batches learnt; None: any number

    @classmethod
    def parse(cls, text: str) -> Energy:
        """An energy from MESSAGES/SECONDS or MESSAGES,UPDATES/SECONDS.

        >>> Energy.parse("2,50/100")
        Energy(messages=2, seconds=100.0, updates=50)

        Raises
        ------
        ValueError
            when it is not of that form.
        """
        counts, _, seconds = text.partition("/")
        messages, comma, updates = counts.partition(",")
        try:
            made = cls(int(messages), float(seconds), int(updates) if comma else None)
            if made.messages < 0 or not 0 < made.seconds < math.inf or made.updates == 0:
                raise ValueError
            if made.updates is not None and made.updates < 0:
                raise ValueError
        except ValueError:
            raise ValueError(f"energy: {text!r} is not MESSAGES[,UPDATES]/SECONDS") from None
        return made


class Learnt(NamedTuple):
    """What was learnt together, when each part was, and what was said of it before."""

    times: list[float]
    batch: Batch
    scored: Scored
    sizes: list[int]


class Node:
    """A place with a queue of what has come and is not learnt yet.

    Learning a batch equals learning its parts one by one, so nothing is learnt before something
    needs to know the place's state.
    """

    def __init__(self, place: Place, slow: float = 0.0, energy: Energy | None = None) -> None:
        self.place, self.slow, self.energy = place, slow, energy
        self.free = 0.0  # when all that has come will be learnt
        self.postponed = 0  # messages
        self.waiting = False  # for energy to send one
        self._queue: deque[tuple[float, Batch]] = deque()
        self._spent = {"messages": (-1, 0), "updates": (-1, 0)}  # stretch, and spent in it

    def take(self, arrival: Arrival) -> float:
        """Put a batch into the queue; when it will be learnt: after `slow` seconds an example."""
        begin = max(arrival.time, self.free)
        if self.energy is not None and self.energy.updates is not None:
            begin = self._afford("updates", begin, self.energy.updates)
        self.free = begin + self.slow * len(arrival.batch.task)
        self._queue.append((self.free, arrival.batch))
        return self.free

    def may_tell(self, now: float) -> float:
        """When a message can be sent: now, which is paid for; or later, or never (infinity)."""
        if self.energy is None:
            return now
        if not self.energy.messages:
            return math.inf
        stretch, spent = self._spent["messages"]
        at = self._stretch(now)
        if at == stretch and spent >= self.energy.messages:
            self.postponed += 1
            return (at + 1) * self.energy.seconds
        return self._afford("messages", now, self.energy.messages)

    def _stretch(self, now: float) -> int:
        """The number of the stretch that a time is in, also where rounding is against it."""
        assert self.energy is not None
        at = int(now // self.energy.seconds)
        return at + 1 if (at + 1) * self.energy.seconds <= now else at

    def _afford(self, what: str, now: float, most: int) -> float:
        """The first time from now on at which there is energy; it is spent."""
        assert self.energy is not None
        stretch, spent = self._spent[what]
        at = max(self._stretch(now), stretch)
        if at == stretch and spent >= most:
            at += 1
        self._spent[what] = (at, spent + 1 if at == stretch else 1)
        return max(now, at * self.energy.seconds)

    def learnt(self, now: float) -> int:
        """Examples that the place has learnt by then."""
        waiting = sum(len(batch.task) for time, batch in self._queue if time <= now)
        return self.place.position + waiting

    def catch_up(self, now: float) -> Learnt | None:
        """Learn what was due by then."""
        times, parts = [], []
        while self._queue and self._queue[0][0] <= now:
            time, batch = self._queue.popleft()
            times.append(time)
            parts.append(batch)
        if not parts:
            return None
        batch = join(parts)
        return Learnt(times, batch, self.place.learn(batch), [len(p.task) for p in parts])
