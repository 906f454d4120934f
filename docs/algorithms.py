"""Writes `docs/algorithms/NAME.md` and its pictures from what the code says and does: `make pages`.

The README's table of strategies, and what `kindred strategies` prints, are of the same catalogue.

A page is the docstring of the algorithm's module, how many bytes its tasks and places really tell
and hear at a meeting, counted in the messages themselves, and pictures of a run (`scenes`, `runs`).
"""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import numpy as np
from runs import SHOWN, figures, pictures
from scenes import PICTURES, command

from learners import tree
from learners.coordination import CATALOG, Entry
from learners.exchange import Hub, Parcel
from learners.features import from_arrays
from learners.place import Place
from learners.types import Strategy

FOLDER = Path(__file__).with_name("algorithms")
README = Path(__file__).parents[1] / "README.md"
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


def linked(text: str, own: str) -> str:
    """Text in which other strategies' names lead to their pages."""
    others = "|".join(name for name in CATALOG if name != own)
    return re.sub(rf"`({others})`", r"[`\1`](\1.md)", text)


def bytes_table(entry: Entry) -> str:
    """What a task and a place tell and hear."""
    few, many = (talk(entry.make(), d) for d in SIZES)
    lines = ["| | a task | a place |", "|---|---:|---:|"]
    for way, a, b in zip(("tells", "hears"), few, many, strict=True):
        task, place = (formula(x, y) for x, y in zip(sizes(a), sizes(b), strict=True))
        lines.append(f"| {way} | {task} | {place} |")
    return "\n".join(lines)


def ran(name: str) -> str:
    """What a page says of its run."""
    scene, beside, relations, note = PICTURES[name]
    found = figures((FOLDER / f"{name}.svg").read_text("utf-8"))
    rows = "\n".join(f"| `{one}` | {' | '.join(of)} |" for one, of in found.items())
    text = f"""{" ".join(filter(None, (scene.about, note)))}

![Error of {name} along the way, beside {", ".join(beside)}]({name}.svg)

Error in per cent, drawn over the last tenth of all examples along the way; every prediction was
made before its label was learnt.

| | all examples | the last tenth |
|---|---:|---:|
{rows}

```sh
{command(scene, tuple(found))}
```
"""
    if relations:
        apart = figures((FOLDER / f"{name}-relations.svg").read_text("utf-8"))
        told = ", ".join(f"`{one}` {of[0]}" for one, of in apart.items())
        text += f"""
![Relations between tasks, learnt and planted]({name}-relations.svg)

Cosines between the models of {SHOWN} of the tasks: above the diagonal as learnt in that run,
below it as they are in truth. Over all pairs of tasks the two are {told} apart, in the mean.
"""
    return text


def page(entry: Entry) -> str:
    """The page of an entry of the catalogue."""
    module = import_module(f"learners.coordination.{MODULES.get(entry.name, entry.name)}")
    title, _, text = (module.__doc__ or "").strip().partition("\n\n")
    return linked(
        f"""# `{entry.name}`: {entry.summary}

*{title}* Source: {entry.paper}. Code: `{module.__name__.replace(".", "/")}.py`.

{text}

## Bytes of a meeting

Two classes, d columns, as counted in the messages. On top come the names of columns, 4 d, those of
tasks, places and classes, and some 300 bytes that say what is where. Where a place has a running
scale of its own (`learners/coordination/scaled.py`), that is 24 d + 8 of what it tells and hears.

{bytes_table(entry)}

## A run

{ran(entry.name)}""",
        entry.name,
    )


def readme(text: str) -> str:
    """The README with the catalogue's table as it is now."""
    rows = "".join(f"| `{e.name}` | {e.summary} | {e.paper} |\n" for e in CATALOG.values())
    return re.sub(r"(?<=\|---\|---\|---\|\n)(\| `\w+` \|.*\n)+", lambda found: rows, text)


def main() -> None:
    """Make all runs, write all pages and the README's table."""
    README.write_text(readme(README.read_text("utf-8")), "utf-8")
    FOLDER.mkdir(exist_ok=True)
    for name, entry in CATALOG.items():
        for file, drawing in pictures(name).items():
            (FOLDER / file).write_text(drawing, "utf-8")
        (FOLDER / f"{name}.md").write_text(page(entry), "utf-8")


if __name__ == "__main__":
    main()
