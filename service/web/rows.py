"""`{"columns": [..], "rows": [[..]]}`: names once, then arrays of values -> a table.

>>> from service.web.wire import LEARN
>>> body = b'{"columns": ["task", "label", "links"], "rows": [["ann", "x", 3], ["bob", 0, null]]}'
>>> found = Rows(Settings()).read(body, LEARN)
>>> [make().lesson.batch.tasks for _, make in found]
[('ann', 'bob')]
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from learners.features.table import Column, Numbers, Values, Words
from learners.types import I64
from service.problems import Problem
from service.settings import Settings
from service.web.cells import NULL, NUMBER, OTHER, TEXT, Cells, cells, distinct
from service.web.survey import survey
from service.web.table import FEATURES, ROLES, Coded, Make, Table, makes, roles
from service.web.wire import Kind, malformed, mistaken, once, too_many, wrong

_ALLOWED: dict[str, tuple[set[Any], str]] = {
    "task": ({str}, "a string"),
    "label": ({str, bool, int, float}, "a string, a number, true or false"),
    "id": ({str}, "a string, or null"),
}
_value = msgspec.json.Decoder().decode


class Body(msgspec.Struct, forbid_unknown_fields=True):
    """A table as it stands in JSON."""

    columns: list[Any]
    rows: msgspec.Raw


_body = msgspec.json.Decoder(Body).decode
_ROWS, _COLON = b'"rows"', re.compile(rb"[ \t\r\n]*:[ \t\r\n]*")


class Rows:
    """Takes tables apart within the limits of the settings."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def read(self, body: bytes, kind: Kind) -> Iterator[Make]:
        """What prepares some rows at a time; a Problem (whole) before the first, or never."""
        names, text, of = _plain(body) or _any(body)
        columns = roles(names, to_learn=kind.to_learn)
        if of is None:
            if not text.startswith(b"["):
                raise wrong("rows", "is not an array of rows; give [[..], [..]]")
            of = cells(text, len(columns))
        table = self._table(columns, text, of)
        return makes(table, self.settings, to_learn=kind.to_learn)

    def _table(self, columns: Sequence[str], text: bytes, of: Cells) -> Table:
        n = len(of.kinds)
        if n > self.settings.max_examples:
            raise too_many(n, self.settings.max_examples)
        problems = {
            row: _ragged(count, len(columns))
            for row, count in zip(of.wrong.tolist(), of.found.tolist(), strict=True)
        }
        made: dict[str, Any] = {}
        low, high = of.kinds.min(0, initial=OTHER), of.kinds.max(0, initial=0)
        for j, name in enumerate(columns):
            column = _Column(text, of.starts[:, j], of.ends[:, j], of.kinds[:, j], of.values[:, j])
            if name in _ALLOWED:
                made[name] = column.coded(name, problems)
            elif name in ROLES:
                made[name] = column.weights(problems)
            else:
                made[name] = column.feature(low[j], high[j], problems)
        task, label, weight, id = map(made.get, ROLES)
        assert task is not None
        features = [
            (name.removeprefix(FEATURES), column)
            for name, column in made.items()
            if name not in ROLES
        ]
        return Table(n, task, label, weight, id, features, problems)


def _plain(body: bytes) -> tuple[list[Any], bytes, Cells | None] | None:
    """Names, rows and their values, where rows come last and hold plain values alone."""
    at = body.find(_ROWS)
    colon = _COLON.match(body, at + len(_ROWS))
    if at < 0 or colon is None:
        return None
    head = body[:at] + b'"rows": 0}'
    try:
        names = _body(head).columns
        body.decode()
        text = body[colon.end() :]
        of = cells(text, len(names), strict=True)
    except (RecursionError, ValueError):
        return None
    if text[of.end :].strip(b" \t\r\n") != b"}" or survey(head).names != 2:
        return None
    return names, text, of


