"""Labels: any JSON scalar but null, and what tells them apart."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from learners.types import I32, Label


def label_key(label: Label) -> tuple[str, Label]:
    """What tells labels apart: `true`, `1` and `"1"` are three, 1 and 1.0 are one."""
    if isinstance(label, bool):
        return "boolean", label
    if isinstance(label, str):
        return "string", label
    return "number", label


def check_label(label: object) -> Label:
    """The label as a plain Python scalar; ValueError names what it may be."""
    if isinstance(label, np.generic):
        label = label.item()
    if isinstance(label, str | bool | int):
        return label
    if isinstance(label, float) and math.isfinite(label):
        return int(label) if label.is_integer() else label
    if label is None:
        raise ValueError("label: null means no label; give a string, a number, true or false")
    raise ValueError(f"label: {label!r} is not a string, a finite number, true or false")


def index_labels(labels: Sequence[object]) -> tuple[tuple[Label, ...], I32]:
    """The classes met, in order of appearance, and each label's index there; -1 for None.

    >>> index_labels(["ham", 1, None, True, 1.0, "ham"])
    (('ham', 1, True), array([ 0,  1, -1,  2,  1,  0], dtype=int32))
    """
    try:
        kinds = list(zip(map(type, labels), labels, strict=True))  # 1, True and 1.0 are equal
        distinct = dict.fromkeys(kinds)
    except TypeError:  # one cannot be hashed, so it is no scalar
        for label in labels:
            if label is not None:
                check_label(label)
        raise
    classes: dict[tuple[str, Label], int] = {}
    known = {
        kind: -1 if kind[1] is None
        else classes.setdefault(label_key(check_label(kind[1])), len(classes))
        for kind in distinct
    }  # fmt: skip
    found = np.fromiter(map(known.__getitem__, kinds), np.int32, len(kinds))
    return tuple(key[1] for key in classes), found
