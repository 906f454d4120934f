"""The journal gives back what it was given, and refuses what it was not."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.store.journal import Damaged, DiskFull, Journal, Record
from service.store.mark import End
from service.store.tables import FORMAT

records = st.tuples(st.integers(0, 255), st.binary(max_size=64), st.integers(0, 5))
groups = st.lists(st.lists(records, min_size=1, max_size=4), max_size=6)
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


def tables(directory: Path) -> sqlite3.Connection:
    """SQLite's own view of a journal that is closed."""
    return sqlite3.connect(directory / "journal.db", isolation_level=None)


@given(groups, groups)
@settings(max_examples=40, deadline=None)
def test_what_was_committed_comes_back_after_every_reopening(first: Groups, second: Groups) -> None:
    with TemporaryDirectory() as name:
        directory = Path(name)
        with closing(Journal(directory, {"bits": 20})) as journal:
            written = write(journal, first)
            assert list(journal.replay()) == written
        with closing(Journal(directory, {"bits": 8})) as journal:
            assert journal.identity == {"bits": 20}, "the identity is the creator's"
            assert list(journal.replay()) == written
            written += write(journal, second)
            end = journal.end
        with closing(Journal(directory)) as journal:
            assert journal.end == end
            assert list(journal.replay()) == written
            for after in range(end.sequence + 1):
                assert list(journal.replay(after)) == [r for r in written if r.sequence > after]


@given(groups.filter(bool), st.data())
@settings(max_examples=25, deadline=None)
def test_compaction_drops_the_oldest_and_nothing_else(given: Groups, data: st.DataObject) -> None:
    with TemporaryDirectory() as name:
        with closing(Journal(Path(name))) as journal:
            written = write(journal, given)
            upto = data.draw(st.integers(0, len(given)))
            while not journal.compact(upto, most=2):
                pass
            end = journal.end
        with closing(Journal(Path(name))) as journal:
            assert journal.end == end
            assert list(journal.replay(upto)) == [r for r in written if r.sequence > upto]
            if upto:
                with pytest.raises(Damaged, match="group 0 is not there"):
                    list(journal.replay())
            written += write(journal, [[(1, b"more", 1)]])
            assert list(journal.replay(upto)) == [r for r in written if r.sequence > upto]


def test_what_was_discarded_or_never_committed_is_not_there(tmp_path: Path) -> None:
    with closing(Journal(tmp_path)) as journal:
        journal.append(1, b"no", 1)
        journal.discard()
        assert journal.commit() == 0
        journal.append(1, b"neither", 1)
    with closing(Journal(tmp_path)) as journal:
        assert journal.end == End(0, 0, 0)


def test_every_commit_is_flushed(tmp_path: Path) -> None:
    with closing(Journal(tmp_path)) as journal:
        assert journal._sql.execute("PRAGMA synchronous").fetchone() == (2,)
        assert journal._sql.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize(("by", "than"), [(1, "newer"), (-1, "older")])
def test_another_format_is_refused(tmp_path: Path, by: int, than: str) -> None:
    Journal(tmp_path).close()
    with closing(tables(tmp_path)) as sql:
        sql.execute(f"PRAGMA user_version = {FORMAT + by}")
    with pytest.raises(ValueError, match=rf"{than} than {FORMAT}.* use the version of Kindred"):
        Journal(tmp_path)


def test_another_program_s_file_is_refused(tmp_path: Path) -> None:
    Journal(tmp_path).close()
    (tmp_path / "journal.db").unlink()
    with closing(tables(tmp_path)) as sql:
        sql.execute("CREATE TABLE songs (title TEXT)")
    with pytest.raises(ValueError, match="not a journal of Kindred"):
        Journal(tmp_path)


@pytest.mark.parametrize("with_pages", [True, False], ids=["SQLITE_FULL", "file too large"])
def test_a_full_disk_writes_nothing_and_may_be_tried_again(
    tmp_path: Path, with_pages: bool, small_files: SmallFiles
) -> None:
    with closing(Journal(tmp_path)) as journal:
        written = write(journal, [[(1, b"before", 1)]])
        large = [[(1, bytes(100_000), 3)]]
        end = journal.end
        for _ in range(2):
            if with_pages:
                journal._sql.execute("PRAGMA max_page_count = 8")
                with pytest.raises(DiskFull, match="Free space, then retry"):
                    write(journal, large)
                journal._sql.execute("PRAGMA max_page_count = 1000000")
            else:
                with small_files(65_536), pytest.raises(DiskFull, match="Free space, then retry"):
                    write(journal, large)
            assert journal.end == end
            assert list(journal.replay()) == written
        written += write(journal, large)
    with closing(Journal(tmp_path)) as journal:
        assert list(journal.replay()) == written


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
    with closing(Journal(tmp_path)) as journal:
        assert list(journal.replay()) == written
