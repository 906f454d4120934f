"""The messages of an Arrow IPC stream, as they stand there: looked through, and put together.

pyarrow's arrays and writers take more time for some hundred rows than all else that an answer
needs. A message is a flatbuffer (Message.fbs), of which only some numbers ever change, and the
buffers that it names, end to end: arrow.apache.org/docs/format/Columnar.html.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from struct import pack
from typing import Any, NamedTuple

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

from learners.kernels import LOOP, loop
from learners.types import I32, I64, U8
from service.web.eight import WIDTH, copy

# Before a table of a flatbuffer stands where its fields are: how long that and the table are, then
# for each field where in the table it lies, 0 where it is not given. A table begins with how far
# back that is; a field that is a table itself, or an array, says how far ahead that lies.
_MESSAGE = pack("<I6Hi", 16, 12, 20, 4, 6, 16, 8, 12)  # version, kind, header, bytes of buffers
_DICTIONARY = pack("<4HiI", 8, 8, 0, 4, 8, 16)  # its number, not given: it is 0; a batch
_BATCH = pack("<2x5HiI", 10, 20, 8, 4, 16, 10, 16)  # rows, nodes, buffers
_VERSION, _OF_SCHEMA, _OF_DICTIONARY, _OF_BATCH = 4, 1, 2, 3
MARK = b"\xff\xff\xff\xff"  # before each message; then how long the flatbuffer is
_END = MARK + bytes(4)
_PADS = [bytes(n) for n in range(WIDTH)]  # a buffer begins at a multiple of 8 bytes
_ROOM = bytes(WIDTH)  # behind what is copied
_BYTES = types.Array(types.uint8, 1, "C", readonly=True)


@loop
def _number(data: U8, at: int, width: int) -> int:
    """An unsigned number of so many bytes; 0 where there are none."""
    found = 0
    if 0 <= at <= len(data) - width:
        for i in range(width):
            found |= int(data[at + i]) << (8 * i)
    return found


@loop
def _field(data: U8, table: int, number: int) -> int:
    """Where a field of a table lies; 0 where it is not given."""
    about = table - int(np.int32(_number(data, table, 4)))
    if 4 + 2 * number >= _number(data, about, 2):
        return 0
    offset = _number(data, about + 4 + 2 * number, 2)
    return table + offset if offset else 0


@loop
def _follow(data: U8, at: int) -> int:
    """Where the table lies that a field refers to."""
    ahead: int = _number(data, at, 4)
    return at + ahead


# Compiled, or loaded, when this is imported: no request waits for it.
@njit(types.boolean(_BYTES), **LOOP)
def packed(data: U8) -> bool:
    """Whether buffers of a stream are compressed.

    Asked before anything is unpacked: they say how large they will be, and may say anything. What
    is no stream is left to the reader to refuse.
    """
    at = 0
    while True:
        size = _number(data, at, 4)
        at += 4
        if size == 0xFFFFFFFF:  # the mark, which older writers leave out
            size = _number(data, at, 4)
            at += 4
        if size == 0:
            return False
        message = _follow(data, at)
        kind = _number(data, _field(data, message, 1), 1)
        if kind != _OF_SCHEMA:
            batch = _follow(data, _field(data, message, 2))
            if kind == _OF_DICTIONARY:
                batch = _follow(data, _field(data, batch, 1))
            if _field(data, batch, 3) != 0:
                return True
        length = _field(data, message, 3)
        body = _number(data, length, 8) if length else 0
        if body < 0:
            return False
        at += size + body


class Column(NamedTuple):
    """A value, or null, in each row."""

    nulls: int
    buffers: Sequence[Any]  # a bit for each row, set where it has a value; what the values are


STRUCT = Column(0, [b""])  # its fields follow as columns


def numbers(values: NDArray[Any], none: NDArray[np.bool_] | None = None) -> Column:
    """Numbers or booleans, null where `none` says so."""
    nulls = 0 if none is None else int(np.count_nonzero(none))
    if values.dtype == np.bool_:
        values = np.packbits(values, bitorder="little")
    there = np.packbits(~none, bitorder="little") if none is not None and nulls else b""
    return Column(nulls, [there, np.ascontiguousarray(values)])


def words(codes: I32, texts: Sequence[str]) -> Column:
    """Texts by their numbers, null where a number is negative."""
    said = [text.encode() for text in texts]
    pool = np.frombuffer(b"".join([*said, _ROOM]), np.uint8)
    ends = np.array([0, *accumulate(map(len, said))], np.int64)
    there, offsets, size, nulls = _placed(codes, ends)
    if size >= 1 << 31:
        raise OverflowError("texts of 2 GiB in one column")
    return Column(nulls, [there if nulls else b"", offsets, _copied(codes, pool, ends, size)])


def stream(schema: bytes, names: Sequence[str], n: int, columns: Sequence[Column]) -> bytes:
    """A schema's message, the one dictionary that it needs, and n rows of such columns."""
    named = words(np.arange(len(names), dtype=np.int32), names)
    return b"".join(
        [schema, *_framed(len(names), [named], dictionary=True), *_framed(n, columns), _END]
    )


def _framed(n: int, columns: Sequence[Column], *, dictionary: bool = False) -> list[Any]:
    """The parts of a message: a batch of n rows, or what makes a dictionary of it."""
    nodes: list[int] = []
    places: list[int] = []
    body: list[Any] = []
    end = 0
    for one in columns:
        nodes += (n, one.nulls)
        for buffer in one.buffers:
            size = memoryview(buffer).nbytes
            pad = -size % WIDTH
            places += (end, size)
            body += (buffer, _PADS[pad])
            end += size + pad
    batch = pack(
        f"<q2I{len(nodes)}q4xI{len(places)}q",
        n, 12 + 8 * len(nodes), len(columns), *nodes, len(places) // 2, *places,
    )  # fmt: skip
    if dictionary:
        about = pack("<hHqI", _VERSION, _OF_DICTIONARY, end, 12) + _DICTIONARY
    else:
        about = pack("<hHqI", _VERSION, _OF_BATCH, end, 16)
    size = sum(map(len, (_MESSAGE, about, _BATCH, batch)))
    return [MARK, size.to_bytes(4, "little"), _MESSAGE, about, _BATCH, batch, *body]


_PLACED = types.Tuple((types.uint8[::1], types.int32[::1], types.int64, types.int64))(  # type: ignore[no-untyped-call]  # numba's
    types.int32[::1], types.int64[::1]
)


@njit(_PLACED, cache=True, nogil=True)
def _placed(codes: I32, ends: I64) -> tuple[U8, I32, int, int]:
    """Which rows have a text, as bits; where each begins, and all end; and how many have none."""
    n = len(codes)
    there = np.zeros((n + 7) // 8, np.uint8)
    offsets = np.zeros(n + 1, np.int32)
    at = nulls = 0
    for i in range(n):
        code = codes[i]
        if code < 0:
            nulls += 1
        else:
            there[i >> 3] |= np.uint8(1 << (i & 7))
            at += ends[code + 1] - ends[code]
        offsets[i + 1] = at
    return there, offsets, at, nulls


@njit(
    types.uint8[::1](types.int32[::1], _BYTES, types.int64[::1], types.int64),
    cache=True,
    nogil=True,
)
def _copied(codes: I32, pool: U8, ends: I64, size: int) -> U8:
    """The texts end to end."""
    out = np.empty(size + WIDTH, np.uint8)
    at = 0
    for code in codes:
        if code >= 0:
            at = copy(out, at, pool, ends[code], ends[code + 1])
    return out[:size]
