"""Good answers -> their JSON, an object or a row each: texts put together by a compiled loop.

The numbers that are floats are written by a library, all at once; what tasks and labels are in
JSON, once each. The bytes are those of `tell.items`, encoded one by one.
"""

from __future__ import annotations

import msgspec
import numpy as np
from numba import njit, types
from numpy.typing import NDArray

from learners.kernels import LOOP, loop
from learners.types import F64, I32, I64, U8
from service.core.answers import Said

_encode = msgspec.json.Encoder().encode
_FIXED = (
    b'{"status":200,"task":', b',"label":', b',"probabilities":', b',"seen":', b',"version":',
    b'{"label":', b',"probability":', b"null",
)  # fmt: skip
_OF_ROWS = (b"[200,null,null,", b",", b",", b",", b",", b"", b"", b"null")  # as `told.COLUMNS`


def spliced(said: Said, between: int) -> bytes:
    """What was said of each, with that byte behind each."""
    return _spliced(said, between, _FIXED)


def rows(said: Said) -> bytes:
    """The same as rows, each an array of what stands in an object, with commas between them.

    Probabilities are those of all classes, null of a class of 0; status, code and detail are those
    of good answers.
    """
    return _spliced(said, ord(","), _OF_ROWS)[:-1]


def _spliced(said: Said, between: int, fixed: tuple[bytes, ...]) -> bytes:
    tasks, labels = (tuple(map(_encode, some)) for some in (said.tasks, said.classes))
    pool = (*fixed, *tasks, *labels)
    ends = np.cumsum([len(piece) for piece in pool])
    p = np.ascontiguousarray(said.probabilities)
    known = p > 0  # a class of 0 is left out
    floats = _encode(p[known].tolist())
    longest = max(map(len, tasks), default=0) + max(map(len, labels), default=4)
    row = sum(map(len, fixed)) + 50 + longest + 5 * p.shape[1]
    labelled = known.sum(0) @ np.array([len(label) for label in labels], np.int64)
    size = len(p) * row + int(labelled) + 30 * int(known.sum()) + len(floats)
    out = np.empty(size, np.uint8)
    texts = np.array([type(label) is str for label in said.classes], np.bool_)
    used = _splice(
        np.frombuffer(b"".join(pool), np.uint8), ends, len(tasks), texts,
        np.frombuffer(floats, np.uint8), p, np.ascontiguousarray(said.task, np.int32),
        np.ascontiguousarray(said.seen, np.int64), int(said.learnt), between,
        fixed is _OF_ROWS, out,
    )  # fmt: skip
    return out[:used].tobytes()


@loop
def _copy(out: U8, at: int, text: U8, lo: int, hi: int) -> int:
    for i in range(lo, hi):
        out[at] = text[i]
        at += 1
    return at


@loop
def _piece(out: U8, at: int, pool: U8, ends: I64, which: int) -> int:
    end: int = _copy(out, at, pool, ends[which - 1] if which else 0, ends[which])
    return end


@loop
def _integer(out: U8, at: int, value: int) -> int:
    digits, rest = 1, value
    while rest >= 10:
        rest //= 10
        digits += 1
    for i in range(digits):
        out[at + digits - 1 - i] = 48 + value % 10
        value //= 10
    return at + digits


_BYTES = types.Array(types.uint8, 1, "C", readonly=True)
_SIGNATURE = types.int64(
    _BYTES, types.int64[::1], types.int64, types.boolean[::1], _BYTES, types.float64[:, ::1],
    types.int32[::1], types.int64[::1], types.int64, types.int64, types.boolean, types.uint8[::1],
)  # fmt: skip


@njit(_SIGNATURE, **LOOP)
def _splice(
    pool: U8,
    ends: I64,
    tasks: int,
    texts: NDArray[np.bool_],
    floats: U8,
    p: F64,
    task: I32,
    seen: I64,
    learnt: int,
    between: int,
    as_rows: bool,
    out: U8,
) -> int:
    """How many bytes were written."""
    fixed, labels = 8, 8 + tasks
    at, f = 0, 1  # behind the bracket
    n, k = p.shape
    for i in range(n):
        at = _piece(out, at, pool, ends, 0)
        at = _piece(out, at, pool, ends, fixed + task[i])
        at = _piece(out, at, pool, ends, 1)
        best, plain = -1, True
        for j in range(k):
            if p[i, j] > 0:
                plain &= texts[j]
                if best < 0 or p[i, j] > p[i, best]:  # the first among equals
                    best = j
        at = _piece(out, at, pool, ends, labels + best if best >= 0 else 7)
        at = _piece(out, at, pool, ends, 2)
        out[at] = 123 if plain and not as_rows else 91
        at += 1
        first = True
        for j in range(k):
            if as_rows and not p[i, j] > 0:
                if not first:
                    out[at] = 44
                    at += 1
                first = False
                at = _piece(out, at, pool, ends, 7)
            elif p[i, j] > 0:
                end = f
                while floats[end] != 44 and floats[end] != 93:
                    end += 1
                if not first:
                    out[at] = 44
                    at += 1
                first = False
                if as_rows:
                    at = _copy(out, at, floats, f, end)
                elif plain:
                    at = _piece(out, at, pool, ends, labels + j)
                    out[at] = 58
                    at = _copy(out, at + 1, floats, f, end)
                else:
                    at = _piece(out, at, pool, ends, 5)
                    at = _piece(out, at, pool, ends, labels + j)
                    at = _piece(out, at, pool, ends, 6)
                    at = _copy(out, at, floats, f, end)
                    out[at] = 125
                    at += 1
                f = end + 1
        out[at] = 125 if plain and not as_rows else 93
        at = _piece(out, at + 1, pool, ends, 3)
        at = _integer(out, at, seen[i])
        at = _piece(out, at, pool, ends, 4)
        at = _integer(out, at, seen[i] + learnt)
        out[at] = 93 if as_rows else 125
        out[at + 1] = between
        at += 2
    return at