def _any(body: bytes) -> tuple[list[Any], bytes, Cells | None]:
    """Names and rows of any body; a Problem where there are none."""
    try:
        found = _body(body)
        body.decode()  # what is left raw was not looked at so closely
    except msgspec.ValidationError as error:
        raise mistaken(str(error)) from None
    except (RecursionError, ValueError) as error:
        raise malformed(error, body) from None
    text = bytes(found.rows)
    at = _address(found.rows) - _address(body)  # raw, it is a view of the body
    if survey(body[:at] + body[at + len(text) :]).names > 2:
        json.loads(body, object_pairs_hook=once, parse_int=str, parse_float=str)
    return found.columns, text, None


class _Column:
    """The values of one column."""

    def __init__(
        self, text: bytes, starts: I64, ends: I64, kinds: NDArray[Any], values: NDArray[Any]
    ) -> None:
        self.text, self.starts, self.ends = text, starts, ends
        self.kinds, self.values = kinds, values

    def distinct(self) -> tuple[I64, list[bytes]]:
        """Each value's number among the distinct texts, -1 for null; and these."""
        codes, texts = distinct(self.text, self.starts, self.ends)
        return np.where(self.kinds == NULL, -1, codes), texts

    def coded(self, role: str, problems: dict[int, Problem]) -> Coded:
        """Tasks, labels or ids; a value of another type is its row's problem."""
        codes, texts = self.distinct()
        allowed, wanted = _ALLOWED[role]
        values = []
        for code, one in enumerate(texts):
            value = _decoded(one) if one else None
            why = None
            if type(value) is int and not -(1 << 63) <= value < 1 << 63:
                why = "is an integer beyond 64 bits; give it as a string"
            elif value is not None and type(value) not in allowed:
                why = f"{_shown(one)} is not {wanted}"
            if why is not None:
                for row in np.flatnonzero(codes == code).tolist():
                    problems.setdefault(row, wrong(role, why))
                value = "?" if role != "label" else 0  # it is not used
            values.append("?" if value is None and role != "label" else value)
        return Coded(codes, values)

    def weights(self, problems: dict[int, Problem]) -> Numbers:
        """Weights; a value of another type is its row's problem."""
        for row in np.flatnonzero(self.kinds != NUMBER).tolist():
            shown = _shown(self.text[self.starts[row] : self.ends[row]])
            why = f"{shown or 'null'} is not a number from 0 to 1,000,000"
            problems.setdefault(row, wrong("weight", why))
        return Numbers(self.values)

    def feature(self, low: int, high: int, problems: dict[int, Problem]) -> Column:
        """A feature's values, of kinds from `low` to `high`; what is mixed is looked at singly."""
        if high < NULL:
            return Numbers(self.values)
        if high == NULL:
            return Numbers(self.values, self.kinds < NULL)
        if high == TEXT and low >= NULL:
            codes, texts = self.distinct()
            return Words(codes, [str(_decoded(one)) if one else "" for one in texts])
        found: list[object] = []
        for row, (lo, hi) in enumerate(zip(self.starts.tolist(), self.ends.tolist(), strict=True)):
            one = self.text[lo:hi]
            try:
                found.append(_decoded(one) if one else None)
            except Problem as problem:  # a name that stands twice
                problems.setdefault(row, problem)
                found.append(None)
        return Values(found)


def _address(of: Any) -> int:
    found: int = np.frombuffer(of, np.uint8).__array_interface__["data"][0]
    return found


def _decoded(text: bytes) -> Any:
    """One value; a Problem where an object in it names something twice."""
    if text[:1] in b"[{" or text[:1].isdigit() or text[:1] == b"-":
        return json.loads(text, object_pairs_hook=_bag)
    return _value(text)


def _bag(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    once(pairs)
    return dict(pairs)


def _ragged(count: int, n: int) -> Problem:
    if count < 0:
        return wrong("rows", f"the row is not an array of {n} values")
    return wrong("rows", f"the row has {count} values, there are {n} columns")


def _shown(text: bytes) -> str:
    shown = text.decode()
    return shown if len(shown) <= 40 else shown[:40] + "..."
