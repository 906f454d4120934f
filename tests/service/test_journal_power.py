"""The power goes between any two calls of the journal: what was told was on the disk by then."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from service.store.journal import Journal
from service.store.reader import Reader
from tests.service.segments import segments_of
from tests.service.test_journal_kill import Killed, killed_at, payload

SECTOR = 512


class Disk:
    """What would be left: of names what their directory was flushed with, of files likewise.

    What was written and not flushed is there or not, sector by sector.
    """

    def __init__(self) -> None:
        self.names: dict[str, dict[str, int]] = {}  # by directory: names and files' numbers
        self.flushed: dict[int, bytes] = {}  # by number: the bytes

    def flush(self, file: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{file}"))
        if path.is_dir():
            self.names[str(path)] = {one.name: one.stat().st_ino for one in path.iterdir()}
        else:
            self.flushed[path.stat().st_ino] = path.read_bytes()

    def left(self, now: Path, then: Path, draw: random.Random | None) -> None:
        """Make of a directory as it is the one that is found when the power is back."""
        written = {
            path.stat().st_ino: path.read_bytes() for path in now.rglob("*") if path.is_file()
        }
        then.mkdir()
        for directory in (now, now / "journal"):
            here = then / directory.relative_to(now)
            for name, number in self.names.get(str(directory), {}).items():
                if name == "journal":
                    (here / name).mkdir()
                elif here.exists():
                    old = self.flushed.get(number, b"")
                    new = written.get(number, old)
                    (here / name).write_bytes(_mixed(old, new, draw))


def _mixed(old: bytes, new: bytes, draw: random.Random | None) -> bytes:
    if draw is None:
        return old
    size = len(draw.choice([old, new]))
    sectors = (draw.choice([old, new])[at : at + SECTOR] for at in range(0, size, SECTOR))
    return b"".join(
        sector.ljust(min(SECTOR, size - at), b"\0")[: size - at]
        for at, sector in zip(range(0, size, SECTOR), sectors, strict=True)
    )


@pytest.mark.slow
@pytest.mark.parametrize("torn", [True, False], ids=["what was not flushed in part", "not at all"])
def test_what_was_told_is_on_the_disk(tmp_path: Path, torn: bool) -> None:
    draw = random.Random(0) if torn else None

    def lives() -> Iterator[int]:
        for call in range(1, 1000):
            disk, told = Disk(), list[int]()
            now, then = tmp_path / f"now-{call}", tmp_path / f"then-{call}"
            now.mkdir()
            with pytest.MonkeyPatch.context() as patch:
                for name in ("fsync", "fdatasync"):  # in memory, so this is quick
                    patch.setattr(os, name, disk.flush)
                if not killed_at(call, False, now, told):
                    return
            disk.left(now, then, draw)
            with closing(Journal(then)) as journal:
                base = journal.base.sequence
                assert base <= max(0, max(told, default=0) - 5), "more was dropped than allowed"
                found = list(journal.replay(base))
                assert 0 <= journal.end.sequence - max(told, default=0) <= 1
                assert [r.payload for r in found] == [payload(r.sequence) for r in found]
                assert len(found) == journal.end.sequence - base
                journal.append(1, b"on", 1)
                journal.commit()
            assert list(Reader(then).replay(base))[-1].payload == b"on"
            shutil.rmtree(now)
            shutil.rmtree(then)
            yield call

    with segments_of(4096 + 5 * 1600):
        assert sum(1 for _ in lives()) > 90


def test_what_a_start_found_is_on_the_disk_before_it_counts(tmp_path: Path) -> None:
    """Killed between write and flush, and started again: an id in it will be told as learnt."""
    disk, now, then = Disk(), tmp_path / "now", tmp_path / "then"
    now.mkdir()

    def killed(file: int) -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as patch, segments_of(16_384):
        for name in ("fsync", "fdatasync"):
            patch.setattr(os, name, disk.flush)
        with closing(Journal(now)) as journal:
            journal.append(1, b"written", 1)
            patch.setattr(os, "fdatasync", killed)
            with pytest.raises(Killed):
                journal.commit()
            patch.setattr(os, "fdatasync", disk.flush)
        disk.left(now, then, None)
        assert Reader(then).end.sequence == 0
        shutil.rmtree(then)
        with closing(Journal(now)) as journal:
            assert journal.end.sequence == 1
            disk.left(now, then, None)
    assert [record.payload for record in Reader(then).replay()] == [b"written"]
