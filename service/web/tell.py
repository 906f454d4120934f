"""What was said, as it stands in JSON: an object an example, alone, in an array or on a line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from learners.types import Label
from service.core.answers import Answer, Spoken
from service.problems import Problem
from service.web.spliced import spliced

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
    return [item.body() if isinstance(item, Problem) else _item(item) for item in spoken.items()]


def spoken_lines(spoken: Spoken) -> bytes:
    """What is said of each example, on a line each."""
    return lines(items(spoken)) if spoken.apart else spliced(spoken.said, ord("\n"))


def spoken_elements(spoken: Spoken) -> bytes:
    """What is said of each example, as it stands between the brackets of an array."""
    return encode(items(spoken))[1:-1] if spoken.apart else spliced(spoken.said, ord(","))[:-1]


def lines(told: Iterable[object]) -> bytes:
    """An item on each line."""
    return _encoder.encode_lines(told)


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
