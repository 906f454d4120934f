"""The same examples make the same batches and the same answers, whatever form they came in."""

from __future__ import annotations

import gzip
import io
import json
import math
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from learners.features import Example, batch, to_bytes
from service.client import Client
from service.core.prepare import Prepared
from service.problems import Problem
from service.settings import Settings
from service.web.arrow import Arrow
from service.web.decode import LEARN, PREDICT, Decoder
from service.web.media import ARROW, JSON, LINES
from service.web.rows import Rows
from service.web.wire import Kind

SETTINGS = Settings(max_features=200, max_examples=1000)

NUMBERS = st.floats(-(2.0**99), 2.0**99) | st.just(-0.0)
KINDS: Sequence[st.SearchStrategy[Any]] = (
    NUMBERS,
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
    st.text(max_size=12),
    st.sampled_from(["red", "A+", "two words", ""]),
    st.lists(NUMBERS | st.none(), max_size=3),
    st.lists(st.text(max_size=3) | st.none(), max_size=3),
    st.dictionaries(st.sampled_from(["t", "u", "v"]), NUMBERS | st.none(), max_size=3),
)
LABELS: Sequence[st.SearchStrategy[Any]] = (
    st.text(max_size=3),
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
    NUMBERS,
)


@st.composite
def examples(draw: st.DrawFn) -> list[Example]:
    """Examples of one table: each column is of one kind, and has holes."""
    n = draw(st.integers(1, 5))
    names = draw(st.lists(st.sampled_from(["a", "b", "task", "label", "a b"]), unique=True))
    columns = {
        name: draw(st.lists(draw(st.sampled_from(KINDS)) | st.none(), min_size=n, max_size=n))
        for name in names
    }
    label: st.SearchStrategy[Any] = draw(st.sampled_from(LABELS))
    return [
        Example(
            draw(st.sampled_from(["alice", "bob", "çà"])),
            {name: column[i] for name, column in columns.items()},
            draw(label),
            draw(st.floats(0, 1e6)),
            draw(st.none() | st.text(min_size=1, max_size=3)),
        )
        for i in range(n)
    ]


def whole(parts: Any) -> Prepared:
    """What the only part is prepared to."""
    [part] = [make() for _, make in parts]
    assert isinstance(part, Prepared)
    return part


def objects(given: Sequence[Example]) -> list[dict[str, Any]]:
    return [one._asdict() for one in given]


def by_rows(given: Sequence[Example]) -> dict[str, Any]:
    roles = ["task", "label", "weight", "id"]
    names = list(given[0].features)
    return {
        "columns": [*roles, *(f"features.{name}" for name in names)],
        "rows": [
            [*(getattr(one, role) for role in roles), *(one.features[name] for name in names)]
            for one in given
        ],
    }


def stream(table: pa.Table | pa.RecordBatch) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write(table)
    return sink.getvalue()


def flat(given: Sequence[Example], coded: bool) -> pa.Table:
    """A column for each feature; strings as codes or as they are."""
    told = by_rows(given)
    columns = dict(zip(told["columns"], zip(*told["rows"], strict=True), strict=True))
    arrays = {name: pa.array(list(column)) for name, column in columns.items()}
    if coded:
        arrays = {
            name: array.dictionary_encode() if pa.types.is_string(array.type) else array
            for name, array in arrays.items()
        }
    return pa.table(arrays)


@given(examples())
def test_every_form_makes_the_batch_of_the_examples(given: list[Example]) -> None:
    expected = to_bytes(batch(given))
    decoder, rows, arrow = Decoder(SETTINGS), Rows(SETTINGS), Arrow(SETTINGS)
    several = [json.dumps(one).encode() for one in objects(given)]
    forms = {
        "array": decoder.array(b"[" + b",".join(several) + b"]", LEARN),
        "lines": decoder.lines(b"\n".join(several), LEARN),
        "rows": whole(rows.read(json.dumps(by_rows(given)).encode(), LEARN)),
        "arrow": whole(arrow.read(stream(flat(given, False)), LEARN)),
        "arrow, coded": whole(arrow.read(stream(flat(given, True)), LEARN)),
        "arrow, nested": whole(arrow.read(stream(pa.Table.from_pylist(objects(given))), LEARN)),
    }
    for form, made in forms.items():
        assert not made.problems, (form, made.problems)
        assert to_bytes(made.lesson.batch) == expected, form
        assert made.lesson.receipts == forms["array"].lesson.receipts, form


