"""Where shards lie in a data directory, and which task belongs to which.

The number of workers is part of what a directory is: with another number a task would be looked for
where it is not.
"""

from __future__ import annotations

import json
from pathlib import Path

from xxhash import xxh64_intdigest

from service.core.recover import refuse_others
from service.store.directory import flush
from service.store.reader import exists

ABOUT = "shards.json"


def workers(directory: Path) -> int | None:
    """How many workers a directory was written with; None where nothing is there yet.

    Raises
    ------
    ValueError
        where that cannot be read
    """
    try:
        found = json.loads((directory / ABOUT).read_text())["workers"]
    except FileNotFoundError:
        return 1 if exists(directory) else None
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{directory / ABOUT} cannot be read ({error}); restore the directory from a backup."
        ) from error
    return int(found)


def claim(directory: Path, n: int) -> None:
    """Note the number of workers in a new directory; ValueError where it has another."""
    found = workers(directory)
    if found is not None:
        refuse_others(directory, {"workers": found}, {"workers": n})
    elif n > 1:
        unfinished = directory / f"{ABOUT}.unfinished"
        unfinished.write_text(json.dumps({"workers": n}) + "\n")
        unfinished.replace(directory / ABOUT)
        flush(directory)


def shard(directory: Path, i: int) -> Path:
    """The directory of a shard, from 0."""
    return directory / f"shard-{i + 1}"


def name(i: int, n: int) -> str:
    """What a shard's place is called.

    >>> name(0, 2)
    '1 of 2'
    """
    return f"{i + 1} of {n}"


def home(task: str, n: int) -> int:
    """The shard of a task: the same for ever.

    >>> [home(f"task {i}", 4) for i in range(8)]
    [3, 1, 0, 0, 0, 0, 1, 3]
    """
    return xxh64_intdigest(task.encode("utf-8", "surrogatepass")) % n
