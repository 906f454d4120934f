"""`kill -9` between any two calls of the journal, and at any moment: what was told is there."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from service.store import segment
from service.store.journal import Journal
from service.store.reader import Reader
from tests.service.segments import segments_of

CALLS = ("pwritev", "pwrite", "fdatasync", "fsync", "posix_fallocate", "open", "replace", "mkdir",
         "unlink")  # fmt: skip
ROOT = Path(__file__).parents[2]
CHILD = """
import sys
from pathlib import Path
from service.store import tail
from service.store.journal import Journal
tail.SIZE = 16384
journal = Journal(Path(sys.argv[1]))
for i in range(journal.end.sequence, 1 << 30):
    journal.append(1, b"%d " % i * (1 + i % 900), 1)  # up to 6 KB: a segment is soon full
    journal.commit()
    print(journal.end.sequence, flush=True)
    if i % 7 == 0:
        journal.compact(i - 20)
"""


class Killed(BaseException):
    """Nothing of the process's own happens any more."""


def payload(i: int) -> bytes:
    return b"%d " % i * 500


def life(directory: Path, told: list[int]) -> None:
    """Open, commit into four segments, of which the last was the first; note what would be told."""
    with closing(Journal(directory)) as journal:
        for i in range(journal.end.sequence + 1, journal.end.sequence + 21):
            journal.append(1, payload(i), 1)
            journal.commit()
            told.append(i)
            if i % 6 == 0:
                journal.compact(i - 5)


def killed_at(call: int, before: bool, directory: Path, told: list[int]) -> bool:
    """Live and be killed before or after the n-th call that changes a file; False if none was."""
    made = 0

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def do(*given: Any, **named: Any) -> Any:
            nonlocal made
            made += 1
            if made > call or (made == call and before):
                raise Killed
            found = real(*given, **named)
            if made == call:
                raise Killed
            return found

        return do

    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, counted(getattr(os, name)))
        try:
            life(directory, told)
        except Killed:
            return True
    return False


@pytest.mark.slow
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_killed_at_any_call_it_holds_what_was_told_and_goes_on(
    tmp_path: Path, before: bool
) -> None:
    def lives() -> Iterator[int]:
        for call in range(1, 1000):
            directory = tmp_path / "data"
            directory.mkdir()
            told: list[int] = []
            if not killed_at(call, before, directory, told):
                return
            killed_at(call // 2, before, directory, told)  # and again, where the first left it
            with closing(Journal(directory)) as journal:
                base = journal.base.sequence
                assert base <= max(0, max(told, default=0) - 5), "more was dropped than allowed"
                found = list(journal.replay(base))
                assert [r.sequence for r in found] == [*range(base + 1, journal.end.sequence + 1)]
                assert [r.payload for r in found] == [payload(r.sequence) for r in found]
                untold = journal.end.sequence - max(told, default=0)
                assert 0 <= untold <= 2, "one for each kill, at most"
                journal.append(1, b"on", 1)
                journal.commit()
            assert list(Reader(directory).replay(base))[-1].payload == b"on"
            shutil.rmtree(directory)
            yield call

    with pytest.MonkeyPatch.context() as patch, segments_of(4096 + 5 * 1600):
        for name in ("fsync", "fdatasync"):  # the kernel keeps what a process wrote, flushed or not
            patch.setattr(os, name, lambda file: None)
        assert sum(1 for _ in lives()) > 90


def test_killed_at_any_moment_it_holds_what_was_told(tmp_path: Path) -> None:
    draw, told, begun = random.Random(0), 0, set()
    for _ in range(12):
        command = [sys.executable, "-c", CHILD, str(tmp_path)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as child:
            assert child.stdout
            for _ in range(draw.randrange(1, 40)):
                told = int(child.stdout.readline())
            time.sleep(draw.uniform(0, 0.01))
            child.send_signal(signal.SIGKILL)
            for line in child.stdout.read().splitlines():
                with suppress(ValueError):  # the last may be cut off
                    told = max(told, int(line))
        reader = Reader(tmp_path)
        assert told <= reader.end.sequence
        found = list(reader.replay(reader.base.sequence))
        assert len(found) == reader.end.sequence - reader.base.sequence
        for record in found:
            i = record.sequence - 1
            assert record.payload == b"%d " % i * (1 + i % 900)
        begun |= {path.name for path in segment.paths(reader.path)}
    assert len(begun) > 3
    assert reader.base.sequence > 0