def test_arrow_in_other_types_means_the_same() -> None:
    n = 3
    columns = {
        "task": pa.array(["a", "b", "a"], pa.large_string()),
        "label": pa.array([1.0, 2.5, 1.0], pa.float32()),
        "f16": pa.array(np.array([1, 2, 3], np.float16)),
        "u8": pa.array([1, None, 3], pa.uint8()),
        "fixed": pa.array([[1.0, 2.0], None, [3.0, None]], pa.list_(pa.float32(), 2)),
        "large": pa.array([["x"], [], None], pa.large_list(pa.large_string())),
        "tags": pa.array([["x", None], ["y", "y"], None], pa.list_(pa.string())),
        "map": pa.array([[("x", 2)], None, []], pa.map_(pa.string(), pa.int8())),
        "codes": pa.DictionaryArray.from_arrays(
            pa.array([1, 0, None], pa.int8()), pa.array([None, "A+"])
        ),
        "nothing": pa.nulls(n),
        "holes": pa.array([None, None, None], pa.list_(pa.null())),
    }
    expected = batch(
        [
            Example("a", {"f16": 1, "u8": 1, "fixed": [1, 2], "large": ["x"], "tags": ["x"],
                          "map": {"x": 2}, "codes": "A+"}, 1),
            Example("b", {"f16": 2, "tags": ["y", "y"]}, 2.5),
            Example("a", {"f16": 3, "u8": 3, "fixed": [3]}, 1),
        ]
    )  # fmt: skip
    for table in (pa.table(columns), pa.table(columns).slice(1)):
        made = whole(Arrow(SETTINGS).read(stream(table), LEARN))
        if table.num_rows == n:
            assert to_bytes(made.lesson.batch) == to_bytes(expected)
        else:
            rest = expected.values[expected.indptr[1] :]
            assert made.lesson.batch.values.tolist() == rest.tolist()


@pytest.mark.parametrize(
    "types",
    [
        [pa.float64(), pa.float64()], [pa.float32(), pa.float64()], [pa.float32(), pa.float32()],
        [pa.int64(), pa.float64()], [pa.int64(), pa.int64()], [pa.uint64(), pa.int64()],
        [pa.uint64(), pa.float32()], [pa.int32(), pa.float32()], [pa.float16(), pa.float16()],
        [pa.float16(), pa.float64()], [pa.bool_(), pa.float64()], [pa.null(), pa.float64()],
        [pa.int8(), pa.uint8()], [],
    ],
)  # fmt: skip
def test_numbers_of_any_types_mean_what_they_are(types: list[Any]) -> None:
    some: dict[Any, list[Any]] = {
        pa.uint64(): [2**64 - 1, 2**53 + 1, 0], pa.int64(): [1 - 2**63, 2**53 + 1, 0],
        pa.int32(): [2**31 - 1, -1, 0], pa.bool_(): [True, False, True], pa.null(): [None] * 3,
    }  # fmt: skip
    values = [some.get(of, [3, 0, 1]) for of in types]
    for hole in (False, True):  # of one schema, known by now
        if hole:
            values = [[None, *column[1:]] for column in values]
        arrays = {
            f"x{j}": pa.array(column, of)
            for j, (column, of) in enumerate(zip(values, types, strict=True))
        }
        rows = [
            Example("a", {name: array[i].as_py() for name, array in arrays.items()}, "x")
            for i in range(3)
        ]
        table = pa.table({"task": ["a"] * 3, **arrays, "label": ["x"] * 3})
        for kind, body in ((LEARN, table), (PREDICT, table.drop_columns(["label"]))):
            made = whole(Arrow(SETTINGS).read(stream(body), kind)).lesson.batch
            expected = batch([one._replace(label="x" if kind is LEARN else None) for one in rows])
            assert to_bytes(made) == to_bytes(expected)
        with pytest.raises(Problem, match="label"):
            Arrow(SETTINGS).read(stream(table), PREDICT)


