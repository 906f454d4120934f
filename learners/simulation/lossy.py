"""An exchange behind a network that misbehaves, its clock the meetings: for tests.

A wrapper of exchanges, not of strategies, since that messages are lost is none of a strategy's
business: every strategy meets the same trouble, and the one simulator uses the same `Network`.
"""

from __future__ import annotations

import heapq

import numpy as np

from learners.exchange import Hub, Parcel
from learners.gossip import Gossip
from learners.simulation.network import HUB, Network


class Lossy:
    """A `Hub` or `Gossip` whose messages, and a hub's replies, take the fate of a network.

    Time passes by 1 at each meeting; what was posted before it, with a delay below 1, is in time.
    """

    def __init__(self, exchange: Hub | Gossip, network: Network, seed: int = 0) -> None:
        self.exchange, self.network = exchange, network
        self.now = 0.0
        self.sent = self.lost = self.doubled = 0
        self._random = np.random.default_rng(seed)
        self._under_way: list[tuple[float, int, str, str, Parcel]] = []
        self._number = 0

    def post(self, parcel: Parcel) -> bool:
        """Send a message; nobody knows whether it arrives. What a place tells itself does."""
        if isinstance(self.exchange, Gossip):
            for to in self.exchange.receivers(parcel.place):
                if to == parcel.place:
                    self._deliver(to, parcel)
                else:
                    self._send(parcel.place, to, parcel)
        else:
            self._send(parcel.place, HUB, parcel)
        return True

    def forget(self, place: str) -> None:
        """A place left; what it sent before may still arrive."""
        self.exchange.forget(place)

    def meet(self) -> list[tuple[str, Parcel]]:
        """A meeting of what has arrived; then the replies that arrive, in the order they do."""
        self.now += 1.0
        replies = self._arrived()
        met = self.exchange.meet().items()
        if isinstance(self.exchange, Gossip):
            return list(met)
        for place, reply in met:
            self._send(HUB, place, reply)
        return replies + self._arrived()

    def _send(self, sender: str, receiver: str, parcel: Parcel) -> None:
        times = self.network.arrivals(sender, receiver, self.now, self._random)
        self.sent += 1
        self.lost += not times
        self.doubled += len(times) > 1
        for time in times:
            self._number += 1
            heapq.heappush(self._under_way, (time, self._number, sender, receiver, parcel))

    def _arrived(self) -> list[tuple[str, Parcel]]:
        """Post what has arrived at meetings; the replies that have arrived at places."""
        replies = []
        while self._under_way and self._under_way[0][0] <= self.now:
            _, _, sender, receiver, parcel = heapq.heappop(self._under_way)
            if sender == HUB:
                replies.append((receiver, parcel))
            else:
                self._deliver(receiver, parcel)
        return replies

    def _deliver(self, receiver: str, parcel: Parcel) -> None:
        """A message has come where it meets others."""
        if isinstance(self.exchange, Gossip):
            self.exchange.post(parcel, [receiver])
        else:
            self.exchange.post(parcel)
