"""Arrow IPC streams: record batches -> tables. Columns become a batch without a look at each value.

What is taken: numbers, booleans, strings (dictionary-encoded or not), lists of these, maps and
structs of numbers (bags); null is missing. A struct column `features` stands for its fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from learners.features.table import Column, Grid, Lists, Named, Numbers, Values, Words
from service.problems import Problem
from service.settings import Settings
from service.web.framed import MARK, packed
from service.web.media import ARROW
from service.web.table import (
    FEATURES,
    ROLES,
    ROWS,
    Coded,
    Make,
    Table,
    makes,
    roles,
    slices,
)
from service.web.wire import Kind, too_many, wrong

try:
    import pyarrow as pa
    import pyarrow.compute as pc
except ImportError:  # the extra `arrow` is not installed
    pa = None
else:  # types by their number: asked of each column of each request
    _NUMBERS = {
        make().id
        for make in (
            pa.bool_, pa.int8, pa.int16, pa.int32, pa.int64, pa.uint8, pa.uint16, pa.uint32,
            pa.uint64, pa.float16, pa.float32, pa.float64,
        )
    }  # fmt: skip
    _TEXTS = {pa.string().id, pa.large_string().id}
    _DICTIONARY, _NULL = pa.dictionary(pa.int8(), pa.string()).id, pa.null().id
    _DOUBLE, _UNEVEN = pa.float64().id, {pa.bool_().id, pa.float16().id}

_INTO = "; cast it to numbers, booleans, strings, or lists of these"
_SHORT = 1 << 14  # bytes of a schema that is remembered


class Header(NamedTuple):
    """What the columns of a record batch are."""

    unfolded: Any  # the schema with the fields of a struct `features` for it; None: there is none
    roles: dict[str, int]  # where the values of a role are, of those that there are
    names: tuple[str, ...]  # of the features
    at: list[int]  # where the values of each are
    even: bool  # whether they are numbers of types that one array can hold as they are


class Arrow:
    """Takes Arrow streams apart within the limits of the settings."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def read(self, body: bytes, kind: Kind) -> Iterator[Make]:
        """What prepares some rows at a time; a Problem (whole) before the first, or never."""
        refuse_without_arrow()
        try:
            batches = list(self._batches(body))
        except (pa.ArrowException, UnicodeDecodeError, OSError, ValueError) as error:
            said = str(error).partition("\n")[0]
            raise Problem(
                "malformed-body", f"The body is not an Arrow stream, or not all of it ({said})."
            ) from None
        schema, batches = batches[0], batches[1:]
        if not batches:
            return iter(())
        header = _known(body, schema, kind)
        tables = [_table(header, batch) for batch in batches]
        size = sum(some for table in tables for _, _, some in slices(table))
        if size > self.settings.max_body_bytes:  # as JSON it would have been too large long ago
            raise Problem(
                "body-too-large",
                f"The body unfolds to {size} words and numbers, the limit is "
                f"{self.settings.max_body_bytes}; send fewer examples at once.",
            )
        return chain.from_iterable(
            makes(table, self.settings, to_learn=kind.to_learn) for table in tables
        )

    def _batches(self, body: bytes) -> Iterator[Any]:
        """The schema, then the record batches, each checked."""
        rows = 0
        if packed(np.frombuffer(body, np.uint8)):
            raise ValueError(
                "its buffers are compressed: write it without, and say Content-Encoding: zstd"
            )
        with pa.ipc.open_stream(body) as reader:
            yield reader.schema
            for batch in reader:
                rows += batch.num_rows
                if rows > self.settings.max_examples:
                    raise too_many(rows, self.settings.max_examples)
                batch.validate(full=True)
                yield batch


def _known(body: bytes, schema: Any, kind: Kind) -> Header:
    """What the columns are: by the bytes of the schema, where it has been seen before."""
    end = len(MARK) + 4 + _schema_size(body)
    if not body.startswith(MARK) or end > _SHORT:
        return _header(schema, kind.to_learn)
    return _said(body[:end], kind.to_learn)


@lru_cache(64)
def _said(schema: bytes, to_learn: bool) -> Header:
    """What the message of a schema says; or a Problem."""
    return _header(pa.ipc.read_schema(pa.py_buffer(schema)), to_learn)


def _header(schema: Any, to_learn: bool) -> Header:
    fields = []
    for field in schema:
        if _is_features(field):
            fields += [inner.with_name(FEATURES + inner.name) for inner in field.type]
        else:
            fields.append(field)
    names = roles((field.name for field in fields), to_learn=to_learn)
    features = [
        j for j, field in enumerate(fields) if names[j] not in ROLES and field.type.id != _NULL
    ]
    types = {fields[j].type.id for j in features}
    return Header(
        pa.schema(fields) if any(map(_is_features, schema)) else None,
        {name: j for j, name in enumerate(names) if name in ROLES},
        tuple(names[j].removeprefix(FEATURES) for j in features),
        features,
        types <= _NUMBERS - _UNEVEN and (len(types) == 1 or _DOUBLE in types),
    )


