from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from learners import parcels, tree
from learners.coordination import CATALOG, find
from learners.exchange import Hub, Parcel
from learners.gossip import Gossip, cycle
from learners.place import Place
from learners.simulation import (
    HUB,
    Arrival,
    Delay,
    Energy,
    Liar,
    Lossy,
    Network,
    Partition,
    Result,
    simulate,
)
from learners.simulation.lies import STRENGTH
from learners.simulation.nodes import Node
from learners.topology import Topology, complete, ring
from tests.learners.made import BITS, pack, stream

PLACES = "abcd"
PERIOD = 8.0


def arrivals(n: int = 96, third: int | None = 40) -> list[Arrival]:
    """One example a second, at the place of its task."""
    out = []
    for i, one in enumerate(stream(n, tasks=4, third=third)):
        name = PLACES[int(one.task.split()[1]) % len(PLACES)]
        out.append(Arrival(float(i), name, pack([one])))
    return out


def run(name: str = "shared", come: Sequence[Arrival] | None = None, **given: Any) -> Result:
    return simulate(find(name), come or arrivals(), period=PERIOD, bits=BITS, **given)


def digests(places: Any) -> dict[str, str]:
    return {name: where.digest() for name, where in places.items()}


def plain(name: str, topology: Topology | None, rounds: int) -> tuple[dict[str, str], list[bytes]]:
    """The same without any simulator, and every message that was sent."""
    strategy = find(name)
    exchange: Any = Hub(strategy) if topology is None else Gossip(strategy, topology)
    places = {
        one: Place(
            strategy, bits=BITS, period=0, name=one,
            hub=exchange if topology is None else exchange.at(one),
        )
        for one in PLACES
    }  # fmt: skip
    sent = []
    come, due = arrivals(), PERIOD
    for one in [*come, None]:
        while due <= come[-1].time and (one is None or one.time > due):
            for _ in range(rounds):
                told = {n: where.tell() for n, where in places.items()}
                for n, parcel in told.items():
                    exchange.post(parcel)
                    near = 1 if topology is None else len(topology.neighbours(n))
                    sent += [parcels.to_bytes(parcel)] * near
                for n, reply in exchange.meet().items():
                    places[n].hear(reply)
                    if topology is None:
                        sent.append(parcels.to_bytes(reply))
            due += PERIOD
        if one is not None:
            places[one.place].learn(one.batch)
    return digests(places), sent


@pytest.mark.parametrize("rounds", [1, 3])
@pytest.mark.parametrize("topology", [None, complete(PLACES), ring(PLACES)])
@pytest.mark.parametrize("name", ["shared", "laplacian", "drom"])
def test_without_trouble_it_is_the_plain_exchange(
    name: str, topology: Topology | None, rounds: int
) -> None:
    found = run(name, topology=topology, rounds=rounds)
    states, sent = plain(name, topology, rounds)
    assert digests(found.places) == states
    assert found.traffic.sent == len(sent)
    assert found.traffic.bytes == sum(map(len, sent)) == sum(found.bytes_of.values())
    assert found.sending[1][-1] == found.traffic.bytes
    assert found.traffic.lost == found.traffic.doubled == found.traffic.stale == 0
    assert not found.ages.seconds.any() and not found.ages.examples.any()


TROUBLE = Network(Delay.parse("1+exponential:6"), drop=0.2, duplicate=0.2)


@pytest.mark.parametrize("topology", [None, ring(PLACES)])
def test_one_seed_is_one_run(topology: Topology | None) -> None:
    given: dict[str, Any] = {
        "topology": topology, "network": TROUBLE, "active": dict.fromkeys("ab", 0.5),
        "energy": Energy(3, 30.0, 9), "liars": {"d": Liar("different", 2.0)},
    }  # fmt: skip
    a, b, c = run(**given, seed=1), run(**given, seed=1), run(**given, seed=2)
    assert digests(a.places) == digests(b.places)
    assert a.traffic == b.traffic and a.curve() == b.curve()
    assert digests(a.places) != digests(c.places)
    assert a.traffic.lost and a.traffic.doubled and a.traffic.stale and a.traffic.postponed


