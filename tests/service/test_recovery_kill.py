"""`kill -9` at any moment: nothing acknowledged is lost or doubled, and the state is the same."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from learners.features import batch
from learners.place import Place
from service.core import lessons
from service.core.answers import say
from service.core.inspection import inspect
from service.store.reader import Reader
from service.store.shelf import Shelf
from tests.service.crowd import OPTIONS, example

ROOT = Path(__file__).parents[2]


@contextmanager
def nursery() -> Iterator[tuple[IO[str], Iterator[list[Any]]]]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.service.crowd"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin and process.stdout
        said = (json.loads(line) for line in process.stdout)
        while next(said) != ["ready"]:
            pass
        yield process.stdin, said
        process.stdin.close()
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("kills", "warm"),  # of ten times as many tasks so many are warm; 0: all
    [(5, 6), *(pytest.param(25, warm, marks=pytest.mark.slow) for warm in (0, 6))],
)
def test_kill_9_loses_and_doubles_nothing(tmp_path: Path, kills: int, warm: int) -> None:
    draw = random.Random(kills)
    acknowledged: dict[str, list[Any]] = {}
    mid_learning = 0
    with nursery() as (ask, said):

        def life(stop: int | None) -> int:
            """One process, from its birth to its end, which is ours to bring unless it may stop."""
            first = next(i for i in range(1 << 40) if str(i) not in acknowledged)
            before = len(acknowledged)
            print(json.dumps([str(tmp_path / "data"), first, stop, warm]), file=ask, flush=True)
            # Half of them after some time, while it opens maybe, half after some answers.
            left, child = draw.randrange(1, 200), 0
            by_time = draw.random() < 0.5
            for word, *about in said:
                if word == "born":
                    child = about[0]
                if word == "born" and stop is None and by_time:
                    seconds = draw.uniform(0, 0.4)
                    threading.Timer(seconds, os.kill, [child, signal.SIGKILL]).start()
                elif word == "open":
                    assert about[0] >= before, "an acknowledged example is lost"
                elif word == "ack":
                    name, *answer = about
                    assert acknowledged.setdefault(name, answer) == answer, "another answer"
                    left -= 1
                    if left == 0 and stop is None and not by_time:
                        os.kill(child, signal.SIGKILL)
                elif word == "gone":
                    nonlocal mid_learning
                    mid_learning += len(acknowledged) > before
                    return int(about[0])
            raise AssertionError("the nursery ended")

        assert [life(None) for _ in range(kills)] == [-signal.SIGKILL] * kills
        assert mid_learning >= kills // 3, "too few were killed while they learnt"
        assert life(max(map(int, acknowledged)) + (600 if warm else 20)) == 0

    # What was accepted, in its order, learnt one by one by a place that never stopped.
    shelf = Shelf(tmp_path / "never stopped.db")
    cold: dict[str, Any] = {"warm": warm, "shelf": shelf} if warm else {}
    place = Place(OPTIONS["strategy"], period=OPTIONS["period"], **cold)
    lived = [lessons.from_bytes(record.payload) for record in Reader(tmp_path / "data").replay()]
    order = [receipt.id for lesson in lived for receipt in lesson.receipts]
    assert len(order) == len(set(order)) == sum(lesson.n for lesson in lived), "learnt twice"
    assert set(acknowledged) <= set(order), "an acknowledged example is lost"
    for name in order:
        made = batch([example(int(name), 10 * warm or 6)])
        [answer] = say(made, place.learn(made), learnt=True).answers()
        if name in acknowledged:
            assert acknowledged[name] == [answer.seen, answer.version, [*answer.probabilities]]
    found = inspect(tmp_path / "data")
    assert found["digest"] == place.digest()
    assert found["position"] == len(order)
    assert found["health"] == "whole"
    assert found["snapshots"]
    assert (found["tasks"], found["examples"]) == (len(place), len(order))
    assert found["cold"] == len(shelf)
    assert warm == 0 or shelf._one("SELECT max(rowid) FROM tasks") > 50, "too few were ever cold"
    shelf.close()
