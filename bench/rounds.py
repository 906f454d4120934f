"""Contenders take turns, so that what the machine does meanwhile meets all of them alike."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from importlib import metadata
from pathlib import Path
from typing import NamedTuple


class Contender(NamedTuple):
    """One way of learning a set of examples."""

    name: str
    examples: int  # learnt by one call
    start: Callable[[], Callable[[], object]]  # makes a fresh learner; what it returns is timed


class Speed(NamedTuple):
    """Examples a second of CPU time."""

    name: str
    median: float
    slowest: float
    fastest: float


def race(contenders: Sequence[Contender], rounds: int) -> list[Speed]:
    """Time every contender once a round, after one turn each that is not counted.

    >>> [speed.name for speed in race([Contender("idle", 10, lambda: lambda: sum(range(999)))], 3)]
    ['idle']
    """
    seconds: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for turn in range(rounds + 1):
        for contender in contenders:
            learn = contender.start()
            began = time.process_time()
            learn()
            took = time.process_time() - began
            if turn:
                seconds[contender.name].append(took / contender.examples)
    return [
        Speed(name, 1 / statistics.median(took), 1 / max(took), 1 / min(took))
        for name, took in seconds.items()
    ]


def machine() -> str:
    """The processor, and how many of them."""
    model = platform.processor() or platform.machine()
    about = Path("/proc/cpuinfo")
    if about.exists():
        for line in about.read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"


def versions(names: Iterable[str]) -> dict[str, str]:
    """Versions of the distributions of those names that are installed."""
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def table(speeds: Sequence[Speed], against: str) -> str:
    """Rows of text, with each median as a multiple of one contender's."""
    base = next(speed.median for speed in speeds if speed.name == against)
    wide = max(len(speed.name) for speed in speeds)
    lines = [f"{'':{wide}}  examples/s  (slowest .. fastest round)      ratio"]
    for s in speeds:
        spread = f"({s.slowest:,.0f} .. {s.fastest:,.0f})"
        lines.append(f"{s.name:{wide}}  {s.median:>10,.0f}  {spread:<29} {s.median / base:>8.1f}")
    return "\n".join(lines)