def test_many_batches_and_their_slices_keep_the_order() -> None:
    n = 9000
    table = pa.table({"task": [f"t{i % 7}" for i in range(n)], "x": np.arange(n, dtype=np.float64)})
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=5000)
    made = [make() for _, make in Arrow(Settings()).read(sink.getvalue(), PREDICT)]
    assert [one.n for one in made] == [4096, 904, 4000]
    values = np.concatenate([one.lesson.batch.values for one in made])
    assert values[1::2].tolist() == list(range(n))


GOOD = {"task": ["a", "b"], "label": ["x", "y"], "age": [1.0, 2.0]}


def changed(**columns: Any) -> bytes:
    return stream(pa.table({**GOOD, **columns}))


def without(name: str) -> bytes:
    return stream(pa.table({key: column for key, column in GOOD.items() if key != name}))


@pytest.mark.parametrize(
    ("columns", "row", "says"),
    [
        ({"age": [1.0, math.nan]}, 1, "features.age: nan is not a number from -1e30 to 1e30"),
        ({"age": [math.inf, 1.0]}, 0, "features.age: inf is not"),
        ({"age": [[1.0], [2.0, 1e31]]}, 1, "features.age[1]: 1e+31 is not"),
        ({"age": pa.array([[("t", math.nan)], None], pa.map_(pa.string(), pa.float64()))}, 0,
         "features.age.t: nan is not"),
        ({"task": ["a", None]}, 1, "task: null is not a name"),
        ({"task": ["", "b"]}, 0, "task: has 0 characters; give 1 to 512"),
        ({"label": ["x", None]}, 1, "label: null means no label"),
        ({"label": [1.0, math.nan]}, 1, "label: nan is not a string, a finite number"),
        ({"weight": [1.0, -1.0]}, 1, "weight: -1.0 is not a number from 0 to 1,000,000"),
        ({"weight": [None, 1.0]}, 0, "weight: null is not a number"),
        ({"id": ["", "b"]}, 0, "id: has 0 characters; give 1 to 128"),
        ({"age": ["w " * 50, " ".join(map(str, range(300)))]}, 1, "features: 300 columns"),
    ],
)  # fmt: skip
def test_a_bad_row_is_refused_alone(columns: dict[str, Any], row: int, says: str) -> None:
    def same(column: Any) -> Any:
        return column.to_pylist() if isinstance(column, pa.Array) else column

    forms = [whole(Arrow(SETTINGS).read(changed(**columns), LEARN))]
    told = {name: same(column) for name, column in {**GOOD, **columns}.items()}
    if not any("nan" in repr(column) or "inf" in repr(column) for column in told.values()):
        body = {"columns": list(told), "rows": list(zip(*told.values(), strict=True))}
        forms.append(whole(Rows(SETTINGS).read(json.dumps(body).encode(), LEARN)))
    for made in forms:
        [(at, problem)] = made.problems.items()
        assert (at, problem.code) == (row, "invalid-example")
        assert says in problem.detail
        assert list(made.rows) == [1 - row]
        assert made.lesson.n == 1 and len(made.lesson.batch.tasks) == 1


