"""Cold tasks on disk: a SQLite file beside the journal, that can go back to any kept snapshot.

A row is never changed but by noting when its task left again, so what lay there at a position can
be told as long as it was not purged. Nothing is committed between snapshots but what is later than
the newest: a crash at any moment leaves a file that `rewind` brings to where the snapshot stands,
and the journal's tail then does again what was undone.

>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as name:
...     shelf = Shelf(Path(name) / "cold.db")
...     shelf.put("alice", b"...", 10)
...     shelf.take("alice", 20)
...     shelf.rewind(15)
...     shelf.read("alice")
...     shelf.close()
b'...'
"""

from __future__ import annotations

import sqlite3
from hashlib import blake2b
from pathlib import Path

from service.store.errors import Damaged

SHELF = "cold.db"  # its name in a data directory
HASH = 16  # bytes
SOME = 1000  # rows purged at one go
COMMIT = 1 << 26  # bytes written, 64 MiB, after which a transaction ends: the log must not grow on
APPLICATION = 0x4B434F4C  # "KCOL", in SQLite's header
TABLES = f"""
BEGIN;
PRAGMA application_id = {APPLICATION};
CREATE TABLE tasks (
    task BLOB NOT NULL, came INTEGER NOT NULL, went INTEGER, hash BLOB NOT NULL, data BLOB NOT NULL
);
CREATE UNIQUE INDEX here ON tasks (task) WHERE went IS NULL;
CREATE INDEX came ON tasks (came);
CREATE INDEX went ON tasks (went) WHERE went IS NOT NULL;
COMMIT;
"""


class Shelf:
    """Tasks by name, in one file; what is not committed is gone when it is closed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._sql = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self._sql.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._sql.execute("PRAGMA journal_mode = WAL")
            self._sql.execute("PRAGMA synchronous = FULL")
            if self._one("PRAGMA application_id") == 0 and not self._one(
                "SELECT count(*) FROM sqlite_schema"
            ):
                self._sql.executescript(TABLES)
            if self._one("PRAGMA application_id") != APPLICATION:
                raise ValueError(f"{path} is no file of cold tasks; restore the whole directory.")
            self._sql.execute("BEGIN")
            self._count, self._sum = self._told()
        except sqlite3.DatabaseError as error:
            self._sql.close()
            raise Damaged(f"{path}: {error}. Restore the whole directory from a backup.") from error
        except BaseException:
            self._sql.close()
            raise
        self._written = 0

    def put(self, task: str, data: bytes, position: int) -> None:
        """Lay a task there that was in memory up to that position."""
        mark = blake2b(_key(task) + b"\0" + data, digest_size=HASH).digest()
        self._sql.execute(
            "INSERT INTO tasks VALUES (?, ?, NULL, ?, ?)", (_key(task), position, mark, data)
        )
        self._count, self._sum = self._count + 1, self._sum + _number(mark)
        self._written += len(data)
        if self._written > COMMIT:
            self.commit()

    def read(self, task: str) -> bytes | None:
        """What lies there of a task; None where nothing does.

        Raises
        ------
        errors.Damaged
            where it is not what was written.
        """
        row = self._sql.execute(
            "SELECT hash, data FROM tasks WHERE task = ? AND went IS NULL", (_key(task),)
        ).fetchone()
        if row is None:
            return None
        data: bytes = row[1]
        if blake2b(_key(task) + b"\0" + data, digest_size=HASH).digest() != row[0]:
            raise Damaged(
                f"{self.path}: what lies there of task {task!r} is damaged. Restore the whole "
                "directory from a backup."
            )
        return data

    def take(self, task: str, position: int) -> None:
        """The task is in memory again, or gone, from that position on."""
        row = self._sql.execute(
            "UPDATE tasks SET went = ? WHERE task = ? AND went IS NULL RETURNING hash",
            (position, _key(task)),
        ).fetchall()
        if row:
            self._count, self._sum = self._count - 1, self._sum - _number(row[0][0])

    def names(self) -> list[str]:
        """The tasks that lie there, sorted."""
        rows = self._sql.execute("SELECT task FROM tasks WHERE went IS NULL ORDER BY task")
        return [name.decode("utf-8", "surrogatepass") for (name,) in rows]

    def rewind(self, position: int) -> None:
        """Have lie there what did at that position."""
        self._sql.execute("DELETE FROM tasks WHERE came > ?", (position,))
        self._sql.execute("UPDATE tasks SET went = NULL WHERE went > ?", (position,))
        self._count, self._sum = self._told()

    def purge(self, position: int) -> bool:
        """Forget some of what had gone by that position, before which nobody will go back.

        Whether that was all.
        """
        gone = self._sql.execute(
            f"DELETE FROM tasks WHERE rowid IN "
            f"(SELECT rowid FROM tasks WHERE went <= ? LIMIT {SOME})",
            (position,),
        )
        return gone.rowcount < SOME

    def commit(self) -> None:
        """Have the disk hold all of it."""
        self._sql.execute("COMMIT")
        self._sql.execute("BEGIN")
        self._written = 0

    def close(self) -> None:
        """Close the file, and leave what was committed."""
        self._sql.rollback()
        self._sql.close()

    def digest(self) -> str:
        """A hash of all that lies there, whenever it came: the sum of the rows' hashes."""
        return f"{self._sum % (1 << 8 * HASH):0{2 * HASH}x}"

    def __contains__(self, task: str) -> bool:
        """Whether the task lies there."""
        return bool(
            self._sql.execute(
                "SELECT 1 FROM tasks WHERE task = ? AND went IS NULL", (_key(task),)
            ).fetchone()
        )

    def __len__(self) -> int:
        """How many tasks lie there."""
        return self._count

    def _one(self, query: str) -> int:
        return int(self._sql.execute(query).fetchone()[0])

    def _told(self) -> tuple[int, int]:
        rows = [_number(mark) for (mark,) in self._sql.execute(
            "SELECT hash FROM tasks WHERE went IS NULL")]  # fmt: skip
        return len(rows), sum(rows)


def _key(task: str) -> bytes:
    return task.encode("utf-8", "surrogatepass")


def _number(mark: bytes) -> int:
    return int.from_bytes(mark, "little")
