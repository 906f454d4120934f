"""One process owns a data directory at a time."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType


class InUse(RuntimeError):
    """Another process, named by its id, owns the data directory."""


class Lock:
    """An exclusive hold on a directory, which ends with the process at the latest.

    The kernel keeps it (flock), not the file's existence: nothing is left to clear away after
    `kill -9`. Raises `InUse` where another holds it.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as name, Lock(Path(name)):
    ...     Lock(Path(name))
    Traceback (most recent call last):
    service.store.lock.InUse: ... is in use by process ...: stop that one first, or ...
    """

    def __init__(self, directory: Path) -> None:
        self._file = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(self._file, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._file)
            raise InUse(
                f"{directory} is in use by process {owner}: stop that one first, "
                "or name another directory."
            ) from None
        except BaseException:
            os.close(self._file)
            raise
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let go; the second time does nothing."""
        if self._file >= 0:
            os.close(self._file)  # the file itself stays: removing it would be a race
            self._file = -1

    def __enter__(self) -> Lock:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()
