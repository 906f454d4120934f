"""From a data directory to the state it holds: the newest snapshot, then the journal's tail."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from learners.exchange import Parcel
from learners.features import Example, batch, take
from learners.features.table import Words, from_table
from learners.place import Place
from learners.types import Label
from service.core.receipts import Receipts
from service.core.replay import replay
from service.core.seat import Seat, silent
from service.core.state import State
from service.settings import Settings
from service.store.errors import Damaged
from service.store.journal import Journal
from service.store.mark import START, End
from service.store.reader import Reader
from service.store.shelf import SHELF, Shelf
from service.store.snapshots import Snapshot, Snapshots

log = logging.getLogger("kindred")
Progress = Callable[[int, int], None]  # positions replayed, and to replay, since the snapshot


class Recovered(NamedTuple):
    """A state, and the stores it came from."""

    state: State
    journal: Journal
    snapshots: Snapshots
    snapshot: End  # where the snapshot stood from which it was recovered


def identity(settings: Settings, seat: Seat | None = None) -> dict[str, Any]:
    """What a journal and its snapshots depend on: settings, and which of several places it is."""
    about = settings.model_dump(include={"strategy", "bits", "seed", "period", "warm_tasks"})
    return about | ({"place": seat.name} if seat else {})


def recover(
    settings: Settings, progress: Progress | None = None, seat: Seat | None = None
) -> Recovered:
    """Open the data directory, or make it; the caller holds its lock.

    Raises ValueError where it was written under other settings or by a newer version, and
    `errors.Damaged` where what was acknowledged cannot be rebuilt.
    """
    directory = settings.data_dir
    about = identity(settings, seat)
    journal = Journal(directory, about)
    try:
        refuse_others(directory, journal.identity, about)
        snapshots = Snapshots(directory)
        warm(settings.strategy)
        post = seat.post if seat else silent
        shelf = open_shelf(directory, about)
        try:
            state, start = rebuild(journal, snapshots, settings.id_window, progress, post, shelf)
            for path in snapshots.set_aside(start):
                log.warning("a snapshot was damaged; it lies in %s now", path)
        except BaseException:
            if shelf is not None:
                shelf.close()
            raise
    except BaseException:
        journal.close()
        raise
    return Recovered(state, journal, snapshots, start)


def rebuild(
    journal: Reader,
    snapshots: Snapshots,
    id_window: int,
    progress: Progress | None = None,
    post: Callable[[Parcel], None] = silent,
    shelf: Shelf | None = None,
) -> tuple[State, End]:
    """The state that a journal and its snapshots make, and which snapshot it began from.

    With cold tasks on a shelf, which goes back to where the snapshot stands, and on from there.
    """
    if (snapshot := snapshots.newest()) is not None:
        _refuse_strangers(journal, snapshot)
        state, start = restore(snapshot, id_window, post, shelf), snapshot.end
    else:
        place = begin(journal.identity, post, shelf)
        state, start = State(place, Receipts(id_window), shelf), START
    if journal.base.sequence > start.sequence:
        raise Damaged(
            f"{snapshots.directory}: no snapshot can be read that reaches back to position "
            f"{journal.base.position}, where the journal begins. Restore the whole directory from "
            "a backup."
        )
    total = journal.end.position - start.position
    for position in replay(state, journal.replay(start.sequence)):
        if progress is not None:
            progress(position - start.position, total)
    return state, start


def begin(
    about: Mapping[str, Any],
    post: Callable[[Parcel], None] = silent,
    shelf: Shelf | None = None,
) -> Place:
    """The place of a journal with that identity, before anything was learnt."""
    settings = {name: about[name] for name in ("bits", "seed", "period")}
    if shelf is not None:
        shelf.rewind(0)
        settings |= {"shelf": shelf, "warm": about["warm_tasks"]}
    if "place" in about:
        return Place(about["strategy"], **settings, name=about["place"], post=post)
    return Place(about["strategy"], **settings)


def open_shelf(directory: Path, about: Mapping[str, Any]) -> Shelf | None:
    """The cold tasks of a data directory with that identity; None where all stay in memory."""
    return Shelf(directory / SHELF) if about["warm_tasks"] else None


def warm(strategy: str) -> None:
    """Have all that is compiled loaded, or compiled, before the first request needs it."""
    place = Place(strategy, bits=8, period=1, thrift=0)  # so that all that is due is done
    labels: tuple[Label, ...] = ("a", "b", "c")
    for label in labels:  # two classes go another way than three; each example ends in a meeting
        examples = batch([Example(task, {"x": 1.0}, label) for task in ("one", "two")], bits=8)
        place.score(examples)
        place.learn(take(examples, range(2)))
    from_table(1, [("x", Words(np.zeros(1, np.int64), ["y"]))])


def freeze(state: State, journal: Journal) -> Snapshot:
    """The state as a snapshot; its bytes share nothing with what goes on learning."""
    parts = {"place": state.place.snapshot(), "receipts": state.receipts.to_bytes()}
    if state.shelf is not None:
        state.shelf.commit()  # before there is a snapshot that needs what lies there
    return Snapshot(journal.end, journal.identity, parts)


def refuse_others(directory: Path, written: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    """Raise ValueError where a directory was written under other settings than asked for.

    >>> refuse_others(Path("data"), {"bits": 20}, {"bits": 18})
    Traceback (most recent call last):
    ValueError: data was written with bits = 20, not 18: set KINDRED_BITS=20, or begin ...
    """
    for name, value in asked.items():
        if written.get(name) != value:
            raise ValueError(
                f"{directory} was written with {name} = {written.get(name)}, not {value}: "
                f"set KINDRED_{name.upper()}={written.get(name)}, or begin in another directory."
            )


def restore(
    snapshot: Snapshot,
    id_window: int,
    post: Callable[[Parcel], None] = silent,
    shelf: Shelf | None = None,
) -> State:
    """The state in a snapshot."""
    about = snapshot.identity
    carried = post if "place" in about else None
    place = Place.restore(about["strategy"], snapshot.parts["place"], carried, shelf)
    return State(place, Receipts.from_bytes(snapshot.parts["receipts"], id_window), shelf)


def _refuse_strangers(journal: Reader, snapshot: Snapshot) -> None:
    """Raise Damaged where a snapshot was not taken along this journal."""
    if snapshot.end.sequence < journal.base.sequence:
        return  # refused by the caller: there is a gap between the two
    end = snapshot.end
    if snapshot.identity != journal.identity or journal.end_at(end.sequence) != end:
        raise Damaged(
            f"{journal.path} and the snapshot at position {end.position} do not belong "
            "together. Restore the whole directory from one backup."
        )
