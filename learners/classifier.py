"""River's face: a place of tasks that learn together, as one classifier of river."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from river import base
from river.utils import dataframe

from learners.features import BITS, Batch, Example, batch, from_arrays
from learners.place import PERIOD, Place
from learners.types import F64, Label

DEFAULT = "default"  # the task of examples that name none


class MultiTaskClassifier(base.MiniBatchClassifier):
    """Many classification problems that learn from each other, and none pays for it.

    Each example belongs to a task, which its features name (`x["task"]`) or the argument `task`
    does; those that name none are all of one task. Tasks, classes and features may be new at any
    time. Features are numbers, booleans, strings (of which the words are learnt), lists, and bags:
    mappings of tokens to numbers. `learners.features` says more.

    Parameters
    ----------
    strategy
        how tasks learn from each other: a name of `learners.coordination.CATALOG`,
        `river:MODULE.CLASS`, or several of these with `+` between. The default mixes many experts
        and needs no settings, neither scaled features nor a learning rate.
    task
        name of the feature that names the task; the task itself is not learnt from
    bits
        features are hashed to 2**bits ids
    period
        examples between the tasks' meetings
    seed
        of what is random in the strategy

    Attributes
    ----------
    place
        where the tasks live: `place.tasks`, `place.view(task)`, `place.relations()`,
        `place.forget(task)`

    Examples
    --------
    >>> from river import datasets, evaluate, metrics
    >>> model = MultiTaskClassifier()
    >>> evaluate.progressive_val_score(datasets.Phishing(), model, metrics.Accuracy())
    Accuracy: 8...%

    Two tasks of one kind, of which the second has seen nothing yet:

    >>> model = MultiTaskClassifier()
    >>> for i in range(100):
    ...     model.learn_one({"task": "alice", "links": i % 7, "subject": "hi"}, i % 7 > 3)
    >>> model.predict_one({"task": "bob", "links": 6, "subject": "hi"})
    True
    >>> model.learn_one({"links": 6}, "spam", task="bob")
    >>> model.place.tasks
    ['alice', 'bob']
    """

    def __init__(
        self,
        strategy: str = "auto",
        task: str = "task",
        bits: int = BITS,
        period: int = PERIOD,
        seed: int = 0,
    ) -> None:
        self.strategy, self.task = strategy, task
        self.bits, self.period, self.seed = bits, period, seed
        self.place = Place(strategy, bits=bits, period=period, seed=seed)
        self._y_name: str | None = None

    @property
    def _multiclass(self) -> bool:
        return True

    def __getstate__(self) -> dict[str, Any]:
        """Parameters and the place's snapshot; ValueError for a strategy that has none."""
        state = {k: v for k, v in self.__dict__.items() if k != "place"}
        return state | {"place": self.place.snapshot()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        place = Place.restore(state["strategy"], state["place"])
        self.__dict__.update(state, place=place)

    def learn_one(
        self, x: Mapping[Any, Any], y: Label, task: str | None = None, w: float = 1.0
    ) -> None:
        """Learn an example, of importance `w`.

        Raises
        ------
        ValueError
            naming what of it can not be learnt, and what to give instead.
        """
        self.place.learn(batch([self._example(x, task, y, w)], self.bits))

    def predict_proba_one(  # type: ignore[override]  # river's labels are no floats, ours may be
        self, x: Mapping[Any, Any], task: str | None = None
    ) -> dict[Label, float]:
        """Each class's probability; 0 if this task has not met it, but two others."""
        scored = self.place.score(batch([self._example(x, task)], self.bits))
        return _by_label(scored.classes, scored.probabilities[0, 0].tolist())

    def predict_one(  # type: ignore[override]
        self, x: Mapping[Any, Any], task: str | None = None
    ) -> Label | None:
        """The most probable class; None before the first example."""
        said = self.predict_proba_one(x, task)
        return max(said, key=said.__getitem__) if said else None

    def learn_many(self, X: Any, y: Any, task: str | None = None) -> None:
        """Learn the rows of a frame in order, as `learn_one` would; no value, or NaN: missing."""
        labels = dataframe.into_series(y)
        self._y_name = labels.name
        self.place.learn(self._batch(X, task, labels.to_list()))

    def predict_proba_many(self, X: Any, task: str | None = None) -> Any:
        """A frame like X with a column for each class."""
        classes, p = self._score(X, task)
        columns = _by_label(classes, list(p.T))
        return dataframe.to_native_frame(columns, like=dataframe.into_frame(X))

    def predict_many(self, X: Any, task: str | None = None) -> Any:
        """A series like X's of the most probable class of each row."""
        classes, p = self._score(X, task)
        best = p.argmax(1) if classes else np.zeros(0, np.int64)
        said = [classes[c] for c in best] if classes else [None] * len(p)
        return dataframe.to_native_series(said, name=self._y_name, like=dataframe.into_frame(X))

    def _example(
        self, x: Mapping[Any, Any], task: str | None, y: Label | None = None, w: float = 1.0
    ) -> Example:
        named = x.get(self.task)
        features = {_text(name): v for name, v in x.items() if name != self.task}
        return Example(_named(task if task is not None else named), features, y, w)

    def _score(self, X: Any, task: str | None) -> tuple[tuple[Label, ...], F64]:
        scored = self.place.score(self._batch(X, task))
        return scored.classes, scored.probabilities[:, 0]

    def _batch(self, X: Any, task: str | None, y: Sequence[Label] | None = None) -> Batch:
        frame = dataframe.into_frame(X)
        names = [name for name in frame.columns if name != self.task]
        if task is not None or self.task not in frame.columns:
            tasks = [_named(task)] * len(frame)
        else:
            tasks = [_named(v) for v in frame[self.task].to_list()]
        part = frame.select(names)
        if all(kind.is_numeric() or kind == nw.Boolean for kind in part.schema.values()):
            values = dataframe.to_numpy(part)
            return from_arrays(tasks, values, y, names=[*map(_text, names)], bits=self.bits)
        labels: Sequence[Label | None] = [None] * len(frame) if y is None else y
        rows = zip(tasks, part.iter_rows(named=False), labels, strict=True)
        examples = [
            Example(
                t, {_text(name): _present(v) for name, v in zip(names, row, strict=True)}, label
            )
            for t, row, label in rows
        ]
        return batch(examples, self.bits)


def _text(name: Hashable) -> str:
    """River's names of features may be anything hashable."""
    return name if isinstance(name, str) else str(name)


def _named(task: object) -> str:
    """A task's name: numbers are named by their digits, nothing is the default task."""
    missing = task is None or task == "" or task != task
    return DEFAULT if missing else _text(task)


def _present(value: object) -> object:
    """None for the NaN by which a frame says that there is no value."""
    return None if value != value else value


def _by_label(classes: Sequence[Label], values: Sequence[Any]) -> dict[Label, Any]:
    """A dictionary, in which `True` and `1` are one class, as they are one key."""
    said: dict[Label, Any] = {}
    for label, value in zip(classes, values, strict=True):
        said[label] = said[label] + value if label in said else value
    return said
