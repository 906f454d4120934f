from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learners.features import Example, batch, to_bytes
from service.problems import Problem
from service.settings import Settings
from service.web.decode import LEARN, PREDICT, Decoder
from service.web.media import ARROW, JSON, LINES, answer_of, form_of

decoder = Decoder(Settings(max_examples=1000, max_features=100, max_task_chars=20, max_id_chars=9))

scalars = st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
features = st.dictionaries(
    st.text(), scalars | st.lists(st.text(), max_size=5) | st.dictionaries(st.text(), st.integers())
)
labels = st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text()


@given(features=features, label=labels, loose=st.booleans())
def test_what_json_says_is_what_is_decoded(
    features: dict[str, object], label: bool | int | str, loose: bool
) -> None:
    body = {"task": "alice", "features": features, "label": label}
    text = json.dumps(body, separators=(" , ", " : ") if loose else None).encode()
    try:
        found = decoder.one(text, LEARN)
    except Problem as problem:
        assert "columns" in problem.detail or "from -1e30 to 1e30" in problem.detail
    else:
        assert found == Example("alice", features, label)
        assert type(found.label) is type(label)


@pytest.mark.parametrize(
    "text",
    [
        '{"task": "t", "task": "u", "features": {}}',
        '{"task": "t", "features": {"a": 1, "a": 2}}',
        '{"task" : "t", "features":{"a":1,"a" :2}}',
        '{"task": "t", "features": {"a": {"b": 1, "b": 2}}}',
        '{"task": "t", "features": {"a": {"b": 1, "c": 2}}, "features": {"a": 1, "d": 2}}',
        '{"task": "t", "features": {"x": "say \\":", "a": 1, "a": 2}}',
        '{"task": "t", "features": {"a": 1, "\\u0061": 2}}',
    ],
)
def test_a_name_that_stands_twice_is_refused(text: str) -> None:
    with pytest.raises(Problem, match="stands twice in one object; keep one"):
        decoder.one(text.encode(), PREDICT)


