"""Files as streams: the reader is chosen by the file's ending."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from streams.event import Stream
from streams.parameters import allowed, parse


class Format(NamedTuple):
    """A file format: its endings and where its reader is; imported when it is first used."""

    summary: str
    endings: tuple[str, ...]
    reader: str  # module:function


FORMATS: tuple[Format, ...] = (
    Format("uniform sets of arrays", (".npz",), "npz:read_npz"),
)


def read(path: str | Path, **told: Any) -> Stream:
    """Read a file as a stream, told what its reader takes (say `task="user"`).

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
    for known in FORMATS:
        if path.suffix.lower() in known.endings:
            return known
    endings = " ".join(ending for known in FORMATS for ending in known.endings)
    raise ValueError(f"{path}: no reader for {path.suffix!r}: name it with one of {endings}")