@pytest.mark.parametrize("name", list(CATALOG))
def test_every_strategy_goes_through_trouble(name: str) -> None:
    for topology in (None, ring(PLACES)):
        found = run(name, topology=topology, network=TROUBLE, rounds=2)
        assert len(found.said.nats) == 96 and np.isfinite(found.said.nats).all()
        assert 0.0 < found.error() < 0.6


def test_scores_are_those_of_the_places() -> None:
    found = run()
    errors = sum(
        measures.error * view.seen
        for where in found.places.values()
        for view in [where.view(task) for task in where.tasks]
        for measures in [view.progress[where.experts[0]]]
    )
    assert found.said.wrong.sum() == pytest.approx(errors)
    time, examples, error, spent = found.curve()[-1]
    assert (time, examples, error) == (95.0, 96, found.error())
    assert spent == found.traffic.bytes
    assert sum(found.of_place(name)[0] for name in PLACES) == 96


def test_staleness_is_the_age_of_what_is_heard() -> None:
    late = run(network=Network(Delay.parse("3")), come=arrivals(third=None))
    # 3 s to the hub and 3 s back; one example a second at one of four places, so 5 in 6 s are
    # others' (the example at the moment of telling is in the message).
    np.testing.assert_allclose(late.ages.seconds, 6.0)
    assert 1.0 < late.ages.examples.mean() < 2.0
    near = run(network=Network(Delay.parse("3")), topology=complete(PLACES))
    assert near.ages.seconds[-1] == PERIOD  # what was told at the last period


def test_waiting_for_all_is_slower_and_meets_less() -> None:
    network = Network(Delay.parse("0"), {("d", HUB): Delay.parse("5")})
    eager, patient = run(network=network), run(network=network, waits=True)
    assert patient.traffic.meetings == 11 < eager.traffic.meetings == 22
    assert set(patient.ages.seconds) == {5.0}
    gossip = run(network=Network(links={("d", "a"): Delay.parse("5")}), topology=ring(PLACES),
                 waits=True)  # fmt: skip
    assert gossip.traffic.meetings == 44


@pytest.mark.parametrize("topology", [None, ring(PLACES)])
def test_a_partition_heals(topology: Topology | None) -> None:
    def cut(text: str) -> Result:
        network = Network(partitions=(Partition.parse(text),))
        return run("pooled", topology=topology, network=network)

    whole, healed, never = cut("1000-:a"), cut("0-80:a"), cut("0-:a")
    assert whole.traffic.lost == 0 < healed.traffic.lost < never.traffic.lost
    assert [any(heard(found.places["a"])) for found in (whole, healed, never)] == [1, 1, 0]
    assert all(any(heard(never.places[name])) for name in "bcd")
    # The last period's meeting, after it has healed, says all that was missed.
    assert healed.ages.time[healed.ages.place == 0].tolist() == [80.0, 88.0]
    assert seen_by(healed, "a") == seen_by(whole, "a") != seen_by(never, "a")


def seen_by(found: Result, name: str) -> float:
    """How many examples of the others stand behind the statistics that a place has heard."""
    kept = [x for path, _, x in tree.leaves(found.places[name].bank) if path == "scale.heard.n"]
    return float(kept[0].sum())


def heard(where: Place) -> list[bool]:
    return [bool(x.any()) for path, _, x in tree.leaves(where.bank) if path.endswith("heard")]


def test_who_drops_out_stops_nobody() -> None:
    gone = Network(partitions=(Partition.parse("30-:a"),))
    for topology in (None, ring(PLACES)):
        found = run(network=gone, topology=topology)
        after = found.ages.time > 40.0
        assert {PLACES[i] for i in found.ages.place[after]} >= set("bcd")


class Noted:
    """An exchange that notes what was news at which meeting."""

    def __init__(self, exchange: Hub | Gossip) -> None:
        self.exchange = exchange
        self.news: list[list[tuple[str, int, str]]] = [[]]  # sender, number, receiver

    def post(self, parcel: Parcel, to: str) -> None:
        hub = self.exchange.at(to) if isinstance(self.exchange, Gossip) else self.exchange
        known = hub.inbox.get(parcel.place)
        if known is None or known.number < parcel.number:
            self.news[-1].append((parcel.place, parcel.number, to))
        hub.post(parcel)


