"""What was learnt, in order, on the disk before anybody is told: the truth about a place.

A directory of segments (`segment.py`), which are filled one after the other. The records that are
committed together are a group; a group is one frame, one write and one flush, which serves
everybody who was waiting. Every frame has its number and a CRC32 that runs on over all before it,
and the mark (`mark.py`) says how far the journal must reach. Then three things can be told apart:
a torn tail, which nobody was ever promised and which is dropped; acknowledged records missing at
the end (`TailLost`); a damaged or missing record with others behind it (`Damaged`).

A record is a kind, a payload of bytes, and how many positions it takes: an example or a deletion
takes one, what must merely be replayed in its place takes none. Payloads are data, never code.

>>> from contextlib import closing
>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as name:
...     with closing(Journal(Path(name), {"strategy": "auto"})) as journal:
...         journal.append(1, b"two examples", 2)
...         journal.append(2, b"a deletion", 1)
...         _ = journal.commit()
...     [tuple(record) for record in Reader(Path(name)).replay()]
[(1, 2, 1, b'two examples'), (1, 3, 2, b'a deletion')]
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from service.store import records, segment, tail
from service.store.directory import flush
from service.store.errors import NO_ROOM, Broken, DiskFull
from service.store.mark import START, End, Mark
from service.store.reader import MARK, SEGMENTS, Reader, refuse_older
from service.store.tail import Tail


class Journal(Reader):
    """The journal of one directory, made where there is none; one thread at a moment.

    identity, base: what the records depend on (strategy, bits, ...), and where they begin; both
    are written when the journal is created, and are afterwards what they were then. Raises as
    `Reader`, `DiskFull`, and ValueError where something else lies in its place.
    """

    def __init__(
        self, directory: Path, identity: Mapping[str, object] | None = None, *, base: End = START
    ) -> None:
        refuse_older(directory)
        self.path = directory / SEGMENTS
        self._pending: list[bytes] = []
        self._positions = 0  # of those pending
        self._broken: str | None = None
        self._mark_is_behind = False
        if not segment.paths(self.path):
            self._begin(identity or {}, base)
        super().__init__(directory)
        with ExitStack() as undo:
            self._mark = Mark(directory / MARK)
            undo.callback(self._mark.close)
            self._tail = Tail(segment.paths(self.path)[-1], self._until)
            undo.callback(lambda: self._tail.close())
            # What was read counts from now on, though perhaps nobody was told of its end before.
            flush(self.path)
            self._tail.flush()
            if self._mark.read() != self.end:
                self._note()
            self._undo = undo.pop_all()

    def append(self, kind: int, payload: bytes, positions: int) -> None:
        """Add a record to the group that the next commit writes."""
        self._pending += records.pack(kind, positions, payload)
        self._positions += positions

    def commit(self) -> int:
        """Write the group durably, all or nothing, and return the new position.

        Raises DiskFull (the group is dropped, the journal is as before and may be used), or Broken
        (it may not).
        """
        pieces, positions = self._pending, self._positions
        self.discard()
        if self._broken is not None:
            raise Broken(self._broken)
        if not pieces:
            return self.end.position
        self._catch_up()
        size = sum(map(len, pieces))
        try:
            if not self._tail.has_room(size):
                self._go_on(size)
            end = self._tail.write(self.end, self.end.position + positions, pieces, size)
        except OSError as error:
            if error.errno in NO_ROOM:
                raise DiskFull(
                    f"{self.path} cannot grow ({error}): nothing was learnt. Free space, then "
                    "retry."
                ) from error
            raise self._failed(error) from error
        try:
            self._tail.flush()
        except OSError as error:  # for want of space or not, what the disk holds is unknown
            raise self._failed(error) from error
        self.end = end
        self._note()
        return end.position

    def discard(self) -> None:
        """Forget what was appended since the last commit."""
        self._pending, self._positions = [], 0

    def compact(self, upto: int) -> bool:
        """Drop the oldest segment if all in it is numbered up to `upto`; True where none is left.

        Raises OSError, or Damaged where the next one cannot be read.
        """
        oldest, *others = segment.paths(self.path)
        if not others or segment.number(others[0]) > upto:
            return True
        self.base = self._head(others[0]).base
        tail.drop(oldest)
        return False

    def close(self) -> None:
        """Let go of the files; the second time does nothing."""
        self._undo.close()

    def _begin(self, identity: Mapping[str, object], base: End) -> None:
        """Make the mark, then the first segment: with both it is there."""
        if self.path.exists() and {path.name for path in self.path.iterdir()} - {tail.SPARE}:
            raise ValueError(f"{self.path} is not a journal of Kindred; name another directory.")
        try:
            Mark(self.path.with_name(MARK), base).close()
            self._refuse_lost_tail(base, self._marked())
            self.path.mkdir(exist_ok=True)
            tail.begin(self.path, base, identity).close()
            flush(self.path.parent.parent, self.path.parent)
        except OSError as error:
            if error.errno in NO_ROOM:
                raise DiskFull(f"{self.path} cannot be made: {error}. Free space.") from error
            raise

    def _go_on(self, size: int) -> None:
        """Begin another segment, in which a group of so many bytes fits."""
        full, self._tail = self._tail, tail.begin(self.path, self.end, self.identity, size)
        full.close()

    def _note(self) -> None:
        try:
            self._mark.write(self.end)
        except OSError:
            # The group is durable and must be learnt; the next commit waits until it is marked.
            self._mark_is_behind = True

    def _catch_up(self) -> None:
        if self._mark_is_behind:
            try:
                self._mark.write(self.end)
            except OSError as error:
                raise DiskFull(
                    f"The mark beside {self.path} cannot be written ({error}): nothing was learnt. "
                    "Free space, then retry."
                ) from error
            self._mark_is_behind = False

    def _failed(self, error: OSError) -> Broken:
        self._broken = (
            f"{self.path} failed ({error}): nothing more is learnt. "
            "Look after the disk, then start again."
        )
        return Broken(self._broken)
