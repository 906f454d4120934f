"""One look over the bytes of JSON, before or after a library has decoded them: a compiled loop.

What the library does not tell is told here: how many names all objects have together (fewer were
read: one stood twice), and whether the values lie one on each line.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit, types
from numpy.typing import NDArray


class Survey(NamedTuple):
    """What there is in a text."""

    names: int  # of all objects
    lines: int  # that hold something
    apart: bool  # every line that holds something holds whole objects


def survey(text: bytes) -> Survey:
    r"""Count; of text that is no JSON it says anything.

    >>> survey(b'{"a": {"b": ":"}}\n\n{"c" :1}\n')
    Survey(names=3, lines=2, apart=True)
    >>> survey(b'{"a":\n1}').apart
    False
    """
    return Survey(*_survey(np.frombuffer(text, np.uint8)))


# Compiled, or loaded, when this is imported: no request waits for it.
_SIGNATURE = types.Tuple((types.int64, types.int64, types.boolean))(  # type: ignore[no-untyped-call]  # numba's
    types.Array(types.uint8, 1, "C", readonly=True)
)


@njit(_SIGNATURE, cache=True, nogil=True)
def _survey(text: NDArray[np.uint8]) -> tuple[int, int, bool]:
    names = lines = i = 0
    apart, fresh = True, True  # fresh: nothing but white space since the line began
    last = 125  # "}": the last byte that is no white space
    n = len(text)
    while i < n:
        byte = text[i]
        i += 1
        if byte == 10:
            fresh = True
        elif byte > 32:
            if fresh:  # between two values there is nothing else on both sides of a new line
                apart &= last == 125 and byte == 123
                fresh = False
                lines += 1
            last = byte
            if byte == 58:
                names += 1
            elif byte == 34:  # a string: on to its end
                while i < n and text[i] != 34:
                    i += 2 if text[i] == 92 else 1
                i += 1
    return names, lines, apart and last == 125
