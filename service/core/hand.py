"""Who does a group of jobs: the event loop itself, or a thread beside it.

Handing over and back costs as much as learning a dozen examples, and meanwhile two threads take
turns at Python's lock, each with its caches full of what the other needs. So a group that takes a
millisecond or two is done on the event loop, but for the flush, which a thread waits for while the
next requests come in. What takes longer a thread does as a whole, and so does all that may wait for
a disk. How long a group will take is told by those of about its size before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import inf
from time import thread_time
from typing import Any, TypeVar

from service.core.jobs import Job, Learn, Predict
from service.core.plans import Outcome
from service.core.writer import Writer

T = TypeVar("T")
AT_ONCE = 0.002  # seconds for which others may be held up
RECENT = 0.1  # weight of the last group in what is expected of the next of its size


class Hand:
    """Gives a writer one group after the other; the next when the last is done."""

    def __init__(self, writer: Writer, thread: ThreadPoolExecutor) -> None:
        self.writer = writer
        self._thread = thread
        self._took: dict[int, float] = {}  # seconds, by the logarithm of a group's columns

    async def work(self, group: Sequence[Job]) -> list[Outcome]:
        """As the writer's `work`."""
        size = sum(job.columns for job in group).bit_length()
        if self._took.get(size, inf) > AT_ONCE or not self._is_plain(group):
            outcomes, took = await self.aside(self._whole, group)
        else:
            began = thread_time()
            staged = self.writer.stage(group)
            took = thread_time() - began
            trouble = None
            if staged.records:
                trouble = await self.aside(self.writer.commit, staged.records)
            began = thread_time()
            outcomes = self.writer.finish(staged, trouble)
            took += thread_time() - began
        before = self._took.get(size, took)
        self._took[size] = before + RECENT * (took - before)
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

    def _whole(self, group: Sequence[Job]) -> tuple[list[Outcome], float]:
        began = thread_time()
        return self.writer.work(group), thread_time() - began

    def _is_plain(self, group: Sequence[Job]) -> bool:
        """Whether it neither looks for a task on the disk nor does what nobody has measured."""
        return self.writer.state.shelf is None and all(
            isinstance(job, Learn | Predict) for job in group
        )
