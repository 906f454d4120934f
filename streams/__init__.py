"""Streams of labelled events: readers, generators, operations, and prequential evaluation.

Names are imported when they are first used: `import streams` alone loads no library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streams.event import Event as Event
    from streams.event import Label as Label
    from streams.event import Stream as Stream
    from streams.event import Value as Value
    from streams.sources import source as source
    from streams.synthetic import generate as generate

_HOMES = {
    "Event": "event",
    "Label": "event",
    "Stream": "event",
    "Value": "event",
    "generate": "synthetic",
    "source": "sources",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'streams' has no attribute {name!r}")
    return getattr(import_module(f"streams.{_HOMES[name]}"), name)
