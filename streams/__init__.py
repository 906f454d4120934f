"""Streams of labelled events: readers, generators, operations, and prequential evaluation.

Names are imported when they are first used: `import streams` alone loads no library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streams.delay import delayed
    from streams.evaluate import Bin, Metrics, Point, Prequential
    from streams.event import Event, Label, Stream, Value
    from streams.operations import hostile, interleave, pace, relabel, shuffle, take
    from streams.readers import read
    from streams.river_sets import bundled
    from streams.sources import source
    from streams.synthetic import Problem, generate

__all__ = [
    "Bin",
    "Event",
    "Label",
    "Metrics",
    "Point",
    "Prequential",
    "Problem",
    "Stream",
    "Value",
    "bundled",
    "delayed",
    "generate",
    "hostile",
    "interleave",
    "pace",
    "read",
    "relabel",
    "shuffle",
    "source",
    "take",
]

_HOMES = {
    "river_sets": ("bundled",),
    "delay": ("delayed",),
    "evaluate": ("Bin", "Metrics", "Point", "Prequential"),
    "event": ("Event", "Label", "Stream", "Value"),
    "operations": ("hostile", "interleave", "pace", "relabel", "shuffle", "take"),
    "readers": ("read",),
    "sources": ("source",),
    "synthetic": ("Problem", "generate"),
}


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"streams.{home}"), name)
    raise AttributeError(f"module 'streams' has no attribute {name!r}")
