"""What does a meeting of the tasks cost, and does anybody wait for it?

    python -m bench.meet [--short] [--json FILE]

Dense tasks, two classes. `visits` is what the writer does for one meeting, all of it: every task
that learnt something since the last hears and tells; a service spreads it over as much learning,
and what it does `at once` a prediction may have to wait for.
`mixing` is what the thread beside it does meanwhile. Kept is what tasks told last, the strategy's
memory and the reply. Then a server is taught as many tasks and asked, one prediction at a time,
while somebody goes on teaching it: with meetings and without.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import pyarrow
import pyarrow.ipc

from bench.frame import run
from bench.load import drive, request
from bench.rounds import Turn, take_turns
from bench.servers import Server, kindred
from bench.tables import Measure, Table
from learners import cost, tree
from learners.features import from_arrays
from learners.place import Place
from learners.talk import TOGETHER
from learners.types import F32

FAMILIES = ("drom", "laplacian", "shared", "auto")
BLOCK = 1 << 22  # cells taught at once
SHARE = 0.5  # of the memory that is free: a bank that would take more is left out
TAUGHT = 64  # examples in a request, while others ask
ARROW = "application/vnd.apache.arrow.stream"
SERVED = (10_000, 1023)  # tasks and columns of the server; one column more is the constant
MEASURES = (
    Measure("visit", "visits, writer ms", 1),
    Measure("step", "at once ms", 1),
    Measure("cell", "ns a cell", 1),
    Measure("mix", "mixing, other thread ms", 1),
    Measure("kept", "kept MB", 1),
)
WAITS = (
    Measure("p50", "predict p50 ms", 2),
    Measure("p99", "p99 ms", 2),
    Measure("most", "longest ms", 1),
    Measure("taught", "taught meanwhile, examples/s"),
    Measure("meetings", "meetings", 1),
)


class Size(NamedTuple):
    """How many tasks and columns there are, and in a hundred how many tasks have learnt."""

    tasks: int
    columns: int
    changed: int

    def __str__(self) -> str:
        return f"{self.tasks:,} tasks x {self.columns + 1:,} columns, {self.changed} % changed"


SIZES = [
    *(Size(n, 1023, share) for n in (10, 100, 1_000, 10_000, 100_000) for share in (100, 1)),
    *(Size(100, (1 << bits) - 1, share) for bits in (12, 14, 16, 18) for share in (100, 1)),
]
SHORT = [Size(n, 1023, share) for n in (100, 10_000) for share in (100, 1)]


class Here(Executor):
    """Does at once what it is given, and says how long it took."""

    def __init__(self) -> None:
        self.took = 0.0

    def submit(self, do: Callable[..., Any], /, *args: Any, **named: Any) -> Future[Any]:
        """Do it."""
        future: Future[Any] = Future()
        began = time.thread_time()
        future.set_result(do(*args, **named))
        self.took = time.thread_time() - began
        return future


def names(n: int) -> list[str]:
    """Names of so many tasks."""
    return [f"task {i:06d}" for i in range(n)]


def teach(place: Place, tasks: Sequence[str], columns: int) -> None:
    """One example each, of all columns."""
    step = max(1, BLOCK // columns)
    random = np.random.default_rng(0)
    X = random.normal(size=(min(step, len(tasks)), columns)).astype(np.float32)
    for lo in range(0, len(tasks), step):
        some = tasks[lo : lo + step]
        labels = (X[: len(some), 0] > 0).tolist()
        place.learn(from_arrays(some, X[: len(some)], labels, bits=20))


def meeting(strategy: str, size: Size) -> Turn:
    """Meetings of a place of that size, one a turn."""
    place = Place(strategy, bits=20, period=1 << 40, thrift=0.0)  # due when this says so
    here = place.talk.executor = Here()
    tasks = names(size.tasks)
    teach(place, tasks, size.columns)
    place.talk.due()
    changed = tasks[:: 100 // size.changed]

    def turn() -> Mapping[str, float]:
        teach(place, changed, size.columns)
        began = time.thread_time()
        place.talk.due()
        visit = time.thread_time() - began - here.took
        kept = [place.hub.memory, *(p.tree for p in place.hub.inbox.values()), *place.talk.held()]
        return {
            "visit": 1e3 * visit,
            "step": 1e3 * visit / -(-len(changed) // max(1, TOGETHER // place.width)),
            "cell": 1e9 * visit / (len(changed) * (size.columns + 1)),
            "mix": 1e3 * here.took,
            "kept": sum(leaf.nbytes for one in kept for _, _, leaf in tree.leaves(one)) / 1e6,
        }

    return turn


def meetings(given: Namespace) -> Iterator[Table]:
    """A table for each strategy."""
    for strategy in FAMILIES[:: 3 if given.short else 1]:
        rows: dict[str, Any] = {}
        skipped: dict[str, str] = {}
        for size in SHORT if given.short else SIZES:
            taken = bytes_a_cell(strategy) * size.tasks * (size.columns + 1)
            free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
            if taken > SHARE * free:
                skipped[str(size)] = f"it would take {taken / 2**30:.0f} GiB"
                continue
            made = meeting(strategy, size)
            rows |= take_turns({str(size): made}, given.rounds)
            del made
        yield Table(strategy, rows, MEASURES, skipped=skipped)


def bytes_a_cell(strategy: str) -> float:
    """Memory that a place takes for each task and column while it meets."""
    place = Place(strategy, bits=20, period=1 << 40, thrift=0.0)
    teach(place, names(256), 255)
    place.talk.due()
    return (cost.of_place(place).total - (4 << 20)) / (256 * 256)


def lesson(tasks: Sequence[str], X: F32) -> bytes:
    """A request to learn those rows, in the form that costs the server least."""
    columns = {"task": tasks, "label": np.where(X[:, 0] > 0, "yes", "no").tolist()}
    table = pyarrow.table(columns | {f"x{j}": X[:, j] for j in range(X.shape[1])})
    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return request("/v1/learn", sink.getvalue().to_pybytes(), ARROW)


def question(task: str, x: F32) -> bytes:
    """A request to predict an example that has a few of the features."""
    features = {f"x{j}": round(float(value), 3) for j, value in enumerate(x)}
    body = json.dumps({"task": task, "features": features}).encode()
    return request("/v1/predict", body, "application/json")


def asked(server: Server, seconds: float, clients: Executor, meets: bool) -> Turn:
    """Predictions one after the other, while others teach; the server knows all tasks already."""
    tasks, columns = names(SERVED[0]), SERVED[1]
    random = np.random.default_rng(1)

    def lessons_of(some: Sequence[str]) -> bytes:
        return lesson(some, random.normal(size=(len(some), columns)).astype(np.float32))

    for lo in range(0, len(tasks), 500):
        drive(server.port, [lessons_of(tasks[lo : lo + 500])], 1, 1)
    lessons = [
        lessons_of([tasks[i] for i in random.integers(len(tasks), size=TAUGHT)]) for _ in range(64)
    ]
    questions = [
        question(tasks[i], random.normal(size=20).astype(np.float32))
        for i in range(0, len(tasks), 100)
    ]
    began = time.perf_counter()
    drive(server.port, lessons, 64, 1)
    count = max(64, int(64 * seconds / (time.perf_counter() - began)))

    def turn() -> Mapping[str, float]:
        teaching = clients.submit(drive, server.port, lessons, count, 1)
        waits: list[float] = []
        while not teaching.done():
            waits += clients.submit(drive, server.port, questions, 64, 1).result().latencies
        took = teaching.result().seconds
        cuts = statistics.quantiles(waits, n=100)
        entries = TAUGHT * count * (columns + 1)
        return {
            "p50": 1e3 * cuts[49], "p99": 1e3 * cuts[98], "most": 1e3 * max(waits),
            "taught": TAUGHT * count / took,
            "meetings": entries / (len(tasks) * (columns + 1)) if meets else 0.0,
        }  # fmt: skip

    return turn


def served(given: Namespace) -> Iterator[Table]:
    """What a prediction waits for, with meetings and without."""
    with ProcessPoolExecutor(2, get_context("spawn")) as clients:
        for strategy in ("drom",) if given.short else ("drom", "auto"):
            rows: dict[str, Any] = {}
            for said, period in (("meetings", 256), ("none", 0)):
                with (
                    TemporaryDirectory() as name,
                    kindred(Path(name), strategy, period=period) as server,
                ):
                    turn = asked(server, 8.0, clients, period > 0)
                    rows |= take_turns({said: turn}, max(1, given.rounds // 3), warm=False)
            title = f"asked while taught, {strategy}, {Size(*SERVED, 100)}"
            yield Table(title, rows, WAITS)


def tables(given: Namespace) -> Iterator[Table]:
    """In process, then served."""
    yield from meetings(given)
    yield from served(given)


def main(arguments: Sequence[str] | None = None) -> None:
    """Meet, and print or write what came out."""
    run("meet", __doc__, tables, arguments, rounds=(5, 3))


if __name__ == "__main__":
    main()
