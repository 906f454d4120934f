"""Good answers -> their JSON, an object or a row each: texts put together by a compiled loop.

The numbers that are floats are written by a library, all at once; what tasks and labels are in
JSON, once each. The bytes are those of `tell.items`, encoded one by one.
"""

from __future__ import annotations

from itertools import accumulate

import msgspec
import numpy as np
from numba import njit, types
from numpy.typing import NDArray

from learners.kernels import LOOP, loop
from learners.types import F64, I32, I64, U8
from service.core.answers import Said
from service.web.eight import WIDTH, copy, eight, equal, first

_encode = msgspec.json.Encoder().encode
_FIXED = (
    b",\"label\":", b',"probabilities":', b',"seen":', b',"version":', b'{"label":',
    b',"probability":', b"null",
)  # fmt: skip
_OF_ROWS = (b",", b",", b",", b",", b"", b"", b"null")  # as `told.COLUMNS`
_BEGIN, _ROW_BEGINS = b'{"status":200,"task":', b"[200,null,null,"
_ROOM = bytes(WIDTH)  # behind what is copied


def spliced(said: Said, between: int) -> bytes:
    """What was said of each, with that byte behind each."""
    return _spliced(said, between, _BEGIN, _FIXED)


def rows(said: Said) -> bytes:
    """The same as rows, each an array of what stands in an object, with commas between them.

    Probabilities are those of all classes, null of a class of 0; status, code and detail are those
    of good answers.
    """
    return _spliced(said, ord(","), _ROW_BEGINS, _OF_ROWS)[:-1]


def _spliced(said: Said, between: int, begin: bytes, fixed: tuple[bytes, ...]) -> bytes:
    tasks = [begin + _encode(task) + fixed[0] for task in said.tasks]
    labels = [_encode(label) for label in said.classes]
    pool = [*fixed, *tasks, *labels]
    p = np.ascontiguousarray(said.probabilities)
    known = np.empty(p.size)
    lengths = np.array([len(label) for label in labels], np.int64)
    m, labelled = _known(p, lengths, known)
    floats = _encode(known[:m].tolist())
    longest = max(map(len, tasks), default=0) + max(map(len, labels), default=4)
    row = sum(map(len, fixed)) + 50 + longest + 5 * p.shape[1]
    out = np.empty(len(p) * row + labelled + 30 * m + len(floats) + WIDTH, np.uint8)
    used = _splice(
        np.frombuffer(b"".join([*pool, _ROOM]), np.uint8),
        np.array(list(accumulate(map(len, pool))), np.int64), len(tasks),
        np.array([type(label) is str for label in said.classes], np.bool_),
        np.frombuffer(floats + _ROOM, np.uint8), p, np.ascontiguousarray(said.task, np.int32),
        np.ascontiguousarray(said.seen, np.int64), int(said.learnt), between,
        fixed is _OF_ROWS, out,
    )  # fmt: skip
    return out[:used].tobytes()


_COUNTS = types.UniTuple(types.int64, 2)(  # type: ignore[no-untyped-call]  # numba's
    types.float64[:, ::1], types.int64[::1], types.float64[::1]
)


@njit(_COUNTS, **LOOP)
def _known(p: F64, lengths: I64, known: F64) -> tuple[int, int]:
    """Probabilities above 0 (a class of 0 is left out): how many; and bytes of their labels."""
    m = labelled = 0
    for i in range(len(p)):
        for j in range(p.shape[1]):
            if p[i, j] > 0:
                known[m] = p[i, j]
                m += 1
                labelled += lengths[j]
    return m, labelled


@loop
def _piece(out: U8, at: int, pool: U8, ends: I64, which: int) -> int:
    end: int = copy(out, at, pool, ends[which - 1] if which else 0, ends[which])
    return end


@loop
def _float(out: U8, at: int, floats: U8, f: int) -> tuple[int, int]:
    """One of those written; where it ends there, and the next begins."""
    end = f
    while True:
        some = eight(floats, end)
        n = first(equal(some, 44) | equal(some, 93))
        end += n
        if n < WIDTH:
            return copy(out, at, floats, f, end), end + 1


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
    fixed, labels = 7, 7 + tasks
    at, f = 0, 1  # behind the bracket
    n, k = p.shape
    for i in range(n):
        at = _piece(out, at, pool, ends, fixed + task[i])
        best, plain = -1, True
        for j in range(k):
            if p[i, j] > 0:
                plain &= texts[j]
                if best < 0 or p[i, j] > p[i, best]:  # the first among equals
                    best = j
        at = _piece(out, at, pool, ends, labels + best if best >= 0 else 6)
        at = _piece(out, at, pool, ends, 1)
        out[at] = 123 if plain and not as_rows else 91
        at += 1
        opening = True
        for j in range(k):
            if as_rows and not p[i, j] > 0:
                if not opening:
                    out[at] = 44
                    at += 1
                opening = False
                at = _piece(out, at, pool, ends, 6)
            elif p[i, j] > 0:
                if not opening:
                    out[at] = 44
                    at += 1
                opening = False
                if as_rows:
                    at, f = _float(out, at, floats, f)
                elif plain:
                    at = _piece(out, at, pool, ends, labels + j)
                    out[at] = 58
                    at, f = _float(out, at + 1, floats, f)
                else:
                    at = _piece(out, at, pool, ends, 4)
                    at = _piece(out, at, pool, ends, labels + j)
                    at = _piece(out, at, pool, ends, 5)
                    at, f = _float(out, at, floats, f)
                    out[at] = 125
                    at += 1
        out[at] = 125 if plain and not as_rows else 93
        at = _piece(out, at + 1, pool, ends, 2)
        at = _integer(out, at, seen[i])
        at = _piece(out, at, pool, ends, 3)
        at = _integer(out, at, seen[i] + learnt)
        out[at] = 93 if as_rows else 125
        out[at + 1] = between
        at += 2
    return at
