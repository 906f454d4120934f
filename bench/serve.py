"""What does a served example cost?

Kindred's own server, its journal on, beside an ASGI application that does nothing, and beside
FastAPI, pydantic and river, which keep nothing on a disk and predict nothing when they learn. All
are uvicorn with uvloop and httptools. What counts is the servers' CPU time, of all threads; the
load client is a process of its own.
"""

from __future__ import annotations

import json
import statistics
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from bench import problems
from bench.frame import run
from bench.load import Driven, drive, request
from bench.rounds import Turn, take_turns
from bench.servers import EMPTY, PEERS, SCALED, Server, running
from bench.tables import Measure, Ratio, Table

TASKS = 16
BODIES = 64  # different requests of a kind, sent in turn
JSON, LINES = "application/json", "application/x-ndjson"
MEASURES = (
    Measure("us", "CPU us an example", 2),
    Measure("wall", "examples/s"),
    Measure("p50", "p50 ms", 2),
    Measure("p99", "p99 ms", 2),
)
RATIOS = (Ratio("rate", "x FastAPI", SCALED), Ratio("rate", "x empty", EMPTY))


class Load(NamedTuple):
    """What is sent, and over how many connections."""

    verb: str
    examples: int  # in one request
    connections: int

    def __str__(self) -> str:
        each = "one example" if self.examples == 1 else f"{self.examples} examples"
        on = "one connection" if self.connections == 1 else f"{self.connections} connections"
        return f"{self.verb}, {each} a request, {on}"


LOADS = (
    Load("learn", 1, 16),
    Load("learn", 1, 1),
    Load("learn", 1, 64),
    Load("predict", 1, 16),
    Load("learn", 16, 16),
    Load("learn", 256, 4),
    Load("learn", 4096, 1),
    Load("learn", 4096, 4),
)
SHORT = (LOADS[0], LOADS[3], LOADS[5])


def examples(n: int, labelled: bool) -> list[dict[str, object]]:
    """Examples as people write them, spread over the tasks."""
    X, y = problems.dense(n)
    rows = problems.mappings(X)
    return [
        {
            "task": f"task-{i % TASKS}",
            "features": {f"feature_{name}": round(value, 5) for name, value in row.items()},
            **({"label": "yes" if y[i] else "no"} if labelled else {}),
        }
        for i, row in enumerate(rows)
    ]


def bodies(load: Load) -> list[list[dict[str, object]]]:
    """The examples of each request."""
    n = load.examples
    made = examples(max(4, BODIES // n) * n, load.verb == "learn")
    return [made[i : i + n] for i in range(0, len(made), n)]


def requests(load: Load, form: str, path: str) -> list[bytes]:
    """The requests of a load in one form."""
    made = []
    for some in bodies(load):
        if form == LINES:
            body = b"\n".join(json.dumps(one).encode() for one in some)
        else:
            body = json.dumps(some if load.examples > 1 else some[0]).encode()
        made.append(request(path, body, form))
    return made


def forms(load: Load, servers: Sequence[Server]) -> Iterator[tuple[str, Server, list[bytes]]]:
    """Who meets a load, and the requests that it understands."""
    path = f"/v1/{load.verb}"
    plain = requests(load, JSON, path)
    for server in servers:
        if load.examples == 1 or server.name == EMPTY:
            yield server.name, server, plain
        elif server.name in PEERS:
            yield server.name, server, requests(load, JSON, "/many" + path)
        else:
            yield f"{server.name}, JSON", server, plain
            yield f"{server.name}, NDJSON", server, requests(load, LINES, path)


def turn(server: Server, load: Load, made: list[bytes], seconds: float, client: Executor) -> Turn:
    """Drives one server for about so many seconds."""

    def go(count: int) -> tuple[float, Driven]:
        before = server.cpu_seconds()
        driven = client.submit(drive, server.port, made, count, load.connections).result()
        return server.cpu_seconds() - before, driven

    few = 2 * max(load.connections, len(made))
    go(few)
    count = max(few, int(few * seconds / go(few)[1].seconds))
    n = count * load.examples

    def measured() -> Mapping[str, float]:
        cpu, driven = go(count)
        cuts = statistics.quantiles(driven.latencies, n=100)
        return {
            "us": 1e6 * cpu / n,
            "rate": n / cpu,
            "wall": n / driven.seconds,
            "p50": 1e3 * cuts[49],
            "p99": 1e3 * cuts[98],
        }

    return measured


def tables(given: Namespace) -> Iterator[Table]:
    """A table for each load."""
    with (
        TemporaryDirectory() as name,
        running(Path(name)) as servers,
        ProcessPoolExecutor(1, get_context("spawn")) as client,
    ):
        for load in SHORT if given.short else LOADS:
            turns = {
                name: turn(server, load, made, given.seconds, client)
                for name, server, made in forms(load, servers)
            }
            yield Table(str(load), take_turns(turns, given.rounds), MEASURES, RATIOS)


def options(parser: ArgumentParser) -> None:
    """How long a turn is."""
    parser.add_argument("--seconds", type=float, default=0.6, help="of one turn, about (0.6)")


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve, drive, and print or write what came out."""
    run("serve", __doc__, tables, arguments, rounds=(7, 3), options=options)


if __name__ == "__main__":
    main()
