"""The segment that a journal grows by, and the files that become segments.

A file has its full size, and every block was written once, before it is a segment: so a flush finds
nothing to note but the frame itself. A file that is no segment any more becomes the next one as it
is, which saves writing zeros.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

from service.store import segment
from service.store.directory import flush
from service.store.mark import End
from service.store.segment import FRAME, SIGN

SIZE = 1 << 24  # bytes of a file, 16 MiB; more where one group needs more
SPARE = "spare"  # the file that will be the next segment
ZEROS = bytes(1 << 20)
PIECES = 1000  # given to the kernel at once; it takes 1024


class Tail:
    """The last segment, open: frames are written from an offset on."""

    def __init__(self, path: Path, at: int) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self._at = at
        self._size = os.fstat(self._file).st_size

    def has_room(self, size: int) -> bool:
        """Whether a group of so many bytes fits."""
        return self._at + FRAME.size + size <= self._size

    def write(self, before: End, position: int, pieces: Sequence[bytes], size: int) -> End:
        """Write a group of `size` bytes, which `flush` makes durable; the journal's end with it.

        Raises OSError; then no frame is there, and the next lies in its place.
        """
        sequence = before.sequence + 1
        chain = segment.start_sum(size, sequence, position, before.chain)
        for piece in pieces:
            chain = crc32(piece, chain)
        head = FRAME.pack(SIGN, size, sequence, position, before.chain, chain)
        _write(self._file, [head, *pieces], self._at)
        self._at += FRAME.size + size
        return End(sequence, position, chain)

    def flush(self) -> None:
        """Have the disk hold what was written."""
        os.fdatasync(self._file)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)


def begin(directory: Path, base: End, identity: Mapping[str, Any], size: int = 0) -> Tail:
    """A new segment, durable, in which a group of `size` bytes fits; raises OSError, as when full.

    It is made of the spare file, or that is made first: under its own name a segment is whole.
    """
    head, spare = segment.pack(base, identity), directory / SPARE
    path = segment.path_of(directory, base)
    try:
        file = os.open(spare, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            _fill(file, max(SIZE, len(head) + FRAME.size + size))
            _write(file, [head], 0)
            os.fsync(file)
        finally:
            os.close(file)
        spare.replace(path)
    except OSError:
        spare.unlink(missing_ok=True)  # its room may be what is wanted elsewhere
        raise
    flush(directory)
    return Tail(path, len(head))


def drop(path: Path) -> None:
    """Take a segment out of its journal, durably; where there is no spare file it becomes that."""
    spare = path.with_name(SPARE)
    if spare.exists() or path.stat().st_size > SIZE:
        path.unlink()
    else:
        path.replace(spare)
    flush(path.parent)


def _fill(file: int, size: int) -> None:
    """Bring a file to its size, with zeros."""
    old = os.fstat(file).st_size
    if old < size:
        os.posix_fallocate(file, 0, size)  # in few pieces, and told at once where there is no room
        for at in range(old, size, len(ZEROS)):
            _write(file, [ZEROS[: size - at]], at)


def _write(file: int, pieces: Sequence[bytes], at: int) -> None:
    """Write all of them, end to end, without joining them where it can be helped.

    Raises OSError; then nothing is there that could be taken for a frame.
    """
    if len(pieces) > PIECES:
        pieces = [b"".join(pieces)]
    written = os.pwritev(file, pieces, at)
    if written < sum(map(len, pieces)):
        rest = memoryview(b"".join(pieces))
        try:
            while written < len(rest):  # only to learn why, mostly
                written += os.pwrite(file, rest[written:], at + written)
        except OSError:
            _undo(file, at)
            raise


def _undo(file: int, at: int) -> None:
    """Half a frame is none, unless what lies behind it is just what its other half would be."""
    try:
        os.pwrite(file, bytes(FRAME.size), at)
        os.fdatasync(file)
    except OSError as error:  # never for want of room: then it would be tried again
        raise OSError(errno.EIO, f"what was written cannot be undone, {error}") from error
