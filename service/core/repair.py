"""Keeps what can be read of a damaged data directory, where there is no backup.

The newest whole snapshot, and every record after it that is what was written: also those behind a
hole, for what was learnt from them is better than nothing. It is no longer the state that was
acknowledged, so no start does this by itself. The files as they were are put aside, not removed.

    python -m service.core.repair DIRECTORY
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from service.core import lessons
from service.core.receipts import Receipts
from service.core.recover import begin, open_shelf, restore
from service.core.state import Kind, State
from service.store import records, segment
from service.store.journal import Journal
from service.store.lock import Lock
from service.store.mark import START, Mark
from service.store.reader import MARK, SEGMENTS, exists, refuse_older
from service.store.snapshots import Snapshots


def repair(directory: Path) -> dict[str, Any]:
    """Make a journal of what is left; counts of the positions kept and lost, and where files lie.

    Raises
    ------
    FileNotFoundError
        where there is no journal.
    ValueError
        where nothing is left to begin from, or that is what it was written under.
    lock.InUse
        where a service is running on it.
    """
    if not exists(directory):
        raise FileNotFoundError(f"{directory} holds no journal; name the directory of a service.")
    refuse_older(directory)
    with Lock(directory):
        identity = _identity(segment.paths(directory / SEGMENTS))  # refused where of other format
        aside = _put_aside(directory)
        snapshot = Snapshots(directory).newest()
        segments = segment.paths(aside / SEGMENTS)
        start = snapshot.end if snapshot else START
        identity = identity or (dict(snapshot.identity) if snapshot else None)
        if identity is None or (segments and segment.number(segments[0]) > start.sequence):
            raise ValueError(
                f"{directory}: neither a snapshot nor the journal's beginning can be read; only a "
                f"backup helps. The files lie in {aside}."
            )
        shelf = open_shelf(directory, identity)  # nothing is committed: a start does it again
        if snapshot:
            state = restore(snapshot, 0, shelf=shelf)
        else:
            state = State(begin(identity, shelf=shelf), Receipts(0), shelf)
        acknowledged = _mark(aside / MARK)
        with closing(Journal(directory, identity, base=start)) as journal:
            for data in _whole_groups(segments, start.sequence):
                for kind, positions, payload in records.unpack(data):
                    if _apply(state, kind, payload):
                        journal.append(kind, payload, positions)
                journal.commit()
            kept = journal.end.position
        state.close()
    return {
        "kept": kept,
        "acknowledged": acknowledged.position or None,
        "lost": max(0, acknowledged.position - kept) if acknowledged.position else None,
        "aside": str(aside),
    }


def _put_aside(directory: Path) -> Path:
    number = 1
    while (aside := directory / f"damaged-{number}").exists():
        number += 1
    aside.mkdir()
    for name in (MARK, SEGMENTS):
        if (directory / name).exists():
            (directory / name).rename(aside / name)
    return aside


def _mark(path: Path) -> Any:
    if not path.exists():
        return START
    with closing(Mark(path, read_only=True)) as mark:
        return mark.read() or START


def _identity(segments: Sequence[Path]) -> dict[str, Any] | None:
    """What the records depend on, as the first head says that can be read."""
    heads = (segment.read(path) for path in segments)
    return next((head.identity for head in heads if head is not None), None)


def _whole_groups(segments: Sequence[Path], after: int) -> Iterator[memoryview]:
    """Groups that are what was written, whatever became of those between."""
    for path in segments:
        for frame in segment.frames(path):
            if frame.end.sequence > after:
                yield frame.records
                after = frame.end.sequence


def _apply(state: State, kind: int, payload: bytes) -> bool:
    """Whether the record still means something: a deletion may have lost its task."""
    if kind == Kind.DELETE:
        return state.delete(payload.decode("utf-8", "surrogatepass"))
    if kind == Kind.HEAR:
        return state.place.hear(state.reply(payload))
    state.learn(lessons.from_bytes(payload))
    return True


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m service.core.repair DIRECTORY")
    try:
        print(json.dumps(repair(Path(sys.argv[1])), indent=2))
    except (OSError, ValueError, RuntimeError) as problem:
        sys.exit(str(problem))
