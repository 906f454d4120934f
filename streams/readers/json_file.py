"""JSON files read whole: the federated form of LEAF, or an array of objects.

LEAF: a benchmark for federated settings. Caldas et al., 2018, arXiv 1812.01097.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from streams.event import Event, Stream, Value
from streams.readers.columns import Columns, resolve
from streams.readers.files import lines, stem
from streams.readers.jsonlines import nested, object_event, own_form, parse


def read_json(
    path: str | Path,
    *,
    task: str | None = None,
    label: str | None = None,
    time: str | None = None,
    id: str | None = None,
) -> Stream:
    """Read an array of objects as the JSON lines are, or LEAF's `user_data`: a task a user.

    LEAF's `x` may be numbers, called `x0`, `x1`, ..., a text, called `text`, or an object; `y` a
    scalar or a list of one. Its columns need no telling, and its order means nothing.

    Raises:
        ValueError: the file is neither, or is damaged.
    """
    path, told = Path(path), Columns(task, label, time, id)
    try:
        content = parse("".join(text for _, text in lines(path)))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not JSON ({error}): correct it") from error
    if isinstance(content, dict) and isinstance(content.get("user_data"), dict):
        if any(told):
            raise ValueError(f"{path}: LEAF's columns are known: leave out {told}")
        users = {user: _user(path, user, data) for user, data in content["user_data"].items()}
        count = sum(map(len, users.values()))
        return Stream(
            stem(path), lambda: (e for events in users.values() for e in events),
            False, len(users), count,
        )  # fmt: skip
    if not isinstance(content, list) or not all(isinstance(row, dict) for row in content):
        raise ValueError(f"{path}: neither LEAF (an object `user_data`) nor an array of objects: "
                         "name a file of one object a line .jsonl")
    return Stream(stem(path), lambda: _rows(path, content, told), True, None, len(content))


def _rows(path: Path, rows: list[dict[str, Any]], told: Columns) -> Iterator[Event]:
    if not rows:
        return
    columns = own_form(told) if nested(rows[0]) else resolve(path, list(rows[0]), told)
    for i, row in enumerate(rows):
        try:
            yield object_event(stem(path), row, columns)
        except ValueError as error:
            raise ValueError(f"{path}, object {i + 1}: {error}") from error


def _user(path: Path, user: str, data: Any) -> list[Event]:
    xs, ys = (data.get("x"), data.get("y")) if isinstance(data, dict) else (None, None)
    if not isinstance(xs, list) or not isinstance(ys, list) or len(xs) != len(ys):
        raise ValueError(f"{path}: user {user!r} has no lists `x` and `y` of one length: add them")
    return [
        Event(user, _features(path, user, x), _label(path, user, y))
        for x, y in zip(xs, ys, strict=True)
    ]


def _features(path: Path, user: str, x: Any) -> Mapping[str, Value]:
    if isinstance(x, dict):
        return x
    if isinstance(x, str):
        return {"text": x}
    if isinstance(x, list) and all(isinstance(value, int | float) for value in x):
        return {f"x{j}": value for j, value in enumerate(x)}
    raise ValueError(f"{path}: user {user!r} has x = {str(x)[:60]}: give numbers, text, an object")


def _label(path: Path, user: str, y: Any) -> Any:
    value = y[0] if isinstance(y, list) and len(y) == 1 else y
    if isinstance(value, list | dict):
        raise ValueError(f"{path}: user {user!r} has y = {str(y)[:60]}: give one scalar")
    return value
