"""Where one of several places of a service sits: its name, and who carries its messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from learners.exchange import Parcel


class Seat(NamedTuple):
    """One of several places, whose meetings are held elsewhere."""

    name: str  # as the others know it; part of what the journal depends on
    post: Callable[[Parcel], None]  # takes its messages, on any thread


def silent(_: Parcel) -> None:
    """Where nobody listens: when a state is only rebuilt."""
