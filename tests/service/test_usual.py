"""Many examples by name are what each of them is alone, whatever is wrong with the others."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from learners.features import Example, to_bytes
from service.core.prepare import Prepared, prepare
from service.problems import Problem
from service.settings import Settings
from service.web.decimals import HIGHEST, LOWEST, nearest
from service.web.decode import LEARN, PREDICT, Decoder
from service.web.usual import usual
from service.web.wire import Kind

LIMITS = Settings(max_features=4, max_task_chars=5, max_id_chars=4)
DECODER = Decoder(LIMITS)

NUMBERS = (
    st.from_regex(r"-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,22})?([eE][+-]?[0-9]{1,2})?", fullmatch=True)
    | st.floats(-1e30, 1e30).map(repr)
    | st.integers(-(2**64), 2**64).map(str)
    | st.sampled_from(["-0", "-0.0", "1e30", "1.1e30", "9007199254740993", "1e-400"])
)
WORDS = st.text(max_size=6).map(json.dumps) | st.text("ab Aé", max_size=6).map(
    lambda text: json.dumps(text, ensure_ascii=False)
)
ODD = st.sampled_from(
    ["NaN", "01", "1.", ".5", "+1", "1e", "tru", "nul", '"', '"\\', "[1, 2]", '["a"]', '{"t": 1}',
     '{"t": 1, "t": 2}', "[[1]]", "1e999", "", "-", '"\t"']
)  # fmt: skip
SCALARS = NUMBERS | st.sampled_from(["true", "false", "null"]) | WORDS
SPACES = st.sampled_from(["", "", "", " ", "\t", "\r", " \x0b"])
NAMES = st.sampled_from(['"x"', '"y"', '"a b"', '"é"', '"\\u00e9"', '""', '"x=1"', "x"])


def mostly(usual: st.SearchStrategy[str], other: st.SearchStrategy[str]) -> Any:
    return st.integers(0, 11).flatmap(lambda i: usual if i else other)


@st.composite
def objects(draw: st.DrawFn, names: st.SearchStrategy[str], most: int) -> str:
    pairs = draw(st.lists(st.tuples(names, mostly(SCALARS, ODD)), max_size=most))
    if draw(st.integers(0, 7)):
        pairs = list(dict(pairs).items())
    gap = draw(SPACES)
    return "{" + f"{gap},{gap}".join(f"{k}{gap}:{gap}{v}" for k, v in pairs) + gap + "}"


@st.composite
def lines(draw: st.DrawFn) -> str:
    """A line of an example, which may be anything but mostly is good."""
    parts = {
        "task": draw(mostly(st.sampled_from(['"ann"', '"bob"', '"çà"']), SCALARS | ODD)),
        "features": draw(mostly(objects(NAMES, 5), SCALARS | ODD)),
        "label": draw(mostly(SCALARS, ODD)),
        "weight": draw(mostly(st.sampled_from(["1", "2.5", "0", "1e6"]), SCALARS | ODD)),
        "id": draw(mostly(st.sampled_from(['"i1"', '"j"', "null"]), SCALARS | ODD)),
        "more": "1",
    }
    kept = draw(
        st.sampled_from(
            ["tfl", "tfl", "tfl", "lft", "tflw", "iwtfl", "tf", "tf", "ftt", "tflm", "t"]
        )
    )
    full = {name[0]: f'"{name}": {value}' for name, value in parts.items()}
    text = "{" + ", ".join(full[letter] for letter in kept) + "}"
    gap = draw(SPACES)
    whole = st.just(gap + text + gap)
    found: str = draw(mostly(whole, st.sampled_from(["", " ", "\x0b", text + "}", "5"])))
    return found


def singly(text: bytes, kind: Kind) -> Prepared:
    """What is made of lines one by one."""
    problems: dict[int, Problem] = {}
    good: list[Example] = []
    at: list[int] = []
    full = [(n, line) for n, line in enumerate(text.split(b"\n"), 1) if line.strip()]
    for row, (_, line) in enumerate(full):
        try:
            good.append(DECODER.one(line, kind))
            at.append(row)
        except Problem as problem:
            problems[row] = problem
    made = prepare(good, LIMITS.bits, to_learn=kind.to_learn)
    problems |= {at[row]: problem for row, problem in made.problems.items()}
    for row, refused in problems.items():
        refused.line = full[row][0]
    return made._replace(rows=[at[row] for row in made.rows], problems=problems)


def told(made: Prepared) -> Any:
    problems = {row: problem.body() for row, problem in made.problems.items()}
    return to_bytes(made.lesson.batch), list(made.rows), made.lesson.receipts, problems


@settings(max_examples=400)
@given(st.lists(lines(), min_size=1, max_size=6), st.sampled_from([LEARN, PREDICT]))
@example(['{"task": "\x7f", "features": {"x": 1}, "label": 1}', "\x01"], LEARN)
def test_lines_are_what_each_is_alone(texts: list[str], kind: Kind) -> None:
    text = "\n".join(texts).encode()
    assert told(DECODER.lines(text, kind)) == told(singly(text, kind))


@settings(max_examples=200)
@given(st.lists(lines(), min_size=1, max_size=4), st.sampled_from([LEARN, PREDICT]))
def test_an_array_is_what_its_elements_are_alone(texts: list[str], kind: Kind) -> None:
    text = b"[" + ",".join(texts).encode() + b"]"
    try:
        elements = json.loads(text, parse_constant=lambda name: 1 / 0)
    except (ValueError, ZeroDivisionError):
        elements = None
    try:
        made = DECODER.array(text, kind)
    except Problem as problem:
        assert problem.code == "malformed-json"
        return
    assert elements is None or len(elements) == made.n
    expected = singly("\n".join(texts).encode(), kind)
    if expected.n == made.n:
        for refused in expected.problems.values():
            refused.line = None
        assert told(made) == told(expected)


@given(st.binary(max_size=60) | st.text('[]{},:\\"0-.eE tasklbfeurn1', max_size=60).map(str.encode))
def test_no_text_leads_out_of_its_bounds(text: bytes) -> None:
    for array in (False, True):
        found = usual(text, to_learn=True, array=array)
        assert len(found.rows) == 0


def test_usual_lines_are_not_looked_at_by_others(monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"task": "é", "features": {"x": 0.1234567890123456, "w": "two words", "b": True}}
    lesson = {**row, "label": "x", "id": "i", "weight": 2}
    monkeypatch.setattr(Decoder, "_unusual", None)
    monkeypatch.setattr(Decoder, "_together", None)
    text = "\n".join([json.dumps(lesson, ensure_ascii=False)] * 3)
    assert DECODER.lines(text.encode(), LEARN).n == 3
    assert (
        DECODER.array(json.dumps([row] * 3, indent=1).replace("\\u00e9", "é").encode(), PREDICT).n
        == 3
    )


@given(st.integers(0, 2**64 - 1), st.integers(LOWEST, HIGHEST))
@example(2**64 - 1, HIGHEST)
@example(9007199254740993, 0)
@example(9007199254740993 * 625, -4)
def test_a_number_is_the_nearest_float(digits: int, power: int) -> None:
    expected = float(f"{digits}e{power}")
    assert struct.pack("d", nearest(np.uint64(digits), power)) == struct.pack("d", expected)