def packed_buffers() -> bytes:
    sink = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    table = pa.table({"task": ["a"] * 1000, "label": ["x"] * 1000, "age": np.zeros(1000)})
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write(table)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("body", "kind", "code", "says"),
    [
        (b"", LEARN, "malformed-body", "not an Arrow stream"),
        (b"not arrow at all", LEARN, "malformed-body", "not an Arrow stream"),
        (changed()[:-200], LEARN, "malformed-body", "not all of it"),
        (packed_buffers(), LEARN, "malformed-body", "say Content-Encoding: zstd"),
        (without("task"), LEARN, "invalid-example", "columns: 'task' is missing"),
        (without("label"), LEARN, "invalid-example", "columns: 'label' is missing"),
        (changed(), PREDICT, "invalid-example", "call it 'features.label' where it is a feature"),
        (changed(**{"features.age": [1, 2]}), LEARN, "invalid-example", "stands twice"),
        (changed(task=[1, 2]), LEARN, "invalid-example", "cast it to strings"),
        (changed(age=[b"x", b"y"]), LEARN, "invalid-example", "features.age: a column of type bin"),
        (changed(age=pa.array([1, 2], pa.timestamp("s"))), LEARN, "invalid-example", "timestamp"),
        (changed(age=pa.array([[0] * 201, []])), LEARN, "invalid-example", "201 columns"),
        (stream(pa.table({"task": ["t"] * 1001, "label": [1] * 1001})), LEARN, "too-many-examples",
         "1001"),
    ],
)  # fmt: skip
def test_bad_arrow_is_refused_whole(body: bytes, kind: Kind, code: str, says: str) -> None:
    with pytest.raises(Problem) as caught:
        [make() for _, make in Arrow(SETTINGS).read(body, kind)]
    assert caught.value.code == code
    assert says in caught.value.detail


def test_a_short_dictionary_of_long_texts_is_no_bomb() -> None:
    words = pa.array([" ".join(map(str, range(10_000)))])
    column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(900, np.int8)), words)
    body = stream(pa.table({"task": ["t"] * 900, "x": column}))
    assert len(body) < 100_000
    with pytest.raises(Problem, match="unfolds to"):
        Arrow(SETTINGS).read(body, PREDICT)


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        ({"columns": ["task", "label"]}, "invalid-example", "missing required field `rows`"),
        ({"columns": ["task", "label"], "rows": {}}, "invalid-example", "rows: is not an array"),
        ({"columns": "task", "rows": []}, "invalid-example", "Expected `array`"),
        ({"columns": ["task", 3], "rows": []}, "invalid-example", "the name 3 is not a string"),
        ({"columns": ["task", "task"], "rows": []}, "invalid-example", "'task' stands twice"),
        ({"columns": ["label"], "rows": []}, "invalid-example", "'task' is missing"),
        ({"columns": ["task"], "rows": []}, "invalid-example", "'label' is missing"),
        ({"columns": ["task", "label"], "rows": [], "more": 1}, "invalid-example", "unknown field"),
        ({"columns": ["task", "label"], "rows": [["t", 1]] * 1001}, "too-many-examples", "1001"),
        (b'{"columns": ["task"], "rows": [[NaN]]}', "malformed-json", "no NaN"),
        (b'{"columns": ["task", "label"], "rows": [["a", abc]]}', "malformed-json", "invalid"),
        (b'{"columns": ["task", "label"], "rows": [["a", -]]}', "malformed-json", "invalid"),
        (b'{"columns": ["task", "label"], "rows": [], "rows": []}', "invalid-example", "twice"),
    ],
)
def test_a_bad_table_is_refused_whole(body: Any, code: str, says: str) -> None:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(Problem) as caught:
        [make() for _, make in Rows(SETTINGS).read(text, LEARN)]
    assert caught.value.code == code
    assert says in caught.value.detail


def test_bad_rows_are_refused_alone() -> None:
    rows = [
        ["t", "y", 1.0, None], ["t", "y", 1.0], 7, [3, "y", 1, None], ["t", [], 1, None],
        ["t", 2**64, 1, None], ["t", "y", {"a": []}, None], ["t", "y", 1, True],
        ["t", "y", 1, 5], ["t", "y", 10**400, None], ["t", "y", 2.0, "an id"],
    ]  # fmt: skip
    body = json.dumps({"columns": ["task", "label", "x", "id"], "rows": rows})
    made = whole(Rows(SETTINGS).read(body.encode(), LEARN))
    assert list(made.rows) == [0, 10]
    assert [made.problems[row].detail for row in range(1, 10)] == [
        "rows: the row has 3 values, there are 4 columns.",
        "rows: the row is not an array of 4 values.",
        "task: 3 is not a string.",
        "label: [] is not a string, a number, true or false.",
        "label: is an integer beyond 64 bits; give it as a string.",
        "features.x.a: [] is not a number.",
        "id: true is not a string, or null.",
        "id: 5 is not a string, or null.",
        f"features.x: {str(10**400)[:40]}... is not a number from -1e30 to 1e30; leave it out "
        "if missing.",
    ]
    assert made.lesson.receipts[0][:2] == (1, "an id")


