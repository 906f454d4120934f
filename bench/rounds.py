"""Contenders take turns, so that what the machine does meanwhile meets all of them alike."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

Turn = Callable[[], Mapping[str, float]]  # one measurement: measure -> value
Start = Callable[[], Callable[[], object]]  # makes a fresh learner; what it returns is timed
Samples = dict[str, list[float]]  # measure -> its value in each round


class Spread(NamedTuple):
    """What the rounds gave."""

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Median, least and most.

    >>> spread([3.0, 1.0, 7.0])
    Spread(median=3.0, low=1.0, high=7.0)
    """
    return Spread(statistics.median(values), min(values), max(values))


def take_turns(turns: Mapping[str, Turn], rounds: int, warm: bool = True) -> dict[str, Samples]:
    """Every contender once a round.

    Before it, with `warm`, one turn each that is not counted: loops are compiled, caches filled.

    >>> take_turns({"a": lambda: {"size": 1.0}, "b": lambda: {"size": 2.0}}, 2)
    {'a': {'size': [1.0, 1.0]}, 'b': {'size': [2.0, 2.0]}}
    """
    samples: dict[str, Samples] = {name: {} for name in turns}
    gc.collect()
    gc.freeze()  # what is there now is looked through no more, so collecting a turn's rest is quick
    for round_ in range(0 if warm else 1, rounds + 1):
        for name, turn in turns.items():
            found = turn()
            if round_:
                for measure, value in found.items():
                    samples[name].setdefault(measure, []).append(value)
    gc.unfreeze()
    return samples


def work(start: Start, examples: int) -> Turn:
    """A turn of work in this process: `rate`, examples a second of CPU time, and `us` for each.

    What `start` does is not timed, nor is the collection of what it left behind.
    """

    def turn() -> Mapping[str, float]:
        go = start()
        gc.collect()
        began = time.process_time()
        go()
        took = time.process_time() - began
        return {"rate": examples / took, "us": 1e6 * took / examples}

    return turn
