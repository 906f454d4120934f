"""A stream by one line of text: a file, one of river's sets, or a generator."""

from __future__ import annotations

from pathlib import Path

from streams.event import Stream
from streams.parameters import query


def source(text: str) -> Stream:
    """Open the stream that a line of text names.

    * `PATH` or `PATH?task=user&label=spam`: a file, its format by its ending; the parameters tell
      which columns are which (see `streams.readers`).
    * `river:Yeast`: a set that comes with river (see `streams.river_sets`).
    * `synthetic:lowrank?tasks=16&flip=0.1`: a generator (see `streams.synthetic`).

    >>> stream = source("synthetic:lowrank?tasks=3&rounds=5")
    >>> stream.tasks, stream.examples, next(iter(stream)).task
    (3, 15, 'task0')

    Raises:
        ValueError: nothing of that name, a parameter that it does not take, or a bad file.
        FileNotFoundError: there is no such file.
    """
    scheme, colon, rest = text.partition(":")
    name, _, parameters = (rest if colon else text).partition("?")
    if colon and scheme == "river":
        if parameters:
            raise ValueError(f"{text}: river's sets take no parameters: write river:{name}")
        from streams.river_sets import bundled

        return bundled(name)
    if colon and scheme == "synthetic":
        return _synthetic(text, name, query(parameters))
    from streams.readers import read

    if Path(text).exists():  # a question mark may be part of a name
        return read(text)
    path, _, parameters = text.partition("?")
    return read(path, **query(parameters))


def _synthetic(text: str, kind: str, parameters: dict[str, str]) -> Stream:
    from streams.synthetic import generate

    problem = generate(kind, **parameters)  # at once: a wrong parameter is told before any event
    rounds, tasks = problem.y.shape
    return Stream(text, problem.events, True, tasks, rounds * tasks)
