"""How many bytes of memory does a task cost?

    python -m bench.memory [--short] [--json FILE]

Tasks of 20 numbers, two examples each, two classes, meetings as usual. Each figure comes from a
process of its own: how much larger it became (RSS) per task, from when all that is not by task was
there; what of that is counted in arrays and names (`learners.cost`); how large the state is in a
snapshot, or river's model pickled. The second table says which parts that is.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import Any

from bench import problems
from bench.frame import run
from bench.peers.river import PIPELINE, SORTS, memory
from bench.resident import resident
from bench.rounds import take_turns
from bench.tables import Measure, Ratio, Table
from learners import cost, tree
from learners.features import from_arrays
from learners.place import Place

STRATEGIES = ("auto", "independent", "shared", "drom")
COUNTS, SHORT = (1_000, 10_000, 100_000), (1_000, 100_000)
BLOCK, EXAMPLES = 4096, 2
FEW = 10
MEASURES = (
    Measure("rss", "bytes a task (RSS)"),
    Measure("counted", "counted"),
    Measure("kept", "in a snapshot, pickled"),
    Measure("most", "whole process at most, MB"),
)


def fill(place: Place, tasks: int) -> Place:
    """A place where so many tasks have learnt; they come in turn."""
    X, y = problems.dense(BLOCK)
    for at in range(0, EXAMPLES * tasks, BLOCK):
        n = min(BLOCK, EXAMPLES * tasks - at)
        names = [f"task-{(at + i) % tasks}" for i in range(n)]
        place.learn(from_arrays(names, X[:n], y[:n].tolist()))
    return place


def kindred(strategy: str, tasks: int) -> dict[str, float]:
    """Bytes a task in a place, seen from a process that does nothing else."""
    fill(Place(strategy), BLOCK)  # compiles, imports, and leaves behind what a block needs
    place = fill(Place(strategy), FEW)
    before = resident()
    fill(place, tasks)
    after = resident()
    found = {"rss": (after - before) / (tasks - FEW), "most": resident("VmHWM") / 1e6}
    kept = len(place.snapshot()) / tasks
    return {**found, "counted": cost.of_place(place).tasks / tasks, "kept": kept}


def parts(strategy: str, tasks: int) -> Mapping[str, float]:
    """Bytes a task of each array that lies there by task."""
    place = fill(Place(strategy), tasks)
    found = {
        f"bank.{path} ({names})": leaf.nbytes / len(leaf)
        for path, names, leaf in tree.leaves(place.bank)
        if "t" in names
    }
    found["progress"] = sum(
        leaf.nbytes / len(leaf) for _, names, leaf in tree.leaves(place.progress) if "t" in names
    )
    found["all that is counted"] = cost.of_place(place).tasks / tasks
    return found


def apart(function: Any, *arguments: object) -> Mapping[str, float]:
    """What a function returns, called in a new process, which knows nothing of this one."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        found: Mapping[str, float] = pool.submit(function, *arguments).result()
        return found


def tables(given: Namespace) -> Iterator[Table]:
    """One table for each number of tasks, and the parts of the default mixture."""
    counts: Iterable[int] = given.tasks or (SHORT if given.short else COUNTS)
    for tasks in counts:
        turns = {
            f"river {kind}, one a task": partial(apart, memory, kind, tasks, EXAMPLES)
            for kind in SORTS
        } | {f"Kindred {name}": partial(apart, kindred, name, tasks) for name in given.strategies}
        against = Ratio("rss", "of river's pipeline", f"river {PIPELINE}, one a task")
        samples = take_turns(turns, given.rounds, warm=False)
        yield Table(f"{tasks:,} tasks of {problems.FEATURES} numbers", samples, MEASURES, [against])
    found = parts("auto", 1000)
    rows = {name: {"bytes": [value]} for name, value in found.items()}
    yield Table("Parts of a task, auto", rows, [Measure("bytes", "bytes")])


def options(parser: ArgumentParser) -> None:
    """How many tasks, of which strategies."""
    parser.add_argument("--strategies", nargs="+", default=STRATEGIES, metavar="NAME")
    parser.add_argument("--tasks", type=int, nargs="+", help=f"how many tasks {COUNTS}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print or write what came out."""
    run("memory", __doc__, tables, arguments, rounds=(3, 1), options=options)


if __name__ == "__main__":
    main()
