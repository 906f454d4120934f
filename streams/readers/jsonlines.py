"""JSON lines: an object a line, flat or in the form that the service takes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from streams.event import Event, Stream
from streams.readers.columns import Columns, count_tasks, event, resolve
from streams.readers.files import bad, lines, stem


def read_jsonl(
    path: str | Path,
    *,
    task: str | None = None,
    label: str | None = None,
    time: str | None = None,
    id: str | None = None,
) -> Stream:
    """Read an object a line: `{"task": .., "features": {..}, "label": ..}`, or flat.

    Where the first object has an object `features`, that holds the features and `task`, `label`,
    `time` and `id` beside it are what they say. Otherwise all keys but those are features, and
    which they are is guessed from the first object.

    Raises:
        ValueError: columns cannot be guessed, or (while reading) a line is no such object.
    """
    path, told = Path(path), Columns(task, label, time, id)
    first = next(_objects(path), None)
    columns = Columns("task", "label", "time", "id") if first is None else told
    if first is not None:
        columns = own_form(told) if nested(first[1]) else resolve(path, list(first[1]), told)
    return Stream(stem(path), lambda: _events(path, columns), tasks=count_tasks(columns))


def nested(row: Mapping[str, Any]) -> bool:
    """Is this object in the form that the service takes?"""
    return isinstance(row.get("features"), dict)


def own_form(told: Columns) -> Columns:
    """The columns of the form that the service takes, but for those told otherwise."""
    usual = Columns._fields
    return Columns(*(name if given is None else given or None
                     for given, name in zip(told, usual, strict=True)))


def object_event(where: str, row: Mapping[str, Any], columns: Columns) -> Event:
    """An event from an object of either form.

    Raises:
        ValueError: a role's value is not fit for it.
    """
    if nested(row):
        return event(where, row, columns, row["features"])
    x = {name: value for name, value in row.items() if name not in columns.roles}
    return event(where, row, columns, x)


def parse(text: str) -> Any:
    """JSON as the standard has it: no NaN, no infinities, no key twice.

    Raises:
        ValueError: it is not.
    """
    return json.loads(text, parse_constant=_constant, object_pairs_hook=_object)


def _events(path: Path, columns: Columns) -> Iterator[Event]:
    where = stem(path)
    for line, row in _objects(path):
        try:
            yield object_event(where, row, columns)
        except ValueError as error:
            raise bad(path, line, str(error)) from error


def _objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for line, text in lines(path):
        if not text.strip():
            continue
        try:
            row = parse(text)
        except (ValueError, RecursionError) as error:
            raise bad(path, line, f"not JSON ({error}): write one object a line") from error
        if not isinstance(row, dict):
            raise bad(path, line, f"{text.strip()[:60]} is no object: write one object a line")
        yield line, row


def _constant(name: str) -> object:
    raise ValueError(f"{name} is not finite: use null for what is missing")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"key {twice!r} comes twice: keep one")
    return made
