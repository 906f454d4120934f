"""Exactly once: the ids of the newest examples learnt, and what was answered.

Learning an id again gives the first answer and learns nothing, so to retry after a time-out is
always safe, for as long as the window reaches back. An id belongs to one example: the fingerprint
tells a retry from another example under the same id.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from hashlib import blake2b
from typing import NamedTuple

from learners.features import Batch
from service.core.answers import Answer


class Receipt(NamedTuple):
    """That an example with this id was taken."""

    row: int  # of the example in its batch
    id: str
    fingerprint: str  # hexadecimal


class Receipts:
    """Answers by id, of the newest `window` ids that were learnt.

    >>> receipts = Receipts(2)
    >>> for name in ("a", "b", "c"):
    ...     receipts.remember(name, "f0", Answer("alice", None, (), (), 0, 1))
    >>> receipts.find("a"), receipts.find("c")
    (None, ('f0', Answer(task='alice', label=None, classes=(), ..., seen=0, version=1)))
    """

    def __init__(self, window: int) -> None:
        self.window = window
        # Kept as the JSON text that a snapshot holds: a fifth of the objects' memory, and a
        # snapshot need only put the texts end to end.
        self._texts: OrderedDict[str, bytes] = OrderedDict()

    def __len__(self) -> int:
        return len(self._texts)

    def find(self, id: str) -> tuple[str, Answer] | None:
        """Fingerprint and answer of the example with that id, if it is remembered."""
        text = self._texts.get(id)
        if text is None:
            return None
        task, fingerprint, label, classes, probabilities, seen, version = json.loads(text)
        return fingerprint, Answer(
            task, label, tuple(classes), tuple(probabilities), seen, version
        )

    def remember(self, id: str, fingerprint: str, answer: Answer) -> None:
        """Note what was answered; the oldest id is forgotten when there are too many."""
        self._texts[id] = _json([answer.task, fingerprint, *answer[1:]])
        if len(self._texts) > self.window:
            self._texts.popitem(last=False)

    def forget(self, task: str) -> None:
        """Drop all that belongs to a deleted task: nothing of it stays, not even its answers."""
        begins = b"[" + _json(task) + b","
        for id in [i for i, text in self._texts.items() if text.startswith(begins)]:
            del self._texts[id]

    def to_bytes(self) -> bytes:
        """A line for each id, the oldest first: the id, a tab, [task, fingerprint, label, ...]."""
        return b"\n".join(_json(id) + b"\t" + text for id, text in self._texts.items())

    @classmethod
    def from_bytes(cls, data: bytes, window: int) -> Receipts:
        """The converse of `to_bytes`, of which the newest `window` are kept."""
        receipts = cls(window)
        for line in data.splitlines()[-window:] if window else ():
            id, text = line.split(b"\t")  # in JSON neither is there but escaped
            receipts._texts[json.loads(id)] = text
        return receipts


def fingerprint(batch: Batch, row: int) -> str:
    """What tells an example from others: its task, label, weight and features, in any order.

    >>> from learners.features import Example, batch
    >>> first = batch([Example("alice", {"a": 1, "b": 2}, 0), Example("alice", {"a": 1}, 0)])
    >>> again = batch([Example("alice", {"b": 2, "a": 1}, 0)])
    >>> fingerprint(again, 0) == fingerprint(first, 0) != fingerprint(first, 1)
    True
    """
    part = slice(*batch.indptr[row : row + 2].tolist())
    label = batch.classes[batch.label[row]]
    about = [batch.tasks[batch.task[row]], label, batch.weight[row].item()]
    digest = blake2b(_json(about), digest_size=16)
    for column in (batch.columns, batch.values, batch.kinds):
        digest.update(column[part].tobytes())
    return digest.hexdigest()


_encode = json.JSONEncoder(separators=(",", ":")).encode  # made once: that costs more than its use


def _json(value: object) -> bytes:
    return _encode(value).encode()
