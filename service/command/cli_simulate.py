"""`kindred simulate`: from the command line to runs on a network, and these as text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import click
import numpy as np

from learners import topology
from learners.coordination import find
from learners.features import BITS, batch
from learners.simulation import Arrival, Delay, Energy, Liar, Network, Partition, Result, simulate
from service.command import terminal
from service.command.outcome import natural
from service.command.replay import examples
from streams import source
from streams.operations import shuffle, take

POINTS = 60  # of a curve


class Words(NamedTuple):
    """The network as the command line says it, and who is on it."""

    places: str = "task"
    topology: str = "hub"
    delay: Sequence[str] = ()
    drop: float = 0.0
    duplicate: float = 0.0
    partition: Sequence[str] = ()
    byzantine: str = ""
    straggler: str = ""
    energy: str = ""
    active: str = ""
    period: float = 64.0
    rounds: int = 1
    waits: bool = False


class Run(NamedTuple):
    """One strategy with one share of liars."""

    strategy: str
    share: float
    result: Result


class Simulation(NamedTuple):
    """All runs, on the same examples at the same places."""

    source: str
    examples: int
    tasks: int
    places: Sequence[str]
    shuffled: bool
    seed: int
    words: Words
    second: float | None  # modulus of the topology's second eigenvalue; None: a hub
    runs: Sequence[Run]

    def as_json(self) -> dict[str, Any]:
        """The result as plain values, as `docs/simulate.md` describes them."""
        return {
            "source": self.source,
            "examples": self.examples,
            "tasks": self.tasks,
            "places": len(self.places),
            "shuffled": self.shuffled,
            "seed": self.seed,
            "network": self.words._asdict(),
            "second_eigenvalue": self.second,
            "runs": [_run_json(run) for run in self.runs],
        }


def run(
    text: str,
    names: Sequence[str],
    words: Words,
    seed: int,
    limit: int | None,
    shuffled: bool | None,
) -> Simulation:
    """Run each strategy with each share of liars.

    Raises:
        ValueError: there is no such source or strategy, no such network, or no example that has a
            label.
    """
    strategies = {name: find(name) for name in names}
    for name, strategy in strategies.items():
        if strategy.replayed:
            raise ValueError(f"strategy: {name!r} tells nothing, so there is nothing to simulate")
    liar, shares = _liars(words.byzantine)
    energy = Energy.parse(words.energy) if words.energy else None
    slowness = _straggler(words.straggler)
    activity = _active(words.active)
    make = None if words.topology == "hub" else topology.find(words.topology)

    stream = source(text)
    if shuffled is None:
        shuffled = not stream.time_ordered
    events: Any = shuffle(stream, seed) if shuffled else stream
    found = list(examples(events if limit is None else take(events, limit)))
    if not found:
        raise ValueError(f"{text}: no example has a label: name its column, as in FILE?label=NAME")
    tasks = sorted({one.task for one in found}, key=natural)
    home = _homes(tasks, words.places)
    places = sorted(set(home.values()))
    arrivals = [
        Arrival(float(i), home[one.task], batch([one], BITS)) for i, one in enumerate(found)
    ]
    graph = None if make is None else make(places, seed=seed)
    network = _network(words, places)
    # The first of one order lie, or are slow, so that a larger share is more of the same.
    order = np.random.default_rng(seed).permutation(places).tolist()
    rates = np.random.default_rng([seed, 1]).uniform(*activity, len(places)).tolist()
    slow = dict.fromkeys(order[::-1][: round(slowness[0] * len(places))], slowness[1])
    runs = []
    for name, strategy in strategies.items():
        for share in shares:
            liars = dict.fromkeys(order[: round(share * len(places))], liar)
            title = f"{name}, {share:.0%} lie" if share else name
            with terminal.progress(title, len(found)) as bar:
                result = simulate(
                    strategy, arrivals, topology=graph, network=network, period=words.period,
                    rounds=words.rounds, waits=words.waits,
                    active=dict(zip(places, rates, strict=True)), slow=slow, energy=energy,
                    liars={who: kind for who, kind in liars.items() if kind is not None},
                    seed=seed, bits=BITS, step=bar.update,
                )  # fmt: skip
            runs.append(Run(name, share, result))
    second = None if graph is None else topology.second(graph.weights())
    return Simulation(
        text, len(found), len(tasks), places, shuffled, seed, words, second, runs
    )  # fmt: skip


def _homes(tasks: Sequence[str], places: str) -> dict[str, str]:
    """Each task's place: one of its own, or N places in turn."""
    if places == "task":
        return {task: task for task in tasks}
    try:
        count = int(places)
        if count < 1:
            raise ValueError
    except ValueError:
        raise ValueError(f"places: {places!r} is neither a number above 0 nor 'task'") from None
    return {task: f"p{i % count}" for i, task in enumerate(tasks)}


