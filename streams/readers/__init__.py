"""Files as streams: the reader is chosen by the file's ending."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from streams.event import Stream
from streams.parameters import allowed, parse
from streams.readers.files import ending


class Format(NamedTuple):
    """A file format: its endings and where its reader is; imported when it is first used."""

    summary: str
    endings: tuple[str, ...]
    reader: str  # module:function


FORMATS: tuple[Format, ...] = (
    Format("delimited text with a header", (".csv", ".tsv"), "delimited:read_csv"),
    Format("an object a line", (".jsonl", ".ndjson"), "jsonlines:read_jsonl"),
    Format("LEAF, or an array of objects", (".json",), "json_file:read_json"),
    Format("Weka's and MOA's", (".arff",), "arff:read_arff"),
    Format("sparse rows", (".svmlight", ".libsvm", ".svm"), "svmlight:read_svmlight"),
    Format("Vowpal Wabbit's text", (".vw",), "vowpal:read_vw"),
    Format("columns", (".parquet", ".pq", ".arrow", ".arrows", ".feather"), "arrow:read_arrow"),
    Format("MATLAB's cells and matrices", (".mat",), "matlab:read_mat"),
    Format("uniform sets of arrays", (".npz",), "npz:read_npz"),
)
BINARY = (".parquet", ".pq", ".arrow", ".arrows", ".feather", ".mat", ".npz")


def read(path: str | Path, **told: Any) -> Stream:
    """Read a file as a stream, told what its reader takes (say `task="user"`).

    Text may be compressed: `.gz`, `.bz2`, `.xz`, or `.zip` with one file in it.

    Raises:
        ValueError: no reader for this ending, a parameter that it does not take, or a bad file.
        FileNotFoundError: there is no such file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file {str(path)!r}: give a path, river:NAME or synthetic:KIND")
    module, _, function = _format(path).reader.partition(":")
    reader = getattr(import_module(f"streams.readers.{module}"), function)
    stream: Stream = reader(path, **parse(f"a file like {path.name}", told, allowed(reader)))
    return stream


def _format(path: Path) -> Format:
    kind = ending(path)
    if kind in BINARY and path.suffix.lower() != kind:
        raise ValueError(f"{path}: a {kind} file is read as it is: unpack it")
    for known in FORMATS:
        if kind in known.endings:
            return known
    endings = " ".join(ending for known in FORMATS for ending in known.endings)
    raise ValueError(f"{path}: no reader for {kind!r}: give it one of the endings {endings}")
