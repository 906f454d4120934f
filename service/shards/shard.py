"""One worker as the front sees it: started, asked, and started again when it dies."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from service.problems import Problem
from service.settings import Settings
from service.shards.link import Failed, Handler, Link, Lost

log = logging.getLogger("kindred")
ROOT = Path(__file__).resolve().parents[2]
LONGEST_PAUSE = 30.0  # seconds between two starts of a worker that cannot open its state


class Shard:
    """The worker of one shard, for as long as the front lives.

    Parameters
    ----------
    settings
        the worker's own: `data_dir` is the shard's
    name
        of its place, as in "1 of 2"
    told
        is given the bytes of its messages, and answers when the next may come
    progress
        is called when `replayed` has changed
    """

    def __init__(
        self, settings: Settings, name: str, told: Handler, progress: Callable[[], None]
    ) -> None:
        self.settings = settings
        self.name = name
        self.heard = 0  # the newest meeting that it had heard of when it opened
        self.starts = 0
        self.replayed = 0, 0  # journal entries, and how many there are
        self._why: str | None = None  # it could not open its state
        self._progress = progress
        self._handlers = {"told": told, "progress": self._note}
        self._link: Link | None = None
        self._ready = False
        self._closing = False
        self._lost = asyncio.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._keeping: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Start the worker, and return once its state is recovered; later it starts by itself.

        Raises
        ------
        Failed
            where the state cannot be opened, or the process ended at once
        """
        try:
            await self._start()
        except Lost as error:
            raise Failed(f"Worker {self.name}: {error}; the log has the rest.") from error
        self._keeping = asyncio.create_task(self._keep(), name=f"worker {self.name}")

    def refuse_unless_ready(self) -> None:
        """Raise a Problem while the worker recovers its state."""
        if self._closing:
            raise Problem("draining", "The service is stopping; retry at its successor.")
        if not self._ready:
            raise Problem("starting", f"Worker {self.name} is not ready: {self._state()}.")

    async def ask(self, word: str, *arguments: Any) -> Any:
        """Its answer; raises what the engine raises, or a Problem while it is not there."""
        self.refuse_unless_ready()
        assert self._link is not None
        try:
            return await self._link.ask(word, *arguments)
        except Lost:
            raise Problem(
                "internal",
                f"Worker {self.name} ended before it answered and is starting again: what it was "
                "asked may have been done. With an id an example may be sent again safely.",
            ) from None
        except Failed as error:
            raise Problem("internal", f"Worker {self.name}: {error}.") from None

    async def close(self) -> None:
        """Have it write its last snapshot, and wait until its process has ended."""
        self._closing = True
        try:
            if self._link is not None and self._ready:
                await self._link.ask("close")
        except (Lost, Failed) as error:
            log.error("worker %s: %s", self.name, error)
        finally:
            if self._keeping is not None:
                self._keeping.cancel()
            if not self._ready:
                self.kill()
            await self._wait()

    def kill(self) -> None:
        """End its process at once."""
        if self._process is not None:
            self._process.kill()

    async def _start(self) -> None:
        self.starts += 1
        self._lost.clear()
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "service.shards.worker", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env=os.environ | {"PYTHONPATH": _path()},
            )
        ours.setblocking(False)
        self._link = await Link.over(ours, self._handlers, self._gone)
        self.heard = await self._link.ask("open", self.settings.model_dump_json(), self.name)
        self._ready, self._why = True, None

    async def _keep(self) -> None:
        """Start it again whenever it dies; ever more slowly while it cannot open its state."""
        pause = 0.5
        while True:
            await self._lost.wait()
            await self._wait()
            try:
                await self._start()
                pause = 0.5
            except (Failed, Lost) as error:
                self._why = str(error)
                log.critical("worker %s cannot start: %s", self.name, error)
                self.kill()
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    def _gone(self) -> None:
        """The link is broken: the process died, or was told to end."""
        if self._ready and not self._closing:
            log.error("worker %s died; it is started again", self.name)
        self._ready = False
        self.replayed = 0, 0
        self._lost.set()

    async def _wait(self) -> None:
        if self._process is not None:
            await asyncio.to_thread(self._process.wait)

    async def _note(self, done: int, total: int) -> None:
        self.replayed = done, total
        self._progress()

    def _state(self) -> str:
        if self._why is not None:
            return self._why
        done, total = self.replayed
        return f"{done} of {total} journal entries replayed" if total else "its process is starting"


def _path() -> str:
    """So that a worker imports what the front did, wherever it was started from."""
    return os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
