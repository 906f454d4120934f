"""What the writer is asked to do, one after the other."""

from __future__ import annotations

from asyncio import Future, get_running_loop
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from learners.features import Batch
from learners.place import Place
from service.core.answers import Answer
from service.core.prepare import Prepared
from service.problems import Problem

Item = Answer | Problem  # what is said of one example


def _future() -> Future[Any]:
    return get_running_loop().create_future()


@dataclass(eq=False, slots=True)
class Learn:
    """Learn these examples; the result is an item for each."""

    prepared: Prepared
    done: Future[list[Item]] = field(default_factory=_future, init=False)

    @property
    def n(self) -> int:
        """Examples it holds in the queue."""
        return self.prepared.n

    @property
    def columns(self) -> int:
        """Columns of all its examples."""
        return len(self.prepared.lesson.batch.columns)


@dataclass(eq=False, slots=True)
class Predict:
    """Say what would be said of these; the result is an answer for each."""

    batch: Batch
    done: Future[list[Answer]] = field(default_factory=_future, init=False)

    @property
    def n(self) -> int:
        """Examples it holds in the queue."""
        return len(self.batch.task)

    @property
    def columns(self) -> int:
        """Columns of all its examples."""
        return len(self.batch.columns)


@dataclass(eq=False, slots=True)
class Delete:
    """Forget a task; the result is whether there was one."""

    task: str
    done: Future[bool] = field(default_factory=_future, init=False)
    n: int = field(default=1, init=False)
    columns: int = field(default=0, init=False)


@dataclass(eq=False, slots=True)
class Hear:
    """Merge the reply of a meeting held elsewhere; the result is whether it was news."""

    reply: bytes
    done: Future[bool] = field(default_factory=_future, init=False)
    n: int = field(default=1, init=False)
    columns: int = field(default=0, init=False)


@dataclass(eq=False, slots=True)
class Look:
    """Look at the place between two blocks; the result is what the function returns."""

    at: Callable[[Place], Any]
    done: Future[Any] = field(default_factory=_future, init=False)
    n: int = field(default=1, init=False)
    columns: int = field(default=0, init=False)


Job = Learn | Predict | Delete | Hear | Look
ALONE = (Delete, Hear)  # each the only one of its group
