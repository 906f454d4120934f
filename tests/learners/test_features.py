"""Features: the two ways to a batch agree, batches join, bytes come back, bad values are named."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn

from learners import features, tree
from learners.features import (
    Batch,
    Example,
    batch,
    column,
    from_arrays,
    from_bytes,
    join,
    take,
    to_bytes,
)
from learners.types import AMOUNT, CONSTANT, NUMBER, Label

NUMBERS = st.floats(-(2.0**99), 2.0**99, width=32) | st.integers(-(10**9), 10**9) | st.booleans()
NAMES = st.text(min_size=1, max_size=4)
VALUES = (
    NUMBERS
    | st.none()
    | st.text(max_size=12)
    | st.lists(NUMBERS | st.none(), max_size=3)
    | st.lists(st.text(max_size=4), max_size=3)
    | st.dictionaries(NAMES, NUMBERS | st.none(), max_size=3)
)
LABELS = (
    st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.text(max_size=3)
    | st.floats(allow_nan=False, allow_infinity=False)
)
EXAMPLES = st.lists(
    st.builds(
        Example,
        st.text(min_size=1, max_size=3),
        st.dictionaries(NAMES, VALUES, max_size=4),
        st.none() | LABELS,
        st.floats(0, 1e6, width=32),
    ),
    max_size=8,
)


def equal(a: Batch, b: Batch) -> None:
    assert a.tasks == b.tasks
    assert [features.label_key(c) for c in a.classes] == [features.label_key(c) for c in b.classes]
    for field, x, y in zip(a._fields, a, b, strict=True):
        if isinstance(x, np.ndarray) and isinstance(y, np.ndarray):
            assert x.dtype == y.dtype, field
            np.testing.assert_array_equal(x, y, err_msg=field)


@given(EXAMPLES)
def test_a_batch_is_as_declared(examples: list[Example]) -> None:
    one = batch(examples)
    n, nnz = len(examples), len(one.columns)
    assert [one.tasks[i] for i in one.task] == [example.task for example in examples]
    assert one.indptr[0] == 0 and one.indptr[-1] == nnz and len(one.indptr) == n + 1
    assert one.kinds.max(initial=0) <= CONSTANT
    assert (one.columns < 1 << features.BITS).all()
    for lo, hi in zip(one.indptr, one.indptr[1:], strict=False):
        assert (np.diff(one.columns[lo:hi].astype(np.int64)) > 0).all()  # ids ascend, once each
        assert (one.columns[lo], one.kinds[lo], one.values[lo]) == (0, CONSTANT, 1.0)
    for example, label in zip(examples, one.label, strict=True):
        if example.label is None:
            assert label == -1
        else:
            known = features.label_key(features.check_label(example.label))
            assert features.label_key(one.classes[label]) == known


@given(EXAMPLES, st.lists(st.integers(0, 8), max_size=3))
def test_joined_batches_are_the_batch_of_all(examples: list[Example], cuts: list[int]) -> None:
    at = [0, *sorted(cuts), len(examples)]
    parts = [batch(examples[lo:hi]) for lo, hi in zip(at, at[1:], strict=False)]
    equal(join(parts), batch(examples))


@given(EXAMPLES, st.data())
def test_what_is_taken_is_the_batch_of_these_alone(
    examples: list[Example], data: st.DataObject
) -> None:
    rows = data.draw(st.lists(st.sampled_from(range(len(examples)))) if examples else st.just([]))
    equal(take(batch(examples), rows), batch([examples[row] for row in rows]))


@given(EXAMPLES)
def test_a_batch_comes_back_from_bytes(examples: list[Example]) -> None:
    one = batch(examples)
    again = from_bytes(to_bytes(one))
    equal(again, one)
    assert to_bytes(again) == to_bytes(one)


@given(EXAMPLES)
def test_the_order_of_features_has_no_effect(examples: list[Example]) -> None:
    # Names that hash alike add up, and floats add in the order given: distinct ones only.
    turned = [one._replace(features=dict(reversed(list(one.features.items())))) for one in examples]
    a, b = batch(examples), batch(turned)
    np.testing.assert_array_equal(a.columns, b.columns)
    np.testing.assert_array_equal(a.kinds, b.kinds)
    np.testing.assert_array_equal(a.values, b.values)


@given(
    hn.arrays(
        np.float64,
        st.tuples(st.integers(1, 6), st.integers(1, 5)),
        elements=st.floats(-(2.0**99), 2.0**99, width=32) | st.just(math.nan),
    ),
    st.data(),
)
def test_arrays_make_the_batch_of_their_rows_as_mappings(X: Any, data: st.DataObject) -> None:
    n, d = X.shape
    tasks = data.draw(st.lists(st.sampled_from(["a", "b"]), min_size=n, max_size=n))
    labels: list[Label] = data.draw(st.lists(LABELS, min_size=n, max_size=n))
    rows = [{f"x{j}": row[j] for j in range(d) if not math.isnan(row[j])} for row in X]
    examples = [Example(t, x, y) for t, x, y in zip(tasks, rows, labels, strict=True)]
    equal(from_arrays(tasks, X, labels), batch(examples))
    unlabelled = [one._replace(label=None) for one in examples]
    equal(from_arrays(tasks, X), batch(unlabelled))


@given(st.integers(0, 5), st.integers(1, 4))
def test_sparse_arrays_make_bags(seed: int, n: int) -> None:
    X = sp.random(n, 6, density=0.4, format="csr", random_state=seed, dtype=np.float32)
    rows = [{str(j): float(v) for j, v in zip(row.indices, row.data, strict=True)} for row in X]
    examples = [Example("t", {"x": row}, True) for row in rows]
    equal(from_arrays(["t"] * n, X, [True] * n), batch(examples))
    dense = from_arrays(["t"], np.array([[1.0, 2.0]]), names=["a", "b"], bag="w")
    equal(dense, batch([Example("t", {"w": {"a": 1.0, "b": 2.0}})]))


def test_what_repeats_is_written_once() -> None:
    X = np.arange(2000.0).reshape(100, 20)
    one = from_arrays(["t"] * 100, X, [True] * 100)
    assert len(to_bytes(one)) < 100 * 92 + 500
    equal(from_bytes(to_bytes(one)), one)


def kinds(**values: object) -> list[tuple[int, float, int]]:
    """(column, value, kind) of one example's features but the constant."""
    one = batch([Example("t", values)])
    found = zip(one.columns.tolist(), one.values.tolist(), one.kinds.tolist(), strict=True)
    return [entry for entry in found if entry[2] != CONSTANT]


