"""The SQLite file of a journal: how it is opened, made and told from other files."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from service.store.mark import End

FORMAT = 2  # of this file and the records in it; another one is refused
APPLICATION = 0x4B494E44  # "KIND", in SQLite's header
CHECKPOINT_PAGES = 1024  # 4 MiB of write-ahead log between two checkpoints
PAGE = 4096  # bytes of one, SQLite's default
TABLES = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE groups (
    sequence INTEGER PRIMARY KEY, position INTEGER NOT NULL,
    crc INTEGER NOT NULL, chain INTEGER NOT NULL, records BLOB NOT NULL
);
"""
_NO_ROOM = {"SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_TRUNCATE"}


def connect(path: Path, read_only: bool) -> sqlite3.Connection:
    """The file, made where there is none; every commit is flushed before it returns."""
    sql = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rwc'}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
    )
    if not read_only:
        try:
            # What is dropped is not written over with zeros first: that cost as much as writing it.
            sql.execute("PRAGMA secure_delete = OFF")
            # One process at a time, so the index of the log needs no shared memory.
            sql.execute("PRAGMA locking_mode = EXCLUSIVE")
            sql.execute("PRAGMA journal_mode = WAL")
            sql.execute("PRAGMA synchronous = FULL")
            sql.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        except BaseException:
            sql.close()
            raise
    return sql


def reserve(sql: sqlite3.Connection) -> None:
    """Have the log take its room on the disk now, where there is room.

    Written to in place it need not grow, and a flush that notes no growth costs half. SQLite has no
    call for this; a transaction larger than its cache goes to the log, though it be undone.
    """
    cache = one(sql, "PRAGMA cache_size")
    sql.execute("PRAGMA cache_size = 16")
    sql.execute("BEGIN IMMEDIATE")
    try:
        sql.execute("CREATE TABLE reserve (room)")
        sql.execute("INSERT INTO reserve VALUES (zeroblob(?))", (CHECKPOINT_PAGES * PAGE,))
    except sqlite3.OperationalError as error:
        if not no_room(error):
            raise
    finally:
        if sql.in_transaction:
            sql.execute("ROLLBACK")
    sql.execute(f"PRAGMA cache_size = {cache}")


def is_new(sql: sqlite3.Connection, path: Path) -> bool:
    """Whether nothing is in the file yet; ValueError where it is not ours or of a newer format."""
    application = one(sql, "PRAGMA application_id")
    if application == 0 and one(sql, "SELECT count(*) FROM sqlite_schema") == 0:
        return True
    if application != APPLICATION:
        raise ValueError(f"{path} is not a journal of Kindred; name another directory.")
    version = one(sql, "PRAGMA user_version")
    if version < FORMAT:
        raise ValueError(
            f"{path} has format {version}, older than {FORMAT}, the one read here: use the version "
            "of Kindred that wrote it, or begin in another directory."
        )
    if version > FORMAT:
        raise ValueError(
            f"{path} has format {version}, newer than {FORMAT}, the newest known here: "
            "use the version of Kindred that wrote it, or a later one."
        )
    return False


def create(sql: sqlite3.Connection, identity: Mapping[str, object], base: End) -> None:
    """Make the tables of a journal that begins after `base`."""
    about = {"identity": json.dumps(dict(identity)), "base": json.dumps(base)}
    sql.executescript(f"BEGIN; PRAGMA application_id = {APPLICATION}; {TABLES}")
    sql.executemany("INSERT INTO about VALUES (?, ?)", about.items())
    sql.execute(f"PRAGMA user_version = {FORMAT}")
    sql.execute("COMMIT")


def about(sql: sqlite3.Connection, name: str) -> Any:
    """What `create` or a compaction noted: `identity` or `base`."""
    try:
        return json.loads(one(sql, "SELECT value FROM about WHERE name = ?", name))
    except (TypeError, ValueError) as error:
        raise sqlite3.DatabaseError(f"{name!r} cannot be read") from error


def one(sql: sqlite3.Connection, query: str, *values: object) -> Any:
    """The one value that a query asks for."""
    return sql.execute(query, values).fetchone()[0]


def no_room(error: sqlite3.Error) -> bool:
    """Whether it failed for want of space, so that it may be tried again."""
    return getattr(error, "sqlite_errorname", None) in _NO_ROOM
