"""CSV and its kin: a first line that names the columns, then an example a line."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from streams.event import Event, Stream
from streams.readers.columns import Columns, count_tasks, event, resolve
from streams.readers.files import bad, lines, stem
from streams.readers.values import scalar

DELIMITERS = ",\t;|"


def read_csv(
    path: str | Path,
    *,
    task: str | None = None,
    label: str | None = None,
    time: str | None = None,
    id: str | None = None,
    delimiter: str = "",
) -> Stream:
    """Read delimited text with a header; the delimiter is guessed from it unless given.

    A feature or label that looks like a number is one, `true` and `false` are booleans, an empty
    cell, `?`, `NA`, `n/a`, `NaN` and `null` are missing, anything else is a string.

    Raises:
        ValueError: columns cannot be guessed, or (while reading) a line does not fit the header.
    """
    path, told = Path(path), Columns(task, label, time, id)
    if len(delimiter) > 1:
        raise ValueError(f"delimiter={delimiter!r}: give one character")
    delimiter = delimiter or _guess(path)
    columns = resolve(path, _header(path, _rows(path, delimiter)), told)
    return Stream(
        stem(path), lambda: _events(path, columns, delimiter), tasks=count_tasks(columns)
    )


def _events(path: Path, columns: Columns, delimiter: str) -> Iterator[Event]:
    rows, where = _rows(path, delimiter), stem(path)
    header = _header(path, rows)
    plain = {columns.task, columns.time, columns.id}  # taken as they are written
    for line, cells in rows:
        if len(cells) != len(header):
            raise bad(path, line, f"{len(cells)} cells under {len(header)} columns: "
                                  f"quote a cell that holds {delimiter!r}")
        try:
            row = {
                name: cell.strip() or None if name in plain else scalar(cell)
                for name, cell in zip(header, cells, strict=True)
            }
            x = {name: value for name, value in row.items() if name not in columns.roles}
            yield event(where, row, columns, x)
        except ValueError as error:
            raise bad(path, line, str(error)) from error


def _rows(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Every line that is not empty, the header first, with the number of its last line."""
    reader = csv.reader((text for _, text in lines(path)), delimiter=delimiter, strict=True)
    try:
        yield from ((reader.line_num, cells) for cells in reader if cells)
    except csv.Error as error:
        raise bad(path, reader.line_num, f"{error}: correct the quotes") from error


def _header(path: Path, rows: Iterator[tuple[int, list[str]]]) -> list[str]:
    line, cells = next(rows, (1, []))
    header = [cell.strip() for cell in cells]
    if not all(header) or len(set(header)) < len(header) or not header:
        raise bad(path, line, f"columns {header}: give each a name of its own in the first line")
    if all(isinstance(scalar(name), float | int) for name in header):
        raise bad(path, line, f"columns {header}: put a line with their names first")
    return header


def _guess(path: Path) -> str:
    first = next((text for _, text in lines(path)), "")
    return max(DELIMITERS, key=first.count)