def test_a_token_that_stands_twice_in_a_bag_is_refused() -> None:
    body = b'{"columns": ["task", "x"], "rows": [["t", {"a": 1, "a": 2}], ["t", {"a": 1}]]}'
    made = whole(Rows(SETTINGS).read(body, PREDICT))
    assert made.problems[0].detail == "'a' stands twice in one object; keep one."
    assert list(made.rows) == [1]


@given(st.data())
def test_a_table_of_numbers_is_its_examples(data: st.DataObject) -> None:
    """Wherever its roles stand."""
    names = data.draw(st.permutations(["task", "label", "b", "a", "features.id", "c"]))
    number = st.floats(-1e30, 1e30) | st.just(-0.0) | st.booleans() | st.integers(-(10**20), 10**20)
    role = st.sampled_from("xy")
    row = st.tuples(*(role if name in ("task", "label") else number for name in names))
    rows = data.draw(st.lists(row, min_size=1, max_size=6))
    given = []
    for cells in rows:
        features = dict(zip(names, cells, strict=True))
        task, label = features.pop("task"), features.pop("label")
        features = {name.removeprefix("features."): x for name, x in features.items()}
        given.append(Example(str(task), features, label))
    body = json.dumps({"columns": names, "rows": rows}).encode()
    for _ in range(2):  # its header is remembered
        made = whole(Rows(SETTINGS).read(body, LEARN))
        assert to_bytes(made.lesson.batch) == to_bytes(batch(given))


def test_many_rows_of_numbers_are_prepared_some_at_a_time() -> None:
    rows = [[f"t{i % 7}", i, i % 3 > 0] for i in range(9000)]
    body = json.dumps({"columns": ["task", "x", "y"], "rows": rows}).encode()
    made = [make() for _, make in Rows(Settings()).read(body, PREDICT)]
    assert [one.n for one in made] == [4096, 4096, 808]
    told = np.concatenate([one.lesson.batch.values.reshape(-1, 3) for one in made])
    assert sorted(told[-1].tolist()) == [1.0, 1.0, 8999.0] and (told.sum(1) > 0).all()


def test_a_number_out_of_range_among_numbers_is_its_row_s() -> None:
    body = (
        b'{"columns": ["x", "task", "y"], "rows": [[1, "t", 2], [3, "u", 1e31], [-1e40, "t", 1]]}'
    )
    made = whole(Rows(SETTINGS).read(body, PREDICT))
    assert list(made.rows) == [0] and made.lesson.batch.tasks == ("t",)
    told = {row: problem.detail.partition(" is ")[0] for row, problem in made.problems.items()}
    assert told == {1: "features.y: 1e+31", 2: "features.x: -1e+40"}


def test_a_header_means_what_its_verb_takes() -> None:
    """It is remembered by its bytes and the verb."""
    body = b'{"columns": ["task", "label", "x"], "rows": [["t", "y", 1]]}'
    for _ in range(2):
        assert whole(Rows(SETTINGS).read(body, LEARN)).lesson.n == 1
        with pytest.raises(Problem, match="'label' is not for a prediction"):
            list(Rows(SETTINGS).read(body, PREDICT))
    twice = body.replace(b'"x"', b'"label"')
    with pytest.raises(Problem, match="stands twice"):
        list(Rows(SETTINGS).read(twice, LEARN))
    with pytest.raises(Problem, match="no NaN"):  # of the body, before its columns
        list(Rows(SETTINGS).read(twice.replace(b"1]", b"NaN]"), LEARN))


def test_a_name_in_two_spellings_is_one() -> None:
    rows = rb'[["t", "a", 1], ["\u0074", "\u0061", 2], [null, "a", 3], ["u", 1, 4], ["u", 1.0, 5]]'
    made = whole(Rows(SETTINGS).read(b'{"columns": ["task", "label", "x"], "rows": ' + rows + b"}",
                                     LEARN))  # fmt: skip
    one = made.lesson.batch
    assert (one.tasks, one.classes) == (("t", "u"), ("a", 1))
    assert (one.task.tolist(), one.label.tolist()) == ([0, 0, 1, 1], [0, 0, 1, 1])
    assert made.problems[2].detail.startswith("task: null is not a name")


