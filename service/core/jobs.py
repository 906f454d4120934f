"""What the writer is asked to do, one after the other."""

from __future__ import annotations

from asyncio import Future, get_running_loop
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from learners.features import Example
from learners.place import Place
from service.core.prepare import Prepared


class Promise(Protocol):
    """Whoever waits for a job's result; a future of asyncio's is one. Called on the event loop."""

    def done(self) -> bool:
        """Whether nobody waits any more."""
        ...

    def set_result(self, result: Any, /) -> None:
        """The job was done."""
        ...

    def set_exception(self, error: Any, /) -> None:
        """The job was refused, or failed."""
        ...


def _future() -> Future[Any]:
    return get_running_loop().create_future()


class Line(NamedTuple):
    """One example as it came, without a line's end in it, and who reads many of them at once."""

    text: bytes
    read: Callable[[bytes], Prepared]  # lines


@dataclass(eq=False, slots=True)
class Learn:
    """Learn these; the result is a list of an Item for each example, or Spoken of what is prepared.

    Examples that are not prepared yet are prepared with those of other jobs, which costs less.
    """

    given: Sequence[Example] | Line | Prepared
    n: int  # examples it holds in the queue
    columns: int  # of all of them, about
    done: Promise = field(default_factory=_future)


@dataclass(eq=False, slots=True)
class Predict:
    """Say what would be said of these; the result is as that of `Learn`."""

    given: Sequence[Example] | Line | Prepared
    n: int
    columns: int
    done: Promise = field(default_factory=_future)


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


Ask = Learn | Predict
Job = Learn | Predict | Delete | Hear | Look
ALONE = (Delete, Hear)  # each the only one of its group
