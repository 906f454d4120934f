"""Parquet and Arrow files, a batch at a time; needs the extra `arrow`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from streams.event import Event, Stream
from streams.readers.columns import Columns, count_tasks, event, resolve
from streams.readers.files import stem

BATCH = 4096  # rows held at a time


def read_arrow(
    path: str | Path,
    *,
    task: str | None = None,
    label: str | None = None,
    time: str | None = None,
    id: str | None = None,
) -> Stream:
    """Read a Parquet file, an Arrow file or an Arrow stream; nulls and NaN are missing.

    Raises:
        ImportError: pyarrow is not installed.
        ValueError: columns cannot be guessed, the file is damaged, or (while reading) a row lacks
            its task.
    """
    path, told = Path(path), Columns(task, label, time, id)
    columns = resolve(path, next(_batches(path, 1))[0], told)
    return Stream(stem(path), lambda: _events(path, columns), tasks=count_tasks(columns))


def _events(path: Path, columns: Columns) -> Iterator[Event]:
    number, where = 0, stem(path)
    for names, rows in _batches(path, BATCH):
        features = [name for name in names if name not in columns.roles]
        for row in rows:
            number += 1
            try:
                x = {name: _known(row[name]) for name in features}
                if columns.label is not None:
                    row[columns.label] = _known(row[columns.label])
                yield event(where, row, columns, x)
            except ValueError as error:
                raise ValueError(f"{path}, row {number}: {error}") from error


def _batches(path: Path, size: int) -> Iterator[tuple[list[str], list[dict[str, Any]]]]:
    """The names of the columns and some rows, at least once."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ImportError(f"reading {path} takes pyarrow: pip install 'kindred[arrow]'") from error
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            with pq.ParquetFile(path) as parquet:
                yield parquet.schema_arrow.names, []
                for batch in parquet.iter_batches(size):
                    yield batch.schema.names, batch.to_pylist()
            return
        with pa.OSFile(str(path)) as file:  # no memory map: damage could end the process
            try:
                reader = pa.ipc.open_file(file)
                batches = (reader.get_batch(i) for i in range(reader.num_record_batches))
            except pa.ArrowInvalid:
                file.seek(0)
                reader = batches = pa.ipc.open_stream(file)
            yield reader.schema.names, []
            for batch in batches:
                batch.validate(full=True)
                yield batch.schema.names, batch.to_pylist()
    except FileNotFoundError:
        raise
    except (pa.ArrowException, UnicodeDecodeError, OSError) as error:
        raise ValueError(f"{path}: neither Parquet nor Arrow ({error}): write it anew") from error


def _known(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value
