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
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
import numpy as np

from learners.features.table import Column, Grid, Numbers, Values, Words
from learners.types import F64, I64, U8
from service.problems import Problem
from service.settings import Settings
from service.web.cells import NULL, NUMBER, TEXT, Cells, Distinct, cells, distinct
from service.web.survey import survey
from service.web.table import FEATURES, ROLES, Coded, Make, Table, makes, roles
from service.web.wire import Kind, malformed, mistaken, once, too_many, wrong

_ALLOWED: dict[str, tuple[set[Any], str]] = {
    "task": ({str}, "a string"),
    "label": ({str, bool, int, float}, "a string, a number, true or false"),
    "id": ({str}, "a string, or null"),
}
_value = msgspec.json.Decoder().decode
_strings = msgspec.json.Decoder(list[str]).decode


class Body(msgspec.Struct, forbid_unknown_fields=True):
    """A table as it stands in JSON."""

    columns: list[Any]
    rows: msgspec.Raw


_body = msgspec.json.Decoder(Body).decode
_QUOTE = ord('"')
_ROWS, _COLON = b'"rows"', re.compile(rb"[ \t\r\n]*:[ \t\r\n]*")
_SHORT = 1 << 14  # bytes of a header that is remembered


class Header(NamedTuple):
    """What the columns of a table are."""

    width: int  # how many there are
    roles: dict[str, int]  # where the values of a role are, of those that there are
    names: tuple[str, ...]  # of the features
    at: I64  # where the values of each are


class Rows:
    """Takes tables apart within the limits of the settings."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def read(self, body: bytes, kind: Kind) -> Iterator[Make]:
        """What prepares some rows at a time; a Problem (whole) before the first, or never."""
        text, header, of = _plain(body, kind) or _any(body, kind)
        return makes(self._table(text, header, of), self.settings, to_learn=kind.to_learn)

    def _table(self, text: bytes, header: Header, of: Cells) -> Table:
        n = len(of.kinds)
        if n > self.settings.max_examples:
            raise too_many(n, self.settings.max_examples)
        problems = {
            row: _ragged(count, header.width)
            for row, count in zip(of.wrong.tolist(), of.found.tolist(), strict=True)
        }

        def column(j: int) -> _Column:
            return _Column(text, of.starts[:, j], of.ends[:, j], of.kinds[:, j], of.values[:, j])

        task, label, weight, id = (
            column(header.roles[role]) if role in header.roles else None for role in ROLES
        )
        assert task is not None  # or there were no header
        return Table(
            n,
            task.coded("task", problems),
            None if label is None else label.coded("label", problems),
            None if weight is None else weight.weights(problems),
            None if id is None else id.coded("id", problems),
            Grid(header.names, header.at, of.values)
            if max(of.highest[header.at].tolist(), default=0) < NULL
            else [
                (name, column(j).feature(problems))
                for name, j in zip(header.names, header.at.tolist(), strict=True)
            ],
            problems,
        )


@lru_cache(64)
def _plain_header(head: bytes, to_learn: bool) -> Header | None:
    """What stands before `"rows"`, where that is the names and no more; or a Problem."""
    text = head + b'"rows": 0}'
    try:
        found = _body(text)
    except (RecursionError, ValueError):
        return None
    return _header(found.columns, to_learn) if survey(text).names == 2 else None


def _header(names: list[Any], to_learn: bool) -> Header:
    where = {name: j for j, name in enumerate(roles(names, to_learn=to_learn))}
    features = [name for name in where if name not in ROLES]
    return Header(
        len(where),
        {name: j for name, j in where.items() if name in ROLES},
        tuple(name.removeprefix(FEATURES) for name in features),
        np.array([where[name] for name in features], np.int64),
    )


def _plain(body: bytes, kind: Kind) -> tuple[bytes, Header, Cells] | None:
    """A text, what its columns are and its values, where rows come last and hold plain values."""
    at = body.find(_ROWS)
    colon = _COLON.match(body, at + len(_ROWS))
    if at < 0 or colon is None:
        return None
    known = _plain_header if at <= _SHORT else _plain_header.__wrapped__
    try:
        header = known(body[:at], kind.to_learn)
        if header is None:
            return None
        if not body.isascii():
            body.decode()
        of = cells(body, header.width, colon.end(), strict=True)
    except (Problem, ValueError):  # told once it is known that the body is JSON
        return None
    return (body, header, of) if body[of.end :].strip(b" \t\r\n") == b"}" else None


def _any(body: bytes, kind: Kind) -> tuple[bytes, Header, Cells]:
    """The same of any body; a Problem where it is no table."""
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
    header = _header(found.columns, kind.to_learn)
    if not text.startswith(b"["):
        raise wrong("rows", "is not an array of rows; give [[..], [..]]")
    return text, header, cells(text, header.width)


class _Column(NamedTuple):
    """The values of one column."""

    text: bytes
    starts: I64
    ends: I64
    kinds: U8
    values: F64

    def distinct(self) -> Distinct:
        """Each value by its number among the distinct texts."""
        return distinct(self.text, self.starts, self.ends)

    def coded(self, role: str, problems: dict[int, Problem]) -> Coded:
        """Tasks, labels or ids; a value of another type is its row's problem."""
        codes, texts, whole = self.distinct()
        allowed, wanted = _ALLOWED[role]
        values = _all_decoded(texts)
        for code, value in enumerate(values if set(map(type, values)) != {str} else ()):
            why = None
            if type(value) is int and not -(1 << 63) <= value < 1 << 63:
                why = "is an integer beyond 64 bits; give it as a string"
            elif type(value) not in allowed:
                why = f"{_shown(texts[code])} is not {wanted}"
            if why is not None:
                for row in np.flatnonzero(codes == code).tolist():
                    problems.setdefault(row, wrong(role, why))
                values[code] = "?" if role != "label" else 0  # it is not used
        return Coded(codes, values, whole)

    def weights(self, problems: dict[int, Problem]) -> Numbers:
        """Weights; a value of another type is its row's problem."""
        for row in np.flatnonzero(self.kinds != NUMBER).tolist():
            shown = _shown(self.text[self.starts[row] : self.ends[row]])
            why = f"{shown or 'null'} is not a number from 0 to 1,000,000"
            problems.setdefault(row, wrong("weight", why))
        return Numbers(self.values)

    def feature(self, problems: dict[int, Problem]) -> Column:
        """A feature's values; what is mixed is looked at singly."""
        low, high = self.kinds.min(initial=NULL), self.kinds.max(initial=0)
        if high < NULL:
            return Numbers(self.values)
        if high == NULL:
            return Numbers(self.values, self.kinds < NULL)
        if high == TEXT and low >= NULL:
            codes, texts, _ = self.distinct()
            return Words(codes, _all_decoded(texts))
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


def _all_decoded(texts: list[bytes]) -> list[Any]:
    """Several values: strings by one call."""
    if {text[0] for text in texts} == {_QUOTE}:
        return _strings(b"[" + b",".join(texts) + b"]")
    return list(map(_decoded, texts))


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
