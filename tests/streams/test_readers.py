"""What is written in a format is read from it: round trips through every reader."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams import Event, read
from streams.readers.values import scalar

roundtrip = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
characters = st.characters(exclude_categories=["Cs", "Cc"])
floats = st.floats(allow_nan=False, allow_infinity=False, width=32)


def is_text(text: str) -> bool:
    """Does a text file give this string back as itself?"""
    try:
        return text == text.strip() and scalar(text) == text
    except ValueError:
        return False


texts = st.text(characters, max_size=8).filter(is_text)
names = st.text(characters, min_size=1, max_size=8).filter(is_text)
values = st.one_of(st.integers(-(10**30), 10**30), floats, st.booleans(), st.none(), texts)
rows = st.lists(st.tuples(names, values, values, values), min_size=1, max_size=8)


def cell(value: object) -> str:
    return "" if value is None else repr(value) if isinstance(value, float) else str(value)


@roundtrip
@given(rows, st.sampled_from(",;\t|"))
def test_csv(tmp_path: Path, rows: list[Any], delimiter: str) -> None:
    path = tmp_path / "rows.csv"
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(["user", "a", "b c", "class"])
    writer.writerows([map(cell, row) for row in rows])
    path.write_text(text.getvalue(), encoding="utf-8", newline="")
    assert list(read(path)) == [Event(task, {"a": a, "b c": b}, y) for task, a, b, y in rows]


@roundtrip
@given(rows, st.lists(st.floats(0, 1e9), min_size=8, max_size=8))
def test_json_lines_in_both_forms(tmp_path: Path, rows: list[Any], times: list[float]) -> None:
    flat, nested = tmp_path / "flat.jsonl", tmp_path / "nested.ndjson"
    whole = tmp_path / "whole.json"
    events = [
        Event(task, {"a": a, "b": [b, {"c": 1.5}]}, y, t, f"e{t}")
        for (task, a, b, y), t in zip(rows, times, strict=False)
    ]
    objects = [{"tenant": e.task, **e.x, "label": e.y, "time": e.t, "id": e.id} for e in events]
    flat.write_text("\n\n".join(map(json.dumps, objects)))
    nested.write_text(
        "\n".join(
            json.dumps(
                {"task": e.task, "features": e.x, "label": e.y, "time": e.t, "id": e.id, "n": 1}
            )
            for e in events
        )
    )
    whole.write_text(json.dumps(objects))
    assert list(read(flat)) == list(read(nested)) == list(read(whole)) == events


def quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


@roundtrip
@given(
    st.lists(st.tuples(names, st.none() | floats, st.sampled_from(["up", "it's"]), texts)),
    st.booleans(),
)
def test_arff(tmp_path: Path, rows: list[Any], sparse: bool) -> None:
    path = tmp_path / "rows.arff"
    lines = ["% made by a test", "@RELATION rows", "@attribute user string"]
    lines += ["@attribute 'a b' NUMERIC", r"@attribute way {up, 'it\'s'}", "@attribute s string"]
    lines += ["", "@data", "% from here on"]
    for task, number, way, text in rows:
        cells = [quoted(task), "?" if number is None else repr(number), quoted(way), quoted(text)]
        pairs = ", ".join(f"{i} {value}" for i, value in enumerate(cells))
        lines.append(f"{{{pairs}}}" if sparse else ", ".join(cells))
    path.write_text("\n".join(lines), encoding="utf-8")
    events = list(read(path, label="way"))
    for event, (task, number, way, text) in zip(events, rows, strict=True):
        dense = {"a b": number, "s": text}
        bag = {"a b": number} if number is not None else {}
        missing = {} if number is not None else {"a b": None}
        assert event == Event(task, missing | {"s": text, "x": bag} if sparse else dense, way)


def test_an_arff_rows_label_is_the_last_attribute_and_omitted_is_zero(tmp_path: Path) -> None:
    path = tmp_path / "sparse.arff"
    head = "@relation r\n@attribute a real\n@attribute b real\n@attribute kind {no,yes}\n@data\n"
    path.write_text(head + "{1 2.5}\n{0 1, 2 yes}\n")
    assert list(read(path, task="")) == [
        Event("sparse", {"x": {"b": 2.5}}, "no"),
        Event("sparse", {"x": {"a": 1.0}}, "yes"),
    ]


bags = st.lists(st.tuples(st.dictionaries(st.integers(0, 999).map(str), floats), st.integers()))


@roundtrip
@given(bags, st.booleans())
def test_svmlight(tmp_path: Path, rows: list[Any], grouped: bool) -> None:
    path = tmp_path / "books.train.svmlight"
    lines = ["# a comment", ""]
    for i, (bag, y) in enumerate(rows):
        group = f"qid:{i % 3} " if grouped else ""
        cells = " ".join(f"{index}:{value!r}" for index, value in bag.items())
        lines.append(f"{y} {group}{cells} # nothing")
    path.write_text("\n".join(lines))
    events = [
        Event(str(i % 3) if grouped else "books", {"x": bag}, y) for i, (bag, y) in enumerate(rows)
    ]
    assert list(read(path)) == events
    assert list(read(path, task="all")) == [event._replace(task="all") for event in events]


tokens = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=5)


@roundtrip
@given(st.lists(st.tuples(tokens, st.dictionaries(tokens, floats), st.sampled_from([1, -1, None]))))
def test_vowpal_wabbit(tmp_path: Path, rows: list[Any]) -> None:
    path = tmp_path / "rows.vw"
    path.write_text(
        "\n".join(
            f"{'' if y is None else y} 'r{i}|user {task} |f "
            + " ".join(f"{token}:{value!r}" for token, value in bag.items())
            for i, (task, bag, y) in enumerate(rows)
        ),
        encoding="utf-8",
    )
    assert list(read(path)) == [
        Event(task, {"f": bag}, y, None, f"r{i}") for i, (task, bag, y) in enumerate(rows)
    ]


@pytest.mark.parametrize(
    ("line", "event"),
    [
        ("1 | a b:2 a", Event("v", {"x": {"a": 2.0, "b": 2.0}}, 1)),
        ("-1 1.0 |n:3 a:2 b", Event("v", {"n": {"a": 6.0, "b": 3.0}}, -1)),
        ("tag|n a", Event("v", {"n": {"a": 1.0}}, None, None, "tag")),
        ("2 'tag |n a |n a |m", Event("v", {"n": {"a": 2.0}, "m": {}}, 2, None, "tag")),
        (" | http://a.b:2", Event("v", {"x": {"http://a.b": 2.0}})),
    ],
)
def test_the_forms_of_vowpal_wabbit(tmp_path: Path, line: str, event: Event) -> None:
    path = tmp_path / "v.vw"
    path.write_text(line + "\n\n")
    assert list(read(path)) == [event]


@roundtrip
@given(rows=st.lists(st.tuples(names, floats, texts, st.none() | texts), min_size=1, max_size=8))
@pytest.mark.parametrize("ending", ["parquet", "arrow", "arrows"])
def test_parquet_and_arrow(tmp_path: Path, ending: str, rows: list[Any]) -> None:
    pa = pytest.importorskip("pyarrow", reason="the extra `arrow` is not installed")
    import pyarrow.parquet as pq

    path = tmp_path / f"rows.{ending}"
    task, number, text, label = (list(column) for column in zip(*rows, strict=True))
    when = pa.array([86400 + i for i in range(len(rows))], pa.timestamp("s"))
    lists = [[1.0, float(i)] for i in range(len(rows))]
    table = pa.table({"site": task, "n": [*number[:-1], np.nan], "s": text, "l": lists,
                      "class": pa.array(label, pa.string()), "timestamp": when})
    if ending == "parquet":
        pq.write_table(table, path)
    else:
        kind = pa.ipc.new_file if ending == "arrow" else pa.ipc.new_stream
        with kind(str(path), table.schema) as writer:
            writer.write_table(table, max_chunksize=3)
    assert list(read(path)) == [
        Event(t, {"n": n, "s": s, "l": [1.0, float(i)]}, y, 86400.0 + i)
        for i, (t, n, s, y) in enumerate(
            zip(task, [*number[:-1], None], text, label, strict=True)
        )
    ]


def uniform(path: Path, **changed: Any) -> Path:
    arrays = {
        "X": np.array([[1, 2], [3, 4], [5, 6]], np.float32),
        "task": np.array([0, 1, 0], np.int32),
        "y": np.array([1, 0, 1], np.int32),
        "task_names": np.array(["ann", "bob"]),
        "class_names": np.array(["no", "yes"]),
        "feature_names": np.array(["f", "g"]),
        "time_ordered": np.array(False),
    }
    np.savez(path, **{k: v for k, v in (arrays | changed).items() if v is not None})
    return path


def test_uniform_sets(tmp_path: Path) -> None:
    stream = read(uniform(tmp_path / "set.npz"))
    assert (stream.name, stream.time_ordered, stream.tasks, stream.examples) == ("set", False, 2, 3)
    assert list(stream) == [
        Event("ann", {"f": 1, "g": 2}, "yes"),
        Event("bob", {"f": 3, "g": 4}, "no"),
        Event("ann", {"f": 5, "g": 6}, "yes"),
    ]
    bare = read(uniform(tmp_path / "bare.npz", class_names=None, feature_names=None))
    assert next(iter(bare)) == Event("ann", {"x0": 1, "x1": 2}, 1)
    scores = read(uniform(tmp_path / "scores.npz", kind=np.array("regression")))
    assert [event.y for event in scores] == [1, 0, 1]


def test_sparse_uniform_sets(tmp_path: Path) -> None:
    parts = {
        "X_data": np.array([1.5, 2], np.float32),
        "X_indices": np.array([0, 1], np.int32),
        "X_indptr": np.array([0, 1, 1, 2]),
        "X_shape": np.array([3, 2]),
    }
    stream = read(uniform(tmp_path / "set.npz", X=None, feature_names=None, **parts))
    assert [event.x for event in stream] == [{"x": {"0": 1.5}}, {"x": {}}, {"x": {"1": 2}}]


def zipped(data: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("folder/other.csv", data)
    return held.getvalue()


@pytest.mark.parametrize(
    ("ending", "pack"),
    [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress), ("zip", zipped)],
)
def test_compressed_text(tmp_path: Path, ending: str, pack: Callable[[bytes], bytes]) -> None:
    plain, packed = tmp_path / "set.csv", tmp_path / f"set.csv.{ending}"
    plain.write_text("﻿task,n,label\n" + "a,1,x\nb,2,y\n" * 50, encoding="utf-8")
    packed.write_bytes(pack(plain.read_bytes()))
    assert list(read(packed)) == list(read(plain))
    damaged = tmp_path / f"bad.csv.{ending}"
    damaged.write_bytes(packed.read_bytes()[:-20])
    with pytest.raises(ValueError, match=r"bad\.csv\.\w+.*(damaged compression|make the archive)"):
        list(read(damaged))


def test_text_is_streamed(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    with path.open("w") as file:
        file.write("task,n,label\n")
        file.writelines(f"a,{i},x\n" for i in range(200_000))
        file.write("and then a line that does not fit\n")
    events = iter(read(path))
    assert [next(events).x["n"] for _ in range(3)] == [0, 1, 2]
