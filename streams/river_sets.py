"""river's bundled sets as multi-task streams: only those that come with river, nothing fetched.

River: machine learning for streaming data in Python. Montiel et al., JMLR 22, 2021.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

from streams.event import Event, Stream

Pairs: TypeAlias = Iterator[tuple[Mapping[str, Any], Any]]  # what river yields: x, y


class Bundled(NamedTuple):
    """How one of river's sets becomes a stream."""

    summary: str
    tasks: int
    rows: int  # river's samples; a row may give an example to every task
    events: Callable[[Pairs], Iterator[Event]]


def targets(pairs: Pairs) -> Iterator[Event]:
    """Every target of a multi-output set is a task; each row serves all of them in turn."""
    return (Event(task, x, y) for x, labels in pairs for task, y in labels.items())


def one_task(name: str) -> Callable[[Pairs], Iterator[Event]]:
    """The whole set is one task."""
    return lambda pairs: (Event(name, x, y) for x, y in pairs)


def against_rest(*classes: str) -> Callable[[Pairs], Iterator[Event]]:
    """Every class is a task, "is it this one?"; each row serves all of them in turn."""
    return lambda pairs: (Event(task, x, y == task) for x, y in pairs for task in classes)


SEGMENTS = ("brickface", "cement", "foliage", "grass", "path", "sky", "window")

REGISTRY: dict[str, Bundled] = {
    "Bananas": Bundled("two banana-shaped clusters", 1, 5300, one_task("bananas")),
    "ImageSegments": Bundled("each image class against the rest", 7, 2310, against_rest(*SEGMENTS)),
    "Phishing": Bundled("is this web page phishing?", 1, 1250, one_task("phishing")),
    "Shuttle": Bundled("rare anomalies of a shuttle's sensors", 1, 49097, one_task("shuttle")),
    "SolarFlare": Bundled("how many flares of each of 3 kinds", 3, 1066, targets),
    "Yeast": Bundled("which of 14 functions a gene has", 14, 2417, targets),
}


def bundled(name: str) -> Stream:
    """One of river's own sets, in its own order, by the name of its class.

    >>> yeast = bundled("Yeast")
    >>> yeast.tasks, yeast.examples, next(iter(yeast))._replace(x={})
    (14, 33838, Event(task='Class1', x={}, y=False, t=None, id=None))

    Raises:
        ValueError: river does not bundle a set of this name.
    """
    if name not in REGISTRY:
        raise ValueError(f"river bundles no set {name!r}: choose one of {', '.join(REGISTRY)}")
    _, tasks, rows, events = REGISTRY[name]

    def start() -> Iterator[Event]:
        from river import datasets  # takes a second to import

        return events(iter(getattr(datasets, name)()))

    examples = rows * tasks
    return Stream(f"river:{name}", start, True, tasks, examples)
