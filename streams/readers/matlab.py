"""MATLAB's `.mat` files: a cell of examples a task, or one matrix with a vector of tasks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from streams.event import Event, Label, Stream, Value
from streams.readers.files import stem

NAMES = {
    "features": ("x", "feature", "features", "data", "fea", "instances"),
    "label": ("y", "label", "labels", "target", "targets", "class", "gnd"),
    "task": ("task", "tasks", "t", "task_id"),
}


def read_mat(
    path: str | Path,
    *,
    features: str | None = None,
    label: str | None = None,
    task: str | None = None,
) -> Stream:
    """Read the variables of features, labels and (where they are not cells) tasks.

    Cells hold a task each, called `task1`, `task2`, ... by their place; a matrix of features has
    its tasks in a vector beside it, or is one task named as the file. Rows are examples, columns
    only where the labels show it. Dense rows become numbers `x0`, `x1`, ..., sparse ones a bag `x`,
    column to value. The order means nothing: such files are sorted by task.

    Raises:
        ValueError: a variable cannot be guessed, sizes differ, or the file cannot be read.
    """
    path = Path(path)
    variables = _load(path)
    X = _find(path, variables, "features", features)
    y = _find(path, variables, "label", label)
    which = None
    if task is not None or any(name.casefold() in NAMES["task"] for name in variables):
        which = _find(path, variables, "task", task)
    if X.dtype == object or y.dtype == object:
        if X.dtype != y.dtype or X.size != y.size:
            raise ValueError(f"{path}: features are {X.shape} {X.dtype} and labels {y.shape} "
                             f"{y.dtype}: give a cell of each for every task")
        width = len(str(X.size))
        names: list[str] = [f"task{i:0{width}d}" for i in range(1, X.size + 1)]
        parts = list(zip(names, X.ravel(), y.ravel(), strict=True))
        count = sum(np.size(part) for part in y.ravel())
        return Stream(
            stem(path), lambda: (e for part in parts for e in _rows(path, *part)),
            False, len(parts), count,
        )  # fmt: skip
    tasks = stem(path) if which is None else [str(name) for name in _flat(which)]
    return Stream(
        stem(path), lambda: _rows(path, tasks, X, y),
        False, 1 if isinstance(tasks, str) else len(set(tasks)), int(np.size(y)),
    )  # fmt: skip


def _rows(path: Path, task: Sequence[str] | str, X: Any, y: Any) -> Iterator[Event]:
    labels = _flat(y)
    if X.shape[0] != len(labels) and X.shape[1] == len(labels):
        X = X.T
    tasks = [task] * len(labels) if isinstance(task, str) else task
    if not X.shape[0] == len(labels) == len(tasks):
        raise ValueError(f"{path}: {X.shape} features, {len(labels)} labels and {len(tasks)} tasks "
                         f"at {tasks[:1]}: give one row of features for each")
    yield from map(Event, tasks, _features(X), labels)


def _features(X: Any) -> Iterator[dict[str, Value]]:
    if hasattr(X, "tocsr"):
        X = X.tocsr()
        for start, stop in zip(X.indptr[:-1].tolist(), X.indptr[1:].tolist(), strict=True):
            tokens = map(str, X.indices[start:stop].tolist())
            yield {"x": dict(zip(tokens, X.data[start:stop].tolist(), strict=True))}
    else:
        names = [f"x{j}" for j in range(X.shape[1])]
        for row in X:
            known = [None if value != value else value for value in row.tolist()]  # NaN: missing
            yield dict(zip(names, known, strict=True))


def _flat(array: Any) -> list[Label]:
    dense = array.toarray() if hasattr(array, "toarray") else array
    values = [v.item() if isinstance(v, np.ndarray) else v for v in np.ravel(dense).tolist()]
    return [int(v) if isinstance(v, float) and v.is_integer() else v for v in values]


def _load(path: Path) -> dict[str, Any]:
    from scipy.io import loadmat

    try:
        content = loadmat(path)
    except NotImplementedError as error:
        raise ValueError(f"{path}: a file of version 7.3: save it with -v7") from error
    except FileNotFoundError:
        raise
    except Exception as error:  # scipy lets through whatever the bytes made it stumble over
        raise ValueError(f"{path}: not a .mat file ({error}): save it with -v7") from error
    return {name: value for name, value in content.items() if not name.startswith("__")}


def _find(path: Path, variables: dict[str, Any], role: str, told: str | None) -> Any:
    fits = [name for name in variables if name.casefold() in NAMES[role]]
    found = fits if told is None else [told]
    if len(found) != 1 or found[0] not in variables:
        raise ValueError(f"{path}: which variable holds the {role}? say {role}=NAME, "
                         f"one of {', '.join(variables) or 'none'}")
    return variables[found[0]]