def _network(words: Words, places: Sequence[str]) -> Network:
    common, links = Delay(), {}
    for text in words.delay:
        link, equals, delay = text.rpartition("=")
        if not equals:
            common = Delay.parse(delay)
            continue
        sender, arrow, receiver = link.partition(">")
        if not arrow:
            raise ValueError(f"delay: {text!r} is not FROM>TO=DELAY")
        _known([sender, receiver], places, "delay", words.topology == "hub")
        links[sender, receiver] = Delay.parse(delay)
    partitions = tuple(Partition.parse(text) for text in words.partition)
    for part in partitions:
        _known(sorted(part.cut), places, "partition", words.topology == "hub")
    return Network(common, links, words.drop, words.duplicate, partitions)


def _known(names: Sequence[str], places: Sequence[str], what: str, hub: bool) -> None:
    for name in names:
        if name not in places and not (hub and name == "hub"):
            few = ", ".join(places[:5]) + (", ..." if len(places) > 5 else "")
            raise ValueError(f"{what}: {name!r} is no place; there are {few}")


def _liars(text: str) -> tuple[Liar | None, list[float]]:
    """KIND[=STRENGTH]:SHARE,SHARE,...: the kind, and the shares that are run."""
    if not text:
        return None, [0.0]
    kind, colon, given = text.rpartition(":")
    if not colon:
        raise ValueError(f"byzantine: {text!r} is not KIND[=STRENGTH]:SHARE[,SHARE,...]")
    liar = Liar.parse(kind)
    return liar, [_fraction(one, "byzantine") for one in given.split(",")]


def _straggler(text: str) -> tuple[float, float]:
    """SHARE:SECONDS: how many are slow, and how long an example takes them."""
    if not text:
        return 0.0, 0.0
    share, _, given = text.partition(":")
    try:
        seconds = float(given)
        if not 0 <= seconds < math.inf:
            raise ValueError
    except ValueError:
        raise ValueError(f"straggler: {text!r} is not SHARE:SECONDS") from None
    return _fraction(share, "straggler"), seconds


def _active(text: str) -> tuple[float, float]:
    """P, or LOW-HIGH that each place's is drawn from: how probably it takes part in a period."""
    low, _, high = (text or "1").partition("-")
    least, most = _fraction(low, "active"), _fraction(high or low, "active")
    if most < least:
        raise ValueError(f"active: {text!r} is not LOW-HIGH")
    return least, most


def _fraction(text: str, what: str) -> float:
    try:
        value = float(text)
        if not 0 <= value <= 1:
            raise ValueError
    except ValueError:
        raise ValueError(f"{what}: {text!r} is not from 0 to 1") from None
    return value


def show(simulation: Simulation, form: str) -> None:
    """Print the result."""
    if form == "json":
        terminal.emit_json(simulation.as_json())
        return
    places, where = len(simulation.places), simulation.words.topology
    size = f"{simulation.examples:,} examples of {simulation.tasks:,} tasks at {places:,} places"
    click.echo(f"{simulation.source}: {size}, {where}, one example a second\n")
    head = ["strategy", "liars", "error", "log loss", "messages", "MB", "lost", "age", "meetings"]
    rows = []
    for one in simulation.runs:
        result, traffic = one.result, one.result.traffic
        age = _finite(_mean(result.ages.seconds))
        rows.append([
            one.strategy, f"{one.share:.0%}", terminal.percent(_finite(result.error(True))),
            _shown(result.log_loss(True), "{:.4f}"), f"{traffic.sent:,}",
            f"{traffic.bytes / 1e6:,.2f}", f"{traffic.lost:,}",
            "-" if age is None else f"{age:,.1f} s", f"{traffic.meetings:,}",
        ])  # fmt: skip
    click.echo(terminal.columns(head, rows))
    if any(one.share for one in simulation.runs):
        click.echo("\nError and log loss are those of the places that tell the truth.")


def _shown(value: float, form: str) -> str:
    return "-" if math.isnan(value) else form.format(value)


def _mean(values: Any) -> float:
    return float(values.mean()) if len(values) else math.nan


def _finite(value: float) -> float | None:
    return None if math.isnan(value) else value


def _run_json(run: Run) -> dict[str, Any]:
    result = run.result
    figures = {
        name: {"error": _finite(result.error(honest)), "log_loss": _finite(result.log_loss(honest))}
        for name, honest in (("all", False), ("honest", True))
    }
    ages = result.ages
    return {
        "strategy": run.strategy,
        "byzantine_share": run.share,
        **figures,
        "traffic": result.traffic._asdict(),
        "staleness": {
            "seconds": _finite(_mean(ages.seconds)), "examples": _finite(_mean(ages.examples)),
        },
        "curve": [
            {"seconds": t, "examples": n, "error": error, "bytes": sent}
            for t, n, error, sent in result.curve(POINTS, honest=True)
        ],
        "places": {name: _place_json(result, name) for name in result.places},
    }  # fmt: skip


def _place_json(result: Result, name: str) -> Mapping[str, Any]:
    n, error, log_loss, seconds, since = result.of_place(name)
    return {
        "honest": result.honest[name],
        "examples": n,
        "error": _finite(error),
        "log_loss": _finite(log_loss),
        "bytes": result.bytes_of.get(name, 0),
        "staleness": {"seconds": _finite(seconds), "examples": _finite(since)},
    }
