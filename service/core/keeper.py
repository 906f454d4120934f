"""When snapshots are taken and the journal is compacted, without stopping learning for long.

The writer takes the bytes between two groups; a thread of its own writes the file; then the writer
drops what the older of the two newest snapshots holds, a segment after each group.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, cast

from service.core.recover import Recovered, freeze
from service.store.errors import Damaged
from service.store.snapshots import Snapshot

InWriter = Callable[..., Awaitable[Any]]  # runs a function in the writer's thread
log = logging.getLogger("kindred")


class Keeper:
    """Keeps a restart short and the journal small."""

    def __init__(self, recovered: Recovered, every: int, compact: bool) -> None:
        self.state, self.journal, self.snapshots, _ = recovered
        self.every = every
        self.compact = compact
        self.newest = self.before = recovered.snapshot  # ends of the newest two
        self.written = 0
        self.failed = 0
        self._tried = self.newest.position  # where the last was taken, written or not
        self._writing: asyncio.Task[None] | None = None
        self._stopped = self.state.place.replayed  # its state is always rebuilt from all records
        self._compacting = self._purging = False

    def stats(self) -> dict[str, float]:
        """Numbers about snapshots; those that only grow end in `_total`."""
        return {
            "snapshot_position": self.newest.position,
            "snapshots_total": self.written,
            "snapshots_failed_total": self.failed,
        }

    def stop(self) -> None:
        """No snapshots any more: the state is not to be trusted."""
        self._stopped = True

    async def after_group(self, in_writer: InWriter) -> None:
        """Take a snapshot if one is due, and compact a little."""
        due = self.journal.end.position - self._tried >= self.every
        if due and self._writing is None and not self._stopped:
            if (snapshot := await self._freeze(in_writer)) is not None:
                self._writing = asyncio.create_task(self._write(snapshot), name="snapshot")
        if self._compacting:
            try:
                self._compacting = not await in_writer(self.journal.compact, self.before.sequence)
            except (OSError, Damaged) as error:
                log.warning("the journal is not compacted: %s", error)
                self._compacting = False
        if self._purging and (shelf := self.state.shelf) is not None:
            self._purging = not await in_writer(shelf.purge, self.before.position)

    async def finish(self, in_writer: InWriter) -> None:
        """Take the last snapshot and wait until it is written."""
        if self._writing is not None:
            await self._writing
        if not self._stopped and self.journal.end != self.newest:
            if (snapshot := await self._freeze(in_writer)) is not None:
                await self._write(snapshot)

    async def _freeze(self, in_writer: InWriter) -> Snapshot | None:
        self._tried = self.journal.end.position
        try:
            return cast(Snapshot, await in_writer(freeze, self.state, self.journal))
        except Exception as error:
            self._failed(error)
            return None

    async def _write(self, snapshot: Snapshot) -> None:
        try:
            await asyncio.to_thread(self.snapshots.write, snapshot)
        except Exception as error:
            self._failed(error)
        else:
            self.before, self.newest = self.newest, snapshot.end
            self.written += 1
            self._compacting = self.compact
            self._purging = True
        self._writing = None

    def _failed(self, error: Exception) -> None:
        """Nothing is lost, a restart takes longer; it is tried again after as many examples."""
        log.warning("no snapshot at position %d: %s", self._tried, error)
        self.failed += 1
