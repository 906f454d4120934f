"""What Kindred is to show, and whether a run did: ratios to peers, times and sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bench.peers import vw
from bench.tables import short

DENSE, SPARSE = "20 dense", "100 of"
KINDS = (("one expert", "independent"), ("default mixture", "auto"))  # in words, as a strategy
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
    base: str = ""  # whom a ratio is to, where that may not be there


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
    *(
        Goal(f"served, one example a request, 16 connections, {who}: x {peer}", "serve",
             "learn, one example a request, 16", f"Kindred {name}", "ratios", ratio, least)
        for who, name in KINDS
        for peer, ratio, least in (
            ("FastAPI, pydantic, river", "x FastAPI", 3.5),
            ("an empty application", "x empty", 0.6),
        )
    ),
    *(
        Goal(f"served, {form}, {n} a request, {who}: x FastAPI, pydantic, river", "serve",
             f"learn, {n} examples a request, 4", f"Kindred {name}, {form}", "ratios",
             "x FastAPI", least)
        for form, least in (("NDJSON", 8), ("columns", 20))
        for n in (256, 4096)
        for who, name in KINDS
    ),
    *(
        Goal(f"served, NDJSON, {n} a request, {who}: x vw's daemon", "serve",
             f"learn, {n} examples a request, 4", f"Kindred {name}, NDJSON", "ratios",
             "x vw daemon", 1, base=vw.DAEMON)
        for n in (256, 4096)
        for who, name in KINDS
    ),
    *(
        Goal(f"served, Arrow, 4096 a request, {who}: million examples per CPU second", "serve",
             "learn, 4096 examples a request, 4", f"Kindred {name}, Arrow", "rows", "millions",
             least)
        for (who, name), least in zip(KINDS, (1.5, 0.7), strict=True)
    ),
    *(
        Goal(f"restart, 1,000,000 examples in groups of {n}: s", "recover", "1,000,000",
             f"auto, groups of {n}", "rows", "seconds", None, 10)
        for n in (16, 256)
    ),
    Goal("bytes a task at 100,000, default mixture", "memory", "100,000", "Kindred auto", "rows",
         "rss", None, 4096),
)  # fmt: skip


def seen(goal: Goal, told: Sequence[Mapping[str, Any]]) -> float | str:
    """The figure in those runs, or why there is none."""
    why = "not measured"
    for run in told:
        for table in run["tables"] if run["bench"] == goal.bench else []:
            if not table["title"].startswith(goal.table):
                continue
            if goal.base in table["skipped"]:
                why = f"skipped, {table['skipped'][goal.base]}"
            for name, row in table[goal.part].items():
                figure: float | dict[str, float] | None = row.get(goal.key)
                if name.startswith(goal.row) and figure is not None:
                    return figure["median"] if isinstance(figure, dict) else figure
    return why


def markdown(told: Sequence[Mapping[str, Any]]) -> str:
    """A table of all goals: wanted, seen, and whether that is enough."""
    lines = ["| | wanted | seen | |", "|---|---:|---:|---|"]
    for goal in GOALS:
        value = seen(goal, told)
        bound = f"at least {goal.least:g}" if goal.least else f"at most {goal.most:,g}"
        if isinstance(value, str):
            lines.append(f"| {goal.words} | {bound} | - | {value} |")
            continue
        met = value >= goal.least if goal.least else value <= (goal.most or 0)
        lines.append(f"| {goal.words} | {bound} | {short(value)} | {'yes' if met else '**no**'} |")
    return "\n".join(lines)
