"""An example as it stands in JSON, and what is wrong with one that cannot be used."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from service.problems import Problem


class Lesson(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """What /v1/learn takes."""

    task: str
    features: dict[str, Any]
    label: str | bool | int | float | None | UnsetType = UNSET
    weight: float | UnsetType = UNSET
    id: str | None | UnsetType = UNSET


class Question(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """What /v1/predict takes."""

    task: str
    features: dict[str, Any]


class Kind:
    """The decoders of one of the two."""

    def __init__(self, struct: type[Any], *, to_learn: bool) -> None:
        self.one: Callable[[bytes], Any] = msgspec.json.Decoder(struct).decode
        self.lines: Callable[[bytes], list[Any]] = msgspec.json.Decoder(struct).decode_lines
        self.array: Callable[[bytes], list[Any]] = msgspec.json.Decoder(list[struct]).decode  # type: ignore[valid-type]
        self.to_learn = to_learn


LEARN = Kind(Lesson, to_learn=True)
PREDICT = Kind(Question, to_learn=False)

_where = re.compile(r" - at `\$(?:\.)?([^`]*)`$")
_field = re.compile(r"(?:required|unknown) field `([^`]*)`")


def wrong(field: str, why: str) -> Problem:
    """The problem of an example whose `field` (a path with dots) is wrong."""
    pointer = "".join("/" + part for part in field.split(".") if part)
    return Problem("invalid-example", f"{field}: {why}.", [(pointer, why)])


def mistaken(message: str) -> Problem:
    """What msgspec says, as our problem: `Expected ... - at `$.features``."""
    where = _where.search(message)
    path = where[1].replace("[...]", "") if where else ""
    message = message[: where.start()] if where else message
    field = _field.search(message)
    if field:
        path = f"{path}.{field[1]}".lstrip(".")
    if "out of range" in message:
        message += ": give a number below 1.8e308"
    if not path:
        return Problem("invalid-example", message + ".", [("", message)])
    return wrong(path, message)


def malformed(error: Exception, text: bytes) -> Problem:
    """The problem of text that is no JSON, by what was raised."""
    if isinstance(error, RecursionError):
        return Problem("malformed-json", "The body is nested too deep; flatten it.")
    hint = ""
    if re.search(rb"[:\[,]\s*-?(NaN|Infinity)", text):
        hint = " JSON has no NaN and no Infinity: leave a missing feature out."
    return Problem("malformed-json", f"{error}.{hint}")


def refuse_long(what: str, name: str, most: int) -> None:
    """A Problem where the name of a task, or an id, has no or too many characters."""
    if not 1 <= len(name) <= most:
        shown = f" (it begins {name[:40]!r})" if name else ""
        raise wrong(what, f"has {len(name)} characters; give 1 to {most}{shown}")


def too_many(n: int, most: int) -> Problem:
    """The problem of a body with more examples than are taken at once."""
    return Problem(
        "too-many-examples",
        f"The body holds {n} examples, the limit is {most}; send them in several requests.",
    )


def once(pairs: list[tuple[str, Any]]) -> None:
    """For `json.loads`: a Problem where a name stands twice in one object."""
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise Problem("invalid-example", f"{name!r} stands twice in one object; keep one.")
        seen.add(name)