class LossyNoted(Lossy):
    """The wrapper, with its exchange's deliveries noted."""

    def __init__(self, exchange: Hub | Gossip, network: Network) -> None:
        super().__init__(exchange, network, seed=3)
        self.noted = Noted(exchange)

    def _deliver(self, receiver: str, parcel: Parcel) -> None:
        self.noted.post(parcel, receiver)


def steps() -> list[list[Arrival]]:
    come = arrivals()
    return [come[lo : lo + 6] for lo in range(0, len(come), 6)]


@pytest.mark.parametrize("gossips", [False, True])
@pytest.mark.parametrize("name", list(CATALOG))
def test_trouble_ends_where_a_clean_run_with_the_same_meetings_does(
    name: str, gossips: bool
) -> None:
    strategy = find(name)

    def begin() -> tuple[Hub | Gossip, dict[str, Place]]:
        exchange: Hub | Gossip = Gossip(strategy, ring(PLACES)) if gossips else Hub(strategy)
        return exchange, {n: Place(strategy, bits=BITS, period=0, name=n) for n in PLACES}

    exchange, noisy = begin()
    network = Network(Delay.parse("uniform:0,2.5"), drop=0.1, duplicate=0.1)
    lossy = LossyNoted(exchange, network)
    hears: list[list[tuple[str, int]]] = []
    stale = 0
    for part in steps():
        for one in part:
            noisy[one.place].learn(one.batch)
        for n in PLACES:
            lossy.post(noisy[n].tell())
        arrived = [(n, reply.number, noisy[n].hear(reply)) for n, reply in lossy.meet()]
        hears.append([(n, number) for n, number, news in arrived if news])
        stale += sum(not news for _, _, news in arrived)
        lossy.noted.news.append([])
    assert lossy.lost and lossy.doubled and (gossips or stale)

    exchange, clean = begin()
    told: dict[tuple[str, int], Parcel] = {}
    replies: dict[tuple[str, int], Parcel] = {}
    for part, news, heard in zip(steps(), lossy.noted.news, hears, strict=False):
        for one in part:
            clean[one.place].learn(one.batch)
        for n in PLACES:
            parcel = clean[n].tell()
            told[n, parcel.number] = parcel
        for n, number, to in news:
            hub = exchange.at(to) if isinstance(exchange, Gossip) else exchange
            hub.post(told[n, number])
        for n, reply in exchange.meet().items():
            replies[n, reply.number] = reply
        for n, number in heard:
            assert clean[n].hear(replies[n, number])
    assert digests(clean) == digests(noisy)


REMEMBER = ("auto", "drom", "admm", "laplacian", "mean", "trace", "clustered", "amtl")


@pytest.mark.parametrize("gossips", [False, True])
@pytest.mark.parametrize("name", [n for n in CATALOG if n not in REMEMBER])
def test_one_whole_meeting_makes_all_trouble_good(name: str, gossips: bool) -> None:
    # For meetings without memory: drom's dual, admm's multipliers and what a proximal step moved
    # remember each meeting.
    def go(troubled: bool) -> dict[str, str]:
        strategy = find(name)
        exchange: Hub | Gossip = Gossip(strategy, ring(PLACES)) if gossips else Hub(strategy)
        lossy = Lossy(exchange, Network(Delay.parse("uniform:0,3"), drop=0.1, duplicate=0.1))
        places = {n: Place(strategy, bits=BITS, period=0, name=n) for n in PLACES}
        for part in steps():
            for one in part:
                places[one.place].learn(one.batch)
            for _ in range(3 if troubled else 0):
                for n in PLACES:
                    lossy.post(places[n].tell())
                lossy.meet()  # whose replies nobody hears
        lossy.network = Network()
        while lossy._under_way:
            lossy.meet()
        for where in places.values():
            where.talk.told = 99
            lossy.post(where.tell())
        for n, reply in lossy.meet():
            assert places[n].hear(reply)
        for where in places.values():
            where.talk.heard = 0  # how many meetings there were
        return digests(places)

    assert go(troubled=True) == go(troubled=False)


TRUTH = [Liar(kind, strength) for kind, strength in STRENGTH.items()]


def told() -> tuple[Parcel, list[Parcel]]:
    found = run("drom")
    said = [found.places[name].tell() for name in PLACES]
    return said[0], said[1:]


