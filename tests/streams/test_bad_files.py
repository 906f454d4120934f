"""A bad file is told by name, line, value and remedy; a good line before it is read."""

from __future__ import annotations

import builtins
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams import read

ARFF = "@relation r\n@attribute task string\n@attribute n real\n@attribute class {a,b}\n@data\n"


@pytest.mark.parametrize(
    ("name", "text", "line", "complaint"),
    [
        ("f.csv", "", 1, "put a line with their names|give each a name"),
        ("f.csv", "task,n,n,label\n", 1, "give each a name of its own"),
        ("f.csv", "1,2.5,3\n4,5,6\n", 1, "put a line with their names first"),
        ("f.csv", "task,n,label\na,1,x\na,1\n", 3, "2 cells under 3 columns: quote"),
        ("f.csv", "task,n,label\na,1,x\n,1,x\n", 3, "the task in column 'task' is missing: fill"),
        ("f.csv", "task,n,label\na,inf,x\n", 2, "'inf' is not finite: leave it empty"),
        ("f.csv", "task,n,label\na,1e999,x\n", 2, "'1e999' is not finite"),
        ("f.csv", 'task,n,label\na,"1"2,x\n', 2, "correct the quotes"),
        ("f.csv", 'task,n,label\na,"1\n', 2, "correct the quotes"),
        ("f.csv", "task,time,label\na,noon,x\n", 2, "the time in column 'time': 'noon' is no time"),
        ("f.jsonl", '{"task": "a", "label": 1}\n{"task": \n', 2, "not JSON .*: write one object"),
        ("f.jsonl", '{"task": "a", "label": 1}\n[1]\n', 2, r"\[1\] is no object"),
        ("f.jsonl", '{"task": "a", "label": 1}\n{"label": 1}\n', 2, "the task .* is missing"),
        ("f.jsonl", '{"task": "a", "label": [1]}\n', 1, r"label .* is \[1\]: give a string"),
        ("f.jsonl", '{"task": "a", "n": NaN, "label": 1}\n', 1, "NaN is not finite: use null"),
        ("f.jsonl", '{"task": "a", "task": "b"}\n', 1, "key 'task' comes twice: keep one"),
        ("f.arff", "@relation r\n@attribute n real\n", 2, "no line @data"),
        ("f.arff", "@relation r\n@data\n", 2, "declare each by a name"),
        ("f.arff", "@relation r\n@attribute n complex\n", 2, "write @attribute NAME numeric"),
        ("f.arff", "@relation r\nattribute n real\n", 2, "write @relation, @attribute or @data"),
        ("f.arff", ARFF + "t,1,a\nt,1\n", 7, "2 values for 3 attributes"),
        ("f.arff", ARFF + "t,one,a\n", 6, "'one' is not a number: correct it"),
        ("f.arff", ARFF + "t,1,c\n", 6, "'c' is not among the values of 'class': declare it"),
        ("f.arff", ARFF + "t,1,'a\n", 6, "correct the quotes|is not among"),
        ("f.arff", ARFF + "{0 t, 9 1}\n", 6, "'9 1': write .* numbers from 0 to 2"),
        ("f.arff", ARFF + "{0 t\n", 6, "write {number value"),
        ("f.svm", "1 3:1\n1 3\n", 2, "'3': write index:value"),
        ("f.svm", "1 3:x\n", 1, "'x' is not a number"),
        ("f.svm", "1 3:nan\n", 1, "'nan' is not finite"),
        ("f.svm", "1 3:1 3:2\n", 1, "an index comes twice"),
        ("f.svm", "1,2 3:1\n", 1, "label '1,2': write one label"),
        ("f.svm", "3:1 4:1\n", 1, "label '3:1': write one label"),
        ("f.vw", "1 | a\n1 a b\n", 2, "'1 a b' has no namespace: write"),
        ("f.vw", "1:2:0.5 | a\n", 1, "label '1:2:0.5' is not a number"),
        ("f.vw", "1 2.0 | a\n", 1, "importance 2.0: events have none"),
        ("f.vw", "1 1 0.5 | a\n", 1, "'0.5' after the importance"),
        ("f.vw", "1 |user u |f a\n1 |f a\n", 2, r"no task in namespace 'user': write \|user NAME"),
        ("f.vw", "1 |f a:b\n", 1, "'b' is not a number"),
    ],
)
def test_bad_text(tmp_path: Path, name: str, text: str, line: int, complaint: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    place = re.escape(f"{path}, line {line}: ")
    with pytest.raises(ValueError, match=f"^{place}.*({complaint})"):
        list(read(path))


def test_text_of_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "old.csv"
    path.write_bytes("task,label\na,b\nzoë,b\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"old.csv, line \d: byte 0xeb is not UTF-8: save the"):
        list(read(path))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "not JSON"),
        ("3", "neither LEAF .* nor an array of objects"),
        ('[{"task": "a", "label": 1}, {"label": 2}]', "object 2: the task .* is missing"),
        ('{"user_data": {"u": {"x": [[1]], "y": []}}}', "user 'u' has no lists `x` and `y` of one"),
        ('{"user_data": {"u": {"x": [null], "y": [1]}}}', "user 'u' has x = None"),
        ('{"user_data": {"u": {"x": ["t"], "y": [[1, 2]]}}}', r"user 'u' has y = \[1, 2\]"),
    ],
)
def test_bad_json(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "f.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=complaint):
        list(read(path))


GOOD = {
    "csv": b"task,time,n,label\na,1,2.5,x\nb,2001-01-01,?,true\n",
    "jsonl": b'{"task": "a", "features": {"n": [1, 2]}, "label": 1, "time": 3}\n{"task": "b"}\n',
    "json": b'{"user_data": {"u": {"x": [[1, 2], "text", {"n": 1}], "y": [1, [2], "c"]}}}',
    "arff": ARFF.encode() + b"'t u',?,a\n{0 t, 1 2.5}\n",
    "svm": b"1 qid:7 1:2 3:4.5 # note\n-1 2:1e3\n",
    "vw": b"1 1.0 'tag|user:2 ann |f a:2 b\n-1 |user bob\n",
}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(
    st.sampled_from(sorted(GOOD)),
    st.lists(st.tuples(st.integers(0, 120), st.integers(0, 3), st.binary(max_size=3)), max_size=3),
)
def test_damage_is_read_or_told(tmp_path: Path, ending: str, cuts: list[Any]) -> None:
    content = GOOD[ending]
    for at, length, insert in cuts:
        content = content[:at] + insert + content[at + length :]
    path = tmp_path / f"f.{ending}"
    path.write_bytes(content)
    try:
        for event in read(path):
            assert isinstance(event.task, str)
            assert event.y is None or isinstance(event.y, bool | int | float | str)
    except ValueError as error:
        assert str(path) in str(error)


@pytest.mark.parametrize("ending", ["npz", "mat", "parquet", "arrow"])
def test_bytes_that_are_nothing(tmp_path: Path, ending: str) -> None:
    if ending in ("parquet", "arrow"):
        pytest.importorskip("pyarrow", reason="the extra `arrow` is not installed")
    path = tmp_path / f"f.{ending}"
    path.write_bytes(b"nothing of the kind, but long enough to be looked at" * 9)
    with pytest.raises(ValueError, match=f"f.{ending}: (not|neither) .* it "):
        list(read(path))


def test_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = builtins.__import__

    def without_arrow(
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        if name.startswith("pyarrow"):
            raise ModuleNotFoundError(name)
        return genuine(name, globals, locals, fromlist, level)

    path = tmp_path / "f.parquet"
    path.touch()
    monkeypatch.setattr(builtins, "__import__", without_arrow)
    with pytest.raises(ImportError, match=r"takes pyarrow: pip install 'kindred\[arrow\]'"):
        read(path)


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"y": None}, "no array 'y' among .*: add it"),
        ({"y": np.array([0, 1])}, "task has 3 rows and y 2"),
        ({"y": np.array([0, 1, 2])}, r"y\[2\] is 2, outside 0..1"),
        ({"task": np.array([0, -1, 0])}, r"task\[1\] is -1, outside 0..0"),
        ({"X": np.zeros((2, 2))}, "X holds 2 rows and task 3"),
        ({"X": None}, "no array 'X_data'"),
        ({"feature_names": np.array(["a", "a"])}, "1 different names for 2 columns"),
    ],
)
def test_bad_uniform_sets(tmp_path: Path, changed: dict[str, Any], complaint: str) -> None:
    path, three = tmp_path / "f.npz", np.zeros(3, int)
    arrays = {"X": np.zeros((3, 2)), "task": three, "y": three, "task_names": np.array(["a"]),
              "class_names": np.array(["no", "yes"])} | changed
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    with pytest.raises(ValueError, match=complaint):
        list(read(path))


