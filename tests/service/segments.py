"""Hands on a journal's files: small ones, and damage to one group or another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from service.store import segment, tail
from service.store.segment import FRAME


@contextmanager
def segments_of(size: int) -> Iterator[None]:
    """Within it new segments have so many bytes; the head takes 4096."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tail, "SIZE", size)
        yield


def lies(directory: Path, sequence: int) -> tuple[Path, int, int]:
    """The file that holds a group, and where its frame begins and ends."""
    for path in segment.paths(directory / "journal"):
        for frame in segment.frames(path):
            if frame.end.sequence == sequence:
                return path, frame.until - FRAME.size - len(frame.records), frame.until
    raise LookupError(sequence)


def wipe(directory: Path, *sequences: int) -> None:
    """Zeros where groups were."""
    for path, start, until in [lies(directory, sequence) for sequence in sequences]:
        overwrite(path, start, bytes(until - start))


def spoil(directory: Path, sequence: int) -> None:
    """One bit of a group's records is another."""
    path, _, until = lies(directory, sequence)
    flip(path, until - 1)


def flip(path: Path, offset: int) -> None:
    data = path.read_bytes()
    overwrite(path, offset, bytes([data[offset] ^ 0x10]))


def overwrite(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def cut(path: Path, size: int) -> None:
    with path.open("r+b") as file:
        file.truncate(size)
