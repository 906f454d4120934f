"""Eight bytes at once say what one byte after another says."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numba import njit

from service.web.eight import WIDTH, below, copy, digits, eight, equal, first, same

_digits = njit(lambda text, i, end: digits(text, i, end))
_same = njit(lambda text, a, b, n: same(text, a, b, n))
_equal = njit(lambda text, byte: first(equal(eight(text, 0), byte)))
_below = njit(lambda text, byte: first(below(eight(text, 0), byte)))
_copy = njit(lambda out, at, text, lo, hi: copy(out, at, text, lo, hi))
letters = st.binary(min_size=WIDTH, max_size=WIDTH)


def _text(data: bytes) -> np.ndarray:
    return np.frombuffer(data, np.uint8)


@given(letters, st.integers(0, 255))
def test_first_byte_that_equals(data: bytes, byte: int) -> None:
    """Any of 256 in any eight."""
    at = data.find(byte)
    assert _equal(_text(data), byte) == (at if at >= 0 else WIDTH)


@given(letters, st.integers(1, 128))
def test_first_byte_below(data: bytes, byte: int) -> None:
    """None above 127 is ever below."""
    small = [i for i, one in enumerate(data) if one < byte]
    assert _below(_text(data), byte) == (small[0] if small else WIDTH)


@given(st.from_regex(rb"\A[0-9]{0,30}\Z"), st.binary(max_size=12), st.integers(0, 12))
def test_digits_are_their_number(number: bytes, rest: bytes, less: int) -> None:
    """However many there are, whatever is behind them, wherever the text is said to end."""
    text = number + rest
    end = max(len(text) - less, 0)
    many = 0
    while many < end and text[many : many + 1].isdigit():
        many += 1
    found, at = _digits(_text(text + b"7"), 0, end)
    assert (int(found), at) == (int(text[:many] or b"0") % 2**64, many)


@given(st.binary(max_size=40), st.integers(0, 39), st.binary(min_size=1, max_size=1))
def test_same_is_equal(data: bytes, at: int, other: bytes) -> None:
    """One byte makes a difference, and nothing behind the n does."""
    n = len(data)
    assert _same(_text(data + data + b"x"), 0, n, n)
    if at < n:
        changed = data[:at] + other + data[at + 1 :]
        assert _same(_text(data + changed), 0, n, n) == (changed == data)


@given(st.binary(max_size=40), st.integers(0, 40), st.integers(0, 9))
def test_a_copy_leaves_alone_what_is_before_it(data: bytes, lo: int, at: int) -> None:
    """It may write seven bytes more, which whoever copies next writes over."""
    lo = min(lo, len(data))
    out = np.full(at + len(data) + WIDTH, 255, np.uint8)
    end = _copy(out, at, _text(data + bytes(WIDTH)), lo, len(data))
    assert out[:end].tobytes() == b"\xff" * at + data[lo:]
