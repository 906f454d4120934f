"""The meetings of the shards' places: a hub in the front, off its event loop.

A meeting costs work for every task of every place, and a place speaks when it has learnt as much as
its own part of that; so a meeting is held with every n-th message of n places. Nobody waits for it:
its replies are heard when they come, and stand in the journals of those who hear them.

The hub is written beside the shards now and then and when the service stops. What `kill -9` takes
from it are the newest meetings, of which the places have heard all there was to hear: to their
strategies that is as if these had been missed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from learners import hubs, parcels
from learners.coordination import find
from learners.exchange import Hub
from service.core.recover import identity
from service.settings import Settings
from service.store.mark import End
from service.store.snapshots import Snapshot, Snapshots

log = logging.getLogger("kindred")
PART = "hub"


class Exchange:
    """Carries messages of n places to one hub, and replies back.

    Parameters
    ----------
    n
        places, and so messages to a meeting
    send
        carries a reply's bytes to the place of that name
    """

    def __init__(self, settings: Settings, n: int, send: Callable[[str, bytes], None]) -> None:
        self.meetings = 0
        self.failed = 0
        self._about: dict[str, Any] = identity(settings)
        self._store = Snapshots(settings.data_dir)
        self._strategy = find(settings.strategy)
        self._message = parcels.message_of(self._strategy)
        self._hub = Hub(self._strategy, settings.seed)
        self._n = n
        self._send = send
        self._messages = 0  # since the last meeting
        self._every = max(1, settings.snapshot_every // max(1, settings.period * n))
        self._unsaved = 0  # meetings
        self._turn = asyncio.Lock()
        self._opened = asyncio.Event()

    async def open(self, heard: int) -> None:
        """Fill the hub; `heard` is the newest meeting that any of the places has heard of."""
        await asyncio.to_thread(self._fill)
        self._hub.number = max(self._hub.number, heard)
        self._opened.set()

    async def take(self, message: bytes) -> bool:
        """Take a message, and hold a meeting when it is time; False where the hub wants all told.

        Returns when the next message of that place may come.
        """
        await self._opened.wait()
        async with self._turn:
            try:
                taken, replies = await asyncio.to_thread(self._take, message)
            except Exception as error:  # learning goes on without
                log.exception("a meeting failed")
                self.failed += 1
                raise ValueError(f"the message cannot be mixed: {error}") from error
            for name, reply in replies.items():
                self._send(name, reply)
            return taken

    async def close(self) -> None:
        """Write the hub."""
        async with self._turn:
            if self._unsaved:
                await asyncio.to_thread(self._save)

    def _fill(self) -> None:
        for snapshot in self._store.whole():
            if snapshot.identity == self._about:
                self._hub = hubs.from_bytes(snapshot.parts[PART], self._strategy)
                return

    def _take(self, message: bytes) -> tuple[bool, dict[str, bytes]]:
        parcel = parcels.from_bytes(message, self._message)
        known = self._hub.inbox.get(parcel.place)
        if known is not None and parcel.number <= known.number:
            return True, {}  # a worker that was started again repeats what it told last
        taken = self._hub.post(parcel)
        self._messages += taken
        if self._messages < self._n:
            return taken, {}
        self._messages = 0
        replies = {name: parcels.to_bytes(reply) for name, reply in self._hub.meet().items()}
        self.meetings += 1
        self._unsaved += 1
        if self._unsaved >= self._every:
            self._save()
        return taken, replies

    def _save(self) -> None:
        end = End(self._hub.number, 0, 0)
        try:
            self._store.write(Snapshot(end, self._about, {PART: hubs.to_bytes(self._hub)}))
        except OSError as error:
            log.warning("the exchange is not written: %s", error)
        else:
            self._unsaved = 0
