"""The state as one file at a journal position, so that a restart need not learn all again.

A file is MAGIC, the header's length, a JSON header, the parts, and SHA-256 over all of that. It is
written under another name, flushed, renamed, and the directory flushed: under its own name it is
whole, or damage came later and the hash tells. The newest two are kept: should one not be read, the
other with more of the journal gives the same state.

>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as name:
...     store = Snapshots(Path(name))
...     _ = store.write(Snapshot(End(3, 70, 0), {"bits": 20}, {"place": b"...", "receipts": b""}))
...     store.newest()
Snapshot(end=End(sequence=3, position=70, chain=0), identity={'bits': 20},
         parts={'place': b'...', 'receipts': b''})
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from service.store.directory import flush
from service.store.mark import End

MAGIC = b"KINDSNAP"
FORMAT = 1  # of these files; a newer one is refused
KEEP = 2
_SIZE = 4  # bytes that tell the header's length


class Snapshot(NamedTuple):
    """The state when the journal ended there."""

    end: End
    identity: Mapping[str, Any]  # what the state depends on besides the journal
    parts: Mapping[str, bytes]


class Snapshots:
    """The snapshots of one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "snapshots"

    def write(self, snapshot: Snapshot) -> Path:
        """Keep a snapshot durably, and only the newest two; raises OSError, e.g. when full."""
        self.directory.mkdir(exist_ok=True)
        path = self._path(snapshot.end)
        unfinished = path.with_suffix(".unfinished")
        digest = sha256()
        try:
            with unfinished.open("wb") as file:
                for piece in (_head(snapshot), *snapshot.parts.values()):
                    digest.update(piece)
                    file.write(piece)
                file.write(digest.digest())
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise
        flush(self.directory.parent, self.directory)
        for old in self.paths()[KEEP:]:
            old.unlink()
        return path

    def paths(self) -> list[Path]:
        """The files, the newest first."""
        return sorted(self.directory.glob("*.snapshot"), reverse=True)

    def newest(self) -> Snapshot | None:
        """The newest that is whole, or None."""
        return next(self.whole(), None)

    def whole(self) -> Iterator[Snapshot]:
        """Those that are whole, the newest first."""
        return (snapshot for path in self.paths() if (snapshot := read(path)) is not None)

    def set_aside(self, after: End) -> list[Path]:
        """Rename those after that end, which could not be read: they must not count as kept."""
        damaged = [path for path in self.paths() if path > self._path(after)]
        return [path.replace(path.with_suffix(".damaged")) for path in damaged]

    def _path(self, end: End) -> Path:
        return self.directory / f"{end.sequence:020}.snapshot"


def read(path: Path) -> Snapshot | None:
    """The snapshot in a file, or None where it is damaged.

    Raises ValueError where it is whole but of a newer format.
    """
    data = path.read_bytes()
    body, digest = memoryview(data)[:-32], data[-32:]
    if not data.startswith(MAGIC) or sha256(body).digest() != digest:
        return None
    at = len(MAGIC) + _SIZE
    size = int.from_bytes(body[len(MAGIC) : at], "little")
    header = json.loads(bytes(body[at : at + size]))
    if header["format"] > FORMAT:
        raise ValueError(
            f"{path} has format {header['format']}, newer than {FORMAT}, the newest known here: "
            "use the version of Kindred that wrote it, or a later one."
        )
    at += size
    parts = {}
    for name, length in header["parts"].items():
        parts[name] = bytes(body[at : at + length])
        at += length
    return Snapshot(End(*header["end"]), header["identity"], parts)


def _head(snapshot: Snapshot) -> bytes:
    header = json.dumps(
        {
            "format": FORMAT,
            "end": snapshot.end,
            "identity": snapshot.identity,
            "parts": {name: len(part) for name, part in snapshot.parts.items()},
        }
    ).encode()
    return MAGIC + len(header).to_bytes(_SIZE, "little") + header
