"""One file of a journal: a head that says where it begins, then frames, each a group of records.

A frame tells its group's number, and one CRC32 covers that, its records, and the sum of the frame
before it: so the sums are a chain. What else there is behind the last frame is none of the
journal's: zeros, a frame that was never finished, or what the file held when it was a segment
before (`tail.drop`), whose numbers are lower than that in its name now.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from struct import Struct
from typing import Any, NamedTuple
from zlib import crc32

from service.store.mark import End

FORMAT = 3  # of these files and the records in them; another one is refused
MAGIC = b"KINDJRNL"
HEAD = Struct("<8sII")  # magic, format, bytes of JSON; then the JSON, and CRC32 of all of that
CHECK = Struct("<I")
BLOCK = 4096  # bytes of a disk's: no frame lies in one with the head
FRAME = Struct("<4sQQQII")  # sign, bytes of records, sequence, position, sum before, sum
SIGN = b"\xffGRP"
PLACE = Struct("<QQQI")  # bytes, sequence, position, sum before: with these a sum begins


class Frame(NamedTuple):
    """A group as it was written."""

    end: End  # where the journal ended with it
    before: int  # the chain without it
    records: memoryview
    until: int  # offset in the file


class Head(NamedTuple):
    """What a segment says of itself."""

    base: End  # where the journal ended before the first frame
    identity: dict[str, Any]  # what the records depend on
    size: int  # bytes, with those that fill its last block


def pack(base: End, identity: Mapping[str, Any]) -> bytes:
    """A head, of whole blocks."""
    about = json.dumps({"base": base, "identity": dict(identity)}).encode()
    packed = HEAD.pack(MAGIC, FORMAT, len(about)) + about
    packed += CHECK.pack(crc32(packed))
    return packed.ljust(_blocks(len(packed)), b"\0")


def read(path: Path) -> Head | None:
    """The head of a file, or None where it is damaged; ValueError where it is of another format."""
    with path.open("rb") as file:
        packed = file.read(HEAD.size)
        if len(packed) < HEAD.size or not packed.startswith(MAGIC):
            return None
        _, version, size = HEAD.unpack(packed)
        about, check = file.read(size), file.read(CHECK.size)
    if check != CHECK.pack(crc32(packed + about)):
        return None
    if version != FORMAT:
        raise other_format(path, version)
    found = json.loads(about)
    size = _blocks(len(packed) + len(about) + len(check))
    return Head(End(*found["base"]), found["identity"], size)


def frames(path: Path) -> Iterator[Frame]:
    """The whole frames of a file, in order, whatever lies between and behind them."""
    content = path.read_bytes()
    view, last, at = memoryview(content), number(path), content.find(SIGN)
    while at >= 0:
        if (frame := _frame(view, at)) is None or frame.end.sequence <= last:
            at = content.find(SIGN, at + 1)
        else:
            yield frame
            last, at = frame.end.sequence, content.find(SIGN, frame.until)


def start_sum(size: int, sequence: int, position: int, before: int) -> int:
    """With what the CRC32 of a frame begins; its records follow."""
    return crc32(PLACE.pack(size, sequence, position, before))


def other_format(path: Path, version: int) -> ValueError:
    """What to say of a journal that another version of Kindred wrote."""
    if version < FORMAT:
        return ValueError(
            f"{path} has format {version}, older than {FORMAT}, the one read here: use the version "
            "of Kindred that wrote it, or begin in another directory."
        )
    return ValueError(
        f"{path} has format {version}, newer than {FORMAT}, the newest known here: "
        "use the version of Kindred that wrote it, or a later one."
    )


def paths(directory: Path) -> list[Path]:
    """The segments in a directory, the oldest first."""
    return sorted(directory.glob("[0-9]" * 20 + ".segment"))


def path_of(directory: Path, base: End) -> Path:
    """What a segment is called."""
    return directory / f"{base.sequence:020}.segment"


def number(path: Path) -> int:
    """The group after which a segment begins, told by its name."""
    return int(path.stem)


def _frame(view: memoryview, at: int) -> Frame | None:
    """The frame at an offset, if it is whole."""
    if at + FRAME.size > len(view):
        return None
    _, size, sequence, position, before, found = FRAME.unpack_from(view, at)
    until = at + FRAME.size + size
    if until > len(view):
        return None
    records = view[at + FRAME.size : until]
    if crc32(records, start_sum(size, sequence, position, before)) != found:
        return None
    return Frame(End(sequence, position, found), before, records, until)


def _blocks(size: int) -> int:
    return -(-size // BLOCK) * BLOCK
