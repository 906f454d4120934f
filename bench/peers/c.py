"""The same loop in C, compiled here and now: how far from the machine itself is Kindred?"""

from __future__ import annotations

import atexit
import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.rounds import Turn, work
from learners.kernels import PRIOR

# Both as fast as the compiler makes them here; the second lets it reorder sums as it likes, which
# Kindred may not, whose bytes are the same on every machine.
EXACT = "C, -O3 -march=native"
LOOSE = f"{EXACT} -ffast-math"
RATE = 0.5


@cache
def library(flags: str) -> Any:
    """The compiled loops; LookupError when there is no compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise LookupError("no C compiler (cc) on the path")
    folder = Path(tempfile.mkdtemp(prefix="kindred-c-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    source, part, made = Path(__file__).with_name("adagrad.c"), folder / "one.o", folder / "one.so"
    subprocess.run([compiler, *flags.split()[1:], "-fPIC", "-c", source, "-o", part], check=True)
    # Linked without the flags: with -ffast-math, a library that is loaded makes the whole process
    # take the smallest numbers for 0, and Kindred's state would be another from then on.
    subprocess.run([compiler, "-shared", part, "-o", made, "-lm"], check=True)
    return ctypes.CDLL(str(made))


def _at(array: Any) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def turns(X: Any, y: Any, times: int) -> Iterator[tuple[str, Turn]]:
    """The whole block in one call, `times` over; dense or CSR."""
    labels = np.asarray(y, np.uint8)
    n, d = X.shape
    said = np.zeros((n, 2))
    numbers = ctypes.c_float(RATE), ctypes.c_float(float(PRIOR))

    def start(flags: str) -> Callable[[], object]:
        code = library(flags)
        w, g = np.zeros((2, d), np.float32), np.zeros(d, np.float32)
        if hasattr(X, "indptr"):
            parts = X.indptr.astype(np.int64), X.indices.astype(np.int32), X.data

            def learn() -> None:
                for _ in range(times):
                    code.sparse(
                        ctypes.c_int64(n), *map(_at, parts), _at(labels), *numbers, _at(w),
                        _at(said),
                    )  # fmt: skip
        else:

            def learn() -> None:
                for _ in range(times):
                    code.dense(
                        ctypes.c_int64(n), ctypes.c_int64(d), _at(X), _at(labels), *numbers,
                        _at(w), _at(g), _at(said),
                    )  # fmt: skip

        return learn

    for name in (EXACT, LOOSE):
        library(name)
        yield name, work(partial(start, name), n * times)
