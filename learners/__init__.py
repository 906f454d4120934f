"""The arithmetic of Kindred: online learners, and the strategies by which they learn together."""

from __future__ import annotations

import os
import platform

if platform.machine() in ("x86_64", "AMD64"):
    # One instruction set everywhere: the same journal then gives the same bytes of state on every
    # x86 machine, and a cache of compiled kernels made elsewhere (in an image) is used, not remade.
    if os.environ.setdefault("NUMBA_CPU_NAME", "x86-64-v3") == "x86-64-v3":
        os.environ.setdefault("NUMBA_CPU_FEATURES", "")  # those of the name, not this machine's
