"""Vowpal Wabbit's text: `[label [importance]] ['tag]|space feature[:value] ... |space ...`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from streams.event import Event, Label, Stream, Value
from streams.readers.columns import NAMES
from streams.readers.files import bad, lines, stem
from streams.readers.values import finite, scalar


def read_vw(path: str | Path, *, task: str | None = None) -> Stream:
    """Read namespaces as bags, token to value; the one without a name is called `x`.

    The task is what the namespace `task` holds: the one told, or that of the first line which is
    named like a task (`|user alice`). Where there is none, all lines are of one task, named as the
    file. The tag is the id. Events have no importance: only 1 is taken.

    Raises:
        ValueError: while reading: a line is not of the form, or lacks the task's namespace.
    """
    path = Path(path)
    return Stream(stem(path), lambda: _events(path, task))


def _events(path: Path, told: str | None) -> Iterator[Event]:
    first, space = True, told
    for line, text in lines(path):
        head, bar, body = text.rstrip("\r\n").partition("|")
        if not text.strip():
            continue
        try:
            if not bar:
                raise ValueError(f"{text.strip()[:60]!r} has no namespace: write label | features")
            label, tag = _head(head)
            x = _namespaces(body)
            if first and told is None:
                space = next((name for name in x if name.casefold() in NAMES["task"]), None)
            first = False
            yield Event(_take_task(x, space) or stem(path), x, label, None, tag)
        except ValueError as error:
            raise bad(path, line, str(error)) from error


def _head(head: str) -> tuple[Label | None, str | None]:
    words = head.split()
    tag = None
    if words and (head[-1:].strip() or words[-1].startswith("'")):  # it touches the bar, or quotes
        tag = words.pop().removeprefix("'")
    label = scalar(words[0]) if words else None
    if isinstance(label, str):
        raise ValueError(f"label {words[0]!r} is not a number: only simple labels are read")
    if len(words) > 1 and finite(words[1]) != 1:
        raise ValueError(f"importance {words[1]}: events have none: leave it out")
    if len(words) > 2:
        raise ValueError(f"{words[2]!r} after the importance: an initial prediction is not read")
    return label, tag or None


def _namespaces(body: str) -> dict[str, Value]:
    bags: dict[str, dict[str, float]] = {}
    for part in body.split("|"):
        words = part.split()
        name, weight = "x", 1.0
        if part[:1].strip():  # the name touches the bar
            name, colon, factor = words.pop(0).partition(":")
            weight = finite(factor) if colon else 1.0
        bag = bags.setdefault(name, {})
        for word in words:
            token, colon, value = word.rpartition(":") if ":" in word else (word, "", "")
            bag[token] = bag.get(token, 0.0) + weight * (finite(value) if colon else 1.0)
    return dict(bags)


def _take_task(x: dict[str, Value], space: str | None) -> str | None:
    """Remove the task's namespace and answer with what it holds."""
    if space is None:
        return None
    tokens = x.pop(space, None)
    if not isinstance(tokens, dict) or not tokens:
        raise ValueError(f"no task in namespace {space!r}: write |{space} NAME")
    return " ".join(tokens)
