"""NamedTuples of arrays: make, grow, take rows, put rows, align by name, to bytes and back.

A leaf declares its axes where it is declared as a field, `w: Annotated[F32, "tdke"]` (the letters
are in `types`); everything here follows from that, so no strategy repeats any of it. Tuples nest.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from math import prod
from typing import Any, get_args, get_type_hints

import numpy as np
from numpy.typing import NDArray

from learners.lanes.moving import LINE
from learners.types import Shape, Tree

Array = NDArray[Any]
Leaf = tuple[str, str, Array]  # path, axes, array
Declared = tuple[str, np.dtype[Any]]  # axes and dtype
SHORT = 1024  # bytes


@cache
def axes(kind: type) -> dict[str, Declared]:
    """Field -> (axes, dtype) of a NamedTuple class whose fields are annotated leaves."""
    found = {}
    for field, hint in get_type_hints(kind, include_extras=True).items():
        if hasattr(hint, "__metadata__"):
            found[field] = (hint.__metadata__[0], np.dtype(_scalar(get_args(hint)[0])))
    return found


def _scalar(hint: Any) -> Any:
    """The scalar in NDArray[scalar]: an ndarray of a dtype, or (numpy 2.5) an alias of it."""
    last = get_args(hint)[-1]
    return last if isinstance(last, type) else _scalar(last)


def _fields(tree: Tree) -> tuple[tuple[str, Declared | None], ...]:
    """Name of each field of a tuple, and what it declares; None where it is no leaf."""
    kind: Any = type(tree)
    return _fields_of(kind, len(tree))


@cache
def _fields_of(kind: Any, n: int) -> tuple[tuple[str, Declared | None], ...]:
    declared = axes(kind) if hasattr(kind, "_fields") else {}
    names = getattr(kind, "_fields", [str(i) for i in range(n)])
    return tuple((name, declared.get(name)) for name in names)


def leaves(tree: Tree, path: str = "") -> list[Leaf]:
    """Every leaf with its path and axes, in the order of declaration."""
    found: list[Leaf] = []
    for (field, declared), value in zip(_fields(tree), tree, strict=True):
        if declared:
            found.append((path + field, _lying(declared[0], value), value))
        else:
            found += leaves(value, f"{path}{field}.")
    return found


def _lying(names: str, leaf: Array | None) -> str:
    """The axes of a leaf as it lies: those of task and column are one where it lies in slots."""
    if leaf is None or leaf.ndim == len(names) or not names.startswith("td"):
        return names
    return "p" + names[2:]


def map(change: Callable[[str, Array], Array | None], tree: Tree) -> Tree:
    """The same tree with `change(axes, leaf)` for each leaf; None, a leaf left out, stays."""
    made: list[Any] = []
    for (_, declared), value in zip(_fields(tree), tree, strict=True):
        if not declared:
            made.append(map(change, value))
        else:
            made.append(None if value is None else change(_lying(declared[0], value), value))
    kind: Any = type(tree)
    return tuple.__new__(kind, made)  # of a NamedTuple too, whose own way is several times as long


def _sizes(shape: Shape) -> dict[str, int]:
    """Lengths of the axes that grow."""
    t, d, _, p = shape
    return {"t": t, "d": d, "k": shape.margins, "K": shape.margins, "p": p}


def lined(lengths: Sequence[int], dtype: np.dtype[Any]) -> Array:
    """Zeros that begin where a line of the cache does.

    Loops move up to a line at once; one that lies across two takes twice as long. Short arrays,
    made for each new task, may lie anywhere.
    """
    size = prod(lengths) * dtype.itemsize
    if size < SHORT:
        return np.zeros(lengths, dtype)
    room = np.zeros(size + LINE, np.uint8)
    begin = -room.__array_interface__["data"][0] % LINE
    return room[begin : begin + size].view(dtype).reshape(lengths)


def zeros(
    kind: type, shape: Shape, experts: int = 1, places: int = 0, families: int = 1, **fixed: int
) -> Tree:
    """A tree of that class, all zeros; `fixed` are the lengths of axes that never change."""
    sizes = _sizes(shape) | {"e": experts, "s": places, "f": families} | fixed
    declared = list(axes(kind).values())
    if shape.slots:
        declared = [
            ("p" + names[2:] if names.startswith("td") else names, d) for names, d in declared
        ]
    return kind(
        *(
            lined([sizes[a] if a.isalpha() else int(a) for a in names], dtype)
            for names, dtype in declared
        )
    )


def grow(tree: Tree, shape: Shape) -> Tree:
    """The tree with room for that shape: what is new is 0; two classes unfold for a third."""
    if not (shape.tasks or shape.columns or shape.slots or shape.margins > 1):
        return tree
    sizes = _sizes(shape)

    def resize(names: str, leaf: Array) -> Array:
        if shape.margins > 1:
            for axis, name in enumerate(names):
                if name in "kK" and leaf.shape[axis] == 1:
                    leaf = unfold(name, leaf, axis)
        wanted = [max(sizes.get(n, 0), have) for n, have in zip(names, leaf.shape, strict=True)]
        if wanted != list(leaf.shape):
            larger = lined(wanted, leaf.dtype)
            larger[tuple(slice(have) for have in leaf.shape)] = leaf
            return larger
        return leaf

    return map(resize, tree)


def unfold(name: str, leaf: Array, axis: int) -> Array:
    """Two classes' margin, axis k or K of length 1, as two columns; exact.

    A margin w becomes -w/2, +w/2 (and 0 no -0), a sum of squares stays itself in both.
    """
    half = leaf.dtype.type(0.5)
    pair = (0 - leaf * half, leaf * half) if name == "k" else (leaf, leaf)
    return np.concatenate(pair, axis)


def take(tree: Tree, **wanted: NDArray[np.int64]) -> Tree:
    """Copies of what lies at those places of the named axes (`t=rows, d=columns`)."""

    def pick(names: str, leaf: Array) -> Array:
        taken = leaf
        for axis, name in enumerate(names):
            if name in wanted:
                taken = taken.take(wanted[name], axis)
        return np.array(leaf) if taken is leaf else taken

    return map(pick, tree)


def put(tree: Tree, rows: NDArray[np.int64], other: Tree) -> None:
    """Write the rows of `other` into those rows of `tree`; leaves without tasks stay."""
    for (_, names, into), (_, _, value) in zip(leaves(tree), leaves(other), strict=True):
        if "t" in names:  # axis t comes first where there is one
            room: Any = tuple(slice(n) for n in value.shape[1:])
            into[rows] = 0
            into[(rows, *room)] = value


def spread(tree: Tree, shape: Shape, **at: NDArray[np.int64]) -> Tree:
    """The converse of `take`: a tree of that shape, 0 but for what is put at those places."""
    sizes = _sizes(shape)

    def place(names: str, leaf: Array) -> Array:
        wanted = [sizes.get(n, have) for n, have in zip(names, leaf.shape, strict=True)]
        wide = np.zeros(wanted, leaf.dtype)
        if not leaf.size:
            return wide
        index: Any = tuple(at.get(n, slice(m)) for n, m in zip(names, leaf.shape, strict=True))
        if sum(n in at for n in names) > 1:
            all_of_it = [np.arange(m) for m in leaf.shape]
            index = np.ix_(*(at.get(n, a) for n, a in zip(names, all_of_it, strict=True)))
        wide[index] = leaf
        return wide

    return map(place, tree)


def speaks_of_commons(reply: Tree) -> bool:
    """Whether a reply has leaves without tasks, left out where it is of tasks only."""
    found: list[tuple[str, Any]] = [(names, leaf) for _, names, leaf in leaves(reply)]
    return any("t" not in names and leaf is not None for names, leaf in found)


def _dtypes(tree: Tree) -> Iterator[np.dtype[Any]]:
    """The dtype that each leaf declares."""
    for (_, declared), value in zip(_fields(tree), tree, strict=True):
        if declared:
            yield declared[1]
        else:
            yield from _dtypes(value)


def check(tree: Tree, shape: Shape) -> None:
    """Raise ValueError naming the first leaf whose dtype or shape is not as it declares.

    Leaves may have spare room (capacity is not state) but agree with each other.
    """
    least = _sizes(shape)
    for (path, names, leaf), dtype in zip(leaves(tree), _dtypes(tree), strict=True):
        astray = names.startswith("td" if shape.slots else "p")
        if astray or leaf.ndim != len(names) or leaf.dtype != dtype:
            raise ValueError(
                f"leaf {path}: {leaf.ndim} axes of {leaf.dtype}, declared as {names!r} of {dtype}"
            )
        for name, size in zip(names, leaf.shape, strict=True):
            exact = int(name) if name.isdigit() else None
            if (exact is not None and size != exact) or size < least.get(name, 0):
                raise ValueError(f"leaf {path}: axis {name} is {size}, expected {exact or least}")


def pack(arrays: Sequence[Array], about: object = None) -> bytes:
    """Arrays and a JSON value as bytes: a length, a JSON header, the raw buffers. No pickle.

    >>> unpack(pack([np.arange(3)], {"name": "x"}))
    ([array([0, 1, 2])], {'name': 'x'})
    """
    arrays = [np.ascontiguousarray(a) for a in arrays]
    header = {"arrays": [[a.dtype.str, list(a.shape)] for a in arrays], "about": about}
    head = json.dumps(header, separators=(",", ":")).encode()
    return b"".join([len(head).to_bytes(8, "little"), head, *(a.tobytes() for a in arrays)])


def unpack(data: bytes) -> tuple[list[Array], Any]:
    """The converse of `pack`; ValueError when the bytes are not of that form."""
    try:
        size = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + size])
        at, about = 8 + size, header["about"]
        arrays = []
        for dtype, shape in header["arrays"]:
            kind = np.dtype(dtype)
            if kind.hasobject or any(not isinstance(n, int) or n < 0 for n in shape):
                raise ValueError(f"array of {dtype} {shape}")
            count = prod(shape)
            arrays.append(np.frombuffer(data, kind, count, at).reshape(shape).copy())
            at += count * kind.itemsize
        if at != len(data):
            raise ValueError(f"{len(data) - at} bytes left over")
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"these {len(data)} bytes are not packed arrays: {error}") from error
    return arrays, about


def fill(like: Tree, arrays: Sequence[Array]) -> Tree:
    """The arrays in the structure of `like`, each of the dtype and axes declared there."""
    wanted = list(leaves(like))
    if len(wanted) != len(arrays):
        raise ValueError(f"{len(arrays)} arrays for {len(wanted)} leaves")
    for (path, names, leaf), array in zip(wanted, arrays, strict=True):
        if array.dtype != leaf.dtype or array.ndim != len(names):
            raise ValueError(f"leaf {path}: {array.dtype} {array.shape}, declared {names!r}")
    rest = iter(arrays)
    return map(lambda names, leaf: next(rest), like)
