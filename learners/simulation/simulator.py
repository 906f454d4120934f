"""The run: events in the order of their time."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from learners import parcels
from learners.exchange import Hub, Parcel
from learners.features import BITS
from learners.gossip import Gossip
from learners.place import Place
from learners.simulation.lies import Liar
from learners.simulation.network import HUB, Network
from learners.simulation.nodes import Arrival, Energy, Node
from learners.simulation.outcome import Record, Result
from learners.topology import Topology
from learners.types import Strategy

TELL, ARRIVE, MEET, HEAR = range(4)  # in this order at one time, round by round


class Event(NamedTuple):
    """Something that happens; at one time by stage, and of one stage in the order it came about."""

    time: float
    stage: int  # four to a round: TELL, ARRIVE, MEET, HEAR
    number: int
    place: str  # where
    what: Any = None


def simulate(
    strategy: Strategy,
    arrivals: Sequence[Arrival],
    *,
    topology: Topology | None = None,
    network: Network = Network(),  # noqa: B008
    period: float,
    rounds: int = 1,
    waits: bool = False,
    active: Mapping[str, float] | None = None,
    slow: Mapping[str, float] | None = None,
    energy: Energy | None = None,
    liars: Mapping[str, Liar] | None = None,
    seed: int = 0,
    bits: int = BITS,
    step: Callable[[int], object] = lambda n: None,
) -> Result:
    """Run a strategy at many places, on a network of this kind.

    Every `period` seconds each place tells; without delay, loss or lie all that tell at one time
    meet at that time, and the run is that of a plain exchange, bit for bit.

    Parameters
    ----------
    arrivals
        in the order of time; every place that ever appears is there from the start
    topology
        of these places, who then gossip; None: a hub, to which all links lead
    period
        seconds from one telling to the next
    rounds
        how often a place tells and mixes at each: again, as soon as it has heard
    waits
        a meeting is held once all that it is of have said something new; else with what is there
        (a hub whenever a message arrives, in gossip whenever the place itself has told)
    active
        probability that a place takes part in a period, where it is not 1
    slow
        seconds that a place takes to learn an example, where it takes any
    liars
        who tells no truth, and how
    step
        called with the number of examples just learnt

    Raises
    ------
    ValueError
        when there are no arrivals, or a place is not in the topology.
    """
    if not arrivals:
        raise ValueError("simulate: no examples arrive")
    if not period > 0:
        raise ValueError(f"period: {period!r} is not above 0")
    names = sorted({a.place for a in arrivals})
    exchange: Hub | Gossip = Hub(strategy, seed)
    if topology is not None:
        names = sorted({*names, *topology.places})
        exchange = Gossip(strategy, topology, seed)
    nodes = {}
    for name in names:
        hub = exchange.at(name) if isinstance(exchange, Gossip) else exchange
        place = Place(strategy, bits=bits, seed=seed, period=0, name=name, hub=hub)
        nodes[name] = Node(place, (slow or {}).get(name, 0.0), energy)
    run = Run(nodes, exchange, network, rounds, waits, active or {}, liars or {}, seed, step)
    run.go(arrivals, period)
    postponed = sum(node.postponed for node in nodes.values())
    return run.record.result(
        {name: node.place for name, node in nodes.items()}, set(run.liars), postponed
    )


class Run:
    """One run: what is under way, and what was noted."""

    def __init__(
        self,
        nodes: Mapping[str, Node],
        exchange: Hub | Gossip,
        network: Network,
        rounds: int,
        waits: bool,
        active: Mapping[str, float],
        liars: Mapping[str, Liar],
        seed: int,
        step: Callable[[int], object],
    ) -> None:
        self.nodes, self.exchange, self.network = nodes, exchange, network
        self.rounds, self.waits, self.active, self.liars = rounds, waits, active, liars
        self.seed, self.step = seed, step
        self.random = np.random.default_rng(seed)
        self.record = Record()
        self.events: list[Event] = []
        self.number = 0
        self.index = {name: i for i, name in enumerate(nodes)}
        self.newest: dict[str, Parcel] = {}  # what the honest told last
        self.told: dict[tuple[str, int], tuple[float, int]] = {}  # message -> when, examples then
        self.mixed: dict[tuple[str, int], list[tuple[float, int, str]]] = {}  # reply -> told whats
        self.meeting: set[tuple[float, int, str]] = set()  # called already

    def go(self, arrivals: Sequence[Arrival], period: float) -> None:
        """From the first arrival until nothing is under way any more."""
        waiting, end = iter([*arrivals, None]), arrivals[-1].time
        coming, due = next(waiting), period
        while coming is not None or self.events or due <= end:
            times = (
                coming.time if coming is not None else np.inf,
                self.events[0].time if self.events else np.inf,
                due if due <= end else np.inf,
            )
            first = min(times)
            if coming is not None and times[0] == first:  # what is there at a meeting is in it
                end = max(end, self.nodes[coming.place].take(coming))
                coming = next(waiting)
            elif times[2] == first:
                for name in self.nodes:
                    share = self.active.get(name, 1.0)
                    if share >= 1.0 or self.random.random() < share:
                        self.push(due, TELL, name)
                due += period
            else:
                event = heapq.heappop(self.events)
                (self.tell, self.arrive, self.meet, self.hear)[event.stage % 4](event)
        for name in self.nodes:
            self.catch_up(name, np.inf)

    def push(self, time: float, stage: int, place: str, what: Any = None) -> None:
        """Let something happen."""
        self.number += 1
        heapq.heappush(self.events, Event(time, stage, self.number, place, what))

    def catch_up(self, place: str, now: float) -> None:
        """Let a place learn what it has had the time for."""
        if (learnt := self.nodes[place].catch_up(now)) is not None:
            self.record.learnt(self.index[place], learnt)
            self.step(len(learnt.batch.task))

    def send(self, now: float, stage: int, receiver: str, sender: str, parcel: Parcel) -> None:
        """Put a message on its way; its size is that of its bytes."""
        times = self.network.arrivals(sender, receiver, now, self.random)
        self.record.send(now, sender, len(parcels.to_bytes(parcel)), len(times))
        for time in times:
            self.push(time, stage, receiver, parcel)

    def tell(self, event: Event) -> None:
        """A place tells: a hub, or its neighbours and at once itself."""
        name, now, node = event.place, event.time, self.nodes[event.place]
        if node.waiting and event.what is None:
            return  # what waits for energy will say all that this would
        at = node.may_tell(now)
        node.waiting = at > now
        if node.waiting:
            if at < np.inf:
                self.push(at, event.stage, name, "postponed")
            return
        self.catch_up(name, now)
        truth = node.place.tell()
        self.told[name, truth.number] = (now, node.place.position)
        liar = self.liars.get(name)
        if liar is None:
            self.newest[name] = truth
        receivers: Sequence[str] = [HUB]
        if isinstance(self.exchange, Gossip):
            receivers = [to for to in self.exchange.receivers(name) if to != name]
            self.exchange.post(truth, [name])
            self.call(now, event.stage + MEET, name)
        for to in receivers:
            parcel = truth
            if liar is not None:
                honest = [self.newest[other] for other in sorted(self.newest)]
                parcel = liar.tell(truth, to, honest, self.seed)
            self.send(now, event.stage + ARRIVE, to, name, parcel)

    def arrive(self, event: Event) -> None:
        """A message arrives at a meeting."""
        parcel: Parcel = event.what
        hub = self.hub(event.place)
        known = hub.inbox.get(parcel.place)
        self.record.stale += known is not None and known.number >= parcel.number
        hub.post(parcel)
        if self.waits or event.place == HUB:
            self.call(event.time, event.stage + MEET - ARRIVE, event.place)

    def hub(self, place: str) -> Hub:
        """The meeting there."""
        return self.exchange.at(place) if isinstance(self.exchange, Gossip) else self.exchange

    def call(self, time: float, stage: int, place: str) -> None:
        """Call a meeting, once for each time and round."""
        if (time, stage, place) not in self.meeting:
            self.meeting.add((time, stage, place))
            self.push(time, stage, place)

    def meet(self, event: Event) -> None:
        """What lies there is mixed, unless it waits for more; replies go out, or are heard."""
        name, now, hub = event.place, event.time, self.hub(event.place)
        self.meeting.discard((now, event.stage, name))
        gossips = isinstance(self.exchange, Gossip)
        if self.waits:
            all_of_them = self.exchange.receivers(name) if gossips else self.nodes  # type: ignore[union-attr]
            if not hub.news.issuperset(all_of_them):
                return
        replies = hub.meet()
        self.record.meetings += bool(replies)
        lying = [(*self.told[one.place, one.number], one.place) for one in hub.inbox.values()]
        for to, reply in replies.items():
            self.mixed[to, reply.number] = lying
            if not gossips:
                self.send(now, event.stage + HEAR - MEET, to, HUB, reply)
            elif to == name:
                self.push(now, event.stage + HEAR - MEET, to, reply)

    def hear(self, event: Event) -> None:
        """A reply is heard, and perhaps the next round begins."""
        name, now, reply = event.place, event.time, event.what
        self.catch_up(name, now)
        if not self.nodes[name].place.hear(reply):
            self.record.stale += 1
            return
        others = [one for one in self.mixed[name, reply.number] if one[2] != name]
        if others:
            seconds = np.mean([now - time for time, _, _ in others])
            since = np.mean([self.nodes[who].learnt(now) - then for _, then, who in others])
            self.record.ages.append((now, self.index[name], float(seconds), float(since)))
        if event.stage // 4 + 1 < self.rounds:
            self.push(now, event.stage + 1, name)  # TELL of the next round
