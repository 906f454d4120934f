"""Data that are there from the start, and strategies that climb the dual: rounds, and meetings.

What batch experiments with `dmtrl` and `mocha` are made of. An example of weight 0 is an occasion
to work on the examples kept: a round gives each task as many as it has time for, then all meet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.papers.studies.places import BITS
from learners.features import from_arrays
from learners.place import Place
from learners.types import F64, Strategy


class Rounds:
    """Tasks with all their examples, after a first pass over them and a meeting."""

    def __init__(
        self, strategy: Strategy, X: F64, y: NDArray[np.bool_], tasks: Sequence[str]
    ) -> None:
        self.place = Place(strategy, bits=BITS, period=0, thrift=0.0)
        self.place.learn(from_arrays(tasks, X, y.tolist(), bits=BITS))
        self.meet()

    def meet(self) -> None:
        """All tell, and hear what the meeting makes of it."""
        self.place.hub.post(self.place.tell())
        for reply in self.place.hub.meet().values():
            self.place.hear(reply)

    def round(self, work: Mapping[str, int]) -> None:
        """So many occasions for each task; then all meet."""
        names = [task for task, times in work.items() for _ in range(times)]
        if names:
            none = from_arrays(names, np.zeros((len(names), 0)), [True] * len(names), bits=BITS)
            self.place.learn(none._replace(weight=np.zeros(len(names), np.float32)))
        self.meet()

    def right(self, X: F64, y: NDArray[np.bool_], tasks: Sequence[str]) -> NDArray[np.bool_]:
        """Which answers are right, by expert."""
        said = self.place.score(from_arrays(tasks, X, bits=BITS)).probabilities
        out: NDArray[np.bool_] = np.array(self.place.classes)[said.argmax(2)] == y[:, None]
        return out

    def margins(self, X: F64, tasks: Sequence[str]) -> F64:
        """What the first expert's answers for two classes are made of, w.x for True."""
        said = self.place.score(from_arrays(tasks, X, bits=BITS)).probabilities[:, 0]
        p: F64 = said[:, self.place.classes.index(True)]
        return np.log(p / (1.0 - p))

    def models(self) -> F64:
        """Weights (tasks, d, experts), by the names of tasks."""
        w = self.place.strategy.model(self.place.bank, self.place.rows(self.place.tasks))
        return np.asarray(w[:, :, 0, :], np.float64)