# Over HTTP.


def lessons(name: str) -> list[Example]:
    return [
        Example(
            f"{name} {i % 3}", {"x": float(i % 5), "w": ["red", "blue"][i % 2], "n": i}, i % 2 > 0
        )
        for i in range(40)
    ]


def ask(http: httpx.Client, verb: str, body: bytes, form: str, accept: str = "*/*") -> Any:
    headers = {"content-type": form, "accept": accept}
    response = http.post(f"/v1/{verb}", content=body, headers=headers)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == (accept if accept == ARROW else form)
    return response.content


def from_rows(answer: bytes) -> list[dict[str, Any]]:
    """An answer by rows as the items it stands for."""
    told = json.loads(answer)
    items = []
    for row in told["rows"]:
        item = dict(zip(told["columns"], row, strict=True))
        assert (item.pop("code"), item.pop("detail")) == (None, None)
        pairs = zip(told["classes"], item["probabilities"], strict=True)
        item["probabilities"] = [
            {"label": label, "probability": value} for label, value in pairs if value is not None
        ]
        items.append(item)
    return items


def from_arrow(answer: bytes) -> list[dict[str, Any]]:
    table = pa.ipc.open_stream(answer).read_all()
    items: list[dict[str, Any]] = table.to_pylist()
    texts = (table.schema.field("label").metadata or {}).get(b"encoding") == b"json"
    for item in items:
        if texts and item["label"] is not None:
            item["label"] = json.loads(item["label"])
        assert (item.pop("code"), item.pop("detail")) == (None, None)
        item["probabilities"] = [
            {"label": json.loads(label), "probability": value}
            for label, value in item["probabilities"].items()
            if value is not None
        ]
    return items


def test_every_form_is_learnt_and_answered_in_its_form(http: httpx.Client) -> None:
    sent: dict[str, Callable[[list[Example]], Any]] = {
        "array": lambda e: json.loads(ask(http, "learn", encoded(objects(e)), JSON)),
        "lines": lambda e: [
            json.loads(line)
            for line in ask(http, "learn", b"\n".join(map(encoded, objects(e))), LINES).splitlines()
        ],
        "by rows": lambda e: from_rows(ask(http, "learn", encoded(by_rows(e)), JSON)),
        "arrow": lambda e: from_arrow(ask(http, "learn", stream(flat(e, True)), ARROW)),
        "rows, arrow": lambda e: from_arrow(ask(http, "learn", encoded(by_rows(e)), JSON, ARROW)),
        "array, arrow": lambda e: from_arrow(ask(http, "learn", encoded(objects(e)), JSON, ARROW)),
    }
    answers = {}
    for name, send in sent.items():
        answers[name] = send([one._replace(task=one.task + name) for one in lessons("form")])
        for one in answers[name]:
            one["task"] = one["task"].removesuffix(name)
    # These tasks meet each other meanwhile, so that their probabilities are not the same.
    for name, answer in answers.items():
        for one, expected in zip(answer, answers["array"], strict=True):
            assert one["task"] == expected["task"] and one["seen"] == expected["seen"], name


def encoded(body: object) -> bytes:
    return json.dumps(body).encode()


def test_the_same_questions_get_the_same_answers_bit_for_bit(http: httpx.Client) -> None:
    http.post("/v1/learn", json=objects(lessons("asked")))
    asked = lessons("asked")
    questions = [{"task": one.task, "features": one.features} for one in asked]
    told = by_rows(asked)
    keep = [i for i, name in enumerate(told["columns"]) if name not in ("label", "weight", "id")]
    table = {"columns": [told["columns"][i] for i in keep],
             "rows": [[row[i] for i in keep] for row in told["rows"]]}  # fmt: skip
    arrow = stream(flat(asked, False).drop_columns(["label", "weight", "id"]))
    expected = json.loads(ask(http, "predict", encoded(questions), JSON))
    lines = ask(http, "predict", b"\n".join(map(encoded, questions)), LINES)
    assert [json.loads(line) for line in lines.splitlines()] == expected
    assert from_rows(ask(http, "predict", encoded(table), JSON)) == expected
    assert from_arrow(ask(http, "predict", arrow, ARROW)) == expected
    assert from_arrow(ask(http, "predict", encoded(questions), JSON, ARROW)) == expected
    one = [json.loads(ask(http, "predict", encoded(question), JSON)) for question in questions]
    assert [{"status": 200, **item} for item in one] == expected


