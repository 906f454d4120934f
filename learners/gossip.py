"""Meetings without a hub: every place holds its own, over itself and its neighbours.

A place posts its message to its neighbours and to itself; each keeps the newest of each and mixes
them when it likes; what comes back concerns the place that mixed, and stays there. So gossip is one
`Hub` for each place, and all that a hub takes care of (names, versions, tasks born anew, messages
lost, late or twice) needs no second version. On the complete graph all these hubs see the same, and
gossip is the hub, bit for bit.

`Inbox.mixing` holds the topology's weights among those whose messages lie here; what those absent
would have got stays on the diagonal. A message tells what its sender made of its own examples and
of what it heard: how far news travels is the strategy's affair. With the common part of `shared` it
reaches the neighbours; with models that are themselves mixed, one edge further each round.
`Inbox.adding` holds how much of what neighbours made counts in such sums (`Topology.adding`).

A place's meeting costs what a hub's of that many places does, since `mix` answers all; what travels
for each round and place is its message, once for each neighbour, and nothing comes back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from learners.exchange import Hub, Parcel
from learners.topology import Topology
from learners.types import F64, Strategy

if TYPE_CHECKING:
    from learners.place import Place


class Gossip:
    """A meeting at each place of a topology, with the face of a `Hub`.

    >>> from learners.coordination import find
    >>> from learners.place import Place
    >>> from learners.topology import ring
    >>> gossip = Gossip(find("shared"), ring("abcd"))
    >>> a, c = (Place("shared", name=name, hub=gossip.at(name)) for name in "ac")
    >>> gossip.post(a.tell()), gossip.post(c.tell())
    (True, True)
    >>> sorted(gossip.at("b").inbox), sorted(gossip.at("a").inbox)
    (['a', 'c'], ['a'])
    >>> replies = gossip.meet()
    >>> sorted(replies), a.hear(replies["a"])
    (['a', 'c'], True)
    """

    def __init__(self, strategy: Strategy, topology: Topology, seed: int = 0) -> None:
        self.strategy, self.topology = strategy, topology
        self.absent: set[str] = set()
        self.shares = topology.adding()
        self.hubs = {
            name: Hub(strategy, seed, self._mixing, self._adding) for name in topology.places
        }

    def at(self, place: str) -> Hub:
        """The meeting that a place holds; ValueError where the topology has no such place."""
        self.topology.neighbours(place)
        return self.hubs[place]

    def receivers(self, place: str) -> tuple[str, ...]:
        """Whom a place's messages go to: itself and its neighbours, unless they dropped out."""
        near = self.topology.neighbours(place)
        return tuple(sorted({place, *near} - self.absent))

    def post(self, parcel: Parcel, to: Collection[str] | None = None) -> bool:
        """Take a message to all its receivers, or to some of them alone.

        False where it adds to a message that one of them has not got: then the place has to tell
        all. Whoever dropped out is back with a message.
        """
        self.absent.discard(parcel.place)
        receivers = self.receivers(parcel.place)
        if to is not None and not set(to) <= set(receivers):
            strangers = ", ".join(sorted(set(to) - set(receivers)))
            raise ValueError(f"gossip: {parcel.place!r} has no neighbour {strangers}")
        chosen = receivers if to is None else sorted(to)
        return all([self.hubs[name].post(parcel) for name in chosen])

    def forget(self, place: str) -> None:
        """A place dropped out: its last messages go, and nobody heeds it any more."""
        self.absent.add(place)
        for hub in self.hubs.values():
            hub.forget(place)

    def meet(self, at: Collection[str] | None = None) -> dict[str, Parcel]:
        """Mix what lies at each place, or at some; a reply for each of them that spoke itself.

        As at a hub, no meeting is held where there is no news, and one who said nothing new gets no
        reply, though its memory goes on.
        """
        replies = {}
        for name in self.hubs if at is None else sorted(at):
            if name not in self.absent and (reply := self.hubs[name].meet().get(name)):
                replies[name] = reply
        return replies

    def _mixing(self, present: Sequence[str]) -> F64:
        return self.topology.mixing(present, self.absent)

    def _adding(self, present: Sequence[str]) -> F64:
        at = self.topology.at(present)
        return self.shares[np.ix_(at, at)]


def cycle(places: Mapping[str, Place], exchange: Hub | Gossip, rounds: int = 1) -> None:
    """All places tell, meet and hear, that many times over: a meeting of several gossip rounds."""
    for _ in range(rounds):
        for name in sorted(places):
            exchange.post(places[name].tell())
        for name, reply in exchange.meet().items():
            places[name].hear(reply)
