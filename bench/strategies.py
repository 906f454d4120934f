"""How many errors does every strategy of the catalogue make on real sets, in one pass?

    python -m bench.strategies [--sets NAME ...] [--names NAME ...] [--page FILE.md]

Predict, then learn, no settings; sets whose order means nothing are shuffled once. As they are
used, small sets hardly meet, for meetings must pay for themselves; the second table shows, for
those of few columns, what they would bring if the tasks met every 32 examples.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from bench.accuracy import DATA, SETS, orders, pack
from bench.tables import grid
from learners.coordination import CATALOG
from learners.place import PERIOD, THRIFT, Place

MORE = (
    "digits_mnist1000", "digits_usps1000", "newsgroups_comp_sci", "newsgroups_rec_talk", "outdoor",
    "spamassassin_stream", "weather_nebraska",
)  # fmt: skip
# Too many columns to meet so often.
WIDE = (
    "spam_ecml06_b", "sentiment4", "newsgroups_comp_sci", "newsgroups_rec_talk",
    "spamassassin_stream",
)  # fmt: skip
OFTEN = 32  # examples
Cell = tuple[float, float]  # error, a fraction; log loss, nats


def cell(name: str, strategy: str, period: int, thrift: float) -> Cell:
    """Error and log loss of a strategy on a set."""
    place = Place(strategy, period=period, thrift=thrift)
    place.learn(pack(orders(name, 1)[0]))
    whole = place.experts[0]
    views = [place.view(task, nearest=0) for task in place.tasks]
    seen = sum(view.seen for view in views)
    error = sum(view.progress[whole].error * view.seen for view in views) / seen
    return error, sum(view.progress[whole].log_loss * view.seen for view in views) / seen


def table(names: Sequence[str], rows: dict[str, list[Cell]]) -> str:
    """Error in per cent and log loss as Markdown; below the own learner's error in bold."""
    told: dict[str, list[str]] = {}
    for title, cells in rows.items():
        own = cells[names.index("independent")][0] if "independent" in names else 0.0
        said = told[title] = []
        for error, nats in cells:
            bold = "**" if error < own else ""
            said.append(f"{bold}{100 * error:.1f}{bold} {nats:.3f}")
    return grid(names, told)


def measured(sets: Sequence[str], names: Sequence[str], period: int, thrift: float) -> str:
    """The table of those sets and strategies; says how long each set took."""
    rows: dict[str, list[Cell]] = {}
    for name in sets:
        begun = time.perf_counter()
        rows[name] = [cell(name, one, period, thrift) for one in names]
        print(f"{name}: {time.perf_counter() - begun:.0f} s", flush=True)
    return table(names, rows)


def main() -> None:
    """Print both tables, and write them where they are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    every = ["yeast", *(name for name in (*SETS, *MORE) if (DATA / f"{name}.npz").exists())]
    parser.add_argument("--sets", nargs="+", default=every, help="which sets")
    parser.add_argument("--names", nargs="+", default=list(CATALOG), help="which strategies")
    parser.add_argument("--page", type=Path, help="a Markdown file to write the tables to")
    told = parser.parse_args()
    narrow = [name for name in told.sets if name not in WIDE]
    question, _, how = (__doc__ or "").strip().split("\n\n")
    text = f"""# Every strategy on every set

{question} {how}

Error in per cent and log loss in nats, of one order of the examples; bold: below the error of the
own learner. Made by `python -m bench.strategies --page docs/strategies.md`.

## As they are used

{measured(told.sets, told.names, PERIOD, THRIFT)}

## Meeting every {OFTEN} examples

{measured(narrow, told.names, OFTEN, 0.0)}
"""
    print(text)
    if told.page is not None:
        told.page.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
