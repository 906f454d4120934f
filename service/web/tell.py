"""What was said, as it stands in JSON: an object an example, alone, in an array or on a line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from learners.types import Label
from service.core.answers import Answer, Spoken
from service.problems import Problem

_encoder = msgspec.json.Encoder()
encode = _encoder.encode


class _Item(msgspec.Struct, gc=False):
    """One good answer among many."""

    status: int
    task: str
    label: Label | None
    probabilities: object
    seen: int
    version: int


def said(answer: Answer) -> dict[str, Any]:
    """An answer as it stands in JSON.

    `probabilities` is an object keyed by label where all labels are strings, else an array of
    {"label", "probability"}: an object cannot tell 1 from "1" from true.
    """
    return {
        "task": answer.task,
        "label": answer.label,
        "probabilities": _likely(answer.classes, answer.probabilities),
        "seen": answer.seen,
        "version": answer.version,
    }


def items(spoken: Spoken) -> Sequence[object]:
    """What is to be encoded for each example of a request."""
    of = spoken.said
    if spoken.apart or not len(of.classes) or not of.probabilities.all():
        return [
            item.body() if isinstance(item, Problem) else _item(item) for item in spoken.items()
        ]
    classes = of.classes
    best = of.probabilities.argmax(1).tolist()  # the first among equals
    return [
        _Item(200, of.tasks[task], classes[label], _likely(classes, p), seen, seen + of.learnt)
        for task, label, p, seen in zip(
            of.task.tolist(), best, of.probabilities.tolist(), of.seen.tolist(), strict=True
        )
    ]


def lines(told: Iterable[object]) -> bytes:
    """An item on each line."""
    return _encoder.encode_lines(told)


def elements(told: Sequence[object]) -> bytes:
    """Items as they stand between the brackets of an array."""
    return encode(told)[1:-1]


def _item(answer: Answer) -> _Item:
    return _Item(
        200,
        answer.task,
        answer.label,
        _likely(answer.classes, answer.probabilities),
        answer.seen,
        answer.version,
    )


def _likely(classes: Sequence[Label], values: Sequence[float]) -> object:
    if all(type(label) is str for label in classes):
        return dict(zip(classes, values, strict=True))
    return [
        {"label": label, "probability": value} for label, value in zip(classes, values, strict=True)
    ]
