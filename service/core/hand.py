"""Who does a group of jobs: the event loop itself, or a thread beside it.

Handing over and back costs as much as learning a dozen examples, and meanwhile two threads take
turns at Python's lock, each with its caches full of what the other needs. So a group that takes a
few milliseconds, flush and all, is done on the event loop: whoever was answered with it asks again
at its end. What takes longer goes to a thread, by which the event loop is free for others.
How long a group will take is told by those of about its size before. Beside the event loop it takes
longer, for the two wait for each other: so what is expected of such groups fades, until one of them
shows on the event loop how long it takes there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import inf
from time import perf_counter
from typing import Any, TypeVar

from service.core.jobs import Job, Learn, Predict
from service.core.plans import Outcome
from service.core.writer import Writer

T = TypeVar("T")
AT_ONCE = 0.004  # seconds for which others may be held up
RECENT = 0.1  # weight of the last group in what is expected of the next of its size
FADES = 0.98  # times what was expected, at most, after a group that the thread did


class Hand:
    """Gives a writer one group after the other; the next when the last is done."""

    def __init__(self, writer: Writer, thread: ThreadPoolExecutor) -> None:
        self.writer = writer
        self._thread = thread
        self._took: dict[int, float] = {}  # seconds, by the logarithm of a group's columns

    async def work(self, group: Sequence[Job]) -> list[Outcome]:
        """As the writer's `work`."""
        if not all(isinstance(job, Learn | Predict) for job in group):  # how long, nobody knows
            return await self.aside(self.writer.work, group)
        size = sum(job.columns for job in group).bit_length()
        at_once = self._took.get(size, inf) <= AT_ONCE
        if at_once:
            outcomes, took = self._timed(group)
        else:
            outcomes, took = await self.aside(self._timed, group)
        before = self._took.get(size, took)
        now = before + RECENT * (took - before)
        self._took[size] = now if at_once else min(now, FADES * before)
        return outcomes

    async def aside(self, do: Callable[..., T], *args: Any) -> T:
        """What a function returns that the thread calls; with one wake-up and one future."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()

        def call() -> None:
            try:
                result = do(*args)
            except Exception as error:
                loop.call_soon_threadsafe(done.set_exception, error)
            else:
                loop.call_soon_threadsafe(done.set_result, result)

        self._thread.submit(call)
        return await done

    def _timed(self, group: Sequence[Job]) -> tuple[list[Outcome], float]:
        began = perf_counter()
        return self.writer.work(group), perf_counter() - began