def test_damaged_uniform_sets_and_arrow_files(tmp_path: Path) -> None:
    """Every third byte spoilt in turn: the file is read or the damage told, by its name."""
    pa = pytest.importorskip("pyarrow", reason="the extra `arrow` is not installed")
    table = pa.table({"task": ["a", "b"], "n": [1.5, 2.5], "label": ["x", "y"]})
    with pa.ipc.new_stream(str(tmp_path / "f.arrows"), table.schema) as writer:
        writer.write_table(table)
    codes, names = np.array([0, 1]), np.array(["a", "b"])
    arrays: dict[str, Any] = {"X": np.eye(2), "task": codes, "y": codes, "task_names": names}
    np.savez_compressed(tmp_path / "f.npz", **arrays)
    for path in (tmp_path / "f.arrows", tmp_path / "f.npz"):
        good, told = path.read_bytes(), 0
        for at in range(0, len(good), 3):
            path.write_bytes(good[:at] + bytes([good[at] ^ 0x5A]) + good[at + 1 :])
            try:
                list(read(path))
            except ValueError as error:
                assert str(path) in str(error)
                told += 1
        assert told > len(good) / 20


def test_archives_and_packed_binaries(tmp_path: Path) -> None:
    path = tmp_path / "two.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", "")
        archive.writestr("b.csv", "")
    with pytest.raises(ValueError, match="holds 2 files: pack exactly one"):
        read(path)
    packed = tmp_path / "set.npz.gz"
    packed.touch()
    with pytest.raises(ValueError, match="a .npz file is read as it is: unpack it"):
        read(packed)
    with pytest.raises(ValueError, match="takes no parameter 'delimiter'"):
        read(packed.rename(tmp_path / "set.npz"), delimiter=",")
