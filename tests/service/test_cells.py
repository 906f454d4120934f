"""The compiled look over rows of JSON says what the standard library's says."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.web.cells import BOOLEAN, NULL, NUMBER, OTHER, TEXT, cells

SCALARS = (
    st.none()
    | st.booleans()
    | st.text()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(st.text(), SCALARS, max_size=2)
KINDS = {type(None): NULL, bool: BOOLEAN, str: TEXT, int: NUMBER, float: NUMBER}


def bits(value: float) -> bytes:
    return struct.pack("d", value)


@given(st.lists(st.lists(VALUES, min_size=3, max_size=3)), st.sampled_from([None, 1]))
def test_every_value_is_found(rows: list[list[Any]], indent: int | None) -> None:
    text = json.dumps(rows, indent=indent).encode()
    found = cells(text, 3)
    assert found.kinds.shape == (len(rows), 3) and not len(found.wrong)
    for i, row in enumerate(rows):
        for j, value in enumerate(row):
            at = text[found.starts[i, j] : found.ends[i, j]]
            assert json.loads(at) == value
            assert found.kinds[i, j] == KINDS.get(type(value), OTHER)
            if isinstance(value, int | float):
                told = float(at) if isinstance(value, float) else float(json.loads(at))
                assert bits(found.values[i, j]) == bits(told)


@given(
    st.from_regex(r"-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)
)
@example("9007199254740993")
@example("0.1e-22")
@example("123456789012345678e-3")
@example("1e23")
@example("4.9406564584124654e-324")
@example("0.000000000000000000000000000000000001")
def test_every_number_is_rounded_as_python_rounds_it(text: str) -> None:
    expected = json.loads(text)
    found = cells(f"[[{text}]]".encode(), 1).values[0, 0]
    assert bits(found) == bits(float(expected))


def is_plain(text: bytes) -> bool:
    """Whether it is an array of arrays of plain values, as the standard library has it."""
    try:
        rows = json.loads(text)
    except ValueError:
        return False
    return isinstance(rows, list) and all(
        isinstance(row, list) and all(not isinstance(one, list | dict) for one in row)
        for row in rows
    )


@given(
    st.text('[]{},:\\"0-.eE nultrfas1', max_size=24).map(str.encode)
    | st.lists(st.lists(VALUES, max_size=3), max_size=3).map(lambda x: json.dumps(x).encode())
)
@example(b'[["a" "b"]]')
@example(b"[[1,]]")
@example(b"[[abc]]")
@example(b"[[1],]")
@example(b"[[,1]]")
@example(b"[[1]")
@example(b"[[1]]]")
@example(b"[[nul1]]")
@example(b"[[01]]")
@example(b"[[1 2]]")
@example(b"[[]]")
@example(b"[]")
@example(b"1")
@example(b'[["\x01"]]')
def test_what_is_sound_is_json(text: bytes) -> None:
    try:
        found = cells(text, 2)
    except ValueError:
        return
    try:
        strictly = cells(text, 2, strict=True)
    except ValueError:
        assert not found.sound
    else:
        assert found.sound and strictly.end == found.end
    if found.sound:
        assert is_plain(text[: found.end])
    elif is_plain(text):  # only what is rare needs a second look
        assert b"\\" in text or b"e" in text.lower() or any(map(str.isdigit, text.decode()))


@given(st.lists(st.lists(st.floats(-1e6, 1e6) | st.sampled_from(["a", "", True, None, 7]))))
def test_usual_rows_are_sound(rows: list[list[Any]]) -> None:
    text = json.dumps(rows).encode()
    found = cells(text + b" }", 2)
    if not any(isinstance(x, float) and "e" in repr(x) for row in rows for x in row):
        assert found.sound and found.end == len(text)


@given(st.binary(max_size=40) | st.text('[]{},:\\"0-.eE nul1', max_size=40).map(str.encode))
def test_no_text_leads_out_of_its_bounds(text: bytes) -> None:
    try:
        cells(text, 2)  # it need not mean anything: a library looks whether it is JSON
    except ValueError:
        pass


@pytest.mark.parametrize(
    ("text", "wrong", "found"),
    [
        ("[]", [], []),
        ("[[1, 2], [], [3, 4]]", [1], [0]),
        ("[5, [1, 2], [1, 2, 3], {}, [[1], [2]]]", [0, 2, 3], [-1, 3, -1]),
        ('["x", null]', [0, 1], [-1, -1]),
        ("[[]]", [0], [0]),
    ],
)
def test_rows_of_another_length_are_told(text: str, wrong: list[int], found: list[int]) -> None:
    told = cells(text.encode(), 2)
    assert told.wrong.tolist() == wrong and told.found.tolist() == found
    assert len(told.kinds) == len(json.loads(text))
    assert (told.kinds[told.wrong] == NULL).all()
