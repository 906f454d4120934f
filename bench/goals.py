"""What Kindred is to show, and whether a run did: ratios to peers, times and sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bench.tables import short

DENSE, SPARSE = "20 dense", "100 of"
ONE, AUTO = "Kindred, one plain expert, blocks", "Kindred, auto, blocks"


class Goal(NamedTuple):
    """One figure of one run. Tables and rows are known by how their names begin."""

    words: str
    bench: str
    table: str
    row: str
    part: str  # of the table's JSON: `rows`, `ratios` or `foot`
    key: str
    least: float | None = None
    most: float | None = None


GOALS = (
    Goal("one expert, dense: x river", "learn", DENSE, ONE, "ratios", "x river", 150),
    Goal("one expert, dense: x its pipeline", "learn", DENSE, ONE, "ratios", "x its pipeline", 700),
    Goal("one expert, dense: x vw cache", "learn", DENSE, ONE, "ratios", "x vw cache", 30),
    Goal("one expert, dense: x the loop in C", "learn", DENSE, ONE, "ratios", "x C", 0.5),
    Goal("default mixture, dense: x river", "learn", DENSE, AUTO, "ratios", "x river", 15),
    Goal("default mixture, dense: x vw cache", "learn", DENSE, AUTO, "ratios", "x vw cache", 3),
    Goal("one expert, sparse: x river", "learn", SPARSE, ONE, "ratios", "x river", 40),
    Goal("one expert, sparse: x vw cache", "learn", SPARSE, ONE, "ratios", "x vw cache", 6),
    Goal("10 to 100,000 tasks, one expert: time", "scale", "by tasks", "most", "foot",
         "us, one expert", None, 3),
    Goal("10 to 100,000 tasks, default mixture: time", "scale", "by tasks", "most", "foot",
         "us, auto", None, 3),
    Goal("served, one example a request, 16 connections: x FastAPI, pydantic, river", "serve",
         "learn, one example a request, 16", "Kindred auto", "ratios", "x FastAPI", 3.5),
    Goal("served, one example a request, 16 connections: x an empty application", "serve",
         "learn, one example a request, 16", "Kindred auto", "ratios", "x empty", 0.6),
    Goal("served, NDJSON, 256 a request: x FastAPI, pydantic, river", "serve",
         "learn, 256 examples a request, 4", "Kindred auto, NDJSON", "ratios", "x FastAPI", 8),
    *(
        Goal(f"served, columns, {n} a request: x FastAPI, pydantic, river", "serve",
             f"learn, {n} examples a request, 4", "Kindred auto, columns", "ratios",
             "x FastAPI", 20)
        for n in (256, 4096)
    ),
    Goal("served, Arrow, 4096 a request, one expert: million examples per CPU second", "serve",
         "learn, 4096 examples a request, 4", "Kindred independent, Arrow", "rows",
         "millions", 1.5),
    Goal("served, Arrow, 4096 a request, default mixture: million examples per CPU second",
         "serve", "learn, 4096 examples a request, 4", "Kindred auto, Arrow", "rows",
         "millions", 0.7),
    Goal("served, NDJSON, 4096 a request: x FastAPI, pydantic, river", "serve",
         "learn, 4096 examples a request, 4", "Kindred auto, NDJSON", "ratios", "x FastAPI", 8),
    *(
        Goal(f"restart, 1,000,000 examples in groups of {n}: s", "recover", "1,000,000",
             f"auto, groups of {n}", "rows", "seconds", None, 10)
        for n in (16, 256)
    ),
    Goal("bytes a task at 100,000, default mixture", "memory", "100,000", "Kindred auto", "rows",
         "rss", None, 4096),
)  # fmt: skip


def seen(goal: Goal, told: Sequence[Mapping[str, Any]]) -> float | None:
    """The figure in those runs; None where it was not measured."""
    for run in told:
        for table in run["tables"] if run["bench"] == goal.bench else []:
            if not table["title"].startswith(goal.table):
                continue
            for name, row in table[goal.part].items():
                if name.startswith(goal.row):
                    figure: float | dict[str, float] | None = row.get(goal.key)
                    return figure["median"] if isinstance(figure, dict) else figure
    return None


def markdown(told: Sequence[Mapping[str, Any]]) -> str:
    """A table of all goals: wanted, seen, and whether that is enough."""
    lines = ["| | wanted | seen | |", "|---|---:|---:|---|"]
    for goal in GOALS:
        value = seen(goal, told)
        bound = f"at least {goal.least:g}" if goal.least else f"at most {goal.most:,g}"
        if value is None:
            lines.append(f"| {goal.words} | {bound} | - | not measured |")
            continue
        met = value >= goal.least if goal.least else value <= (goal.most or 0)
        lines.append(f"| {goal.words} | {bound} | {short(value)} | {'yes' if met else '**no**'} |")
    return "\n".join(lines)
