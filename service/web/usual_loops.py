"""The loops that look at usual examples (`usual.py` says what these are): compiled."""

from __future__ import annotations

from numba import njit, types

from learners.features.mappings import HEAVIEST
from learners.features.values import LARGEST
from learners.kernels import LOOP, loop
from learners.types import F64, I32, I64, U8
from service.web.cells import NUMBER, TEXT
from service.web.eight import WIDTH, eight, equal, first, get, same
from service.web.scan import name as name_number
from service.web.scan import number, space, stands, string, word

TASK, LABEL, ID, LINE = 0, 2, 4, 6  # columns of `spans` where one begins; it ends in the next
FEATURES, WEIGHT = 8, 10  # parts without


@loop
def _part(text: U8, i: int, end: int) -> int:
    """Which part of an example has the name that is there: TASK and so on; else -1."""
    n = end - i
    if n == 4 and stands(text, i, end, b"task"):
        return TASK
    if n == 8 and stands(text, i, end, b"features"):
        return FEATURES
    if n == 5 and stands(text, i, end, b"label"):
        return LABEL
    if n == 2 and stands(text, i, end, b"id"):
        return ID
    return WEIGHT if n == 6 and stands(text, i, end, b"weight") else -1


@loop
def _features(
    text: U8,
    i: int,
    end: int,
    secret: int,
    seats: I32,
    last: I32,
    layout: I64,
    row: int,
    m: int,
    t: int,
    met: int,
    names: I64,
    values: F64,
    kinds: U8,
    texts: I64,
    named: I64,
) -> tuple[int, int, int, int]:
    """Behind the features that begin there (-1: they are not usual); then m, t and met."""
    if i >= end or get(text, i) != 123:
        return -1, m, t, met
    i = space(text, i + 1, end)
    if i < end and get(text, i) == 125:
        return i + 1, m, t, met
    k = 0
    while True:
        if i >= end or get(text, i) != 34:
            return -1, m, t, met
        i += 1
        name = layout[k]
        if name >= 0:  # as the example before?
            size = named[name, 1] - named[name, 0]
            if i + size < end and get(text, i + size) == 34 and same(text, named[name, 0], i, size):
                i += size + 1
            else:
                name = -1
        if name < 0:
            hi = string(text, i, end)
            if hi < 0:
                return -1, m, t, met
            name = name_number(text, i, hi - 1, secret, seats, named, met)
            if name < 0:
                return -1, m, t, met
            met += name == met
            layout[k] = name
            i = hi
        if last[name] == row:  # it stands twice
            return -1, m, t, met
        last[name] = row
        k += 1
        i = space(text, i, end)
        if i >= end or get(text, i) != 58:
            return -1, m, t, met
        i = space(text, i + 1, end)
        if i >= end:
            return -1, m, t, met
        byte = get(text, i)
        if byte == 34:
            hi = string(text, i + 1, end)
            if hi < 0:
                return -1, m, t, met
            texts[t, 0], texts[t, 1], texts[t, 2] = m, i, hi
            t += 1
            names[m], values[m], kinds[m] = name, 1.0, TEXT
            m += 1
            i = hi
        elif byte == 116 or byte == 102 or byte == 110:
            i = word(text, i, end)
            if i < 0:
                return -1, m, t, met
            if byte != 110:
                names[m], values[m], kinds[m] = name, 1.0 if byte == 116 else 0.0, NUMBER
                m += 1
        else:
            value, i = number(text, i, end)
            if i < 0 or abs(value) > LARGEST:
                return -1, m, t, met
            names[m], values[m], kinds[m] = name, value, NUMBER
            m += 1
        i = space(text, i, end)
        if i < end and get(text, i) == 125:
            return i + 1, m, t, met
        if i >= end or get(text, i) != 44:
            return -1, m, t, met
        i = space(text, i + 1, end)


