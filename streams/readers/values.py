"""Text as values: numbers, booleans, words, what is missing, and moments as seconds."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime

# What stands for a missing value in a text file, in any case; "none" is an answer like another.
MISSING = frozenset(("", "?", "na", "n/a", "nan", "null"))

_INTEGER = re.compile(r"[+-]?[0-9]{1,300}")  # exactly: it may be a label
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def scalar(text: str) -> bool | int | float | str | None:
    """What a cell of a text file holds: a number, true or false, a string, or None: missing.

    >>> [scalar(text) for text in ("7", "-2.50", "1e3", "TRUE", "n/a", "7 days", "1_000")]
    [7, -2.5, 1000.0, True, None, '7 days', '1_000']

    Raises:
        ValueError: it is infinite.
    """
    text = text.strip()
    if _INTEGER.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text):
        return finite(text)
    folded = text.casefold()
    if folded in MISSING:
        return None
    if folded in ("true", "false"):
        return folded == "true"
    if folded.lstrip("+-") in ("inf", "infinity"):
        raise ValueError(f"{text!r} is not finite: leave it empty if it is missing")
    return text


def finite(text: str) -> float:
    """A number that is one.

    Raises:
        ValueError: it is not, or not finite.
    """
    try:
        value = float(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a number: correct it") from error
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is not finite: leave it out if it is missing")
    return value


def seconds(value: object) -> float | None:
    """A moment: a number of seconds, or a date (ISO 8601; UTC unless it says) since 1970.

    >>> seconds("1970-01-02"), seconds("1970-01-01T00:00:01.5+00:00"), seconds("12.5")
    (86400.0, 1.5, 12.5)

    Raises:
        ValueError: it is neither.
    """
    if isinstance(value, str):
        try:
            number = scalar(value)
            value = datetime.fromisoformat(value.strip()) if isinstance(number, str) else number
        except ValueError:
            pass
    if value is None:
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if isinstance(value, datetime):
        return value.replace(tzinfo=value.tzinfo or UTC).timestamp()
    raise ValueError(f"{value!r} is no time: give seconds or a date as 2026-01-31T12:00:00")
