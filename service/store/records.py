"""The bytes of a journal's group, and the sums that guard them.

>>> data = pack(1, 2, b"two examples") + pack(2, 1, b"")
>>> list(unpack(data))
[(1, 2, b'two examples'), (2, 1, b'')]
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from struct import error as StructError
from zlib import crc32

from service.store.mark import End

RECORD = Struct("<BII")  # kind, positions, bytes of payload
ROW = Struct("<QQI")  # sequence, position, CRC32: what the chain runs over


def pack(kind: int, positions: int, payload: bytes) -> bytes:
    """One record; a group is its records end to end."""
    return RECORD.pack(kind, positions, len(payload)) + payload


def unpack(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Kind, positions and payload of each record of a group."""
    offset = 0
    while offset < len(data):
        kind, positions, size = RECORD.unpack_from(data, offset)
        offset += RECORD.size
        yield kind, positions, data[offset : offset + size]
        offset += size


def crc(sequence: int, position: int, data: bytes) -> int:
    """CRC32 of a group: its bytes and its place."""
    return crc32(data, crc32(ROW.pack(sequence, position, 0)))


def whole(sequence: object, position: object, check: object, data: object) -> bool:
    """Whether a row as it was read is what was written; damage may have changed even its types."""
    try:
        return check == crc(sequence, position, data)  # type: ignore[arg-type]  # that is asked
    except (TypeError, ValueError, StructError):
        return False


def follow(before: End, position: int, check: int) -> End:
    """Where the journal ends after a group with that CRC32 that follows."""
    sequence = before.sequence + 1
    return End(sequence, position, crc32(ROW.pack(sequence, position, check), before.chain))
