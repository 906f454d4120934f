"""What can befall a journal, told apart by what to do next."""

from __future__ import annotations

import errno
from pathlib import Path

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class DiskFull(OSError):
    """The journal could not grow: nothing of the group was written, and it may be tried again."""


class Broken(RuntimeError):
    """Writing failed in a way that leaves the disk's state unknown: only a restart can tell."""


class Damaged(RuntimeError):
    """A record is damaged or missing: what was learnt cannot be rebuilt from here."""


class TailLost(Damaged):
    """Acknowledged records are missing at the end."""


def remedy(directory: Path) -> str:
    """What to do about a data directory that is damaged."""
    return (
        "Restore the whole directory from a backup, or keep what can still be read with "
        f"`python -m service.core.repair {directory}`."
    )
