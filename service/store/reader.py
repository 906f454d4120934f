"""A journal as it lies there: its segments as one sequence of groups, checked on the way."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from service.store import records, segment
from service.store.errors import Damaged, TailLost, remedy
from service.store.mark import START, End, Mark
from service.store.segment import Head

SEGMENTS, MARK = "journal", "journal.mark"  # names in a data directory
OLD = "journal.db"  # of the one file that journals were before format 3


class Record(NamedTuple):
    """One record as it was appended."""

    sequence: int  # its group's number, from 1
    position: int  # examples and deletions up to here, itself included
    kind: int
    payload: bytes


class Reader:
    """The journal of a data directory; nothing is changed.

    Raises `Damaged`, `TailLost`, or ValueError where it is of another format.
    """

    def __init__(self, directory: Path) -> None:
        refuse_older(directory)
        self.path = directory / SEGMENTS
        marked = self._marked()
        if not (found := segment.paths(self.path)):
            self._refuse_lost_tail(START, marked)
            raise self._damaged("there is no segment.")
        first, last = self._head(found[0]), self._head(found[-1])
        self.identity = first.identity
        self.base = first.base  # groups up to here were compacted away
        self._until, self.end = last.size, last.base
        for frame in segment.frames(found[-1]):  # a torn one, which nobody was told of, is none
            self._until, self.end = frame.until, frame.end
        self._refuse_lost_tail(self.end, marked)
        behind = marked != self.end and marked.sequence >= self.base.sequence  # rarely
        if behind and self.end_at(marked.sequence) != marked:
            raise self._damaged(f"group {marked.sequence} is not the one that was acknowledged.")

    def replay(self, after: int = 0) -> Iterator[Record]:
        """The records of all groups numbered above `after`, checked on the way.

        Raises Damaged at the first group that is not what was written, or where those asked for
        were compacted away.
        """
        for end, data in self.groups(after):
            found = list(records.unpack(data))
            position = end.position - sum(count for _, count, _ in found)
            for kind, count, payload in found:
                position += count
                yield Record(end.sequence, position, kind, payload)

    def groups(self, after: int = 0) -> Iterator[tuple[End, memoryview]]:
        """End and bytes of all groups numbered above `after`, checked on the way."""
        before = self.end_at(after)
        for path in self._paths_from(after):
            for frame in segment.frames(path):
                sequence = frame.end.sequence
                if sequence <= after:
                    continue
                if sequence != before.sequence + 1:
                    raise self._damaged(
                        f"groups {before.sequence + 1} to {sequence - 1} are missing or not what "
                        "was written (CRC32), and later ones are there."
                    )
                if frame.before != before.chain:
                    raise self._damaged(f"group {sequence} does not follow group {sequence - 1}.")
                yield frame.end, frame.records
                before = frame.end
        if before != self.end:
            raise self._damaged(f"the last group is {before.sequence}, not {self.end.sequence}.")

    def end_at(self, sequence: int) -> End:
        """Where the journal ended after that group; raises Damaged where it is not there."""
        for path in self._paths_from(sequence)[:1]:
            ends = (frame.end for frame in segment.frames(path))
            for end in chain([self._head(path).base], ends):
                if end.sequence == sequence:
                    return end
        raise self._damaged(
            f"group {sequence} is not there: it holds {self.base.sequence + 1} to "
            f"{self.end.sequence}."
        )

    def _paths_from(self, sequence: int) -> list[Path]:
        """The segment that holds the journal's end after that group, and all behind it."""
        found = segment.paths(self.path)
        return found[max(bisect_right(found, sequence, key=segment.number) - 1, 0) :]

    def _head(self, path: Path) -> Head:
        found = segment.read(path)
        if found is None or found.base.sequence != segment.number(path):
            raise self._damaged(f"the head of {path.name} is not what was written.")
        return found

    def _marked(self) -> End:
        path = self.path.with_name(MARK)
        if not path.exists():
            raise TailLost(f"{self.path}: its mark, {MARK}, is missing. {self._remedy()}")
        with closing(Mark(path, read_only=True)) as mark:
            if (marked := mark.read()) is None:
                raise TailLost(f"{self.path}: its mark cannot be read. {self._remedy()}")
        return marked

    def _refuse_lost_tail(self, end: End, marked: End) -> None:
        if end.sequence < marked.sequence:
            raise TailLost(
                f"{self.path} ends at position {end.position}, but {marked.position} were "
                f"acknowledged: the last {marked.sequence - end.sequence} groups are lost. "
                f"{self._remedy()}"
            )

    def _damaged(self, what: str) -> Damaged:
        return Damaged(f"{self.path}: {what} {self._remedy()}")

    def _remedy(self) -> str:
        return remedy(self.path.parent)


def exists(directory: Path) -> bool:
    """Whether a data directory holds a journal, of whatever format."""
    return (directory / SEGMENTS).is_dir() or (directory / OLD).exists()


def refuse_older(directory: Path) -> None:
    """Raise ValueError where a data directory has a journal of a format before 3."""
    if (directory / OLD).exists():
        raise segment.other_format(directory / OLD, 2)
