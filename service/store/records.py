"""The records of a journal's group, as bytes.

>>> data = b"".join(pack(1, 2, b"two examples") + pack(2, 1, b""))
>>> list(unpack(memoryview(data)))
[(1, 2, b'two examples'), (2, 1, b'')]
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

RECORD = Struct("<BIQ")  # kind, positions, bytes of payload


def pack(kind: int, positions: int, payload: bytes) -> tuple[bytes, bytes]:
    """One record in two pieces; a group is its records' end to end."""
    return RECORD.pack(kind, positions, len(payload)), payload


def unpack(data: memoryview) -> Iterator[tuple[int, int, bytes]]:
    """Kind, positions and payload of each record of a group."""
    offset = 0
    while offset < len(data):
        kind, positions, size = RECORD.unpack_from(data, offset)
        offset += RECORD.size
        yield kind, positions, bytes(data[offset : offset + size])
        offset += size
