"""Streams put together without pyarrow are what pyarrow reads; compressed ones are found out."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learners.types import Label
from service.problems import Problem
from service.web import told
from service.web.framed import packed
from service.web.told import Told

KINDS: list[st.SearchStrategy[Label]] = [
    st.text(max_size=9), st.integers(-(2**63), 2**63 - 1), st.booleans(),
    st.floats(-2, 2).filter(lambda one: not one.is_integer()),
]  # fmt: skip


@given(st.data())
def test_an_answer_is_read_as_it_was_said(data: st.DataObject) -> None:
    n = data.draw(st.integers(0, 20))
    names = data.draw(st.lists(st.text(min_size=1, max_size=9), min_size=1, max_size=3))
    one = data.draw(st.sampled_from([*KINDS, st.one_of(*KINDS)]))
    classes = data.draw(st.lists(one, max_size=4, unique_by=lambda it: (type(it), it)))
    odds = data.draw(st.sampled_from([st.floats(1e-300, 1), st.floats(0, 1) | st.just(0.0)]))
    cells = data.draw(st.lists(odds, min_size=n * len(classes), max_size=n * len(classes)))
    bad = data.draw(st.sets(st.integers(0, max(n - 1, 0)))) if n else set()
    problems = {row: Problem("invalid-example", f"x{row}: är nej.", []) for row in bad}
    p = np.array(cells, np.float64).reshape(n, len(classes))
    task = np.array([i % len(names) for i in range(n)], np.int64)
    p[list(bad)], task[list(bad)] = 0, -1
    seen, label = np.arange(n) * 2**40, told.likeliest(p)

    answer = told.table(Told(names, task, classes, p, label, seen, seen + 1, problems))

    table = pa.ipc.open_stream(answer).read_all()
    table.validate(full=True)
    about = table.schema.field("label")
    texts = (about.metadata or {}).get(b"encoding") == b"json"
    names_of = [field.name for field in table.schema.field("probabilities").type]
    strings = all(isinstance(one, str) for one in classes)
    assert classes == (names_of if strings else [json.loads(name) for name in names_of])
    for row, item in enumerate(table.to_pylist()):
        problem = problems.get(row)
        likely: Label | None = classes[label[row]] if label[row] >= 0 else None
        shown = json.loads(item["label"]) if texts and likely is not None else item["label"]
        assert shown == likely
        assert list(item["probabilities"].values()) == [one or None for one in p[row].tolist()]
        assert item["status"] == (problem.kind.status if problem else 200)
        assert item["code"] == (problem.code if problem else None)
        assert item["detail"] == (problem.detail if problem else None)
        assert item["task"] == (None if problem else names[task[row]])
        assert (item["seen"], item["version"]) == (seen[row], seen[row] + 1)


def test_texts_that_no_column_can_hold_are_not_told() -> None:
    n, label = 2200, "x" * (1 << 20)
    p = np.ones((n, 1))
    task = seen = np.zeros(n, np.int64)
    with pytest.raises(OverflowError):
        told.table(Told(["t"], task, [label], p, told.likeliest(p), seen, seen, {}))


def stream(columns: dict[str, Any], **options: Any) -> bytes:
    table = pa.table(columns)
    sink = io.BytesIO()
    of = pa.ipc.IpcWriteOptions(**options)
    with pa.ipc.new_stream(sink, table.schema, options=of) as writer:
        writer.write_table(table, max_chunksize=700)
    return sink.getvalue()


WORDS = pa.array([f"a long task {i}" for i in range(1000)])


@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("words", [WORDS, WORDS.dictionary_encode(), WORDS.slice(0, 0)])
def test_compressed_streams_are_found_out(words: Any, legacy: bool, compression: Any) -> None:
    body = stream({"task": words}, use_legacy_format=legacy, compression=compression)
    assert packed(np.frombuffer(body, np.uint8)) == (compression is not None and len(words) > 0)
    for cut in range(0, 2000, 7):
        packed(np.frombuffer(body[:cut], np.uint8))  # no stream, but nothing is read behind it