def floats(parcel: Parcel) -> list[Any]:
    return [x for _, _, x in tree.leaves(parcel.tree) if x.dtype.kind == "f"]


@pytest.mark.parametrize("liar", TRUTH, ids=lambda liar: liar.kind)
def test_lies_keep_their_shapes_and_all_but_floats(liar: Liar) -> None:
    truth, honest = told()
    was = parcels.to_bytes(truth)
    lie = liar.tell(truth, HUB, honest, 0)
    assert parcels.to_bytes(truth) == was != parcels.to_bytes(lie)
    assert parcels.from_bytes(parcels.to_bytes(lie), parcels.message_of(find("drom")))
    for (path, _, a), (_, _, b) in zip(tree.leaves(truth.tree), tree.leaves(lie.tree), strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype and np.isfinite(b).all(), path
        if a.dtype.kind != "f":
            np.testing.assert_array_equal(a, b)
        elif (a >= 0).all():
            assert (b >= 0).all(), path
    assert lie.tasks == truth.tasks and (lie.seen == truth.seen).all()


def test_lies_do_what_they_say() -> None:
    truth, honest = told()

    def tell(text: str, to: str = HUB) -> list[Any]:
        return floats(Liar.parse(text).tell(truth, to, honest, 0))

    for a, constant, flipped, scaled, random in zip(
        floats(truth), tell("constant=7"), tell("sign-flip"), tell("scaled=-3"), tell("random=2"),
        strict=True,
    ):  # fmt: skip
        assert (constant == 7).all()
        if (a < 0).any():
            np.testing.assert_array_equal(flipped, -a)
            np.testing.assert_allclose(scaled, -3 * a, rtol=1e-6)
            ratio = np.sqrt(np.mean(random**2) / np.mean(a**2))
            assert 1.5 < ratio < 2.5
    for kind, differ in (("different", True), ("random", False)):
        pairs = zip(tell(kind, "b"), tell(kind, "c"), strict=True)
        assert any((x != y).any() for x, y in pairs) == differ


def test_inner_product_manipulation_is_the_mean_of_the_honest_turned() -> None:
    found = run("pooled")
    truth, *honest = (found.places[name].tell() for name in PLACES)
    lie = Liar("ipm", 0.5).tell(truth, HUB, honest, 0)
    shared = sorted(set.intersection(*(set(p.ids.tolist()) for p in [truth, *honest])))
    rows = [np.searchsorted(p.ids, shared) for p in [lie, *honest]]
    mine, *theirs = ([x for path, _, x in tree.leaves(p.tree) if path.endswith("mine")][0][at]
                     for p, at in zip([lie, *honest], rows, strict=True))  # fmt: skip
    same_classes = all(p.classes == truth.classes for p in honest)
    if same_classes:
        np.testing.assert_allclose(mine, -0.5 * np.mean(theirs, axis=0), rtol=1e-5, atol=1e-7)
    assert (mine * np.sum(theirs, axis=0)).sum() < 0 or not same_classes


def test_liars_harm_the_pooled_and_not_those_alone() -> None:
    liars = {"a": Liar("sign-flip", 1.0), "b": Liar("scaled", -30.0)}
    for name in ("independent", "pooled"):
        fair, lied = run(name), run(name, liars=liars)
        harm = lied.log_loss(honest=True) - fair.log_loss()
        assert (harm > 0.05) == (name == "pooled")
    assert lied.honest == {"a": False, "b": False, "c": True, "d": True}
    assert lied.error(honest=True) == lied.said.wrong[lied.said.place >= 2].mean()


def test_the_slow_learn_late() -> None:
    found = run(slow={"a": 30.0})
    at = found.said.place == 0
    assert found.said.time[at].max() > 95.0 + 30.0
    assert found.said.time[~at].max() <= 95.0
    gaps = np.diff(found.said.time[at])
    assert (gaps >= 30.0).all()


def test_who_has_no_energy_postpones() -> None:
    rich, poor = run(energy=Energy(100, 16.0)), run(energy=Energy(1, 16.0))
    assert digests(rich.places) == digests(run().places) and not rich.traffic.postponed
    assert 0 < poor.traffic.sent < rich.traffic.sent and poor.traffic.postponed
    silent = run(energy=Energy(0, 16.0))
    assert silent.traffic.sent == silent.traffic.bytes == 0 and len(silent.ages.time) == 0
    tired = run(energy=Energy(9, 50.0, 5))
    for place in range(4):
        stretch = tired.said.time[tired.said.place == place] // 50.0
        assert np.bincount(stretch.astype(int)).max() <= 5
    assert len(tired.said.wrong) == 96


def test_energy_is_spent_by_stretches_whatever_the_rounding() -> None:
    node = Node(Place("independent", bits=BITS), energy=Energy(1, 0.1))
    now = 0.0
    for _ in range(300):
        assert node.may_tell(now) == now
        later = node.may_tell(now)
        assert now < later <= now + 0.1 + 1e-9
        now = later


def test_the_inactive_speak_less() -> None:
    found = run(active={"a": 0.0, "b": 0.5})
    count = np.bincount(found.ages.place, minlength=4)
    assert count[0] == 0 < count[1] < count[2] == count[3]


def test_delays_are_of_their_distribution() -> None:
    random = np.random.default_rng(0)

    def drawn(text: str) -> Any:
        return np.array([Delay.parse(text).draw(random) for _ in range(4000)])

    assert (drawn("2") == 2).all()
    assert drawn("uniform:1,3").min() >= 1 and drawn("uniform:1,3").mean() == pytest.approx(2, 0.05)
    assert drawn("1+exponential:2").mean() == pytest.approx(3, 0.05)
    assert np.median(drawn("lognormal:4,0.5")) == pytest.approx(4, 0.05)
    logs = np.log(drawn("lognormal:4,0.5"))
    assert logs.std() == pytest.approx(0.5, 0.05)


def test_networks_lose_and_double_as_often_as_they_say() -> None:
    random = np.random.default_rng(0)
    network = Network(drop=0.1, duplicate=0.3)
    counts = np.bincount([len(network.arrivals("a", "b", 0.0, random)) for _ in range(5000)])
    np.testing.assert_allclose(counts / 5000, [0.1, 0.63, 0.27], atol=0.02)


def test_a_partition_cuts_both_ways_while_it_lasts() -> None:
    random = np.random.default_rng(0)
    network = Network(partitions=(Partition.parse("5-9:a,b"),))
    for now, fine in ((4.9, True), (5.0, False), (8.9, False), (9.0, True)):
        assert bool(network.arrivals("a", "c", now, random)) == fine
        assert bool(network.arrivals(HUB, "b", now, random)) == fine
        assert network.arrivals("a", "b", now, random)


@pytest.mark.parametrize(
    ("parse", "text"),
    [(Delay.parse, t) for t in ("", "x", "-1", "uniform:3,1", "uniform:1", "exponential:x", "nan",
                                "normal:1", "1+", "1+2", "inf")]
    + [(Partition.parse, t) for t in ("", "1-2", "2-1:a", "1:a", "-:a", "x-y:a")]
    + [(Energy.parse, t) for t in ("", "1", "1/0", "-1/2", "1,0/3", "1,-2/3", "x/1", "1/inf")]
    + [(Liar.parse, t) for t in ("", "truth", "scaled=x", "scaled=inf", "scaled=")],
)  # fmt: skip
def test_what_cannot_be_is_told(parse: Callable[[str], Any], text: str) -> None:
    with pytest.raises(ValueError, match=r"^(delay|partition|energy|byzantine): "):
        parse(text)


def test_a_run_of_nothing_is_told() -> None:
    with pytest.raises(ValueError, match="no examples"):
        simulate(find("pooled"), [], period=1.0)
    with pytest.raises(ValueError, match="not above 0"):
        simulate(find("pooled"), arrivals(4), period=0.0)
    with pytest.raises(ValueError, match="no place"):
        run(topology=ring("ab"))
    assert math.isnan(run(liars=dict.fromkeys(PLACES, Liar("sign-flip", 1.0))).error(honest=True))


def test_gossip_in_rounds_needs_no_simulator() -> None:
    strategy, graph = find("laplacian"), ring(PLACES)
    gossip = Gossip(strategy, graph)
    places = {n: Place(strategy, bits=BITS, period=0, name=n, hub=gossip.at(n)) for n in PLACES}
    cycle(places, gossip, rounds=2)
    assert {hub.number for hub in gossip.hubs.values()} == {2}
