"""Text files line by line, plain or compressed, and errors that say where."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

COMPRESSED: dict[str, Callable[[Path], IO[bytes]]] = {
    ".gz": lambda path: cast(IO[bytes], gzip.open(path)),
    ".bz2": lambda path: cast(IO[bytes], bz2.open(path)),
    ".xz": lambda path: cast(IO[bytes], lzma.open(path)),
}


def ending(path: Path) -> str:
    """What kind of file lies under the compression: its ending in lower case.

    >>> ending(Path("visits.CSV.gz"))
    '.csv'
    """
    suffix = path.suffix.lower()
    if suffix == ".zip":
        return Path(_member(path)).suffix.lower()
    return Path(path.stem).suffix.lower() if suffix in COMPRESSED else suffix


def stem(path: Path) -> str:
    """The name of a file without its endings: what its one task is called.

    >>> stem(Path("data/books_train.svmlight.gz"))
    'books_train'
    """
    return path.name.split(".")[0] or path.name


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a text file with their numbers, from 1, decoded as UTF-8.

    Raises:
        ValueError: it is not text, or its compression is damaged.
    """
    number = 0  # of the last whole line
    try:
        with _opened(path) as binary, io.TextIOWrapper(binary, "utf-8-sig", newline="") as text:
            for number, line in enumerate(text, 1):
                yield number, line
    except UnicodeDecodeError as error:
        raise bad(path, number + 1, f"byte {error.object[error.start]:#x} is not UTF-8: "
                                    "save the file as UTF-8") from error
    except (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the system's, not the file's
        raise bad(path, number + 1, f"damaged compression ({error}): pack it anew") from error


def bad(path: Path, line: int, complaint: str) -> ValueError:
    """An error that names the place."""
    return ValueError(f"{path}, line {line}: {complaint}")


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    suffix = path.suffix.lower()
    if suffix == ".zip":
        with zipfile.ZipFile(path) as archive, archive.open(_member(path)) as member:
            yield member
    else:
        with COMPRESSED.get(suffix, _plain)(path) as binary:
            yield binary


def _plain(path: Path) -> IO[bytes]:
    return path.open("rb")


def _member(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path}: {error}: make the archive anew") from error
    if len(names) != 1:
        raise ValueError(f"{path}: holds {len(names)} files: pack exactly one")
    return names[0]
