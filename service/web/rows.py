"""`{"columns": [..], "rows": [[..]]}`: names once, then arrays of values -> tables.

>>> from service.web.wire import LEARN
>>> body = b'{"columns": ["task", "label", "links"], "rows": [["ann", "x", 3], ["bob", 0, null]]}'
>>> found = Rows(Settings()).read(body, LEARN)
>>> [make().lesson.batch.tasks for make in found]
[('ann', 'bob')]
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import msgspec
import numpy as np

from learners.features.table import Column, Numbers, Values, Words
from service.core.prepare import Prepared
from service.problems import Problem
from service.settings import Settings
from service.web.decode import Decoder, once
from service.web.survey import survey
from service.web.table import FEATURES, Coded, Table, prepare_table, roles
from service.web.wire import Kind, malformed, mistaken, wrong

_PLAIN: set[Any] = {float, int, bool, type(None)}
_WORDS: set[Any] = {str, type(None)}


class Body(msgspec.Struct, forbid_unknown_fields=True):
    """A table as it stands in JSON."""

    columns: list[Any]
    rows: msgspec.Raw


_body = msgspec.json.Decoder(Body).decode
_rows = msgspec.json.Decoder(list[list[Any]]).decode
_any = msgspec.json.Decoder(list[Any]).decode


class Rows:
    """Takes tables apart within the limits of the settings."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.decoder = Decoder(settings)

    def read(self, body: bytes, kind: Kind) -> Iterator[Callable[[], Prepared]]:
        """What prepares some rows at a time; a Problem (whole) before the first, or never."""
        try:
            found = _body(body)
        except msgspec.ValidationError as error:
            raise mistaken(str(error)) from None
        except (RecursionError, ValueError) as error:
            raise malformed(error, body) from None
        rows = bytes(found.rows)
        if survey(body).names != 2 + survey(rows).names:
            json.loads(body, object_pairs_hook=once, parse_int=str, parse_float=str)
        columns = roles(found.columns, to_learn=kind.to_learn)
        if not rows.startswith(b"["):
            raise wrong("rows", "is not an array of rows; give [[..], [..]]")
        return (partial(self.prepare, columns, text, kind) for text in self.decoder.arrays(rows))

    def prepare(self, columns: Sequence[str], text: bytes, kind: Kind) -> Prepared:
        """The rows in a JSON array of arrays, as columns."""
        problems: dict[int, Problem] = {}
        try:
            rows: list[Any] = _rows(text)
        except msgspec.ValidationError:
            rows = _any(text)
        except (RecursionError, ValueError) as error:
            raise malformed(error, text) from None
        self.decoder.refuse_too_many(len(rows))
        if any(type(row) is not list or len(row) != len(columns) for row in rows):
            for i, row in enumerate(rows):
                if type(row) is not list or len(row) != len(columns):
                    problems[i] = _ragged(row, len(columns))
                    rows[i] = [None] * len(columns)
        if b":" in text:
            _refuse_repeats(rows, text)
        across = zip(*rows, strict=True) if rows else ((),) * len(columns)
        by_role = dict(zip(columns, across, strict=True))
        label, weight, id = by_role.get("label"), by_role.get("weight"), by_role.get("id")
        table = Table(
            len(rows),
            _coded("task", by_role["task"], _WORDS, problems),
            None if label is None else _coded("label", label, {str, bool, int, float}, problems),
            None if weight is None else _weights(weight, problems),
            None if id is None else _coded("id", id, _WORDS, problems),
            [
                (name.removeprefix(FEATURES), _column(values))
                for name, values in by_role.items()
                if name.startswith(FEATURES)
            ],
            problems,
        )
        return prepare_table(table, self.settings, to_learn=kind.to_learn)


def _coded(
    role: str, values: Sequence[Any], allowed: set[Any], problems: dict[int, Problem]
) -> Coded:
    """Scalars by their number; a value of another type is its row's problem."""
    if set(map(type, values)) - allowed:
        kept = []
        for row, value in enumerate(values):
            good = type(value) in allowed or value is None
            if not good and row not in problems:
                problems[row] = wrong(role, f"{_shown(value)} is not {_ALLOWED[role]}")
            kept.append(value if good else None)
        values = kept
    keys = list(zip(map(type, values), values, strict=True))  # 1, True and 1.0 are equal
    distinct = [key for key in dict.fromkeys(keys) if key[1] is not None]
    if role == "label":
        distinct = [key for key in distinct if _small(key[1])]
    to = {key: code for code, key in enumerate(distinct)}
    codes = np.fromiter((to.get(key, -1) for key in keys), np.int64, len(keys))
    if role == "label":
        for row in np.flatnonzero(codes < 0).tolist():
            if values[row] is not None:
                problems.setdefault(
                    row, wrong("label", "is an integer beyond 64 bits; give it as a string")
                )
    return Coded(codes, [key[1] for key in distinct])


_ALLOWED = {
    "task": "a string",
    "label": "a string, a number, true or false",
    "id": "a string, or null",
}


def _small(label: object) -> bool:
    return not isinstance(label, int) or -(1 << 63) <= label < 1 << 63


def _weights(values: Sequence[Any], problems: dict[int, Problem]) -> Numbers:
    if set(map(type, values)) - {int, float}:
        kept = []
        for row, value in enumerate(values):
            good = type(value) in (int, float)
            if not good:
                problems.setdefault(
                    row, wrong("weight", f"{_shown(value)} is not a number from 0 to 1,000,000")
                )
            kept.append(value if good else 1)
        values = kept
    return Numbers(np.array(values, np.float64))


def _column(values: Sequence[Any]) -> Column:
    """A feature's values as what they all are; what is mixed is looked at one by one."""
    types = set(map(type, values))
    if types <= _PLAIN:
        try:
            found = np.array(values, np.float64)
        except OverflowError:  # an integer beyond all floats
            return Values(values)
        if type(None) not in types:
            return Numbers(found)
        return Numbers(found, np.array([value is not None for value in values], np.bool_))
    if types <= _WORDS:
        strings = [text for text in dict.fromkeys(values) if text is not None]
        to = {None: -1, **{text: code for code, text in enumerate(strings)}}
        return Words(np.fromiter(map(to.__getitem__, values), np.int64, len(values)), strings)
    return Values(values)


def _ragged(row: object, n: int) -> Problem:
    if isinstance(row, list):
        return wrong("rows", f"the row has {len(row)} values, there are {n} columns")
    return wrong("rows", f"{_shown(row)} is not an array of {n} values")


def _refuse_repeats(rows: Sequence[Sequence[Any]], text: bytes) -> None:
    """A Problem where a bag among the values names something twice."""
    names = sum(len(value) for row in rows for value in row if type(value) is dict)
    if survey(text).names != names:
        json.loads(text, object_pairs_hook=once, parse_int=str, parse_float=str)


def _shown(value: object) -> str:
    shown = json.dumps(value)
    return shown if len(shown) <= 40 else shown[:40] + "..."
