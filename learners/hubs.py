"""A hub as bytes: what its meetings remember, and the newest message of each place.

>>> from learners.coordination import find
>>> from learners.place import Place
>>> place, hub = Place("drom"), Hub(find("drom"))
>>> hub.post(place.tell())
True
>>> again = from_bytes(to_bytes(hub), find("drom"))
>>> list(again.inbox), to_bytes(again) == to_bytes(hub)
(['here'], True)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from learners import parcels, tree
from learners.exchange import Hub
from learners.types import Shape, Strategy


def to_bytes(hub: Hub) -> bytes:
    """All that a hub is: equal hubs, equal bytes."""
    told = {name: parcels.to_bytes(hub.inbox[name]) for name in sorted(hub.inbox)}
    about = {
        "number": hub.number, "tasks": hub.tasks, "classes": hub.classes.names,
        "inbox": list(told), "news": sorted(hub.news),
    }  # fmt: skip
    arrays = [leaf for _, _, leaf in tree.leaves(hub.memory)]
    return tree.pack(
        [hub.ids, *(np.frombuffer(m, np.uint8) for m in told.values()), *arrays], about
    )


def from_bytes(data: bytes, strategy: Strategy) -> Hub:
    """The converse of `to_bytes`; ValueError when the bytes are not a hub of that strategy."""
    arrays, about = tree.unpack(data)
    rest: Iterator[Any] = iter(arrays)
    hub = Hub(strategy)
    hub.number, hub.ids = about["number"], next(rest)
    hub.names = tuple(name for name, _ in about["tasks"])
    hub.births = np.array([birth for _, birth in about["tasks"]], np.int64)
    hub.classes.add(about["classes"])
    like = parcels.message_of(strategy)
    hub.inbox = {name: parcels.from_bytes(next(rest).tobytes(), like) for name in about["inbox"]}
    hub.news = set(about["news"])
    hub.memory = tree.fill(hub.memory, list(rest))
    tree.check(hub.memory, Shape(len(hub.names), len(hub.ids), len(hub.classes.names)))
    return hub
