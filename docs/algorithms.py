"""Writes `docs/algorithms/NAME.md` from what the code says and tells: `make pages`.

A page is the docstring of the algorithm's module, and how many bytes its tasks and places really
tell and hear at a meeting, counted in the messages themselves.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np

from learners import tree
from learners.coordination import CATALOG, Entry
from learners.exchange import Hub, Parcel
from learners.features import from_arrays
from learners.place import Place
from learners.types import Strategy

FOLDER = Path(__file__).with_name("algorithms")
MODULES = {"auto": "mixture"}  # an entry's module has its name, but for these
SIZES = (8, 24)  # columns of the places that are made to talk, the constant one aside


def talk(strategy: Strategy, columns: int) -> tuple[Parcel, Parcel]:
    """What a place of three tasks and two classes tells its hub, and hears."""
    random = np.random.default_rng(0)
    place = Place(strategy, period=0, hub=Hub(strategy))
    n = 60
    X = random.normal(size=(n, columns))
    place.learn(from_arrays([f"task {i % 3}" for i in range(n)], X, (X[:, 0] > 0).tolist()))
    told = place.tell()
    place.hub.post(told)
    return told, place.hub.meet()[place.name]


def sizes(parcel: Parcel) -> tuple[int, int]:
    """Bytes of numbers for each task, and for the place."""
    leaves = [(names, leaf) for _, names, leaf in tree.leaves(parcel.tree)]
    rows = sum(leaf.nbytes for names, leaf in leaves if "t" in names)
    return rows // len(parcel.tasks), sum(leaf.nbytes for names, leaf in leaves if "t" not in names)


def formula(few: int, many: int) -> str:
    """Bytes as a line through those at both sizes, d columns with the constant one.

    >>> formula(36, 100), formula(8, 8), formula(0, 0)
    ('4 d', '8', 'nothing')
    """
    slope = (many - few) // (SIZES[1] - SIZES[0])
    rest = few - slope * (SIZES[0] + 1)
    parts = [f"{slope} d"] * bool(slope) + [str(rest)] * bool(rest)
    return " + ".join(parts) or "nothing"


def page(entry: Entry) -> str:
    """The page of an entry of the catalogue."""
    module = import_module(f"learners.coordination.{MODULES.get(entry.name, entry.name)}")
    title, _, text = (module.__doc__ or "").strip().partition("\n\n")
    few, many = (talk(entry.make(), d) for d in SIZES)
    lines = []
    for way, a, b in zip(("tells", "hears"), few, many, strict=True):
        task, place = (formula(x, y) for x, y in zip(sizes(a), sizes(b), strict=True))
        lines.append(f"| {way} | {task} | {place} |")
    table = "\n".join(lines)
    return f"""# `{entry.name}`: {entry.summary}

*{title}* Source: {entry.paper}. Code: `{module.__name__.replace(".", "/")}.py`.

{text.strip()}

## Bytes of a meeting

Two classes, d columns, counted in the messages; names come on top.

| | a task | a place |
|---|---:|---:|
{table}
"""


def pages() -> dict[str, str]:
    """The page of each entry, by file name."""
    return {f"{name}.md": page(entry) for name, entry in CATALOG.items()}


def main() -> None:
    """Write all pages."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
