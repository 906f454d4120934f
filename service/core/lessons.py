"""What the journal holds of learning: a batch, and the ids under which its examples came."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from learners import features
from learners.features import Batch
from service.core.receipts import Receipt

_encode = json.JSONEncoder(separators=(",", ":")).encode  # made once: that costs more than its use
_SIZE = 4  # bytes that tell the length of the receipts


class Lesson(NamedTuple):
    """Examples to learn, in order."""

    batch: Batch
    receipts: tuple[Receipt, ...] = ()

    @property
    def n(self) -> int:
        """How many."""
        return len(self.batch.task)


def join(lessons: Sequence[Lesson]) -> Lesson:
    """Lessons end to end, in order."""
    if len(lessons) == 1:
        return lessons[0]
    receipts, at = [], 0
    for lesson in lessons:
        receipts += [receipt._replace(row=receipt.row + at) for receipt in lesson.receipts]
        at += lesson.n
    return Lesson(features.join([lesson.batch for lesson in lessons]), tuple(receipts))


def take(lesson: Lesson, rows: Sequence[int]) -> Lesson:
    """The lesson that those rows alone would have made, in that order."""
    at = {row: new for new, row in enumerate(rows)}
    kept = [
        receipt._replace(row=at[receipt.row]) for receipt in lesson.receipts if receipt.row in at
    ]
    return Lesson(features.take(lesson.batch, rows), tuple(kept))


def to_bytes(lesson: Lesson) -> bytes:
    """A lesson as bytes, without pickle.

    >>> from learners.features import Example, batch
    >>> lesson = Lesson(batch([Example("alice", {"a": 1}, "spam")]), (Receipt(0, "id-1", "f0"),))
    >>> from_bytes(to_bytes(lesson)).receipts
    (Receipt(row=0, id='id-1', fingerprint='f0'),)
    """
    receipts = _encode(lesson.receipts).encode() if lesson.receipts else b"[]"
    return len(receipts).to_bytes(_SIZE, "little") + receipts + features.to_bytes(lesson.batch)


def from_bytes(data: bytes) -> Lesson:
    """The converse of `to_bytes`; ValueError when the bytes are not a lesson."""
    return joined([data], [0])


def joined(packed: Sequence[bytes], starts: Sequence[int]) -> Lesson:
    """The lesson of packed ones end to end, which start at those rows: `join` of all, for less."""
    receipts: list[Receipt] = []
    batches: list[bytes] = []
    for data, start in zip(packed, starts, strict=True):
        end = _SIZE + int.from_bytes(data[:_SIZE], "little")
        if data[_SIZE:end] != b"[]":
            for row, id, fingerprint in json.loads(data[_SIZE:end]):
                receipts.append(Receipt(start + row, id, fingerprint))
        batches.append(data[end:])
    return Lesson(features.joined(batches), tuple(receipts))
