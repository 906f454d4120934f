"""What becomes of a message on its way: it is lost, late, doubled, or cut off."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from learners.simulation.delays import Delay

HUB = "hub"  # its name as an end of a link, and in partitions


class Partition(NamedTuple):
    """From `start` on, until `stop`, some cannot talk with the rest; each group can within itself.

    A place that is cut off alone has dropped out, for good if there is no `stop`.
    """

    start: float
    stop: float
    cut: frozenset[str]

    @classmethod
    def parse(cls, text: str) -> Partition:
        """A partition from START-STOP:PLACE,PLACE,... (STOP may be missing).

        >>> Partition.parse("10-20:a")
        Partition(start=10.0, stop=20.0, cut=frozenset({'a'}))

        Raises
        ------
        ValueError
            when it is not of that form.
        """
        times, _, names = text.partition(":")
        start, dash, stop = times.partition("-")
        try:
            begin, end = float(start), float(stop) if stop else math.inf
            if not (dash and names and 0 <= begin < end):
                raise ValueError
        except ValueError:
            raise ValueError(f"partition: {text!r} is not START-STOP:PLACE,PLACE,...") from None
        return cls(begin, end, frozenset(names.split(",")))


class Network(NamedTuple):
    """The fate of messages; by default all arrive once and at once."""

    delay: Delay = Delay()
    links: Mapping[tuple[str, str], Delay] = {}  # (sender, receiver) -> its own delay
    drop: float = 0.0  # probability that a message is lost
    duplicate: float = 0.0  # that one which is not lost arrives twice, each late in its own way
    partitions: tuple[Partition, ...] = ()

    def arrivals(
        self, sender: str, receiver: str, now: float, random: np.random.Generator
    ) -> list[float]:
        """When a message sent now arrives: never, once, or twice. So later ones may overtake it."""
        for part in self.partitions:
            if part.start <= now < part.stop and (sender in part.cut) != (receiver in part.cut):
                return []
        if self.drop and random.random() < self.drop:
            return []
        copies = 1 + (self.duplicate > 0 and random.random() < self.duplicate)
        delay = self.links.get((sender, receiver), self.delay)
        return [now + delay.draw(random) for _ in range(copies)]
