"""The journal gives back what it was given, and refuses what it was not."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.store import segment
from service.store.errors import Broken, Damaged, DiskFull
from service.store.journal import Journal
from service.store.mark import End, Mark
from service.store.reader import Reader, Record
from service.store.segment import FORMAT
from tests.service.segments import segments_of

records = st.tuples(st.integers(0, 255), st.binary(max_size=64), st.integers(0, 5))
groups = st.lists(st.lists(records, min_size=1, max_size=4), max_size=6)
sizes = st.sampled_from([4096, 4400, 1 << 16])  # of segments: a group each, some, all
Groups = list[list[tuple[int, bytes, int]]]
SmallFiles = Callable[[int], AbstractContextManager[None]]  # a fixture: a full disk


def write(journal: Journal, given: Groups) -> list[Record]:
    written, position = [], journal.end.position
    for group in given:
        for kind, payload, positions in group:
            journal.append(kind, payload, positions)
            position += positions
            written.append(Record(journal.end.sequence + 1, position, kind, payload))
        assert journal.commit() == position
    return written


def files(directory: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in (directory / "journal").iterdir()}


@given(groups, groups, sizes)
@settings(max_examples=40, deadline=None)
def test_what_was_committed_comes_back_after_every_reopening(
    first: Groups, second: Groups, size: int
) -> None:
    with TemporaryDirectory() as name, segments_of(size):
        directory = Path(name)
        with closing(Journal(directory, {"bits": 20})) as journal:
            written = write(journal, first)
            assert list(journal.replay()) == written
        with closing(Journal(directory, {"bits": 8})) as journal:
            assert journal.identity == {"bits": 20}, "the identity is the creator's"
            assert list(journal.replay()) == written
            written += write(journal, second)
            end = journal.end
        reader = Reader(directory)
        assert reader.end == end
        assert list(reader.replay()) == written
        for after in range(end.sequence + 1):
            assert list(reader.replay(after)) == [r for r in written if r.sequence > after]


@given(groups.filter(bool), sizes, st.data())
@settings(max_examples=40, deadline=None)
def test_compaction_drops_the_oldest_and_nothing_else(
    given: Groups, size: int, data: st.DataObject
) -> None:
    with TemporaryDirectory() as name, segments_of(size):
        directory = Path(name)
        with closing(Journal(directory)) as journal:
            written = write(journal, given)
            upto = data.draw(st.integers(0, len(given)))
            while not journal.compact(upto):
                pass
            end, base = journal.end, journal.base
            assert base.sequence <= upto
            later = [segment.number(path) for path in segment.paths(journal.path)[1:]]
            assert all(number > upto for number in later), "a whole segment could go"
        with closing(Journal(directory)) as journal:
            assert (journal.end, journal.base) == (end, base)
            if base.sequence:
                with pytest.raises(Damaged, match="group 0 is not there"):
                    list(journal.replay())
            written += write(journal, given)  # over what the dropped files held
            kept = [r for r in written if r.sequence > base.sequence]
            assert list(journal.replay(base.sequence)) == kept
        assert list(Reader(directory).replay(base.sequence)) == kept


def test_a_segment_that_is_full_is_followed_by_another(tmp_path: Path) -> None:
    with segments_of(16_384), closing(Journal(tmp_path)) as journal:
        written = write(journal, [[(1, b"%d" % i * 2500, 1)] for i in range(10, 22)])
    assert files(tmp_path) == {f"{at:020}.segment": 16_384 for at in (0, 2, 4, 6, 8, 10)}
    assert list(Reader(tmp_path).replay()) == written


def test_a_group_larger_than_a_segment_gets_one_as_large_as_it(tmp_path: Path) -> None:
    large: Groups = [[(1, os.urandom(3_000_000), 1), (2, os.urandom(100), 0)]]
    with segments_of(16_384), closing(Journal(tmp_path)) as journal:
        written = write(journal, [[(1, b"small", 1)], *large, [(1, b"small", 1)], *large])
        assert list(journal.replay()) == written
        while not journal.compact(3):
            pass
    assert list(Reader(tmp_path).replay(3)) == written[-2:]
    sizes = files(tmp_path)
    assert sizes.pop("spare") == 16_384, "a large one is not kept to be written again"
    assert len(sizes) == 1


def test_a_group_of_many_records_is_one_group(tmp_path: Path) -> None:
    with closing(Journal(tmp_path)) as journal:
        written = write(journal, [[(1, b"%d" % i, 1) for i in range(3000)]])
    assert list(Reader(tmp_path).replay()) == written


def test_a_dropped_segment_is_written_again_and_its_old_groups_are_not_found(
    tmp_path: Path,
) -> None:
    with segments_of(16_384), closing(Journal(tmp_path)) as journal:
        write(journal, [[(1, b"old" * 500, 1)] for _ in range(20)])  # seven in each
        assert len(files(tmp_path)) == 3
        inode = segment.paths(journal.path)[0].stat().st_ino
        assert not journal.compact(20)
        assert "spare" in files(tmp_path)
        write(journal, [[(1, b"new" * 500, 1)] for _ in range(3)])
        newest = segment.paths(journal.path)[-1]
        assert newest.stat().st_ino == inode
        assert "spare" not in files(tmp_path)
    assert newest.read_bytes().count(b"old" * 500) > 1, "so what lies behind had to be told apart"
    found = list(Reader(tmp_path).replay(20))
    assert [record.payload for record in found] == [b"new" * 500] * 3


def test_what_was_discarded_or_never_committed_is_not_there(tmp_path: Path) -> None:
    with closing(Journal(tmp_path)) as journal:
        journal.append(1, b"no", 1)
        journal.discard()
        assert journal.commit() == 0
        journal.append(1, b"neither", 1)
    assert Reader(tmp_path).end == End(0, 0, 0)


def test_every_commit_is_one_write_and_one_flush(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def note(name: str) -> None:
        real = getattr(os, name)

        def noted(*given: Any) -> Any:
            done.append(name)
            return real(*given)

        monkeypatch.setattr(os, name, noted)

    with closing(Journal(tmp_path)) as journal:
        for name in ("pwritev", "fdatasync", "pwrite"):
            note(name)
        write(journal, [[(1, b"x", 1), (1, bytes(400_000), 1)]])
    assert done[:3] == ["pwritev", "fdatasync", "pwrite"], "the mark comes last, and is not flushed"
    assert done[3:] == ["fdatasync"], "only when it is closed"


@pytest.mark.parametrize(("by", "than"), [(1, "newer"), (-1, "older")])
def test_another_format_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: int, than: str
) -> None:
    with monkeypatch.context() as then:
        then.setattr(segment, "FORMAT", FORMAT + by)
        Journal(tmp_path).close()
    for look in (Journal, Reader):
        with pytest.raises(ValueError, match=rf"{than} than {FORMAT}.* use the version of Kindred"):
            look(tmp_path)


def test_a_journal_of_sqlite_s_is_refused_as_older(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"SQLite format 3\0")
    Mark(tmp_path / "journal.mark").close()
    for look in (Journal, Reader):
        with pytest.raises(ValueError, match=r"journal.db has format 2, older .*another directory"):
            look(tmp_path)
    assert not (tmp_path / "journal").exists()


@pytest.mark.parametrize("name", ["system.journal", "1.segment"])
def test_another_program_s_directory_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / name).touch()
    with pytest.raises(ValueError, match="not a journal of Kindred; name another directory"):
        Journal(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["journal"]


def test_a_full_disk_writes_nothing_and_may_be_tried_again(
    tmp_path: Path, small_files: SmallFiles
) -> None:
    with closing(Journal(tmp_path)) as journal:
        written = write(journal, [[(1, b"before", 1)]])
        large: Groups = [[(1, bytes(100_000), 3)]]
        end = journal.end
        for _ in range(2):
            # What was written of these zeros would, with the zeros behind it, be all of them.
            with small_files(65_536), pytest.raises(DiskFull, match="Free space, then retry"):
                write(journal, large)
            assert journal.end == end
            assert list(journal.replay()) == written == list(Reader(tmp_path).replay())
        written += write(journal, [[(1, b"smaller", 1)]])
        assert list(Reader(tmp_path).replay()) == written
        written += write(journal, large)
    assert list(Reader(tmp_path).replay()) == written


@pytest.mark.parametrize("call", ["posix_fallocate", "pwritev", "fsync", "replace"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_no_room_for_another_segment_leaves_the_journal_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(code, os.strerror(code))

    with segments_of(16_384), closing(Journal(tmp_path)) as journal:
        written = write(journal, [[(1, b"first", 1)]])
        before, large = files(tmp_path), bytes(15_000)
        for _ in range(2):
            with monkeypatch.context() as now:
                now.setattr(os, call, full)
                with pytest.raises(DiskFull, match="cannot grow .*: nothing was learnt"):
                    write(journal, [[(1, large, 1)]])
            assert files(tmp_path) == before
            assert list(Reader(tmp_path).replay()) == written
        written += write(journal, [[(1, large, 1)], [(1, b"last", 1)]])
    assert list(Reader(tmp_path).replay()) == written


def test_a_journal_for_which_there_is_no_room_is_none(
    tmp_path: Path, small_files: SmallFiles
) -> None:
    with small_files(65_536), pytest.raises(DiskFull, match=r"cannot be made: .* Free space"):
        Journal(tmp_path)
    with closing(Journal(tmp_path)) as journal:
        assert write(journal, [[(1, b"first", 1)]]) == list(journal.replay())


@pytest.mark.parametrize("call", ["pwritev", "fdatasync"])
def test_a_disk_that_fails_otherwise_takes_nothing_more_until_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def failing(*_: Any) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with closing(Journal(tmp_path)) as journal:
        written = write(journal, [[(1, b"first", 1)]])
        with monkeypatch.context() as now:
            now.setattr(os, call, failing)
            with pytest.raises(Broken, match="failed .*nothing more is learnt. Look after the"):
                write(journal, [[(1, b"second", 1)]])
        with pytest.raises(Broken, match="start again"):
            write(journal, [[(1, b"third", 1)]])
    with closing(Journal(tmp_path)) as journal:
        found = list(journal.replay())
        assert found[:1] == written
        assert [r.payload for r in found[1:]] in ([], [b"second"]), "which of the two is unknown"
        assert journal._mark.read() == journal.end


def test_a_mark_that_cannot_be_written_stops_the_commit_after(tmp_path: Path) -> None:
    """The group itself is durable by then, so it counts; the next must not come on top."""
    with closing(Journal(tmp_path)) as journal:

        def reopen_mark(how: int) -> None:
            file = os.open(tmp_path / "journal.mark", how)
            os.dup2(file, journal._mark._file)
            os.close(file)

        reopen_mark(os.O_RDONLY)
        written = write(journal, [[(1, b"first", 1)]])
        with pytest.raises(DiskFull, match="mark .* cannot be written"):
            write(journal, [[(1, b"second", 1)]])
        reopen_mark(os.O_RDWR)
        written += write(journal, [[(1, b"third", 1)]])
        assert journal._mark.read() == journal.end
    assert list(Reader(tmp_path).replay()) == written