def test_every_kind_of_value_becomes_what_it_should() -> None:
    assert kinds(a=3) == [(column("a"), 3.0, NUMBER)]
    assert kinds(a=True) == [(column("a"), 1.0, NUMBER)]
    assert kinds(a=None) == []
    assert sorted(kinds(a=[1.5, None, 2])) == sorted(
        [(column("a[0]"), 1.5, NUMBER), (column("a[2]"), 2.0, NUMBER)]
    )
    assert kinds(a=["x", "x"]) == [(column("a=x"), 2.0, AMOUNT)]
    assert kinds(a={"x": 4, "y": None}) == [(column("a=x"), 4.0, AMOUNT)]
    assert kinds(a="Cheap cheap") == [(column("a=cheap"), 2.0, AMOUNT)]
    # One word: itself too where that differs, so that A+ and A- stay apart.
    assert sorted(kinds(a="A+")) == sorted(
        [(column("a=A+"), 1.0, AMOUNT), (column("a=a"), 1.0, AMOUNT)]
    )
    assert {c for c, _, _ in kinds(a="A+")} != {c for c, _, _ in kinds(a="A-")}
    assert kinds(a="red") == [(column("a=red"), 1.0, AMOUNT)] == kinds(a={"red": 1})
    assert kinds(a="") == [(column("a="), 1.0, AMOUNT)]


BAD: list[tuple[object, str]] = [
    (math.nan, r"features\.age: nan is not a number"),
    (math.inf, r"features\.age: inf is not a number"),
    (-math.inf, r"features\.age: -inf is not"),
    (1e31, r"features\.age: 1e\+31 is not a number from -1e30 to 1e30"),
    (10**400, r"features\.age: 10000.*is not a number"),
    (object, r"features\.age: <class 'object'> is not a number, true, false, a string"),
    (b"bytes", r"features\.age: b'bytes' is not"),
    ({1, 2}, r"features\.age: \{1, 2\} is not"),
    (1j, r"features\.age: 1j is not"),
    ([math.nan], r"features\.age\[0\]: nan is not a number"),
    ([1, [2]], r"features\.age\[1\]: \[2\] is neither"),
    ([{}], r"features\.age\[0\]: \{\} is neither"),
    ({"w": "x"}, r"features\.age\.w: 'x' is not a number"),
    ({"w": math.inf}, r"features\.age\.w: inf is not a number"),
    ({"w": [1]}, r"features\.age\.w: \[1\] is not a number"),
]


