"""What was said of many, as columns: in JSON by rows, or as an Arrow table.

Both have the columns `status`, `code` and `detail` (of a problem, else null), `task`, `label`,
`probabilities`, `seen` and `version`, which mean what they mean in an answer in JSON. Probabilities
stand by class, null where the task does not know it: in JSON an array in the order of `classes`, in
Arrow a struct.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
from numba import njit, types

from learners.features import label_key
from learners.types import F64, I32, I64, Label
from service.core.answers import Answer, Said, Spoken
from service.problems import Problem
from service.web import spliced
from service.web.framed import STRUCT, numbers, stream, words
from service.web.tell import encode

COLUMNS = ("status", "code", "detail", "task", "label", "probabilities", "seen", "version")
_SHORT = 1 << 14  # bytes of classes that are remembered


class Told(NamedTuple):
    """What was said of n examples."""

    names: Sequence[str]  # of tasks
    task: I32 | I64  # (n,) index into names, -1 where nothing was said
    classes: Sequence[Label]
    probabilities: F64  # (n, classes); 0: not known
    label: I32  # (n,) index into classes, -1 where there is none
    seen: I64
    version: I64
    problems: Mapping[int, Problem]  # by row


def together(parts: Sequence[Spoken]) -> Told:
    """What was said of all parts of a request, end to end."""
    if len(parts) == 1 and not parts[0].apart:
        of = parts[0].said
        p, version = of.probabilities, of.seen + of.learnt
        return Told(of.tasks, of.task, of.classes, p, likeliest(p), of.seen, version, {})
    names: dict[str, int] = {}
    classes: dict[tuple[str, Label], int] = {}
    known = [
        np.array([classes.setdefault(label_key(c), len(classes)) for c in one], np.int64)
        for one in _classes(parts)
    ]
    n = sum(part.n for part in parts)
    task, seen, version = np.full(n, -1), np.zeros(n, np.int64), np.zeros(n, np.int64)
    p = np.zeros((n, len(classes)))
    problems: dict[int, Problem] = {}
    at, following = 0, iter(known)
    for part in parts:
        of = part.said
        rows = at + (np.arange(part.n) if not part.apart else np.array(part.rows, np.int64))
        to = np.array([names.setdefault(name, len(names)) for name in of.tasks] or [0])
        task[rows], seen[rows], version[rows] = to[of.task], of.seen, of.seen + of.learnt
        p[np.ix_(rows, next(following))] = of.probabilities
        for row, item in part.apart.items():
            if isinstance(item, Problem):
                problems[at + row] = item
            else:
                task[at + row] = names.setdefault(item.task, len(names))
                seen[at + row], version[at + row] = item.seen, item.version
                p[at + row, next(following)] = item.probabilities
        at += part.n
    labels = [key[1] for key in classes]
    return Told(list(names), task, labels, p, likeliest(p), seen, version, problems)


# Compiled, or loaded, when this is imported: no request waits for it.
@njit(types.int32[::1](types.float64[:, :]), cache=True, nogil=True)
def likeliest(p: F64) -> I32:
    """The likeliest class of each row, the first among equals; -1 where all are 0."""
    found = np.full(len(p), -1, np.int32)
    for i in range(len(p)):
        most = 0.0
        for c in range(p.shape[1]):
            if p[i, c] > most:
                most = p[i, c]
                found[i] = c
    return found


def _classes(parts: Sequence[Spoken]) -> list[Sequence[Label]]:
    """Of the columns of each part, then of each answer apart, in order."""
    found: list[Sequence[Label]] = []
    for part in parts:
        found.append(part.said.classes)
        found += [item.classes for item in part.apart.values() if isinstance(item, Answer)]
    return found


def rows(parts: Sequence[Spoken]) -> bytes:
    """As JSON: `{"classes": [..], "columns": [..], "rows": [[..]]}`."""
    if len(parts) == 1 and not parts[0].apart:
        return _spliced(parts[0].said)
    told = together(parts)
    p, learnt = told.probabilities, told.version - told.seen
    if not told.problems and len(p) and (learnt == learnt[0]).all():
        said = Said(
            tuple(told.names), told.task.astype(np.int32), tuple(told.classes), p, told.seen,
            bool(learnt[0]),
        )  # fmt: skip
        return _spliced(said)
    names, classes = [*told.names, None], [*told.classes, None]
    likely: list[Any] = p.tolist() if p.all() else np.where(p > 0, p, None).tolist()  # type: ignore[call-overload]  # numpy forgets None
    about: tuple[Any, ...] = (repeat(200), repeat(None), repeat(None))
    if told.problems:
        found = [told.problems.get(row) for row in range(len(likely))]
        about = (
            [200 if one is None else one.kind.status for one in found],
            [None if one is None else one.code for one in found],
            [None if one is None else one.detail for one in found],
        )
    across = zip(
        *about,
        [names[i] for i in told.task.tolist()],
        [classes[i] for i in told.label.tolist()],
        likely,
        told.seen.tolist(),
        told.version.tolist(),
        strict=False,  # three may be endless
    )
    return encode({"classes": told.classes, "columns": COLUMNS, "rows": list(across)})


def _spliced(said: Said) -> bytes:
    head = encode({"classes": said.classes, "columns": COLUMNS})
    return head[:-1] + b',"rows":[' + spliced.rows(said) + b"]}"


def table(told: Told) -> bytes:
    """As an Arrow IPC stream.

    Labels are of one type where they can be, else texts of JSON, and the field's metadata say so
    (`encoding`: `json`); names of the classes are where they are not all strings.
    """
    n = len(told.task)
    status = np.full(n, 200, np.int16)
    which = np.full(n, -1, np.int32)
    for i, (row, problem) in enumerate(told.problems.items()):
        status[row], which[row] = problem.kind.status, i
    known = _answer if len(encode(told.classes)) <= _SHORT else _answer.__wrapped__
    schema, labels = known(*told.classes)
    p = told.probabilities
    gaps = p == 0 if not p.all() else None
    label = told.label
    return stream(
        schema,
        told.names,
        n,
        [
            numbers(status),
            words(which, [problem.code for problem in told.problems.values()]),
            words(which, [problem.detail for problem in told.problems.values()]),
            numbers(told.task.astype(np.int32, copy=False), told.task < 0),
            words(label, labels) if isinstance(labels, list) else numbers(labels[label], label < 0),
            STRUCT,
            *(
                numbers(p[:, j], None if gaps is None else gaps[:, j])
                for j in range(len(told.classes))
            ),
            numbers(told.seen),
            numbers(told.version),
        ],
    )


@lru_cache(64, typed=True)
def _answer(*labels: Label) -> tuple[bytes, Any]:
    """The schema of an answer with probabilities of those classes, and what they are called."""
    import pyarrow as pa  # whoever asks for it has looked whether it is there

    texts = [encode(label).decode() for label in labels]
    kinds = {type(label) for label in labels}
    plain = len(kinds) <= 1 or kinds == {int, float}
    classes = pa.array(labels if plain else texts, None if labels else pa.string())
    likely = [(name, pa.float64()) for name in (labels if kinds == {str} else texts)]
    of = {
        "status": pa.int16(), "code": pa.string(), "detail": pa.string(),
        "task": pa.dictionary(pa.int32(), pa.string()), "label": classes.type,
        "probabilities": pa.struct(likely), "seen": pa.int64(), "version": pa.int64(),
    }  # fmt: skip
    schema = pa.schema([(name, of[name]) for name in COLUMNS])
    if not plain:
        at = COLUMNS.index("label")
        schema = schema.set(at, schema.field(at).with_metadata({"encoding": "json"}))
    values = classes.to_pylist() if classes.type == pa.string() else classes.to_numpy(False)
    return schema.serialize().to_pybytes(), values
