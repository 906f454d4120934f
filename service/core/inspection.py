"""What a data directory holds, told without changing it."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from learners.cost import of_place
from service.core.recover import Progress, open_shelf, rebuild
from service.core.state import State
from service.store.errors import Damaged
from service.store.lock import Lock
from service.store.reader import Reader, exists
from service.store.shelf import SHELF
from service.store.snapshots import Snapshots, read


def inspect(directory: Path, progress: Progress | None = None) -> dict[str, Any]:
    """Strategy and settings, counts, sizes, health of journal and snapshots, hash of the state.

    The state is rebuilt for its hash, so this takes as long as a start. `health` is "whole", or
    what is wrong and the remedy; `digest` is None where the state cannot be rebuilt, or is no
    arrays (`river:` strategies).

    Raises
    ------
    FileNotFoundError
        where there is no journal.
    lock.InUse
        where a service is running on it.
    errors.Damaged
        where the journal cannot even be opened.
    """
    if not exists(directory):
        raise FileNotFoundError(f"{directory} holds no journal; name the directory of a service.")
    with Lock(directory):
        found = _inspect(Reader(directory), Snapshots(directory), progress)
    return {"directory": str(directory), **found}


def _inspect(journal: Reader, snapshots: Snapshots, progress: Progress | None) -> dict[str, Any]:
    settings = dict(journal.identity)
    found: dict[str, Any] = {
        "strategy": settings.pop("strategy"),
        "settings": settings,
        "position": journal.end.position,
        "tasks": None,
        "cold": None,  # of these, not in memory
        "examples": None,  # of the tasks there are
        "classes": None,
        "memory": None,  # bytes that a service of it takes up for the state
        "journal": {
            "bytes": sum(file.stat().st_size for file in journal.path.iterdir()),
            "groups": journal.end.sequence - journal.base.sequence,
            "begins": journal.base.position,
            "ends": journal.end.position,
        },
        "snapshots": [_snapshot(path) for path in snapshots.paths()],
        "digest": None,
        "health": "whole",
    }
    try:
        for _ in journal.groups(journal.base.sequence):
            pass
    except Damaged as error:  # perhaps only in what a snapshot holds
        found["health"] = str(error)
    with TemporaryDirectory() as copied:  # as a start does, which changes the cold tasks' file
        for file in journal.path.parent.glob(f"{SHELF}*"):
            shutil.copy(file, copied)
        shelf = None
        try:
            shelf = open_shelf(Path(copied), journal.identity)
            state, _ = rebuild(journal, snapshots, 0, progress, shelf=shelf)
            _tell(state, found)
        except Damaged as error:
            found["health"] = str(error)
        finally:
            if shelf is not None:
                shelf.close()
    return found


def _tell(state: State, found: dict[str, Any]) -> None:
    """Note what the state is."""
    place = state.place
    found["tasks"] = len(place)
    found["cold"] = len(state.shelf or ())
    found["examples"] = place.examples
    found["classes"] = list(place.classes)
    cost = of_place(place)
    found["memory"] = {
        "bytes": cost.total,
        "bytes_per_task": round(cost.tasks / max(found["tasks"] - found["cold"], 1)),
    }
    found["digest"] = None if place.replayed else place.digest()


def _snapshot(path: Path) -> dict[str, Any]:
    snapshot = read(path)
    return {
        "file": path.name,
        "bytes": path.stat().st_size,
        "position": snapshot.end.position if snapshot else None,
        "whole": snapshot is not None,
    }
