"""The high-water mark: how far the journal had come, kept apart from the journal.

A file that was cut off between two frames, or put back from a backup, is whole as far as it goes,
and a last frame that was damaged looks like one that was never finished. The mark says how many
groups there must be.

It is written after a group is durable and before anybody is told, so it never runs ahead, and
`kill -9` at any moment leaves it exact. It is not flushed each time, for that would double the
price of a commit: after a power cut it may lag, by at most `FLUSH_EVERY` groups, and then guards
all but those.
"""

from __future__ import annotations

import os
from pathlib import Path
from struct import Struct
from typing import NamedTuple
from zlib import crc32

FLUSH_EVERY = 256  # groups between two flushes of the mark
SECTOR = 512  # bytes a disk writes whole; the two slots lie in sectors of their own
MAGIC = b"KINDMARK"
SLOT = Struct("<8sQQI")  # magic, sequence, position, chain; then CRC32 of these
CHECK = Struct("<I")


class End(NamedTuple):
    """Where a journal ends."""

    sequence: int  # groups ever written
    position: int  # examples and deletions in them
    chain: int  # CRC32 that runs on over all of them


START = End(0, 0, 0)


class Mark:
    """Two slots written in turn, so that a torn write leaves the one before."""

    def __init__(self, path: Path, start: End = START, *, read_only: bool = False) -> None:
        how = os.O_RDONLY if read_only else os.O_RDWR | os.O_CREAT
        self._file = os.open(path, how | os.O_CLOEXEC, 0o644)
        self._writes = 0
        if not read_only and os.fstat(self._file).st_size == 0:
            self.reset(start)  # both sectors: later writes need no new space

    def read(self) -> End | None:
        """The newest end written, or None where neither slot can be read.

        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as name:
        ...     mark = Mark(Path(name) / "mark")
        ...     mark.write(End(1, 5, 77))
        ...     mark.read()
        End(sequence=1, position=5, chain=77)
        """
        good = []
        for offset in (0, SECTOR):
            slot = os.pread(self._file, SLOT.size + CHECK.size, offset)
            body, check = slot[: SLOT.size], slot[SLOT.size :]
            if len(check) == CHECK.size and CHECK.unpack(check)[0] == crc32(body):
                magic, *end = SLOT.unpack(body)
                if magic == MAGIC:
                    good.append(End(*end))
        return max(good, default=None)

    def write(self, end: End) -> None:
        """Note an end; raises OSError, and then the one before still stands."""
        os.pwrite(self._file, _slot(end), SECTOR * (end.sequence % 2))
        self._writes += 1
        if self._writes % FLUSH_EVERY == 0:
            self.flush()

    def reset(self, end: End) -> None:
        """Forget both slots and begin at an end, which may be lower."""
        slots = bytearray(2 * SECTOR)
        at = SECTOR * (end.sequence % 2)
        slots[at : at + len(_slot(end))] = _slot(end)
        os.pwrite(self._file, slots, 0)
        self.flush()

    def flush(self) -> None:
        """Have the disk hold what was written."""
        os.fdatasync(self._file)

    def close(self) -> None:
        """Flush and close."""
        self.flush()
        os.close(self._file)


def _slot(end: End) -> bytes:
    body = SLOT.pack(MAGIC, *end)
    return body + CHECK.pack(crc32(body))
