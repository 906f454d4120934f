"""Whatever befalls the files, no acknowledged record is lost in silence."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from service.store.journal import Damaged, Journal, Record, TailLost
from service.store.mark import SECTOR, Mark

REMEDY = "Restore the whole directory from a backup, or .*python -m service.core.repair"
WRITTEN = 60_000  # bytes of the log, at least, that the groups of `crashed` fill; the rest is room


def crashed(directory: Path, n: int = 20, size: int = 3000) -> list[Record]:
    """A journal as `kill -9` leaves it: all groups in SQLite's log, none in its file."""
    at_work = directory / "at work"
    at_work.mkdir()
    random_bytes = random.Random(0).randbytes
    with closing(Journal(at_work)) as journal:
        for i in range(n):
            journal.append(1, b"%d " % i + random_bytes(size), 1)
            journal.commit()
        for file in at_work.iterdir():
            shutil.copy(file, directory)
        records = list(journal.replay())
    shutil.rmtree(at_work)
    return records


def stopped(directory: Path, n: int = 20) -> list[Record]:
    """A journal as an orderly stop leaves it: all groups in SQLite's file."""
    records = crashed(directory, n)
    Journal(directory).close()
    assert not (directory / "journal.db-wal").exists()
    return records


def read(directory: Path) -> list[Record]:
    with closing(Journal(directory)) as journal:
        return list(journal.replay())


def sql(directory: Path, statement: str) -> None:
    with closing(sqlite3.connect(directory / "journal.db", isolation_level=None)) as tables:
        tables.execute(statement)


def flip(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 0x10
    path.write_bytes(data)


def cut(path: Path, size: int) -> None:
    with path.open("r+b") as file:
        file.truncate(size)


def test_a_crash_alone_loses_nothing(tmp_path: Path) -> None:
    written = crashed(tmp_path)
    assert read(tmp_path) == written == read(tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda d: (d / "journal.db-wal").unlink(),
        lambda d: cut(d / "journal.db-wal", WRITTEN // 2),
        lambda d: flip(d / "journal.db-wal", WRITTEN // 2),
        lambda d: [(d / name).unlink() for name in ("journal.db", "journal.db-wal")],
    ],
    ids=["log deleted", "log cut", "log flipped", "both deleted"],
)
def test_a_lost_tail_that_sqlite_is_silent_about_is_refused(
    tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    crashed(tmp_path)
    damage(tmp_path)
    for _ in range(2):  # looking must not make it good
        with pytest.raises(TailLost, match=f"20 were acknowledged.* groups are lost. {REMEDY}"):
            read(tmp_path)


def test_the_last_groups_removed_are_a_lost_tail(tmp_path: Path) -> None:
    stopped(tmp_path)
    sql(tmp_path, "DELETE FROM groups WHERE sequence > 17")
    with pytest.raises(TailLost, match="ends at position 17, but 20 .* last 3 groups"):
        read(tmp_path)


def test_groups_removed_in_the_middle_are_a_hole(tmp_path: Path) -> None:
    stopped(tmp_path)
    sql(tmp_path, "DELETE FROM groups WHERE sequence IN (7, 8)")
    with closing(Journal(tmp_path)) as journal:
        with pytest.raises(Damaged, match="groups 7 to 8 are missing, and later ones are there"):
            list(journal.replay())
        assert len(list(journal.replay(8 + 1))) == 11, "what follows a later snapshot is whole"


def test_a_changed_group_is_told_by_its_sum_and_a_replaced_one_by_the_chain(tmp_path: Path) -> None:
    stopped(tmp_path)
    sql(tmp_path, "UPDATE groups SET records = zeroblob(9) WHERE sequence = 5")
    with pytest.raises(Damaged, match=r"group 5 is not what was written \(CRC32\)"):
        read(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    with closing(Journal(other)) as journal:
        for _ in range(5):
            journal.append(1, b"of another journal", 1)
            journal.commit()
    with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None)) as tables:
        tables.execute(f"ATTACH '{other}/journal.db' AS other")
        tables.execute("REPLACE INTO groups SELECT * FROM other.groups WHERE sequence = 5")
    with pytest.raises(Damaged, match="group 5 does not follow group 4"):
        read(tmp_path)


def test_an_older_file_under_a_newer_mark_is_refused(tmp_path: Path) -> None:
    stopped(tmp_path)
    shutil.copy(tmp_path / "journal.db", tmp_path / "backup")
    with closing(Journal(tmp_path)) as journal:
        journal.append(1, b"since the backup", 1)
        journal.commit()
    shutil.copy(tmp_path / "backup", tmp_path / "journal.db")
    with pytest.raises(TailLost, match="last 1 groups"):
        read(tmp_path)


def test_the_last_group_damaged_is_refused_if_acknowledged_and_dropped_if_not(
    tmp_path: Path,
) -> None:
    written = stopped(tmp_path)
    with closing(Journal(tmp_path)) as journal:
        before = journal.end_at(19)
    sql(tmp_path, "UPDATE groups SET records = zeroblob(9) WHERE sequence = 20")
    with pytest.raises(Damaged, match=r"group 20 is not what was written"):
        read(tmp_path)
    mark = Mark(tmp_path / "journal.mark")
    mark.reset(before)  # as if the last commit had never been told to anybody
    mark.close()
    with closing(Journal(tmp_path)) as journal:
        assert journal.torn == 1
        assert list(journal.replay()) == written[:-1]


def test_a_missing_or_unreadable_mark_is_refused_and_one_torn_slot_is_not(tmp_path: Path) -> None:
    written = stopped(tmp_path)
    mark = tmp_path / "journal.mark"
    whole = mark.read_bytes()
    flip(mark, 12)  # the slot of the even sequences, the newest: 19 is still guarded
    assert read(tmp_path) == written
    flip(mark, SECTOR + 12)
    with pytest.raises(TailLost, match=f"mark cannot be read. {REMEDY}"):
        read(tmp_path)
    mark.unlink()
    with pytest.raises(TailLost, match=f"mark, journal.mark, is missing. {REMEDY}"):
        read(tmp_path)
    mark.write_bytes(whole)
    assert read(tmp_path) == written


@pytest.mark.parametrize("crash", [True, False], ids=["in SQLite's log", "in SQLite's file"])
def test_no_flipped_byte_and_no_cut_changes_a_record_in_silence(
    tmp_path: Path, crash: bool
) -> None:
    """Anywhere in the files: what is read is what was written, or it is refused."""
    written = (crashed if crash else stopped)(tmp_path)
    files = {f.name: f.read_bytes() for f in tmp_path.iterdir() if f.suffix != ".mark"}
    draw, refused = random.Random(1), 0
    for trial in range(120):
        name = draw.choice([n for n in files if files[n]])
        here = tmp_path / "trial"
        shutil.rmtree(here, ignore_errors=True)
        here.mkdir()
        for other, data in files.items():
            (here / other).write_bytes(data)
        shutil.copy(tmp_path / "journal.mark", here)
        (flip if trial % 4 else cut)(here / name, draw.randrange(min(len(files[name]), WRITTEN)))
        try:
            assert read(here) == written
        except (Damaged, ValueError):
            refused += 1
    assert refused > 60
