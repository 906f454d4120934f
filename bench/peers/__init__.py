"""Those that Kindred is measured against, each a module whose functions yield (name, turn).

One that cannot run here raises LookupError with the reason, and the table says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib.util import find_spec

from bench.rounds import Turn

Turns = Iterable[tuple[str, Turn]]


def need(package: str) -> None:
    """Raise LookupError unless that package is installed."""
    if find_spec(package) is None:
        raise LookupError(f"{package} is not installed (pip install 'kindred[bench]')")


def gather(sources: Mapping[str, Callable[[], Turns]]) -> tuple[dict[str, Turn], dict[str, str]]:
    """All contenders by name, and the reasons of those that cannot run.

    >>> def absent() -> Turns:
    ...     need("no_such_package")
    ...     yield "never", dict
    >>> gather({"a peer": absent})
    ({}, {'a peer': "no_such_package is not installed (pip install 'kindred[bench]')"})
    """
    turns: dict[str, Turn] = {}
    skipped: dict[str, str] = {}
    for name, source in sources.items():
        try:
            turns |= dict(source())
        except LookupError as reason:
            skipped[name] = str(reason.args[0])
    return turns, skipped
