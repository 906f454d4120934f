"""Bytes of a request -> examples, each good or with its own problem; nothing is half read.

Examples stand in JSON by name: one object, an array of them, or one on each line (blank lines are
skipped). What cannot be taken apart at all is refused whole; one bad example among many is refused
alone. Duplicate names are refused: parsers differ in which one wins, so the sender cannot know
what was learnt.

Many are decoded by one call, straight into columns; only where something is wrong are they looked
at one by one, to tell which and why.

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
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
from msgspec import UNSET

from learners.features import Example, take
from learners.features.mappings import gather
from learners.features.values import entries
from service.core.prepare import Prepared, invalid, prepare, prepared, woven
from service.problems import Problem
from service.settings import Settings
from service.web.gathered import Gathered, gathered
from service.web.survey import survey
from service.web.usual import Usual, usual
from service.web.usual_loops import LINE
from service.web.wire import (
    LEARN,
    PREDICT,
    Kind,
    Lesson,
    malformed,
    mistaken,
    once,
    refuse_long,
    too_many,
    wrong,
)

__all__ = ["LEARN", "PIECE", "PREDICT", "Decoder", "line_ends"]

PIECE = 1 << 18  # bytes decoded, then learnt, at once: milliseconds between which others are served
_elements = msgspec.json.Decoder(list[msgspec.Raw]).decode
_INTEGERS = 1 << 63


class Decoder:
    """Takes bodies apart within the limits of the settings."""

    def __init__(self, settings: Settings) -> None:
        self.limits = settings

    def one(self, text: bytes, kind: Kind) -> Example:
        """The example in `text`; a Problem if it is none."""
        try:
            found = kind.one(text)
        except msgspec.ValidationError as error:
            raise mistaken(str(error)) from None
        except (RecursionError, ValueError) as error:  # no JSON, no UTF-8, too many digits
            raise malformed(error, text) from None
        example = self._checked(found)
        names = len(found.__struct_fields__) - _unset(found) + _names(found.features)
        if survey(text).names != names:
            json.loads(text, object_pairs_hook=once, parse_int=str, parse_float=str)
        return example

    def lines(self, text: bytes, kind: Kind, first: int = 1) -> Prepared:
        """Whole lines of a body, of which the first has that number, counted from 1."""
        found = self._usual(text, kind, array=False)
        if found is not None:
            of, made = found
            if not len(of.odd):
                return prepared(made.batch, made.ids, {})
            odd = [(row, lo, text[lo:hi]) for row, lo, hi in of.odd.tolist()]
            if len(of.rows) and all(line.strip() for _, _, line in odd):
                ends = np.flatnonzero(np.frombuffer(text, np.uint8) == 10)
                numbers = first + np.searchsorted(ends, of.odd[:, 1])
                rest = self._unusual([line for _, _, line in odd], kind, numbers.tolist())
                at = of.odd[:, 0].tolist()
                rest = rest._replace(
                    rows=[at[row] for row in rest.rows],
                    problems={at[row]: problem for row, problem in rest.problems.items()},
                )
                plain = prepared(made.batch, made.ids, {})
                return woven(plain._replace(rows=of.rows.tolist()), rest)
        full = [(at, line) for at, line in enumerate(text.split(b"\n"), first) if line.strip()]
        return self._unusual([line for _, line in full], kind, [at for at, _ in full])

    def _usual(self, text: bytes, kind: Kind, *, array: bool) -> tuple[Usual, Gathered] | None:
        """The usual examples on lines, or of an array of no others; None where there is none."""
        if not text.isascii():
            try:
                text.decode()
            except ValueError:
                return None
        of = usual(text, to_learn=kind.to_learn, array=array)
        if array and len(of.odd):
            return None
        made = gathered(text, of, self.limits, to_learn=kind.to_learn)
        if made.beyond.any():
            if array:
                return None
            keep = np.flatnonzero(~made.beyond)
            odd = np.column_stack([of.rows, of.spans[:, LINE : LINE + 2]])[made.beyond]
            odd = np.concatenate([of.odd, odd])
            of = of._replace(rows=of.rows[keep], odd=odd[np.argsort(odd[:, 0])])
            ids = [made.ids[row] for row in keep.tolist()] if made.ids else []
            made = made._replace(batch=take(made.batch, keep), ids=ids)
        return of, made

    def _unusual(
        self, texts: Sequence[bytes], kind: Kind, lines: Sequence[int] | None = None
    ) -> Prepared:
        """Lines that hold something, all decoded by one call if they are good."""
        text = b"\n".join(texts)
        try:
            found = kind.lines(text)
        except (RecursionError, ValueError):
            found = []
        about = survey(text)
        if about.apart and about.lines == len(found) == len(texts):
            made = self._together(found, about.names, kind)
            if made is not None:
                return made
        return self._one_by_one(texts, kind, lines)

    def arrays(self, body: bytes) -> Iterator[bytes]:
        """A JSON array as smaller ones; a Problem (whole) before the first, or never."""
        if len(body) <= PIECE:
            return iter([body])
        texts = self._texts(body)
        return (b"[" + b",".join(part) + b"]" for part in _parts(texts))

    def array(self, text: bytes, kind: Kind) -> Prepared:
        """A JSON array of examples; a Problem (whole) where it is none."""
        usually = self._usual(text, kind, array=True)
        if usually is not None:
            self.refuse_too_many(len(usually[0].rows))
            return prepared(usually[1].batch, usually[1].ids, {})
        try:
            found = kind.array(text)
        except (RecursionError, ValueError):
            pass
        else:
            self.refuse_too_many(len(found))
            made = self._together(found, survey(text).names, kind)
            if made is not None:
                return made
        return self._one_by_one(self._texts(text), kind)

    def _texts(self, body: bytes) -> list[bytes]:
        """The elements of an array."""
        try:
            found = _elements(body)
        except (RecursionError, ValueError) as error:
            raise malformed(error, body) from None
        self.refuse_too_many(len(found))
        return [bytes(raw) for raw in found]

    def refuse_too_many(self, n: int) -> None:
        """A Problem where a body holds more examples than are taken at once."""
        if n > self.limits.max_examples:
            raise too_many(n, self.limits.max_examples)

    def _together(self, found: Sequence[Any], names: int, kind: Kind) -> Prepared | None:
        """What was decoded, as columns; None where something is wrong with one of them."""
        limits = self.limits
        features = [one.features for one in found]
        tasks = [one.task for one in found]
        labels: Sequence[Any] = [None] * len(found)
        weights: Sequence[Any] = [1.0] * len(found)
        ids: Sequence[Any] = ()
        expected = 2 * len(found) + sum(map(len, features))
        if max(map(len, set(tasks)), default=1) > limits.max_task_chars:
            return None
        if kind.to_learn:
            labels = [one.label for one in found]
            if not all(map(_usable, set(labels))):
                return None
            weights = [one.weight for one in found]
            expected += 2 * len(found)
            if UNSET in weights:
                expected -= weights.count(UNSET)
                weights = [1.0 if weight is UNSET else weight for weight in weights]
            ids = [one.id for one in found]
            expected += len(found) - ids.count(UNSET)
            ids = [None if id is UNSET else id for id in ids]
            if not all(id is None or 1 <= len(id) <= limits.max_id_chars for id in ids):
                return None
        if expected != names:
            expected += sum(map(_nested, features))
        if expected != names:
            return None
        try:
            made = gather(tasks, features, labels, weights, limits.bits, limits.max_features)
        except ValueError:
            return None
        return prepared(made, ids, {})

    def _one_by_one(
        self, texts: Sequence[bytes], kind: Kind, lines: Sequence[int] | None = None
    ) -> Prepared:
        problems: dict[int, Problem] = {}
        good, at = [], []
        for row, text in enumerate(texts):
            try:
                good.append(self.one(text, kind))
                at.append(row)
            except Problem as problem:
                problems[row] = problem
        made = prepare(good, self.limits.bits, to_learn=kind.to_learn)
        problems |= {at[row]: problem for row, problem in made.problems.items()}
        for row, refused in problems.items():
            refused.line = lines[row] if lines else None
        return made._replace(rows=[at[row] for row in made.rows], problems=problems)

    def _checked(self, found: Any) -> Example:
        task, features, limits = found.task, found.features, self.limits
        refuse_long("task", task, limits.max_task_chars)
        size = len(features)
        if size <= limits.max_features:
            for value in features.values():
                kind = type(value)
                if kind is str:
                    size += len(value) // 2 + 1  # words, at most
                elif kind is dict or kind is list:
                    size += len(value)
            if size > limits.max_features:
                try:
                    size = sum(len(entries(name, value)) for name, value in features.items())
                except ValueError as error:
                    raise invalid(str(error)) from None
        if size > limits.max_features:
            raise wrong(
                "features",
                f"{size} columns (numbers, words, entries), the limit is "
                f"{limits.max_features}; send fewer, or raise KINDRED_MAX_FEATURES",
            )
        if not isinstance(found, Lesson):
            return Example(task, features)
        label, weight, name = found.label, found.weight, found.id
        if label is UNSET:
            raise wrong("label", "is missing; give one, or ask /v1/predict")
        if label is None:
            raise wrong(
                "label", "null means no label; give a string, a number, true or false, or predict"
            )
        if not _usable(label):
            raise wrong("label", "is an integer beyond 64 bits; give it as a string")
        if name is UNSET:
            name = None
        elif name is not None:
            refuse_long("id", name, limits.max_id_chars)
        return Example(task, features, label, 1.0 if weight is UNSET else weight, name)


def line_ends(text: bytes) -> int:
    """How many there are: `bytes.count` is slow where there are many."""
    return int(np.count_nonzero(np.frombuffer(text, np.uint8) == 10))


def _usable(label: object) -> bool:
    """Whether a decoded label is one, and within 64 bits."""
    if label is None or label is UNSET:
        return False
    return not isinstance(label, int) or -_INTEGERS <= label < _INTEGERS


def _unset(found: Any) -> int:
    """How many fields were not given."""
    return [getattr(found, name) for name in found.__struct_fields__].count(UNSET)


def _names(features: dict[str, Any]) -> int:
    return len(features) + _nested(features)


def _nested(features: dict[str, Any]) -> int:
    """Names in the bags among these."""
    return sum(len(value) for value in features.values() if type(value) is dict)


def _parts(texts: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Some at a time, of about PIECE bytes."""
    lo = size = 0
    for hi, text in enumerate(texts, 1):
        size += len(text)
        if size >= PIECE or hi == len(texts):
            yield texts[lo:hi]
            lo, size = hi, 0
