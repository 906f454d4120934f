"""svmlight / libsvm text: `label [qid:task] index:value ... [# comment]`, an example a line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from streams.event import Event, Stream
from streams.readers.files import bad, lines, stem
from streams.readers.values import finite, scalar


def read_svmlight(path: str | Path, *, task: str | None = None) -> Stream:
    """Read sparse rows as one bag `x`, index to value; the task is the `qid`, else the file's name.

    With `task` given, all rows are of the task of that name.

    Raises:
        ValueError: while reading: a line is not of the form.
    """
    path = Path(path)
    return Stream(stem(path), lambda: _events(path, task))


def _events(path: Path, told: str | None) -> Iterator[Event]:
    where = told or stem(path)
    for line, text in lines(path):
        label, *cells = text.partition("#")[0].split() or [""]
        if not label:
            continue
        task = where
        if cells and cells[0].startswith("qid:"):
            qid = cells.pop(0).removeprefix("qid:")
            task = told or qid
        try:
            yield Event(task, {"x": _bag(cells)}, _label(label))
        except ValueError as error:
            raise bad(path, line, str(error)) from error


def _label(text: str) -> bool | int | float | str | None:
    if "," in text or ":" in text:
        raise ValueError(f"label {text!r}: write one label before the first index:value")
    return scalar(text)


def _bag(cells: list[str]) -> dict[str, float]:
    bag: dict[str, float] = {}
    for cell in cells:
        index, colon, value = cell.partition(":")
        if not colon or not index.isdecimal():
            raise ValueError(f"{cell!r}: write index:value")
        bag[index] = finite(value)
    if len(bag) < len(cells):
        raise ValueError("an index comes twice: add the values up")
    return bag
