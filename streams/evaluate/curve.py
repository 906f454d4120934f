"""Learning curves of a bounded number of points, however long the stream."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from streams.evaluate.tally import Outcome


class Point(NamedTuple):
    """Where a learning curve stands after so many examples."""

    examples: int
    error: float  # over all examples so far
    log_loss: float  # likewise, mean nats
    recent_error: float  # over the examples since the point before
    recent_log_loss: float  # likewise


class Curve:
    """Totals at equal distances; when twice `points` are held every second one is let go."""

    def __init__(self, points: int) -> None:
        self._points = points
        self._stride = 1
        self._examples, self._wrong, self._nats = 0, 0, 0.0
        self._marks: list[tuple[int, int, float]] = []  # examples, wrong, nats at each

    def add(self, seen: Outcome) -> None:
        """Add the outcomes of examples, in order."""
        n = len(seen.wrong)
        if not n:
            return
        wrong = self._wrong + np.cumsum(seen.wrong)
        nats = np.cumsum(np.concatenate(([self._nats], seen.log_loss)))[1:]  # as one by one
        at = np.arange(self._stride - 1 - self._examples % self._stride, n, self._stride)
        new = (self._examples + 1 + at, wrong[at], nats[at])
        self._marks += zip(*(column.tolist() for column in new), strict=True)
        while len(self._marks) >= 2 * self._points:
            self._stride *= 2
            self._marks = self._marks[1::2]
        self._examples += n
        self._wrong, self._nats = int(wrong[-1]), float(nats[-1])

    def points(self) -> list[Point]:
        """The curve so far; its last point is now."""
        marks = list(self._marks)
        if self._examples and (not marks or marks[-1][0] < self._examples):
            marks.append((self._examples, self._wrong, self._nats))
        curve, before = [], (0, 0, 0.0)
        for mark in marks:
            n, wrong, nats = mark
            since, slips, lost = (now - then for now, then in zip(mark, before, strict=True))
            curve.append(Point(n, wrong / n, nats / n, slips / since, lost / since))
            before = mark
        return curve