@loop
def _example(
    text: U8,
    i: int,
    end: int,
    to_learn: bool,
    secret: int,
    seats: I32,
    last: I32,
    layout: I64,
    row: int,
    n: int,
    m: int,
    t: int,
    met: int,
    spans: I64,
    weights: F64,
    counts: I64,
    names: I64,
    values: F64,
    kinds: U8,
    texts: I64,
    named: I64,
) -> tuple[int, int, int, int]:
    """Behind the example that begins there (-1: it is not usual), written as the n-th."""
    if i >= end or get(text, i) != 123:
        return -1, m, t, met
    i = space(text, i + 1, end)
    given, begin = 0, m
    spans[n, ID] = spans[n, ID + 1] = 0
    weights[n] = 1.0
    while True:
        if i >= end or get(text, i) != 34:
            return -1, m, t, met
        hi = string(text, i + 1, end)
        part = _part(text, i + 1, hi - 1) if hi >= 0 else -1
        if part < 0 or given >> part & 1 or not (to_learn or part == TASK or part == FEATURES):
            return -1, m, t, met
        given |= 1 << part
        i = space(text, hi, end)
        if i >= end or get(text, i) != 58:
            return -1, m, t, met
        i = space(text, i + 1, end)
        if i >= end:
            return -1, m, t, met
        if part == FEATURES:
            i, m, t, met = _features(
                text, i, end, secret, seats, last, layout, row,
                m, t, met, names, values, kinds, texts, named,
            )  # fmt: skip
        elif part == WEIGHT:
            weights[n], i = number(text, i, end)
            if not 0 <= weights[n] <= HEAVIEST:
                return -1, m, t, met
        else:
            spans[n, part] = i
            if get(text, i) == 34:
                i = string(text, i + 1, end)
                if part != LABEL and i == spans[n, part] + 2:  # a name of no characters
                    return -1, m, t, met
            elif part == LABEL:
                if get(text, i) == 110:
                    return -1, m, t, met
                letter = get(text, i) == 116 or get(text, i) == 102
                i = word(text, i, end) if letter else number(text, i, end)[1]
            elif part == ID and get(text, i) == 110:
                i = word(text, i, end)
                spans[n, part] = i
            else:
                return -1, m, t, met
            spans[n, part + 1] = i
        if i < 0:
            return -1, m, t, met
        i = space(text, i, end)
        if i < end and get(text, i) == 125:
            break
        if i >= end or get(text, i) != 44:
            return -1, m, t, met
        i = space(text, i + 1, end)
    wanted = 1 << TASK | 1 << FEATURES | (to_learn and 1 << LABEL)
    counts[n] = m - begin
    return i + 1 if given & wanted == wanted else -1, m, t, met


_LONGS, _TABLE = types.int64[::1], types.int64[:, ::1]
# Compiled, or loaded, when this is imported: no request waits for it.
_SIGNATURE = types.UniTuple(types.int64, 5)(  # type: ignore[no-untyped-call]  # numba's
    types.Array(types.uint8, 1, "C", readonly=True), types.boolean, types.boolean, types.int64,
    types.int32[::1], types.int32[::1], _LONGS, _LONGS, _TABLE, types.float64[::1], _LONGS, _LONGS,
    types.float64[::1], types.uint8[::1], _TABLE, _TABLE, _TABLE,
)  # fmt: skip


@njit(_SIGNATURE, **LOOP)
def look(
    text: U8,
    to_learn: bool,
    array: bool,
    secret: int,
    seats: I32,
    last: I32,
    layout: I64,
    rows: I64,
    spans: I64,
    weights: F64,
    counts: I64,
    names: I64,
    values: F64,
    kinds: U8,
    texts: I64,
    named: I64,
    odd: I64,
) -> tuple[int, int, int, int, int]:
    """How many rows, values, texts, names and others there are."""
    n = m = t = met = row = others = i = 0
    size = len(text)
    if array:
        i = space(text, 0, size)
        bracket = i < size and get(text, i) == 91
        i = space(text, i + 1, size)
        if bracket and i < size and get(text, i) == 93:  # nothing in it, and nothing behind it
            i = space(text, i + 1, size)
            bracket = i == size
        elif i >= size:
            bracket = False
        if not bracket:
            odd[0, 0], odd[0, 1], odd[0, 2] = 0, 0, size
            return n, m, t, met, 1
    while i < size:
        begin = end = i
        if array:
            end = size
        else:
            while end + WIDTH <= size:
                at = first(equal(eight(text, end), 10))
                end += at
                if at < WIDTH:
                    break
            while end < size and get(text, end) != 10:
                end += 1
            i = space(text, i, end)
            if i == end:
                i = end + 1
                continue
        after, m_, t_, met = _example(
            text, i, end, to_learn, secret, seats, last, layout, row, n, m, t, met,
            spans, weights, counts, names, values, kinds, texts, named,
        )  # fmt: skip
        if after >= 0:
            i = space(text, after, end)
            if array:
                if i < end and get(text, i) == 44:
                    i = space(text, i + 1, end)
                    after = i if i < end else -1
                elif i < end and get(text, i) == 93:
                    i = space(text, i + 1, end)
                    after = i if i == end else -1
                else:
                    after = -1
            elif i < end:
                after = -1
        if after >= 0:
            rows[n] = row
            spans[n, LINE], spans[n, LINE + 1] = begin, end
            n, m, t = n + 1, m_, t_
        else:
            odd[others, 0], odd[others, 1], odd[others, 2] = row, begin, end
            others += 1
            if array:
                break
        row += 1
        if not array:
            i = end + 1
    return n, m, t, met, others