def test_refused_rows_are_told_among_the_others(http: httpx.Client) -> None:
    body = {"columns": ["task", "label", "x"], "rows": [["some", 1, 1.0], ["some", None, 2.0]]}
    response = http.post("/v1/learn", json=body)
    assert response.status_code == 207
    told = response.json()
    good, bad = (dict(zip(told["columns"], row, strict=True)) for row in told["rows"])
    assert (good["status"], good["code"], good["task"], good["seen"]) == (200, None, "some", 0)
    assert (bad["status"], bad["code"], bad["task"]) == (422, "invalid-example", None)
    assert bad["detail"].startswith("label: null means no label")
    response = http.post("/v1/learn", json=body, headers={"accept": ARROW})
    assert response.status_code == 207
    table = pa.ipc.open_stream(response.content).read_all()
    assert table["status"].to_pylist() == [200, 422]
    label, none = table["label"].to_pylist()  # a text where the service knows labels of other types
    assert (int(label), none) == (1, None)


def test_nothing_is_answered_by_an_empty_table(http: httpx.Client) -> None:
    told = http.post("/v1/predict", json={"columns": ["task"], "rows": []}).json()
    assert told["rows"] == []
    empty = stream(pa.table({"task": pa.array([], pa.string())}))
    answer = ask(http, "predict", empty, ARROW)
    assert pa.ipc.open_stream(answer).read_all().num_rows == 0


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("gzip", lambda body: gzip.compress(body[:50]) + gzip.compress(body[50:])),
        ("zstd", zstd.compress),
        ("zstd", lambda body: zstd.compress(body[:50]) + zstd.compress(body[50:])),
        ("identity", bytes),
    ],
)
@pytest.mark.parametrize("form", [JSON, LINES, ARROW])
def test_packed_bodies_say_the_same(
    http: httpx.Client, form: str, encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    questions = [{"task": "packed", "features": {"x": i}} for i in range(300)]
    body = {
        JSON: encoded(questions),
        LINES: b"\n".join(map(encoded, questions)),
        ARROW: stream(pa.table({"task": ["packed"] * 300, "x": list(range(300))})),
    }[form]
    headers = {"content-type": form, "content-encoding": encoding}
    response = http.post("/v1/predict", content=pack(body), headers=headers)
    assert response.status_code == 200
    assert response.content == ask(http, "predict", body, form)


@pytest.mark.parametrize("form", [JSON, LINES, ARROW])
@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress])
def test_a_bomb_is_refused_at_the_limit(
    http: httpx.Client, form: str, pack: Callable[[bytes], bytes]
) -> None:
    bomb = pack(bytes(200_000_000))
    assert len(bomb) < 250_000
    headers = {"content-type": form, "content-encoding": "gzip" if bomb[:1] == b"\x1f" else "zstd"}
    response = http.post("/v1/learn", content=bomb, headers=headers)
    assert response.status_code == 413
    assert response.json()["code"] == "body-too-large"


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
@pytest.mark.parametrize("form", [JSON, LINES])
def test_what_is_not_packed_as_it_says_is_refused(
    http: httpx.Client, client: Client, form: str, encoding: str
) -> None:
    packs: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstd.compress}
    pack = packs[encoding]
    body = encoded({"task": "broken", "features": {}, "label": 1})
    position = client.state()["position"]
    for wrong in (body, pack(body)[:-3], b""):
        headers = {"content-type": form, "content-encoding": encoding}
        response = http.post("/v1/learn", content=wrong, headers=headers)
        assert response.status_code == 400, wrong
        assert response.json()["code"] == "malformed-body"
    assert client.state()["position"] == position
