"""Bytes of a request -> examples, each good or with its own problem; nothing is half read.

A body is one example (a JSON object), or many: a JSON array, or JSON lines (blank ones are
skipped). What cannot be taken apart at all is refused whole; one bad example among many is refused
alone. Duplicate names are refused: parsers differ in which one wins, so the sender cannot know
what was learnt.

>>> decode = Decoder(Settings())
>>> decode.one(b'{"task": "alice", "features": {"links": 3}, "label": "spam"}', LEARN).label
'spam'
>>> decode.one(b'{"task": "alice", "features": {"links": 3, "links": 4}, "label": 0}', LEARN)
Traceback (most recent call last):
    ...
service.problems.Problem: 'links' stands twice in one object; keep one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from learners.features import Example
from service.problems import Problem
from service.settings import Settings
from service.web.media import LINES

SLICE = 256  # examples decoded, then learnt, at once: milliseconds between which others are served


class Lesson(msgspec.Struct, forbid_unknown_fields=True):
    """What /v1/learn takes, as it stands in JSON."""

    task: str
    features: dict[str, Any]
    label: str | bool | int | float | None | UnsetType = UNSET
    weight: float | UnsetType = UNSET
    id: str | None | UnsetType = UNSET


class Question(msgspec.Struct, forbid_unknown_fields=True):
    """What /v1/predict takes, as it stands in JSON."""

    task: str
    features: dict[str, Any]


LEARN = msgspec.json.Decoder(Lesson)
PREDICT = msgspec.json.Decoder(Question)
Kind = msgspec.json.Decoder[Any]

_items = msgspec.json.Decoder(list[msgspec.Raw])
_where = re.compile(r" - at `\$(?:\.)?([^`]*)`$")
_field = re.compile(r"(?:required|unknown) field `([^`]*)`")
_loose_colons = (b" :", b"\n:", b"\t:", b"\r:")  # four searches: a tenth of the time of `\s:`
_word = re.compile(r"\w+")


class Decoder:
    """Takes bodies apart within the limits of the settings."""

    def __init__(self, settings: Settings) -> None:
        self.limits = settings

    def one(self, text: bytes, kind: Kind) -> Example:
        """The example in `text`; a Problem if it is none."""
        try:
            found = kind.decode(text)
        except RecursionError:
            raise Problem("malformed-json", "The body is nested too deep; flatten it.") from None
        except msgspec.ValidationError as error:
            raise _invalid(str(error)) from None
        except ValueError as error:  # not JSON, not UTF-8, or a number of too many digits
            raise Problem("malformed-json", f"{error}.{_hint(text)}") from None
        return self._checked(found, text)

    def slices(self, body: bytes, form: str, kind: Kind) -> Iterator[list[Example | Problem]]:
        """The examples of `body`, some at a time; a Problem (whole) before the first, or never."""
        if form == LINES:
            self._refuse_too_many(body.count(b"\n"))  # before there are as many objects
            texts = body.splitlines()
        else:
            texts = _elements(body)
        self._refuse_too_many(len(texts))
        return self._slices(texts, form, kind)

    def _refuse_too_many(self, n: int) -> None:
        if n > self.limits.max_examples:
            raise Problem(
                "too-many-examples",
                f"The body holds {n} examples, the limit is {self.limits.max_examples}; "
                "send them in several requests.",
            )

    def _slices(
        self, texts: list[bytes], form: str, kind: Kind
    ) -> Iterator[list[Example | Problem]]:
        part: list[Example | Problem] = []
        for number, text in enumerate(texts, 1):
            if form == LINES and not text.strip():
                continue
            try:
                part.append(self.one(text, kind))
            except Problem as problem:
                if form == LINES:
                    problem.line = number
                part.append(problem)
            if len(part) == SLICE:
                yield part
                part = []
        if part:
            yield part

    def _checked(self, found: Any, text: bytes) -> Example:
        task, features = found.task, found.features
        limits = self.limits
        if not 1 <= len(task) <= limits.max_task_chars:
            raise invalid(
                "task",
                f"the name has {len(task)} characters; give 1 to {limits.max_task_chars}"
                + (f" (it begins {task[:40]!r})" if task else ""),
            )
        keys = 2 + len(features)
        size = len(features)
        if size <= limits.max_features:
            for value in features.values():
                kind = type(value)
                if kind is str:
                    size += len(value) // 2  # words, at most
                elif kind is dict:
                    keys += len(value)
                    size += len(value)
                elif kind is list:
                    size += len(value)
        if size > limits.max_features:
            size = max(len(features), _columns(features) if size > len(features) else 0)
            if size > limits.max_features:
                raise invalid(
                    "features",
                    f"{size} columns (numbers, words, entries), the limit is "
                    f"{limits.max_features}; send fewer, or raise KINDRED_MAX_FEATURES",
                )
        if isinstance(found, Question):
            _refuse_repeats(text, keys)
            return Example(task, features)
        label, weight, name = found.label, found.weight, found.id
        keys += (label is not UNSET) + (weight is not UNSET) + (name is not UNSET)
        _refuse_repeats(text, keys)
        if label is UNSET:
            raise invalid("label", "is missing; give one, or ask /v1/predict")
        if label is None:
            raise invalid(
                "label", "null means no label; give a string, a number, true or false, or predict"
            )
        if isinstance(label, int) and not -(1 << 63) <= label < 1 << 63:
            raise invalid("label", "is an integer beyond 64 bits; give it as a string")
        if name is UNSET:
            name = None
        elif name is not None and not 1 <= len(name) <= limits.max_id_chars:
            raise invalid(
                "id", f"has {len(name)} characters; give 1 to {limits.max_id_chars}, or none"
            )
        return Example(task, features, label, 1.0 if weight is UNSET else weight, name)


def invalid(field: str, why: str) -> Problem:
    """The problem of an example whose `field` (a path with dots) is wrong."""
    pointer = "".join("/" + part for part in field.split(".") if part)
    return Problem("invalid-example", f"{field}: {why}.", [(pointer, why)])


def _invalid(message: str) -> Problem:
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
    return invalid(path, message)


def _hint(text: bytes) -> str:
    if re.search(rb"[:\[,]\s*-?(NaN|Infinity)", text):
        return " JSON has no NaN and no Infinity: leave a missing feature out."
    return ""


def _elements(body: bytes) -> list[bytes]:
    try:
        return [bytes(raw) for raw in _items.decode(body)]
    except RecursionError:
        raise Problem("malformed-json", "The body is nested too deep; flatten it.") from None
    except ValueError as error:
        raise Problem("malformed-json", f"{error}.{_hint(body)}") from None


def _columns(features: Mapping[str, Any]) -> int:
    return sum(
        len(_word.findall(value)) or 1
        if isinstance(value, str)
        else len(value) or 1
        if isinstance(value, dict | list)
        else 1
        for value in features.values()
    )


def _refuse_repeats(text: bytes, keys: int) -> None:
    """A Problem if an object in `text` names something twice, where `keys` names were read.

    Within a string a quote is escaped, so in text without `\\":` and without white space before a
    colon there are as many names as `":`. Only other text is read again, slowly.
    """
    if text.count(b'":') == keys and b'\\":' not in text:
        if not any(colon in text for colon in _loose_colons):
            return
    json.loads(text, object_pairs_hook=_once, parse_int=str, parse_float=str)


def _once(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise Problem("invalid-example", f"{name!r} stands twice in one object; keep one.")
        seen.add(name)
