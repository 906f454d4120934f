"""How long does a restart take?

A journal without a snapshot, of so many examples of 20 features and 16 tasks, written in groups as
one client after the other (1), many at once (16) or requests of many (256, 4096) make them. A turn
reads all of it from the disk, checks it, decodes it and learns it; what comes out must be, to the
last byte, what a place that never stopped is.
"""

from __future__ import annotations

import os
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

from bench import problems
from bench.frame import run
from bench.rounds import Turn, take_turns
from bench.tables import Measure, Table
from learners.features import Batch, from_arrays, join
from learners.place import Place
from service.core import lessons
from service.core.lessons import Lesson
from service.core.recover import rebuild
from service.core.replay import EXAMPLES
from service.core.state import Kind
from service.store.journal import Journal
from service.store.reader import Reader
from service.store.snapshots import Snapshots

GROUPS = (1, 16, 256, 4096)  # examples committed together
FEW = (16, 256)  # of these, in the short form: a million commits take a minute to write
BLOCK = 4096
STRATEGIES = ("independent", "auto")
POOL = 1 << 16  # different examples
TASKS = 16
MEASURES = (
    Measure("seconds", "seconds", 2),
    Measure("read", "of it reading", 2),
    Measure("decode", "decoding", 2),
    Measure("learn", "learning", 2),
    Measure("mib", "MiB of journal", 0),
)


def pool(size: int, n: int) -> list[Batch]:
    """Batches of `size` examples each, some of `n` in all."""
    X, y = problems.dense(min(n, POOL))
    tasks = [f"task-{i % TASKS}" for i in range(len(X))]
    names = [f"feature_{j}" for j in range(X.shape[1])]
    labels = ["yes" if one else "no" for one in y]
    return [
        from_arrays(tasks[i : i + size], X[i : i + size], labels[i : i + size], names=names)
        for i in range(0, len(X) - size + 1, size)
    ]


def write(directory: Path, strategy: str, batches: Sequence[Batch], n: int) -> str:
    """A journal of n examples; the digest of a place that learnt them without it."""
    directory.mkdir()
    about = {"strategy": strategy, "bits": 20, "seed": 0, "period": 256}
    place = Place(strategy)
    packed = [lessons.to_bytes(Lesson(batch)) for batch in batches]
    size = len(batches[0].task)
    times = n // size
    never = mock.patch.object(os, "fdatasync")  # how long writing takes is not asked
    with never, closing(Journal(directory, about)) as journal:
        for i in range(times):
            batch = batches[i % len(batches)]
            journal.append(Kind.LEARN, packed[i % len(batches)], len(batch.task))
            journal.commit()
    block = max(1, BLOCK // size)
    for i in range(0, times, block):  # blocks of any size make the same state
        place.learn(join([batches[j % len(batches)] for j in range(i, min(i + block, times))]))
    return place.digest()


def restart(directory: Path, digest: str, size: int) -> Turn:
    """Read it alone, decode it alone, and rebuild the state from it; CPU time of this process."""

    once = max(1, EXAMPLES // size)  # as `replay` does it

    def turn() -> Mapping[str, float]:
        journal = Reader(directory)
        began = time.process_time()
        payloads = [record.payload for record in journal.replay()]
        read = time.process_time() - began
        began = time.process_time()
        for i in range(0, len(payloads), once):
            some = payloads[i : i + once]
            lessons.joined(some, [0] * len(some))
        decode = time.process_time() - began
        began = time.process_time()
        state, _ = rebuild(journal, Snapshots(directory), 0)
        seconds = time.process_time() - began
        if state.place.digest() != digest:
            raise RuntimeError(f"{directory}: the state is not what it was")
        size = sum(path.stat().st_size for path in journal.path.iterdir()) / 2**20
        learn = seconds - read - decode
        return {"seconds": seconds, "read": read, "decode": decode, "learn": learn, "mib": size}

    return turn


def tables(given: Namespace) -> Iterator[Table]:
    """One table, a row for each strategy and size of group."""
    n = given.examples
    groups = given.groups or (FEW if given.short else GROUPS)
    with TemporaryDirectory() as name:
        turns = {}
        for strategy in STRATEGIES:
            for size in groups:
                directory = Path(name) / f"{strategy}-{size}"
                digest = write(directory, strategy, pool(size, n), n // size * size)
                turns[f"{strategy}, groups of {size}"] = restart(directory, digest, size)
        title = f"{n:,} examples after the last snapshot"
        yield Table(title, take_turns(turns, given.rounds), MEASURES)


def options(parser: ArgumentParser) -> None:
    """How long the journal is, and of what."""
    parser.add_argument("--examples", type=int, default=1_000_000, help="in the journal")
    parser.add_argument("--groups", type=int, nargs="+", help=f"sizes ({GROUPS}; short: {FEW})")


def main(arguments: Sequence[str] | None = None) -> None:
    """Restart, and print or write how long it took."""
    run("recover", __doc__, tables, arguments, rounds=(3, 1), options=options)


if __name__ == "__main__":
    main()
