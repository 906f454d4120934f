"""The engine of a service, while it recovers, works and stops."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import logging
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from service.core.face import Face
from service.core.recover import Progress
from service.problems import Problem
from service.settings import Settings

COLLECT = 50_000  # objects more than before, between two looks for cycles
KEPT = 1 << 26  # bytes freed at the end of the heap that are not given back at once
_TRIM, _MMAP = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of malloc.h
log = logging.getLogger("kindred")


E = TypeVar("E", bound=Face, covariant=True)


class Running(Generic[E]):
    """Opens the engine beside the event loop, so that /livez answers during a long recovery."""

    def __init__(
        self, settings: Settings, open: Callable[[Settings, Progress], Awaitable[E]]
    ) -> None:
        self.settings = settings
        self._make = open
        self.failure: BaseException | None = None  # why there will be no engine
        self.on_failure: Callable[[], None] = lambda: None
        self._engine: E | None = None
        self._opening: asyncio.Task[None] | None = None
        self._done, self._total = 0, 0

    def start(self) -> None:
        """Begin to recover; returns at once."""
        self._opening = asyncio.create_task(self._open(), name="recovery")

    async def opened(self) -> None:
        """Wait until it is open; raises why it cannot be."""
        assert self._opening is not None, "start it first"
        await self._opening
        if self.failure is not None:
            raise self.failure

    async def stop(self) -> None:
        """Learn what was taken in, write the last snapshot, close."""
        if self._opening is not None:
            await self._opening
        if self._engine is not None:
            engine, self._engine = self._engine, None
            await engine.close()

    @property
    def engine(self) -> E:
        """The engine; a Problem while there is none."""
        if self._engine is None:
            raise Problem("starting", f"Recovering the state: {self.progress}.")
        return self._engine

    @property
    def ready(self) -> bool:
        """Whether examples can be learnt now."""
        return self._engine is not None

    @property
    def progress(self) -> str:
        """How far recovery is, in words."""
        if self._total == 0:
            return "loading the compiled loops and the newest snapshot"
        return f"{self._done} of {self._total} journal entries replayed"

    async def _open(self) -> None:
        try:
            self._engine = await self._make(self.settings, self._progress)
        except Exception as error:
            self.failure = error
            log.critical("cannot open %s: %s", self.settings.data_dir, error)
            self.on_failure()
        else:
            _spare_the_collector()
            _keep_memory()

    def _progress(self, done: int, total: int) -> None:
        self._done, self._total = done, total


def _spare_the_collector() -> None:
    """Let it pass over what is there now, and come less often than by default.

    A request of thousands of examples makes as many small objects, none of them in a cycle; at each
    700 of them it would look through all that was ever imported: three quarters of the time of a
    long answer.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT, 20, 20)


def _keep_memory() -> None:
    """Have malloc use again what was freed, where it is glibc's.

    By default arrays of more than some 128 KB are mapped anew each time, and the kernel clears each
    of their pages anew, for each request of thousands of examples.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP, KEPT // 2)  # 32 MiB, the most it takes
        mallopt(_TRIM, KEPT)
