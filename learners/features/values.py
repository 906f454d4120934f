"""One value of a feature -> its entries (hash of the name, value, kind)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from learners.features.hashing import code
from learners.types import AMOUNT, NUMBER

LARGEST = 1e30  # its square, and the sum of a few, are still floats
PLAIN = {float, int, bool}  # what is one NUMBER under its own name, and needs no look at each value
Entry = tuple[int, float, int]
_AMOUNTS = (int, float, np.number)
_NUMBERS = (*_AMOUNTS, np.bool_)
_WORD = re.compile(r"\w+")
_SHORT = 40  # characters up to which a string is likely to come again


def entries(name: Any, value: object) -> Sequence[Entry]:
    """What a feature's value says, in order; nothing where it is missing.

    Raises
    ------
    ValueError
        naming the feature, its value and what to give instead.
    """
    if not isinstance(name, str):
        raise ValueError(f"features: the name {name!r} is not a string")
    if type(value) is float:  # the most frequent first
        return ((code(name), number(name, value), NUMBER),)
    if value is None:
        return ()
    if isinstance(value, str):
        known = _words if len(value) <= _SHORT else _words.__wrapped__
        return known(name, value)
    if isinstance(value, _NUMBERS):
        return ((code(name), number(name, value), NUMBER),)
    if isinstance(value, Mapping):
        return [
            (code(f"{name}={token}"), _amount(f"{name}.{token}", amount), AMOUNT)
            for token, amount in value.items()
            if amount is not None
        ]
    if isinstance(value, list | tuple | np.ndarray):
        return [_item(name, i, item) for i, item in enumerate(value) if item is not None]
    raise ValueError(
        f"features.{name}: {value!r} is not a number, true, false, a string, a list, "
        "a mapping of tokens to numbers, or null"
    )


@lru_cache(1 << 15)
def _words(name: str, text: str) -> tuple[Entry, ...]:
    words = _WORD.findall(text.casefold())
    if len(words) <= 1 and words != [text]:
        words.insert(0, text)
    return tuple((code(f"{name}={word}"), 1.0, AMOUNT) for word in words)


def _item(name: str, i: int, item: object) -> Entry:
    if isinstance(item, str):
        return code(f"{name}={item}"), 1.0, AMOUNT
    if isinstance(item, _NUMBERS):
        return code(f"{name}[{i}]"), number(f"{name}[{i}]", item), NUMBER
    raise ValueError(f"features.{name}[{i}]: {item!r} is neither a number nor a string")


def _amount(name: str, amount: object) -> float:
    if isinstance(amount, _AMOUNTS):
        return number(name, amount)
    raise ValueError(f"features.{name}: {amount!r} is not a number")


def number(name: str, value: Any) -> float:
    """The value as a float; ValueError where it is not finite, or beyond 1e30."""
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if not abs(found) <= LARGEST:  # false for NaN too
        raise ValueError(f"features.{name}: {bad_number(value)}")
    return found


def bad_number(value: object) -> str:
    """What is wrong with a number beyond the bounds."""
    shown = repr(value) if len(repr(value)) < 40 else f"{repr(value)[:40]}..."
    return f"{shown} is not a number from -1e30 to 1e30; leave it out if missing"
