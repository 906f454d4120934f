"""How many errors does each expert of `auto` make on real sets, and what can one hostile task do?

    python -m bench.accuracy [--seeds N] [--json FILE]

One pass, predict then learn, no settings; sets whose order means nothing are shuffled, and the mean
over the seeds is given. In the second table, half the examples of the largest task are multiplied
by 10**6, and the errors are those of all the other tasks.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from bench.tables import grid
from learners.features import Batch, Example, batch
from learners.place import Place
from streams import Event, hostile, shuffle, source
from streams.river_sets import against_rest

DATA = Path(os.environ.get("KINDRED_DATA", Path(__file__).parents[2] / "shared" / "data"))
SETS = (
    "landmine", "spam_ecml06_b", "sentiment4", "elec2", "vehicle_ditto", "eat_voc",
    "computer_survey", "har_uci_part",
)  # fmt: skip
# Sets of which each class is a task, "is it this one?", and each row an example to all of them.
AGAINST_REST = {"mnist_against_rest": "digits_mnist1000", "usps_against_rest": "digits_usps1000"}
ATTACKED = ("vehicle_ditto", "eat_voc", "landmine")
Row = dict[str, float]  # expert -> error, a fraction


def home(name: str) -> Path:
    """The file that a set is read from."""
    return DATA / f"{AGAINST_REST.get(name, name)}.npz"


def orders(name: str, seeds: int) -> list[list[Event]]:
    """The events of a set in each of the orders in which they are learnt: one, if it is given."""
    stream = source("river:Yeast" if name == "yeast" else str(home(name)))
    events = list(stream)
    if name in AGAINST_REST:
        classes = sorted({str(event.y) for event in events})
        events = list(against_rest(*classes)((event.x, event.y) for event in events))
    return [events] if stream.time_ordered else [shuffle(events, seed) for seed in range(seeds)]


def pack(events: Iterable[Event]) -> Batch:
    """Events as one batch."""
    return batch(Example(event.task, event.x, event.y) for event in events)


def errors(events: Sequence[Event], but: str = "") -> Row:
    """Error of `auto` and of each family's mixture by itself, over all tasks but one."""
    place = Place("auto")
    place.learn(pack(events))
    views = [place.view(task) for task in place.tasks if task != but]
    total = sum(view.seen for view in views)
    return {
        name: sum(view.progress[name].error * view.seen for view in views) / total
        for name in place.experts
    }


def mean(rows: Sequence[Row]) -> Row:
    """The mean of each expert's errors."""
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def largest(events: Iterable[Event]) -> str:
    """The task with the most examples, the first by name of several."""
    tasks = [event.task for event in events]
    return max(sorted(set(tasks)), key=tasks.count)


def table(rows: dict[str, Row]) -> str:
    """Rows as a Markdown table, in per cent."""
    names = list(next(iter(rows.values())))
    percent = {
        title: [f"{100 * value:.1f}" for value in row.values()] for title, row in rows.items()
    }
    return grid(names, percent)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seeds", type=int, default=3, help="shuffles to take the mean over")
    parser.add_argument("--json", type=Path, help="a file to write the figures to")
    told = parser.parse_args()
    have = ["yeast", *(name for name in SETS if (DATA / f"{name}.npz").exists())]
    clean: dict[str, Row] = {}
    attacked: dict[str, Row] = {}
    for name in have:
        runs = orders(name, told.seeds)
        clean[name] = mean([errors(events) for events in runs])
        if name in ATTACKED:
            task = largest(runs[0])
            spoilt = [list(hostile(events, task, seed=7)) for events in runs]
            attacked[f"{name}, clean"] = mean([errors(events, task) for events in runs])
            attacked[f"{name}, attacked"] = mean([errors(events, task) for events in spoilt])
    print(table(clean))
    if attacked:
        print("\nThe other tasks, when one is hostile:\n")
        print(table(attacked))
    if told.json:
        told.json.write_text(json.dumps({"clean": clean, "attacked": attacked}, indent=1))


if __name__ == "__main__":
    main()
