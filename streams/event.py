"""The vocabulary of streams: an event, and a named stream of events that can be read again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

# What a classifier answers: any JSON scalar but null. `True`, `1` and `"1"` are three labels.
Label: TypeAlias = bool | int | float | str

# One feature: a number, a boolean, a string of words, a list of either, a bag of tokens with
# their amounts, or None where the value is missing.
Value: TypeAlias = (
    bool | int | float | str | Sequence[float] | Sequence[str] | Mapping[str, float] | None
)


class Event(NamedTuple):
    """One example as it arrives.

    A stream is any iterable of events; nothing in this package asks for more.

    >>> Event("alice", {"links": 3, "subject": "cheap pills"}, "spam")
    Event(task='alice', x={'links': 3, 'subject': 'cheap pills'}, y='spam', t=None, id=None)
    """

    task: str
    x: Mapping[str, Value]  # features by name; shared between events, never written to
    y: Label | None = None  # None: the label is not (yet) known
    t: float | None = None  # seconds, on any clock whose differences mean something
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream with a name that starts from its beginning each time it is iterated.

    >>> twice = Stream("two", lambda: iter([Event("a", {}, 1), Event("b", {}, 0)]))
    >>> [event.task for event in twice], [event.y for event in twice]
    (['a', 'b'], [1, 0])
    """

    name: str
    start: Callable[[], Iterator[Event]]
    time_ordered: bool = True  # False: the order means nothing (often sorted): `shuffle` first
    tasks: int | None = None  # how many, where that is known without reading
    examples: int | None = None  # likewise

    def __iter__(self) -> Iterator[Event]:
        """Read the stream from its first event."""
        return self.start()
