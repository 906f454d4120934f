"""ARFF, the files of Weka and MOA: typed columns by name, dense or sparse rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from streams.event import Event, Stream, Value
from streams.readers.columns import Columns, count_tasks, event, resolve
from streams.readers.files import bad, lines, stem
from streams.readers.values import finite

_QUOTED = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
_ATTRIBUTE = re.compile(rf"@attribute\s+({_QUOTED}|\S+)\s+(.+)", re.IGNORECASE)
_CELL = re.compile(rf"\s*({_QUOTED}|[^,]*?)\s*(?:,|$)")
_PAIR = re.compile(rf"\s*(\d+)\s+({_QUOTED}|[^,]*?)\s*(?:,|$)")
_NUMERIC = ("numeric", "real", "integer")


class Attribute(NamedTuple):
    """A declared column."""

    name: str
    numeric: bool
    nominal: tuple[str, ...] | None  # what it may be, where that is declared


def read_arff(
    path: str | Path,
    *,
    task: str | None = None,
    label: str | None = None,
    time: str | None = None,
    id: str | None = None,
) -> Stream:
    """Read an ARFF file: numeric attributes are numbers, all others strings, `?` is missing.

    The label is the last attribute where none is named like one. The numbers of a sparse row
    become one bag `x`, attribute to amount.

    Raises:
        ValueError: columns cannot be guessed, or (while reading) a line does not fit them.
    """
    path, told = Path(path), Columns(task, label, time, id)
    attributes = _attributes(path, lines(path))
    columns = resolve(path, [a.name for a in attributes], told, last_is_label=True)
    return Stream(stem(path), lambda: _events(path, columns), tasks=count_tasks(columns))


def _events(path: Path, columns: Columns) -> Iterator[Event]:
    rows, where = lines(path), stem(path)
    attributes = _attributes(path, rows)
    for line, text in rows:
        text = text.strip()
        if not text or text.startswith("%"):
            continue
        try:
            row = _sparse(text, attributes) if text.startswith("{") else _dense(text, attributes)
            x: Mapping[str, Value] = {k: v for k, v in row.items() if k not in columns.roles}
            if text.startswith("{"):
                row = {a.name: _omitted(a) for a in attributes if a.name in columns.roles} | row
                x = _bag(x)
            yield event(where, row, columns, x)
        except ValueError as error:
            raise bad(path, line, str(error)) from error


def _attributes(path: Path, rows: Iterator[tuple[int, str]]) -> list[Attribute]:
    """Read the declarations, up to and with the line `@data`."""
    attributes: list[Attribute] = []
    line = 0
    for line, text in rows:
        text = text.strip()
        keyword = text.split(None, 1)[0].casefold() if text else "%"
        if keyword == "@data":
            names = [attribute.name for attribute in attributes]
            if not names or len(set(names)) < len(names):
                raise bad(path, line, f"attributes {names}: declare each by a name of its own")
            return attributes
        if keyword == "@attribute":
            attributes.append(_attribute(path, line, text))
        elif not keyword.startswith(("%", "@relation")):
            raise bad(path, line, f"{text[:60]!r}: write @relation, @attribute or @data")
    raise bad(path, line, "no line @data: write it before the rows")


def _attribute(path: Path, line: int, text: str) -> Attribute:
    match = _ATTRIBUTE.fullmatch(text)
    kind = match[2].strip() if match else ""
    if match and kind.startswith("{") and kind.endswith("}"):
        return Attribute(_unquote(match[1]), False, tuple(_cells(kind[1:-1])))
    known = kind.split(None, 1)[0].casefold() if kind else ""
    if not match or known not in (*_NUMERIC, "string", "date"):
        raise bad(path, line, f"{text[:60]!r}: write @attribute NAME numeric, string, date or "
                              "{value, ...}")
    return Attribute(_unquote(match[1]), known in _NUMERIC, None)


def _dense(text: str, attributes: list[Attribute]) -> dict[str, Value]:
    cells = _cells(text)
    if len(cells) != len(attributes):
        raise ValueError(f"{len(cells)} values for {len(attributes)} attributes: give one each")
    return {a.name: _value(a, cell) for a, cell in zip(attributes, cells, strict=True)}


def _sparse(text: str, attributes: list[Attribute]) -> dict[str, Value]:
    body = text[1:-1].strip()
    row: dict[str, Value] = {}
    at = 0
    while at < len(body):
        pair = _PAIR.match(body, at)
        if not text.endswith("}") or not pair or int(pair[1]) >= len(attributes):
            raise ValueError(f"{body[at:].strip()[:40]!r}: write {{number value, ...}}, "
                             f"numbers from 0 to {len(attributes) - 1}")
        attribute = attributes[int(pair[1])]
        row[attribute.name] = _value(attribute, _unquote(pair[2]))
        at = pair.end()
    return row


def _omitted(attribute: Attribute) -> Value:
    """What a sparse row means by leaving an attribute out."""
    return 0.0 if attribute.numeric else attribute.nominal[0] if attribute.nominal else None


def _bag(row: Mapping[str, Value]) -> dict[str, Value]:
    numbers = {k: v for k, v in row.items() if isinstance(v, float)}
    return {k: v for k, v in row.items() if k not in numbers} | {"x": numbers}


def _value(attribute: Attribute, cell: str) -> Value:
    if cell == "?":
        return None
    if attribute.numeric:
        return finite(cell)
    if attribute.nominal is not None and cell not in attribute.nominal:
        raise ValueError(f"{cell!r} is not among the values of {attribute.name!r}: declare it")
    return cell


def _cells(text: str) -> list[str]:
    if "'" not in text and '"' not in text:
        return [cell.strip() for cell in text.split(",")]
    cells, at = [], 0
    while at < len(text):
        match = _CELL.match(text, at)
        if not match:
            raise ValueError(f"{text[at:at + 40]!r}: correct the quotes")
        cells.append(_unquote(match[1]))
        at = match.end()
    return cells + [""] * text.rstrip().endswith(",")


def _unquote(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text[:1] in ("'", '"') else text
