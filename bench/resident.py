"""How much memory this process takes up."""

from __future__ import annotations

import ctypes
import gc
from pathlib import Path

LIBC = ctypes.CDLL(None)


def resident(line: str = "VmRSS") -> int:
    """Bytes that it takes up now, or with `VmHWM` took up at most; OSError where that is not told.

    What was freed is given back first, lest it hide what comes next.
    """
    gc.collect()
    if hasattr(LIBC, "malloc_trim"):
        LIBC.malloc_trim(0)
    for one in Path("/proc/self/status").read_text("ascii").splitlines():
        if one.startswith(line):
            return 1024 * int(one.split()[1])
    raise OSError(f"/proc/self/status: has no {line}; Linux is needed")