def _is_features(field: Any) -> bool:
    return field.name == "features" and bool(pa.types.is_struct(field.type))


def _table(header: Header, batch: Any) -> Table:
    if header.unfolded is not None:
        arrays: list[Any] = []
        for field, array in zip(batch.schema, batch.columns, strict=True):
            arrays += array.flatten() if _is_features(field) else [array]
        batch = pa.RecordBatch.from_arrays(arrays, schema=header.unfolded)
    task, label, weight, id = (
        _role(role, batch.column(header.roles[role])) if role in header.roles else None
        for role in ROLES
    )
    assert task is not None  # or there were no header
    return Table(batch.num_rows, task, label, weight, id, _features(header, batch), {})


def _features(header: Header, batch: Any) -> Named | Grid:
    if header.even and batch.num_rows <= ROWS:  # of more each part is put together by itself
        with suppress(pa.ArrowTypeError):  # there are nulls
            values = batch.select(header.at).to_tensor(row_major=False).to_numpy()
            return Grid(
                header.names, np.arange(len(header.at)), values.astype(np.float64, copy=False)
            )
    return [
        (name, _column(name, batch.column(j)))
        for name, j in zip(header.names, header.at, strict=True)
    ]


def weight(body: bytes) -> int:
    """How long a stream takes to read, as bytes of JSON: a byte less, a column much more.

    The columns show in how long the schema is.
    """
    return len(body) // 6 + 40 * _schema_size(body)


def _schema_size(body: bytes) -> int:
    """As the first message says behind a mark."""
    return int.from_bytes(body[4:8], "little")


def refuse_without_arrow() -> None:
    """A Problem where pyarrow is not installed."""
    if pa is None:
        raise Problem(
            "unsupported-media-type",
            f"{ARROW} is not read here: this service was installed without the extra `arrow`; "
            "send JSON, or install it.",
        )


def _role(role: str, array: Any) -> Any:
    """The values of a task, label, weight or id."""
    kind = array.type
    numeric = _is_number(kind)
    if role == "weight" and numeric:
        return _numbers(array)
    if _is_text(kind):
        return Coded(*_words(array))
    if pa.types.is_null(kind) and role != "weight":
        return Coded(np.full(len(array), -1), [])
    if role == "label" and numeric:
        values, present = _numbers(array)
        distinct, codes = np.unique(values, return_inverse=True)
        return Coded(codes if present is None else np.where(present, codes, -1), distinct.tolist())
    wanted = {"label": "strings, numbers or booleans", "weight": "numbers"}.get(role, "strings")
    raise wrong(role, f"a column of type {kind} is not read; cast it to {wanted}")


def _column(name: str, array: Any) -> Column:
    """A feature's values."""
    kind = array.type
    if _is_number(kind):
        return _numbers(array)
    if _is_text(kind):
        return Words(*_words(array))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        items = array.flatten()  # of the lists that are there
        counts = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False)
        ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])
        if _is_number(items.type):
            return Lists(ends, _numbers(items))
        if _is_text(items.type):
            return Lists(ends, Words(*_words(items)))
        if pa.types.is_null(items.type):
            return Lists(ends, Numbers(np.zeros(len(items)), np.zeros(len(items), np.bool_)))
    if pa.types.is_map(kind) and _is_text(kind.key_type) and _is_number(kind.item_type):
        return Values([None if bag is None else _bag(name, bag) for bag in array.to_pylist()])
    if pa.types.is_struct(kind) and all(
        _is_number(field.type) or pa.types.is_null(field.type) for field in kind
    ):
        return Values(array.to_pylist())
    raise wrong(f"{FEATURES}{name}", f"a column of type {kind} is not read{_INTO}")


def _bag(name: str, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise wrong(f"{FEATURES}{name}", "a token stands twice in one map; keep one")
    return found


def _is_number(kind: Any) -> bool:
    return kind.id in _NUMBERS


def _is_text(kind: Any) -> bool:
    if kind.id == _DICTIONARY:
        kind = kind.value_type
    return kind.id in _TEXTS


def _numbers(array: Any) -> Numbers:
    if not array.null_count:
        return Numbers(array.to_numpy(zero_copy_only=False))
    return Numbers(
        array.fill_null(False if pa.types.is_boolean(array.type) else 0).to_numpy(
            zero_copy_only=False
        ),
        array.is_valid().to_numpy(zero_copy_only=False),
    )


def _words(array: Any) -> tuple[Any, list[str]]:
    """Codes, -1 for null, and what they stand for."""
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    indices = array.indices
    if indices.null_count:
        codes = indices.cast(pa.int64()).fill_null(-1).to_numpy()
    else:
        codes = indices.to_numpy()
    strings = array.dictionary.to_pylist()
    if array.dictionary.null_count:
        there = array.dictionary.is_valid().to_numpy(zero_copy_only=False)
        codes = np.where(there[np.maximum(codes, 0)], codes, -1)
        strings = ["" if text is None else text for text in strings]
    return codes, strings
