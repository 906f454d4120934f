"""What a simulated run came to: predictions, messages, and how old was what was heard."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from learners.features import label_key
from learners.place import Place
from learners.progress import FLOOR
from learners.simulation.nodes import Learnt
from learners.types import F64, I64


class Said(NamedTuple):
    """What was predicted, each before its label was learnt, in the order of learning."""

    time: F64  # (n,) when it was learnt
    place: I64  # (n,) index into the names of places
    task: tuple[str, ...]  # (n,)
    wrong: NDArray[np.bool_]  # (n,)
    nats: F64  # (n,) log loss


class Traffic(NamedTuple):
    """Messages, a hub's replies among them. A byte is counted when it is sent, by its sender."""

    sent: int
    bytes: int  # as `parcels.to_bytes` makes them
    lost: int  # dropped, or cut off
    doubled: int
    stale: int  # arrived when something newer had been heard
    postponed: int  # for want of energy
    meetings: int


class Ages(NamedTuple):
    """How old what the others had told was, whenever a place heard a meeting's reply."""

    time: F64  # (m,)
    place: I64  # (m,)
    seconds: F64  # (m,) mean over the others, since they told it
    examples: F64  # (m,) likewise, that each has learnt since


class Result(NamedTuple):
    """One run of one strategy on one network."""

    places: Mapping[str, Place]  # as they are at the end, by name
    honest: Mapping[str, bool]
    said: Said
    traffic: Traffic
    sending: tuple[F64, F64]  # times, and bytes sent up to each
    bytes_of: Mapping[str, int]  # by sender
    ages: Ages

    def chosen(self, honest: bool = False) -> NDArray[np.bool_]:
        """Which predictions are of honest places; of all, unless asked for."""
        fair = np.array([self.honest[name] or not honest for name in self.places], bool)
        return fair[self.said.place]

    def error(self, honest: bool = False) -> float:
        """Share of wrong predictions; NaN of none."""
        return _mean(self.said.wrong[self.chosen(honest)])

    def log_loss(self, honest: bool = False) -> float:
        """Mean log loss; NaN of none."""
        return _mean(self.said.nats[self.chosen(honest)])

    def of_place(self, name: str) -> tuple[int, float, float, float, float]:
        """Examples, error, log loss, and mean age in seconds and in examples, of one place."""
        at = list(self.places).index(name)
        mine, heard = self.said.place == at, self.ages.place == at
        return (
            int(mine.sum()), _mean(self.said.wrong[mine]), _mean(self.said.nats[mine]),
            _mean(self.ages.seconds[heard]), _mean(self.ages.examples[heard]),
        )  # fmt: skip

    def curve(self, points: int = 60, honest: bool = False) -> list[tuple[float, int, float, int]]:
        """(time, examples, error over all of them, bytes sent) along the way."""
        kept = self.chosen(honest)
        wrong, times = np.cumsum(self.said.wrong[kept]), self.said.time[kept]
        ends = np.unique(np.linspace(0, len(times), points + 1).astype(int)[1:])
        ends = ends[ends > 0]
        when, spent = self.sending
        out = []
        for n in ends.tolist():
            at = int(np.searchsorted(when, times[n - 1], "right"))
            sent = int(spent[at - 1]) if at else 0
            out.append((float(times[n - 1]), n, float(wrong[n - 1] / n), sent))
        return out


class Record:
    """What a run notes on its way."""

    def __init__(self) -> None:
        self.said: list[tuple[float, int, int, str, bool, float]] = []
        self.sending: list[tuple[float, int]] = []
        self.ages: list[tuple[float, int, float, float]] = []
        self.bytes_of: dict[str, int] = {}
        self.sent = self.lost = self.doubled = self.stale = self.meetings = 0

    def learnt(self, place: int, one: Learnt) -> None:
        """Predictions of a place."""
        times = np.repeat(one.times, one.sizes)
        order = {label_key(c): i for i, c in enumerate(one.scored.classes)}
        into = np.array([*(order[label_key(c)] for c in one.batch.classes), -1], np.int64)
        labels = into[one.batch.label]
        answers = one.scored.probabilities[:, 0]
        for i, (time, label) in enumerate(zip(times.tolist(), labels.tolist(), strict=True)):
            right, best = answers[i, label], int(answers[i].argmax())
            wrong = best != label or not right > 0.0
            nats = -math.log(right if right > FLOOR else FLOOR)
            task = one.batch.tasks[one.batch.task[i]]
            self.said.append((time, len(self.said), place, task, wrong, nats))

    def send(self, now: float, sender: str, size: int, copies: int) -> None:
        """A message on its way, with what the network makes of it."""
        self.sent += 1
        self.lost += copies == 0
        self.doubled += copies > 1
        self.bytes_of[sender] = self.bytes_of.get(sender, 0) + size
        self.sending.append((now, size))

    def result(self, places: Mapping[str, Place], liars: set[str], postponed: int) -> Result:
        """All of it."""
        time, _, place, task, wrong, nats = zip(*sorted(self.said), strict=True)
        when, sizes = np.array(self.sending or np.zeros((0, 2)), np.float64).T
        ages = np.array(self.ages or np.zeros((0, 4)), np.float64).T
        total = sum(self.bytes_of.values())
        return Result(
            places, {name: name not in liars for name in places},
            Said(np.array(time), np.array(place), task, np.array(wrong, bool), np.array(nats)),
            Traffic(self.sent, total, self.lost, self.doubled, self.stale, postponed,
                    self.meetings),
            (when, np.cumsum(sizes)), dict(self.bytes_of),
            Ages(ages[0], ages[1].astype(np.int64), ages[2], ages[3]),
        )  # fmt: skip


def _mean(values: F64 | NDArray[np.bool_]) -> float:
    return float(np.mean(values)) if len(values) else math.nan
