"""A numba cache of its own for each process of tests that run in parallel (`pytest -n 2`).

numba's cache bears one writer at a time: of two processes that compile different signatures of one
function at once, one can find the other's machine code under its own signature. So each starts from
a copy of what lies beside the sources, and the processes that its tests start share that copy.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parent
COPIES: list[Path] = []  # of the cache: one in a process beside others, else none


def copy_cache(to: Path) -> None:
    """What `kindred warm` compiled, laid as numba looks for it in NUMBA_CACHE_DIR."""
    os.environ["NUMBA_CACHE_DIR"] = str(to)  # numba reads it when it is imported
    import learners as _  # noqa: F401, I001 - it says which CPU numba compiles for
    from numba.core.caching import UserProvidedCacheLocator

    where: Callable[[str], str] = UserProvidedCacheLocator.get_suitable_cache_subpath
    for package in ("learners", "service"):
        for made in ROOT.glob(f"{package}/**/__pycache__/*.nb[ic]"):
            under = to / where(str(made.parents[1] / "any.py"))
            under.mkdir(exist_ok=True)
            shutil.copy(made, under)


if "PYTEST_XDIST_WORKER" in os.environ:
    COPIES.append(Path(tempfile.mkdtemp(prefix="kindred-numba-")))
    copy_cache(COPIES[0])


def pytest_unconfigure() -> None:
    """Leave no copy behind."""
    for copy in COPIES:
        shutil.rmtree(copy)