@pytest.mark.parametrize(("value", "message"), BAD)
def test_a_bad_value_is_named_with_its_field(value: object, message: str) -> None:
    good = Example("t", {"age": 1.0}, "yes")
    with pytest.raises(ValueError, match=message):
        batch([good, Example("t", {"age": value}, "yes")])


@pytest.mark.parametrize(
    ("example", "message"),
    [
        (Example("", {}), "task: '' is not a name"),
        (Example(3, {}), "task: 3 is not a name"),  # type: ignore[arg-type]
        (Example("t", {3: 1.0}), "features: the name 3 is not a string"),  # type: ignore[dict-item]
        (Example("t", {}, math.nan), "label: nan is not"),
        (Example("t", {}, math.inf), "label: inf is not"),
        (Example("t", {}, [1]), r"label: \[1\] is not a string"),  # type: ignore[arg-type]
        (Example("t", {}, "y", math.nan), "weight: nan is not a number from 0"),
        (Example("t", {}, "y", -1.0), "weight: -1.0 is not a number from 0"),
        (Example("t", {}, "y", 1e7), "weight: 10000000.0 is not a number from 0"),
    ],
)
def test_a_bad_field_is_named(example: Example, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        batch([example])


def test_null_is_no_label() -> None:
    with pytest.raises(ValueError, match="label: null means no label"):
        features.check_label(None)
    assert batch([Example("t", {})]).label.tolist() == [-1]


def test_arrays_with_bad_values_are_refused() -> None:
    with pytest.raises(ValueError, match="X: holds infinity"):
        from_arrays(["t"], np.array([[np.inf]]))
    with pytest.raises(ValueError, match="X: holds infinity or more than 1e30"):
        from_arrays(["t"], np.array([[1e31]]))
    with pytest.raises(ValueError, match="X: 1 rows, but 2 tasks and 1 labels"):
        from_arrays(["t", "u"], np.array([[1.0]]), [True])
    with pytest.raises(ValueError, match="X: holds NaN or more than 1e30"):
        from_arrays(["t"], sp.csr_matrix(np.array([[np.nan]])))


def test_what_tells_labels_apart() -> None:
    labels: list[Label] = [True, 1, "1", 1.0, "true", 0, False, "", 0.0, -0.0, 1.5, "1.5"]
    one = batch([Example("t", {}, label) for label in labels])
    assert one.label.tolist() == [0, 1, 2, 1, 3, 4, 5, 6, 4, 4, 7, 8]
    shown = [features.label_key(c) for c in one.classes]
    assert shown == [features.label_key(c) for c in from_bytes(to_bytes(one)).classes]
    numpy = [np.bool_(True), np.int64(1), np.str_("1"), np.float32(1.0)]
    same = batch([Example("t", {}, label) for label in numpy])  # type: ignore[arg-type]
    assert same.label.tolist() == [0, 1, 2, 1]


GOOD = to_bytes(batch([Example("a", {"x": 1.0, "w": "cheap pills"}, "yes"), Example("b", {}, 1)]))


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_damaged_bytes_raise_nothing_but_value_errors(at: int, to: int) -> None:
    data = bytearray(GOOD)
    data[at] = to
    try:
        from_bytes(bytes(data))
    except ValueError:
        pass


@pytest.mark.parametrize(
    "data",
    [
        tree.pack([np.zeros(1)] * 7, {"tasks": ["t"], "classes": ["y"]}),
        GOOD.replace(b'["a","b"]', b'["a", 4 ]'),  # a task that is no string
        GOOD.replace(b'["yes",1]', b'["yes",[]'),
        GOOD[:-1],
        GOOD + b"\0",
        GOOD[:36],
        GOOD[:3],
        b"",
    ],
)
def test_bytes_of_something_else_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="."):
        from_bytes(data)


def test_bytes_whose_parts_disagree_are_refused() -> None:
    one = batch([Example("a", {"x": 1.0}, "yes"), Example("b", {"y": 2.0}, "no")])
    wrong: dict[str, Any] = {
        "task": np.array([0, 7], np.int32),  # no such task
        "label": np.array([0, 5], np.int32),
        "indptr": np.array([0, 2, 99], np.int64),
        "columns": one.columns[:-1],
        "weight": one.weight[:0],
        "kinds": np.full(4, 9, np.uint8),
        "values": np.array([1, np.nan, 1, 2], np.float32),
    }
    for field, value in wrong.items():
        with pytest.raises(ValueError, match="."):
            from_bytes(to_bytes(one._replace(**{field: value})))
