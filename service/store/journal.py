"""What was learnt, in order, on the disk before anybody is told: the truth about a place.

An SQLite file in WAL mode with full synchrony, one row for each group of records committed
together, so that one flush serves everybody who was waiting. SQLite gives atomic commits, a file
format and tools to read it; what it does not do is to notice records that are damaged or gone. So
every row has our own sequence number, a CRC32 of itself and one chained over all rows before it,
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
...     with closing(Journal(Path(name))) as again:
...         [tuple(record) for record in again.replay()]
[(1, 2, 1, b'two examples'), (1, 3, 2, b'a deletion')]
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from service.store import records, tables
from service.store.directory import flush
from service.store.mark import START, End, Mark

REPAIR = (
    "Restore the whole directory from a backup, or keep what can still be read with "
    "`python -m service.core.repair {directory}`."
)


class DiskFull(OSError):
    """The journal could not grow: nothing of the group was written, and it may be tried again."""


class Broken(RuntimeError):
    """Writing failed in a way that leaves the disk's state unknown: only a restart can tell."""


class Damaged(RuntimeError):
    """A record is damaged or missing: what was learnt cannot be rebuilt from here."""


class TailLost(Damaged):
    """Acknowledged records are missing at the end."""


class Record(NamedTuple):
    """One record as it was appended."""

    sequence: int  # its group's number, from 1
    position: int  # examples and deletions up to here, itself included
    kind: int
    payload: bytes


