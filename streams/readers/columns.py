"""Which columns are the task, the label, the time and the id: told, or guessed by their names."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from streams.event import Event, Label
from streams.readers.values import seconds

# A column named exactly as its role is the one; else the only one of these names, in any case,
# `-` and blanks read as `_`.
NAMES = {
    "task": (
        "task", "task_id", "tenant", "tenant_id", "user", "user_id", "userid", "username",
        "customer", "customer_id", "client", "client_id", "account", "account_id", "site",
        "site_id", "sensor", "sensor_id", "device", "device_id", "subject_id", "domain", "group",
        "group_id",
    ),
    "label": (
        "label", "class", "target", "y", "outcome", "category", "output", "answer",
    ),
    "time": ("time", "t", "timestamp", "ts", "datetime", "date", "event_time", "created_at"),
    "id": ("id", "event_id", "example_id", "row_id", "uuid", "guid"),
}  # fmt: skip


class Columns(NamedTuple):
    """The names of the columns that are not features; None where there is none."""

    task: str | None
    label: str | None
    time: str | None
    id: str | None

    @property
    def roles(self) -> frozenset[str]:
        """The columns that are not features."""
        return frozenset(name for name in self if name is not None)


def resolve(
    where: object,
    names: Sequence[str],
    told: Columns,
    last_is_label: bool = False,
) -> Columns:
    """Find the columns of the roles among `names`, as told or by a guess.

    A role told as `""` has no column: without one for the task all examples are of one task, named
    as the file. A time or an id that cannot be guessed is not there; a label neither found nor
    told is the last column, where `last_is_label`.

    >>> resolve("visits.csv", ["user", "visits", "class"], Columns(None, None, None, None))
    Columns(task='user', label='class', time=None, id=None)
    >>> resolve("visits.csv", ["visits", "class"], Columns(None, None, None, None))
    Traceback (most recent call last):
    ValueError: visits.csv: no column is named like a task: say task=NAME, one of visits, class;
    or task= where all examples are of one task

    Raises:
        ValueError: a told column is not there, a guess fails, or one column has two roles.
    """
    if last_is_label and told.label is None and not _guesses(names, "label"):
        told = told._replace(label=names[-1])
    found = Columns(*(_find(where, names, role, told[i]) for i, role in enumerate(Columns._fields)))
    if len(found.roles) < sum(name is not None for name in found):
        raise ValueError(f"{where}: one column has two roles in {found}: tell them apart")
    return found


def count_tasks(columns: Columns) -> int | None:
    """How many tasks a file has, as far as its columns tell: one where none names the task."""
    return 1 if columns.task is None else None


def event(
    where: str, row: Mapping[str, Any], columns: Columns, features: Mapping[str, Any]
) -> Event:
    """An event from the cells of a row by name, its features given apart.

    Raises:
        ValueError: the task is missing, the label no scalar, or the time no moment.
    """
    task, label, time, id_ = columns
    return Event(
        where if task is None else _name("task", task, row.get(task)),
        features,
        None if label is None else _label(label, row.get(label)),
        None if time is None else _moment(time, row.get(time)),
        None if id_ is None or row.get(id_) is None else _name("id", id_, row[id_]),
    )


def _find(where: object, names: Sequence[str], role: str, told: str | None) -> str | None:
    listing = f"say {role}=NAME, one of {', '.join(names)}"
    if told is not None:
        if told and told not in names:
            raise ValueError(f"{where}: no column {told!r} for the {role}: {listing}")
        return told or None
    guesses = _guesses(names, role)
    if len(guesses) > 1:
        raise ValueError(f"{where}: {' and '.join(guesses)} could each be the {role}: {listing}")
    if not guesses and role in ("task", "label"):
        none = {"task": "all examples are of one task", "label": "no example has a label"}[role]
        raise ValueError(f"{where}: no column is named like a {role}: {listing}; "
                         f"or {role}= where {none}")
    return guesses[0] if guesses else None


def _guesses(names: Sequence[str], role: str) -> list[str]:
    folded = {name: name.strip().casefold().replace("-", "_").replace(" ", "_") for name in names}
    exact = [name for name in names if folded[name] == role]
    return exact or [name for name in names if folded[name] in NAMES[role]]


def _name(role: str, column: str, value: object) -> str:
    if value is None or value == "":
        raise ValueError(f"the {role} in column {column!r} is missing: fill it in")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)


def _moment(column: str, value: object) -> float | None:
    try:
        return seconds(value)
    except ValueError as error:
        raise ValueError(f"the time in column {column!r}: {error}") from error


def _label(column: str, value: object) -> Label | None:
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"the label in column {column!r} is {value}: leave it empty if missing")
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise ValueError(f"the label in column {column!r} is {value!r}: "
                     "give a string, a number, true or false")
