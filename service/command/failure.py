"""What went wrong, as one line for a shell and an exit code."""

from __future__ import annotations

from pydantic import ValidationError

from service.command.cli import FAILED, INPUT, SERVICE


def explain(error: Exception) -> tuple[int, str | None]:
    """Exit code and line; no line for what nobody foresaw, whose traceback is worth more.

    >>> explain(FileNotFoundError(2, "No such file or directory", "a.csv"))
    (3, 'a.csv: No such file or directory')
    >>> explain(ZeroDivisionError("division by zero"))
    (1, None)
    """
    from service.client import Refused, Unreachable
    from service.store.errors import Damaged
    from service.store.lock import InUse

    if isinstance(error, Unreachable | Refused):
        return SERVICE, str(error)
    if isinstance(error, ValidationError):
        flaw = error.errors()[0]
        where = "".join(f"{part}: " for part in flaw["loc"])
        return INPUT, where + flaw["msg"].removeprefix("Value error, ")
    if isinstance(error, ValueError | Damaged | InUse):
        return INPUT, " ".join(str(error).split())
    if isinstance(error, OSError):
        absent = isinstance(error, FileNotFoundError | IsADirectoryError | NotADirectoryError)
        line = str(error) if error.filename is None else f"{error.filename}: {error.strerror}"
        return INPUT if absent else FAILED, line
    if isinstance(error, ImportError):
        return FAILED, str(error)
    return FAILED, None
