"""All that a service knows: the place, and the receipts of what it learnt.

It changes by records alone, whether they were just written to the journal or are read from it
again: that is why a recovered service equals one that never stopped.
"""

from __future__ import annotations

from enum import IntEnum
from functools import cached_property

from learners import parcels
from learners.exchange import Parcel
from learners.place import Place
from learners.types import Tree
from service.core.answers import Said, say
from service.core.lessons import Lesson
from service.core.receipts import Receipts
from service.store.shelf import Shelf


class Kind(IntEnum):
    """Kinds of the journal's records."""

    LEARN = 1  # a lesson
    DELETE = 2  # a task's name
    HEAR = 3  # a reply, of a meeting held elsewhere; takes no position


class State:
    """A place, its receipts and its cold tasks, in step."""

    def __init__(self, place: Place, receipts: Receipts, shelf: Shelf | None = None) -> None:
        self.place = place
        self.receipts = receipts
        self.shelf = shelf  # None: all tasks stay in memory

    def close(self) -> None:
        """Let go of the file of cold tasks; what came after the last snapshot is made again."""
        if self.shelf is not None:
            self.shelf.close()

    def learn(self, lesson: Lesson) -> Said:
        """Learn, and note under which ids what was answered."""
        said = say(lesson.batch, self.place.learn(lesson.batch), learnt=True)
        if lesson.receipts:
            answers = said.answers()
            for row, id, fingerprint in lesson.receipts:
                self.receipts.remember(id, fingerprint, answers[row])
        return said

    def delete(self, task: str) -> bool:
        """Forget a task and all that it left; whether there was one."""
        self.receipts.forget(task)
        return self.place.forget(task)

    def reply(self, data: bytes) -> Parcel:
        """A reply from its bytes; ValueError when they are none to this place's strategy."""
        return parcels.from_bytes(data, self._reply)

    @cached_property
    def _reply(self) -> Tree:
        return parcels.reply_of(self.place.strategy)
