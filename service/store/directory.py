"""Makes the names in a directory as durable as the files they name."""

from __future__ import annotations

import os
from pathlib import Path


def flush(*directories: Path) -> None:
    """Have the disk hold what these directories list: a new file is lost without it."""
    for directory in directories:
        file = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)
