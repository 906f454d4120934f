"""What every measurement's command has in common: its options, its head, its JSON.

A module of `bench` is a docstring (a question, and how it is answered), a function that yields
tables, and `main`:

    def tables(given: Namespace) -> Iterator[Table]:
        rounds = given.rounds
        yield Table("20 features", take_turns(turns, rounds), [Measure("us", "us an example", 2)])

    def main(arguments: Sequence[str] | None = None) -> None:
        run("learn", __doc__, tables, arguments)
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import click

from bench.tables import Table, plain, text

KNOWN = (
    "kindred", "numba", "numpy", "river", "scikit-learn", "vowpalwabbit",
    "fastapi", "uvicorn", "pydantic", "msgspec", "pyarrow",
)  # fmt: skip


def run(
    name: str,
    question: str | None,
    tables: Callable[[Namespace], Iterable[Table]],
    arguments: Sequence[str] | None = None,
    *,
    rounds: tuple[int, int] = (9, 3),
    options: Callable[[ArgumentParser], object] = lambda parser: None,
    pictures: Callable[[Sequence[Table]], Iterator[tuple[str, str]]] = lambda tables: iter(()),
) -> None:
    """Measure, and print each table when it is there; with `--json`, write all of it there too.

    Parameters
    ----------
    rounds
        turns of every contender, usually and with `--short`
    options
        adds the command's own to the parser; what was given comes to `tables`
    pictures
        (name, SVG) of what the tables show; with `--json`, they are written beside that file
    """
    parser = ArgumentParser(
        f"python -m bench.{name}", description=question,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--rounds", type=int, help=f"turns of every contender ({rounds[0]})")
    parser.add_argument("--short", action="store_true", help="in about a minute, less exact")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    options(parser)
    given = parser.parse_args(arguments)
    given.rounds = given.rounds or rounds[given.short]
    began = time.monotonic()
    about = {"machine": machine(), "versions": versions(KNOWN)}
    click.echo(about["machine"])
    click.echo(", ".join(" ".join(pair) for pair in versions(KNOWN).items()))
    done: list[Table] = []
    for table in tables(given):
        click.echo(f"\n{text(table)}")
        done.append(table)
    if given.json is None:
        return
    drawn = []
    for picture, drawing in pictures(done):
        given.json.with_name(picture).write_text(drawing, "utf-8")
        drawn.append(picture)
    told = {
        "bench": name, "question": (question or "").strip(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"), **about,
        "rounds": given.rounds, "short": given.short, "seconds": time.monotonic() - began,
        "tables": [plain(table) for table in done], "pictures": drawn,
    }  # fmt: skip
    given.json.write_text(json.dumps(told, indent=1, allow_nan=False), "utf-8")


def machine() -> str:
    """The processor, how many of them, the memory, and the language."""
    model = platform.processor() or platform.machine()
    about = Path("/proc/cpuinfo")
    if about.exists():
        for line in about.read_text("utf-8").splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}, "
        f"Python {platform.python_version()}"
    )


def versions(names: Iterable[str]) -> dict[str, str]:
    """Versions of the distributions of those names that are installed."""
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
