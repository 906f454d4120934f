"""Whatever befalls the files, no acknowledged record is lost in silence."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from service.store import segment
from service.store.errors import Damaged, TailLost
from service.store.journal import Journal
from service.store.mark import SECTOR, End, Mark
from service.store.reader import Reader, Record
from tests.service.segments import cut, flip, lies, overwrite, segments_of, spoil, wipe

REMEDY = "Restore the whole directory from a backup, or .*python -m service.core.repair"


def journal_of(directory: Path, n: int = 20, size: int = 300, seed: int = 0) -> list[Record]:
    """A journal of `n` groups, seven to a segment where `size` is 300."""
    random_bytes = random.Random(seed).randbytes
    with segments_of(4096 + 7 * 350), closing(Journal(directory)) as journal:
        for _ in range(n):
            journal.append(1, random_bytes(size), 1)
            journal.commit()
        return list(journal.replay())


def read(directory: Path) -> list[Record]:
    return list(Reader(directory).replay())


def newest(directory: Path) -> Path:
    return segment.paths(directory / "journal")[-1]


def told_only(directory: Path, end: End) -> None:
    """As if nothing after that end had ever been told to anybody."""
    with closing(Mark(directory / "journal.mark")) as mark:
        mark.reset(end)


@pytest.mark.parametrize(
    ("damage", "lost"),
    [
        (lambda d: newest(d).unlink(), 6),
        (lambda d: cut(newest(d), 6000), 1),
        (lambda d: flip(newest(d), 6000), 1),
        (lambda d: shutil.rmtree(d / "journal"), 20),
    ],
    ids=["last segment deleted", "cut", "flipped", "all deleted"],
)
def test_a_lost_tail_is_refused(
    tmp_path: Path, damage: Callable[[Path], object], lost: int
) -> None:
    journal_of(tmp_path)
    damage(tmp_path)
    for look in (Reader, Journal, Reader):  # looking must not make it good
        with pytest.raises(
            TailLost, match=f"20 were acknowledged: the last {lost} groups are lost. {REMEDY}"
        ):
            look(tmp_path)


def test_the_last_groups_removed_are_a_lost_tail(tmp_path: Path) -> None:
    journal_of(tmp_path)
    wipe(tmp_path, 18, 19, 20)
    with pytest.raises(TailLost, match="ends at position 17, but 20 .* last 3 groups"):
        read(tmp_path)


@pytest.mark.parametrize("hole", [(9, 10), (7, 8), (14,)], ids=["within", "across", "at the end"])
@pytest.mark.parametrize("crashed", [True, False])
def test_groups_removed_in_the_middle_are_a_hole(
    tmp_path: Path, hole: tuple[int, ...], crashed: bool
) -> None:
    """Of a segment or across two; and whatever the mark knew of what came later."""
    journal_of(tmp_path)
    wipe(tmp_path, *hole)
    if crashed:
        told_only(tmp_path, Reader(tmp_path).end_at(6))
    reader = Reader(tmp_path)
    with pytest.raises(Damaged, match=f"groups {hole[0]} to {hole[-1]} are missing .*, and later"):
        list(reader.replay())
    assert len(list(reader.replay(15))) == 5, "what follows a later snapshot is whole"


def test_a_segment_under_another_s_name_is_refused(tmp_path: Path) -> None:
    journal_of(tmp_path)
    first, second, _ = segment.paths(tmp_path / "journal")
    second.replace(first)
    with pytest.raises(Damaged, match="head of 0+.segment is not what was written"):
        read(tmp_path)


def test_a_segment_removed_in_the_middle_is_a_hole(tmp_path: Path) -> None:
    journal_of(tmp_path)
    segment.paths(tmp_path / "journal")[1].unlink()
    with pytest.raises(Damaged, match="groups 8 to 14 are missing"):
        read(tmp_path)


def test_a_changed_group_is_told_by_its_sum_and_a_replaced_one_by_the_chain(tmp_path: Path) -> None:
    journal_of(tmp_path)
    path, start, _ = lies(tmp_path, 5)
    spoil(tmp_path, 5)
    with pytest.raises(Damaged, match=r"groups 5 to 5 are missing or not what was written \(CRC"):
        read(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    journal_of(other, seed=1)
    theirs, begin, until = lies(other, 5)
    overwrite(path, start, theirs.read_bytes()[begin:until])
    with pytest.raises(Damaged, match="group 5 does not follow group 4"):
        read(tmp_path)


def test_an_older_copy_under_a_newer_mark_is_refused(tmp_path: Path) -> None:
    journal_of(tmp_path)
    shutil.copytree(tmp_path / "journal", tmp_path / "backup")
    with closing(Journal(tmp_path)) as journal:
        journal.append(1, b"since the backup", 1)
        journal.commit()
    shutil.rmtree(tmp_path / "journal")
    (tmp_path / "backup").rename(tmp_path / "journal")
    with pytest.raises(TailLost, match="last 1 groups"):
        read(tmp_path)


def test_another_journal_s_tail_under_the_mark_is_refused(tmp_path: Path) -> None:
    journal_of(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    journal_of(other, seed=1)
    shutil.copy(newest(other), newest(tmp_path))
    with pytest.raises(Damaged, match="group 20 is not the one that was acknowledged"):
        read(tmp_path)


@pytest.mark.parametrize("how", ["zeros", "cut", "other bytes"])
def test_the_last_group_torn_anywhere_is_dropped_if_nobody_was_told_and_refused_if_somebody_was(
    tmp_path: Path, how: str
) -> None:
    """After a power cut: so much of the frame is there, and behind it what was there before."""
    written = journal_of(tmp_path, n=3, size=10)
    before, end = (Reader(tmp_path).end_at(n) for n in (2, 3))
    path, start, until = lies(tmp_path, 3)
    whole = path.read_bytes()
    for at in range(start, until):
        if how == "cut":
            cut(path, at)
        else:
            overwrite(path, at, bytes(until - at) if how == "zeros" else b"x" * (until - at))
        if at == until - 1 and path.read_bytes() == whole:
            continue  # it ended so
        with pytest.raises(TailLost, match="the last 1 groups are lost"):
            Reader(tmp_path)
        told_only(tmp_path, before)
        assert read(tmp_path) == written[:2]
        if at % 8 == 0:
            with closing(Journal(tmp_path)) as journal:
                journal.append(1, b"in its place", 1)
                journal.commit()
                assert [r.payload for r in journal.replay(2)] == [b"in its place"]
            for later in segment.paths(tmp_path / "journal")[1:]:
                later.unlink()  # where the file that was cut had no room
        path.write_bytes(whole)
        told_only(tmp_path, end)


def test_a_last_group_that_is_whole_counts_though_nobody_was_told(tmp_path: Path) -> None:
    """Killed between the flush and the mark: the sender will ask again, and be told by its id."""
    written = journal_of(tmp_path)
    told_only(tmp_path, Reader(tmp_path).end_at(19))
    assert read(tmp_path) == written
    with closing(Journal(tmp_path)) as journal:
        assert journal._mark.read() == journal.end, "from now on it must be there"
    wipe(tmp_path, 20)
    with pytest.raises(TailLost):
        read(tmp_path)


def test_a_flipped_bit_anywhere_in_a_frame_is_told(tmp_path: Path) -> None:
    journal_of(tmp_path, n=5, size=40)
    path, start, until = lies(tmp_path, 3)
    for at in range(start, until):
        for bit in (1, 0x80):
            whole = path.read_bytes()
            overwrite(path, at, bytes([whole[at] ^ bit]))
            reader = Reader(tmp_path)
            with pytest.raises(Damaged, match="groups 3 to 3 are missing or not what was written"):
                list(reader.replay())
            assert len(list(reader.replay(4))) == 1
            overwrite(path, at, whole[at : at + 1])
    assert len(read(tmp_path)) == 5


def test_a_flipped_bit_anywhere_in_a_head_is_told(tmp_path: Path) -> None:
    journal_of(tmp_path, n=1)
    path = newest(tmp_path)
    whole = path.read_bytes()
    for at in range(segment.HEAD.size + 60):
        if whole[at]:
            flip(path, at)
            with pytest.raises(Damaged, match="head of 0+.segment is not what was written"):
                read(tmp_path)
            path.write_bytes(whole)
    assert len(read(tmp_path)) == 1


def test_a_missing_or_unreadable_mark_is_refused_and_one_torn_slot_is_not(tmp_path: Path) -> None:
    written = journal_of(tmp_path)
    mark = tmp_path / "journal.mark"
    whole = mark.read_bytes()
    flip(mark, 12)  # the slot of the even sequences, the newest: 19 is still guarded
    assert read(tmp_path) == written
    flip(mark, SECTOR + 12)
    for size in (2 * SECTOR, 0):
        cut(mark, size)
        for look in (Reader, Journal):
            with pytest.raises(TailLost, match=f"mark cannot be read. {REMEDY}"):
                look(tmp_path)
    mark.unlink()
    for look in (Reader, Journal):
        with pytest.raises(TailLost, match=f"mark, journal.mark, is missing. {REMEDY}"):
            look(tmp_path)
    mark.write_bytes(whole)
    assert read(tmp_path) == written


def test_no_flipped_byte_and_no_cut_changes_a_record_in_silence(tmp_path: Path) -> None:
    """Anywhere in the files: what is read is what was written, or it is refused."""
    at_work = tmp_path / "at work"
    at_work.mkdir()
    written = journal_of(at_work)
    draw, refused = random.Random(1), 0
    for trial in range(200):
        here = tmp_path / "trial"
        shutil.rmtree(here, ignore_errors=True)
        shutil.copytree(at_work, here)
        path = draw.choice(segment.paths(here / "journal"))
        (flip if trial % 4 else cut)(path, draw.randrange(path.stat().st_size))
        try:
            assert read(here) == written
        except (Damaged, ValueError):
            refused += 1
    assert refused > 60