@pytest.mark.parametrize(
    ("text", "code", "pointer", "says"),
    [
        ("", "malformed-json", None, "truncated"),
        ("{", "malformed-json", None, "truncated"),
        ('{"task": "t", "features": {}} {}', "malformed-json", None, "trailing"),
        ('{"task": "t", "features": {"a": NaN}}', "malformed-json", None, "no NaN"),
        ('{"task": "t", "features": {"a": -Infinity}}', "malformed-json", None, "no Infinity"),
        ('{"task": "\\ud800", "features": {}}', "malformed-json", None, "surrogate"),
        ('{"task": "t", "features": {"a": ' + "[" * 9999 + "]" * 9999 + "}}", "malformed-json",
         None, "nested too deep"),
        ("3", "invalid-example", "", "Expected `object`, got `int`"),
        ('{"features": {}}', "invalid-example", "/task", "missing required field `task`"),
        ('{"task": 3, "features": {}}', "invalid-example", "/task", "Expected `str`, got `int`"),
        ('{"task": "", "features": {}}', "invalid-example", "/task", "give 1 to 20"),
        ('{"task": "%s", "features": {}}' % ("x" * 21), "invalid-example", "/task", "21"),
        ('{"task": "t"}', "invalid-example", "/features", "missing required field"),
        ('{"task": "t", "features": []}', "invalid-example", "/features", "got `array`"),
        ('{"task": "t", "features": {}, "labl": 1}', "invalid-example", "/labl", "unknown field"),
        ('{"task": "t", "features": {}}', "invalid-example", "/label", "is missing"),
        ('{"task": "t", "features": {}, "label": null}', "invalid-example", "/label",
         "null means no label"),
        ('{"task": "t", "features": {}, "label": []}', "invalid-example", "/label", "got `array`"),
        ('{"task": "t", "features": {}, "label": 9223372036854775808}', "invalid-example",
         "/label", "64 bits"),
        ('{"task": "t", "features": {"a": 1e400}, "label": 1}', "invalid-example", "/features",
         "out of range"),
        ('{"task": "t", "features": {}, "label": 1, "weight": "2"}', "invalid-example", "/weight",
         "got `str`"),
        ('{"task": "t", "features": {}, "label": 1, "id": ""}', "invalid-example", "/id",
         "give 1 to 9"),
        ('{"task": "t", "features": {"a": "%s"}, "label": 1}' % ("w " * 101), "invalid-example",
         "/features", "101 columns"),
        ('{"task": "t", "features": {"a": %s}, "label": 1}' % ([1] * 101), "invalid-example",
         "/features", "101 columns"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(text: str, code: str, pointer: str | None, says: str) -> None:
    with pytest.raises(Problem, match=says) as caught:
        decoder.one(text.encode(), LEARN)
    assert caught.value.code == code
    assert [at for at, _ in caught.value.errors] == ([] if pointer is None else [pointer])


def test_bytes_that_are_no_utf8_are_no_json() -> None:
    with pytest.raises(Problem, match="utf-8") as caught:
        decoder.one(b'{"task": "\xff", "features": {}}', PREDICT)
    assert caught.value.code == "malformed-json"


def test_a_question_has_no_label() -> None:
    with pytest.raises(Problem, match="unknown field `label`"):
        decoder.one(b'{"task": "t", "features": {}, "label": 1}', PREDICT)


def test_a_large_array_comes_in_pieces_and_in_order() -> None:
    good = [json.dumps({"task": str(i), "features": {"x": "y" * 2000}}) for i in range(300)]
    parts = list(decoder.arrays(f" [{','.join(good)}]".encode()))
    assert len(parts) == 3
    batches = [decoder.array(part, PREDICT).lesson.batch for part in parts]
    assert [name for one in batches for name in one.tasks] == [str(i) for i in range(300)]


def test_many_become_the_batch_of_each() -> None:
    bodies = [
        {"task": "a", "features": {"x": 1, "w": "two words"}, "label": "y", "id": "one"},
        {"task": "b", "features": {"bag": {"t": 2, "u": None}, "l": [1, None]}, "label": True},
        {"label": 1, "features": {"x": None}, "task": "a", "weight": 2.5},
    ]
    texts = [json.dumps(body).encode() for body in bodies]
    expected = batch([decoder.one(text, LEARN) for text in texts])
    for made in (
        decoder.lines(b"\n\n".join(texts), LEARN),
        decoder.array(b"[" + b",".join(texts) + b"]", LEARN),
    ):
        assert list(made.rows) == [0, 1, 2] and not made.problems
        assert to_bytes(made.lesson.batch) == to_bytes(expected)
        assert [(one.row, one.id) for one in made.lesson.receipts] == [(0, "one")]


def test_a_bad_line_is_refused_alone_and_numbered() -> None:
    body = b'{"task": "a", "features": {}}\n\nnot json\n{"task": "b", "features": {}}'
    made = decoder.lines(body, PREDICT, 7)
    assert made.lesson.batch.tasks == ("a", "b") and list(made.rows) == [0, 2]
    [(row, bad)] = made.problems.items()
    assert (row, bad.line, bad.code) == (1, 9, "malformed-json")


@pytest.mark.parametrize(
    "body",
    [
        b'{"task": "a", "features": {}} {"task": "b", "features": {}}',
        b'{"task": "a",\n"features": {}}',
        b'{"task": "a", "features": {}} {"task": "b", "features":\n{}}',
        b'{"task": "a", "features": {"x": 1, "x": 2}}\n{"task": "b", "features": {}}',
        b'{"task": "a", "features": {"x": {"y": 1, "y": 2}}}\n{"task": "b", "features": {}}',
    ],
)
def test_what_one_line_may_not_say_many_may_not(body: bytes) -> None:
    made = decoder.lines(body, PREDICT)
    refused = []
    for row, line in enumerate(body.split(b"\n")):
        try:
            decoder.one(line, PREDICT)
        except Problem as problem:
            refused.append((row, problem.detail))
    assert [(row, one.detail) for row, one in made.problems.items()] == refused
    assert len(refused) + len(made.rows) == 1 + body.count(b"\n")


@pytest.mark.parametrize(
    "body",
    [b"[0,{}", b"[0] 1", b"[NaN]", b"[1,]", b"[" * 100_000, b"[" * 99_999 + b"]" * 99_999, b"["],
)
def test_an_array_that_is_no_json_is_refused_whole(body: bytes) -> None:
    with pytest.raises(Problem) as caught:
        [decoder.array(part, PREDICT) for part in decoder.arrays(body)]
    assert caught.value.code == "malformed-json"


def test_too_many_are_refused_whole() -> None:
    for body in (b"[%s0]" % (b"0," * 1000), b"[%s0%s]" % (b"0," * 1000, b" " * (1 << 18))):
        with pytest.raises(Problem, match="holds 1001 examples, the limit is 1000") as caught:
            decoder.array(next(decoder.arrays(body)), PREDICT)
        assert caught.value.code == "too-many-examples"


@pytest.mark.parametrize(
    ("content_type", "form"),
    [
        (None, JSON),
        ("application/x-www-form-urlencoded", JSON),  # what curl -d says
        ("application/json", JSON),
        ("Application/JSON; charset=UTF-8", JSON),
        ("application/x-ndjson", LINES),
        ("application/jsonl", LINES),
        ("application/vnd.apache.arrow.stream", ARROW),
    ],
)
def test_media_types(content_type: str | None, form: str) -> None:
    assert form_of(content_type, None) == form


@pytest.mark.parametrize(
    ("content_type", "origin"),
    [
        ("text/csv", None),
        ("application/json; charset=latin-1", None),
        # A page on any site may make a browser send these two without asking:
        (None, "https://elsewhere.example"),
        ("application/x-www-form-urlencoded", "https://elsewhere.example"),
    ],
)
def test_other_media_types_are_refused(content_type: str | None, origin: str | None) -> None:
    with pytest.raises(Problem) as caught:
        form_of(content_type, origin)
    assert caught.value.code == "unsupported-media-type"


@pytest.mark.parametrize(
    ("form", "accept", "answer"),
    [
        (JSON, None, JSON),
        (JSON, "*/*", JSON),
        (JSON, f"{ARROW};q=0.9, */*", ARROW),
        (ARROW, None, ARROW),
        (ARROW, "application/json", JSON),
        (LINES, ARROW, LINES),
        (LINES, "application/json", LINES),
    ],
)
def test_the_form_of_an_answer(form: str, accept: str | None, answer: str) -> None:
    assert answer_of(form, accept) == answer
