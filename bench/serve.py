"""What does a served example cost?

Kindred's own server, its journal on, beside an ASGI application that does nothing, and beside
FastAPI, pydantic and river, which keep nothing on a disk and predict nothing when they learn. All
are uvicorn with uvloop and httptools. What counts is the servers' CPU time, of all threads; the
load client is a process of its own. Many examples come to Kindred in each form that it takes (an
array of objects, objects on lines, columns once and rows as arrays, Arrow), to the others as an
array. Where there is a `vw` command, its daemon gets the same as lines of its own text, without
HTTP; it answers each with a margin, keeps nothing on a disk either, and has one process for each
connection, all of which learn the same weights.
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
from typing import Any, NamedTuple

from bench import problems
from bench.frame import run
from bench.load import Driven, drive, request
from bench.peers import vw
from bench.rounds import Turn, take_turns
from bench.servers import EMPTY, PEERS, SCALED, Server, running
from bench.tables import Measure, Ratio, Table

TASKS = 16
BODIES = 64  # different requests of a kind, sent in turn
JSON, LINES = "application/json", "application/x-ndjson"
ROWS, ARROW = "application/json; columns", "application/vnd.apache.arrow.stream"
FORMS = {"JSON": JSON, "NDJSON": LINES, "columns": ROWS, "Arrow": ARROW}
MEASURES = (
    Measure("us", "CPU us an example", 2),
    Measure("wall", "examples/s"),
    Measure("p50", "p50 ms", 2),
    Measure("p99", "p99 ms", 2),
)
RATIOS = (Ratio("rate", "x FastAPI", SCALED), Ratio("rate", "x empty", EMPTY))
BESIDE_VW = (*RATIOS, Ratio("rate", "x vw daemon", vw.DAEMON))


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
    Load("learn", 256, 1),
    Load("learn", 256, 4),
    Load("learn", 4096, 1),
    Load("learn", 4096, 4),
)
SHORT = (LOADS[0], LOADS[3], LOADS[6], LOADS[8])


def examples(n: int, labelled: bool) -> list[dict[str, Any]]:
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


def bodies(load: Load) -> list[list[dict[str, Any]]]:
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
        elif form == ROWS:
            columns = flat(some)
            rows = list(zip(*columns.values(), strict=True))
            body = json.dumps({"columns": list(columns), "rows": rows}).encode()
        elif form == ARROW:
            body = arrow(flat(some))
        else:
            body = json.dumps(some if load.examples > 1 else some[0]).encode()
        made.append(request(path, body, JSON if form == ROWS else form))
    return made


def texts(load: Load) -> list[bytes]:
    """The same for vw's daemon, which knows a request by nothing but its lines."""
    return [
        b"".join(
            vw.line(one["features"], one["label"] == "yes", one["task"]).encode() + b"\n"
            for one in some
        )
        for some in bodies(load)
    ]


def flat(some: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """The same as columns: features by their names beside task and label."""
    named = [one for one in some[0] if one != "features"]
    columns = {name: [one[name] for one in some] for name in named}
    features = list(some[0]["features"])
    return columns | {name: [one["features"][name] for one in some] for name in features}


def arrow(columns: dict[str, list[Any]]) -> bytes:
    """A stream of one batch; what repeats as codes, as data frames have their categories."""
    import pyarrow as pa

    arrays = [pa.array(values) for values in columns.values()]
    arrays = [one.dictionary_encode() if one.type == pa.string() else one for one in arrays]
    batch = pa.RecordBatch.from_arrays(arrays, list(columns))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    written: bytes = sink.getvalue().to_pybytes()
    return written


def forms(load: Load, servers: Sequence[Server]) -> Iterator[tuple[str, Server, list[bytes]]]:
    """Who meets a load, and the requests that it understands."""
    path = f"/v1/{load.verb}"
    plain = requests(load, JSON, path)
    for server in servers:
        if server.name == vw.DAEMON:
            if load.examples > 1:
                yield server.name, server, texts(load)
        elif load.examples == 1 or server.name == EMPTY:
            yield server.name, server, plain
        elif server.name in PEERS:
            yield server.name, server, requests(load, JSON, "/many" + path)
        else:
            for name, form in FORMS.items():
                yield f"{server.name}, {name}", server, requests(load, form, path)


def turn(server: Server, load: Load, made: list[bytes], seconds: float, client: Executor) -> Turn:
    """Drives one server for about so many seconds."""
    lines = load.examples if server.name == vw.DAEMON else 0

    def go(count: int) -> tuple[float, Driven]:
        before = server.cpu_seconds()
        driven = client.submit(drive, server.port, made, count, load.connections, lines).result()
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
            "millions": n / cpu / 1e6,
            "wall": n / driven.seconds,
            "p50": 1e3 * cuts[49],
            "p99": 1e3 * cuts[98],
        }

    return measured


def tables(given: Namespace) -> Iterator[Table]:
    """A table for each load."""
    with (
        TemporaryDirectory() as name,
        running(Path(name)) as (servers, absent),
        ProcessPoolExecutor(1, get_context("spawn")) as client,
    ):
        for load in SHORT if given.short else LOADS:
            turns = {
                name: turn(server, load, made, given.seconds, client)
                for name, server, made in forms(load, servers)
            }
            ratios, skipped = (BESIDE_VW, absent) if load.examples > 1 else (RATIOS, {})
            yield Table(str(load), take_turns(turns, given.rounds), MEASURES, ratios, skipped)


def options(parser: ArgumentParser) -> None:
    """How long a turn is."""
    parser.add_argument("--seconds", type=float, default=0.6, help="of one turn, about (0.6)")


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve, drive, and print or write what came out."""
    run("serve", __doc__, tables, arguments, rounds=(7, 3), options=options)


if __name__ == "__main__":
    main()
