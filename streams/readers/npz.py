"""`.npz` sets in the uniform form of the project's data folder.

`X` float (n, d), or its CSR parts `X_data`, `X_indices`, `X_indptr`, `X_shape`; `task` and `y`
int (n,), indices into `task_names` and `class_names`; optionally `feature_names` (d,),
`time_ordered` (bool) and `kind` ("classification" or "regression").
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from streams.event import Event, Label, Stream, Value

CHUNK = 1024  # rows turned into Python numbers at a time
DAMAGE = (ValueError, EOFError, OSError, NotImplementedError, zipfile.BadZipFile, zlib.error)


def read_npz(path: str | Path) -> Stream:
    """Read a set of the uniform `.npz` form.

    Labels are the class names where the set has them, else the integers of `y`; a regression
    set's are its numbers (`relabel` makes classes of them). Dense rows become named numbers,
    called `x0`, `x1`, ... where the set does not name them; sparse rows become one bag `x` from
    the column's name or number to its value.

    Raises:
        ValueError: an array is missing, or does not fit the others.
    """
    path = Path(path)
    with _open(path) as arrays:
        task, y = _array(path, arrays, "task"), _array(path, arrays, "y")
        names = _array(path, arrays, "task_names")
        _check_index(path, "task", task, len(names))
        ordered = "time_ordered" not in arrays or bool(_array(path, arrays, "time_ordered"))
    if len(task) != len(y):
        raise ValueError(f"{path}: task has {len(task)} rows and y {len(y)}: give both the same")
    return Stream(path.stem, lambda: _events(path), ordered, len(np.unique(task)), len(task))


def _events(path: Path) -> Iterator[Event]:
    with _open(path) as arrays:
        tasks = _array(path, arrays, "task_names").tolist()
        task = _array(path, arrays, "task").tolist()
        labels = _labels(path, arrays)
        rows = _dense(path, arrays) if "X" in arrays else _sparse(path, arrays)
        yield from map(Event, map(tasks.__getitem__, task), rows, labels)


def _labels(path: Path, arrays: Any) -> list[Label]:
    y = _array(path, arrays, "y")
    kind = str(_array(path, arrays, "kind")) if "kind" in arrays else "classification"
    if "class_names" not in arrays or kind == "regression":
        return list(y.tolist())
    names = _array(path, arrays, "class_names").tolist()
    _check_index(path, "y", y, len(names))
    return [names[k] for k in y.tolist()]


def _dense(path: Path, arrays: Any) -> Iterator[dict[str, Value]]:
    X = _array(path, arrays, "X")
    _check_rows(path, arrays, "X", len(X))
    names = _feature_names(path, arrays, X.shape[1]) or [f"x{j}" for j in range(X.shape[1])]
    for start in range(0, len(X), CHUNK):
        for row in X[start : start + CHUNK].tolist():
            yield dict(zip(names, row, strict=True))


def _sparse(path: Path, arrays: Any) -> Iterator[dict[str, Value]]:
    data, indices, indptr, shape = (
        _array(path, arrays, name) for name in ("X_data", "X_indices", "X_indptr", "X_shape")
    )
    _check_rows(path, arrays, "X_indptr", len(indptr) - 1)
    _check_index(path, "X_indices", indices, int(shape[1]))
    names = _feature_names(path, arrays, shape[1]) or [str(j) for j in range(int(shape[1]))]
    for start, stop in zip(indptr[:-1].tolist(), indptr[1:].tolist(), strict=True):
        tokens = map(names.__getitem__, indices[start:stop].tolist())
        yield {"x": dict(zip(tokens, data[start:stop].tolist(), strict=True))}


@contextmanager
def _open(path: Path) -> Iterator[Any]:
    with path.open("rb") as file:  # numpy leaves open what it fails to read
        try:
            arrays = np.load(file, allow_pickle=False)
            if isinstance(arrays, np.ndarray):
                raise ValueError("it holds one array without a name")
        except DAMAGE as error:
            raise ValueError(f"{path}: not an .npz file ({error}): write it anew") from error
        with arrays:
            yield arrays


def _array(path: Path, arrays: Any, name: str) -> Any:
    if name not in arrays:
        raise ValueError(f"{path}: no array {name!r} among {sorted(arrays)}: add it")
    try:
        return arrays[name]
    except DAMAGE as error:
        raise ValueError(f"{path}: array {name!r} is damaged ({error}): write it anew") from error


def _feature_names(path: Path, arrays: Any, columns: int) -> list[str] | None:
    if "feature_names" not in arrays:
        return None
    names: list[str] = _array(path, arrays, "feature_names").tolist()
    if len(names) != columns or len(set(names)) != columns:
        raise ValueError(f"{path}: feature_names has {len(set(names))} different names for "
                         f"{columns} columns: give each column its own")
    return names


def _check_rows(path: Path, arrays: Any, name: str, rows: int) -> None:
    examples = len(_array(path, arrays, "task"))
    if rows != examples:
        raise ValueError(f"{path}: {name} holds {rows} rows and task {examples}: "
                         "give both the same")


def _check_index(path: Path, name: str, index: Any, length: int) -> None:
    bad = np.flatnonzero((index < 0) | (index >= length))
    if len(bad):
        raise ValueError(f"{path}: {name}[{bad[0]}] is {index[bad[0]]}, outside 0..{length - 1}: "
                         "correct it, or name one more")
