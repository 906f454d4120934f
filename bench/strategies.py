"""How many errors does every strategy of the catalogue make on real sets, in one pass?

    python -m bench.strategies [--sets NAME ...] [--names NAME ...] [--page FILE.md]

Predict, then learn, no settings; sets whose order means nothing are shuffled once. As they are
used, small sets hardly meet, for meetings must pay for themselves; the second table shows, for
those of few columns, what they would bring if the tasks met every 32 examples.

The own learner is `independent`, gradient steps on the log loss. `dmtrl` and `mocha` work on the
last 200 examples and `client_server` takes squares: theirs, in the last columns, are `dmtrl` with a
coupling and `client_server` with a share of 0, so that tasks differ in nothing but their company.

Of the sets "against_rest" each digit is a task, "is it this one?", and each of the 2,000 rows is an
example to all ten. These tasks are rivals: what is true of one is false of nine, and all see the
same inputs. So what they have in common is little more than that most is false. Of `shared`, with
the rate of u at 0, a tenth, .3 of and all of that of v_t, the first set has 4.46, 4.47, 4.45 and
4.70 % errors, the second 4.08, 4.07, 4.18 and 4.43: there is nothing to gain by what is common, and
all that draw tasks to a mean or to few directions err as much or more. Where how much is common is
learnt (`dmtrl`, `mocha`) it falls from .7 to .1. Nor would it help to know how the tasks' errors
hang together: where all equations have the same inputs, least squares of each by itself are as good
as of all at once (Zellner, "An efficient method of estimating seemingly unrelated regressions",
Journal of the American Statistical Association 1962). What all can share is a metric (`newton`).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.accuracy import AGAINST_REST, SETS, home, orders, pack
from bench.tables import grid
from learners.coordination import CATALOG, RIDGE
from learners.coordination.client_server import client_server
from learners.coordination.dmtrl import dmtrl
from learners.coordination.scaled import scaled
from learners.features import Batch
from learners.place import PERIOD, THRIFT, Place
from learners.types import Strategy

MORE = (
    "digits_mnist1000", "digits_usps1000", "newsgroups_comp_sci", "newsgroups_rec_talk", "outdoor",
    "spamassassin_stream", "weather_nebraska", *AGAINST_REST,
)  # fmt: skip
# Too many columns to meet so often.
WIDE = (
    "spam_ecml06_b", "sentiment4", "newsgroups_comp_sci", "newsgroups_rec_talk",
    "spamassassin_stream",
)  # fmt: skip
OFTEN = 32  # examples
# Who has another own learner than `independent`: its column, and who it is.
OWN = {"dmtrl": "own, window", "mocha": "own, window", "client_server": "own, squares"}
OTHERS: dict[str, Callable[[], Strategy]] = {
    "own, window": lambda: scaled(dmtrl(RIDGE, 0.0)),
    "own, squares": lambda: scaled(client_server((0.0,))),
}


READ = """Error in per cent and log loss in nats, of one order of the examples; bold, and counted in
the first column: below the error of the own learner of its kind. Made by
`python -m bench.strategies --page docs/strategies.md`."""


class Cell(NamedTuple):
    """What a strategy did on a set."""

    error: float  # a fraction
    nats: float  # log loss


def cell(batch: Batch, strategy: str | Strategy, period: int, thrift: float) -> Cell:
    """Error and log loss of a strategy."""
    error = nats = 0.0
    place = Place(strategy, period=period, thrift=thrift)
    place.learn(batch)
    for view in (place.view(task, nearest=0) for task in place.tasks):
        progress = view.progress[place.experts[0]]
        error += progress.error * view.seen
        nats += progress.log_loss * view.seen
    return Cell(error / len(batch.task), nats / len(batch.task))


def row(name: str, names: Sequence[str], period: int, thrift: float) -> list[str]:
    """How many did better than the own learner of their kind, in bold, and what each did."""
    batch = pack(orders(name, 1)[0])
    cells = {one: cell(batch, one, period, thrift) for one in names}
    own = {"": cell(batch, "independent", period, thrift)}
    own |= {title: cell(batch, one(), period, thrift) for title, one in OTHERS.items()}
    better = [one for one in names if cells[one].error < own[OWN.get(one, "")].error]
    said = [str(len(better))]
    for one, (error, nats) in (cells | {title: own[title] for title in OTHERS}).items():
        bold = "**" if one in better else ""
        said.append(f"{bold}{100 * error:.1f}{bold} {nats:.3f}")
    return said


def measured(sets: Sequence[str], names: Sequence[str], period: int, thrift: float) -> str:
    """The table of those sets and strategies as Markdown; says how long each set took."""
    rows: dict[str, list[str]] = {}
    for name in sets:
        begun = time.perf_counter()
        rows[name] = row(name, names, period, thrift)
        print(f"{name}: {time.perf_counter() - begun:.0f} s", flush=True)
    return grid(["below own", *names, *OTHERS], rows)


def main() -> None:
    """Print both tables, and write them where they are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    every = ["yeast", *(name for name in (*SETS, *MORE) if home(name).exists())]
    parser.add_argument("--sets", nargs="+", default=every, help="which sets")
    parser.add_argument("--names", nargs="+", default=list(CATALOG), help="which strategies")
    parser.add_argument("--page", type=Path, help="a Markdown file to write the tables to")
    told = parser.parse_args()
    narrow = [name for name in told.sets if name not in WIDE]
    question, _, *how = (__doc__ or "").strip().split("\n\n")
    text = "\n\n".join([
        f"# Every strategy on every set\n\n{question}", *how, READ,
        "## As they are used", measured(told.sets, told.names, PERIOD, THRIFT),
        f"## Meeting every {OFTEN} examples", measured(narrow, told.names, OFTEN, 0.0) + "\n",
    ])  # fmt: skip
    print(text)
    if told.page is not None:
        told.page.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