class Journal:
    """The journal of one directory; not to be shared by threads at one moment.

    identity, base: what the records depend on (strategy, bits, ...), and where they begin; both
    are written when the journal is created, and are afterwards what they were then. Raises
    `Damaged`, `TailLost`, or ValueError where the file is not a journal or of a newer format.
    """

    def __init__(
        self,
        directory: Path,
        identity: Mapping[str, object] | None = None,
        *,
        base: End = START,
        read_only: bool = False,
    ) -> None:
        self.path = directory / "journal.db"
        self._pending: list[bytes] = []
        self._positions = 0  # of those pending
        self._broken: str | None = None
        self._mark_is_behind = False
        mark = directory / "journal.mark"
        if self.path.exists() and not mark.exists():
            raise TailLost(f"{self.path}: its mark, {mark.name}, is missing. {self._remedy()}")
        with ExitStack() as undo:
            self._mark = Mark(mark, base, read_only=read_only)
            undo.callback(self._mark.close)
            try:
                self._sql = tables.connect(self.path, read_only)
                undo.callback(self._sql.close)
                self._open(identity or {}, base, read_only)
            except sqlite3.DatabaseError as error:
                if tables.no_room(error):
                    raise DiskFull(f"{self.path} cannot be made: {error}. Free space.") from error
                raise self._damaged(f"SQLite says {error}.") from error
            self._undo = undo.pop_all()

    def _open(self, identity: Mapping[str, object], base: End, read_only: bool) -> None:
        marked = self._mark.read()
        if marked is None:
            raise TailLost(f"{self.path}: its mark cannot be read. {self._remedy()}")
        if tables.is_new(self._sql, self.path):
            self._refuse_lost_tail(base, marked)
            tables.create(self._sql, identity, base)
            flush(self.path.parent.parent, self.path.parent)
        self.identity: dict[str, Any] = tables.about(self._sql, "identity")
        self.base = End(*tables.about(self._sql, "base"))  # rows up to here were compacted away
        self.torn = 0  # groups dropped because they were torn and nobody was told of them
        self.end = self._find_end(marked, read_only)
        self._refuse_lost_tail(self.end, marked)
        if marked.sequence >= self.base.sequence and self.end_at(marked.sequence) != marked:
            raise self._damaged(f"group {marked.sequence} is not the one that was acknowledged.")
        if not read_only:
            tables.reserve(self._sql)

    def append(self, kind: int, payload: bytes, positions: int) -> None:
        """Add a record to the group that the next commit writes."""
        self._pending.append(records.pack(kind, positions, payload))
        self._positions += positions

    def commit(self) -> int:
        """Write the group durably, all or nothing, and return the new position.

        Raises DiskFull (the group is dropped, the journal is as before and may be used), Broken
        (it may not), or ValueError where the group is larger than a row can be.
        """
        data, positions = b"".join(self._pending), self._positions
        self.discard()
        if self._broken is not None:
            raise Broken(self._broken)
        if not data:
            return self.end.position
        self._catch_up()
        sequence, position = self.end.sequence + 1, self.end.position + positions
        crc = records.crc(sequence, position, data)
        end = records.follow(self.end, position, crc)
        row = (sequence, position, crc, end.chain, data)
        try:
            self._sql.execute("INSERT INTO groups VALUES (?, ?, ?, ?, ?)", row)
        except sqlite3.OperationalError as error:
            raise self._failed(error) from error
        except (sqlite3.DataError, OverflowError) as error:
            raise ValueError(f"{len(data)} bytes are too large a group: send less.") from error
        self.end = end
        try:
            self._mark.write(end)
        except OSError:
            # The group is durable and must be learnt; the next commit waits until it is marked.
            self._mark_is_behind = True
        return end.position

    def discard(self) -> None:
        """Forget what was appended since the last commit."""
        self._pending, self._positions = [], 0

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

    def groups(self, after: int = 0) -> Iterator[tuple[End, bytes]]:
        """End and bytes of all groups numbered above `after`, checked on the way."""
        before = self.end_at(after)
        try:
            for sequence, position, crc, chain, data in self._sql.execute(
                "SELECT * FROM groups WHERE sequence > ? ORDER BY sequence", (after,)
            ):
                if sequence != before.sequence + 1:
                    raise self._damaged(
                        f"groups {before.sequence + 1} to {sequence - 1} are missing, "
                        "and later ones are there."
                    )
                if not records.whole(sequence, position, crc, data):
                    raise self._damaged(f"group {sequence} is not what was written (CRC32).")
                end = records.follow(before, position, crc)
                if end.chain != chain:
                    raise self._damaged(f"group {sequence} does not follow group {sequence - 1}.")
                yield end, data
                before = end
        except sqlite3.DatabaseError as error:
            raise self._damaged(f"SQLite says {error} after group {before.sequence}.") from error
        if before != self.end:
            raise self._damaged(f"the last group is {before.sequence}, not {self.end.sequence}.")

    def end_at(self, sequence: int) -> End:
        """Where the journal ended after that group; raises Damaged where it is not there."""
        if sequence == self.base.sequence:
            return self.base
        found = self._sql.execute(
            "SELECT sequence, position, chain FROM groups WHERE sequence = ?", (sequence,)
        ).fetchone()
        if found is None:
            raise self._damaged(
                f"group {sequence} is not there: it holds {self.base.sequence + 1} to "
                f"{self.end.sequence}."
            )
        return End(*found)

    def compact(self, upto: int, most: int = 1000) -> bool:
        """Drop the oldest groups numbered up to `upto`, at most so many; True when none is left.

        Raises DiskFull or Broken as `commit` does.
        """
        upto = min(upto, self.end.sequence)
        last = min(upto, self.base.sequence + most)
        if last <= self.base.sequence:
            return True
        base = self.end_at(last)
        try:
            self._sql.execute("BEGIN")
            self._sql.execute("DELETE FROM groups WHERE sequence <= ?", (last,))
            self._sql.execute("UPDATE about SET value = ? WHERE name = 'base'", (json.dumps(base),))
            self._sql.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise self._failed(error) from error
        self.base = base
        return last == upto

    def close(self) -> None:
        """Fold SQLite's log into the file and let go; the second time does nothing."""
        self._undo.close()

    def _find_end(self, marked: End, read_only: bool) -> End:
        """The end of the last whole group; torn ones that nobody was told of are dropped."""
        while True:
            last = self._sql.execute(
                "SELECT * FROM groups ORDER BY sequence DESC LIMIT 1"
            ).fetchone()
            if last is None:
                return self.base
            sequence, position, crc, chain, data = last
            if sequence <= marked.sequence or records.whole(sequence, position, crc, data):
                return End(sequence, position, chain)
            if read_only:
                raise self._damaged(f"group {sequence}, which nobody was told of, is torn.")
            self._sql.execute("DELETE FROM groups WHERE sequence = ?", (sequence,))
            self.torn += 1

    def _refuse_lost_tail(self, end: End, marked: End) -> None:
        if end.sequence < marked.sequence:
            raise TailLost(
                f"{self.path} ends at position {end.position}, but {marked.position} were "
                f"acknowledged: the last {marked.sequence - end.sequence} groups are lost. "
                f"{self._remedy()}"
            )

    def _failed(self, error: sqlite3.OperationalError) -> DiskFull | Broken:
        if self._sql.in_transaction:
            self._sql.execute("ROLLBACK")
        if tables.no_room(error):
            return DiskFull(
                f"{self.path} cannot grow ({error}): nothing was learnt. Free space, then retry."
            )
        self._broken = (
            f"{self.path} failed ({error.sqlite_errorname}: {error}): nothing more is learnt. "
            "Look after the disk, then start again."
        )
        return Broken(self._broken)

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

    def _damaged(self, what: str) -> Damaged:
        return Damaged(f"{self.path}: {what} {self._remedy()}")

    def _remedy(self) -> str:
        return REPAIR.format(directory=self.path.parent)
