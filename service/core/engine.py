"""The engine: asyncio in front, one writer behind, durable state below.

Jobs queue up while the writer is busy and go to it together; `hand.py` says on which thread it
works. Nothing else in the service touches the place.

>>> from tempfile import TemporaryDirectory
>>> from learners.features import Example
>>> async def main(directory: str) -> Item:
...     engine = await Engine.open(Settings(data_dir=directory, strategy="independent"))
...     for subject, label in [("cheap pills", "spam"), ("lunch?", "ham")] * 20:
...         await engine.learn([Example("alice", {"subject": subject}, label)])
...     [answer] = await engine.predict([Example("alice", {"subject": "more pills"})])
...     await engine.close()
...     return answer
>>> with TemporaryDirectory() as name:
...     answer = asyncio.run(main(name))
>>> answer.label, answer.seen
('spam', 40)
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar, cast

from learners.features import Example
from learners.place import Place
from learners.types import F32
from learners.view import TaskView
from service.core import alike
from service.core.answers import Item, Spoken
from service.core.hand import Hand
from service.core.jobs import ALONE, Ask, Delete, Hear, Job, Learn, Line, Look, Predict, Promise
from service.core.keeper import Keeper
from service.core.pairs import most_alike
from service.core.prepare import Prepared, prepare, size
from service.core.recover import Progress, Recovered, recover
from service.core.seat import Seat
from service.core.writer import Writer
from service.problems import Problem
from service.settings import Settings
from service.store.lock import Lock

T = TypeVar("T")
GROUP = 4096  # examples done at one go: what comes after waits for no more than these,
COLUMNS = 1 << 20  # and for no more columns than these, some 10 MB of journal, and one request
TURNS = 16  # of the event loop, at most, in which a group gathers
FEW = 500  # columns of a request that the writer hashes, together with others'; another thread more
log = logging.getLogger("kindred")


class Engine:
    """One place, durable, behind an async face; `open` makes it.

    Raises `Problem` with code busy, draining, disk-full or internal where a request is refused.
    """

    def __init__(
        self, settings: Settings, lock: Lock, thread: ThreadPoolExecutor, recovered: Recovered
    ) -> None:
        self.settings = settings
        self._lock = lock
        self._thread = thread
        # One thread and no more: they would only take turns, and the event loop its turn after all.
        self._preparer = ThreadPoolExecutor(1, "prepare")
        self._meetings = ThreadPoolExecutor(1, "meetings")
        recovered.state.place.talk.executor = self._meetings
        self._writer = Writer(recovered.state, recovered.journal)
        self._hand = Hand(self._writer, thread)
        self._keeper = Keeper(recovered, settings.snapshot_every, settings.compact)
        self._jobs: deque[Job] = deque()
        self._queued = 0  # examples in `_jobs` and with the writer
        self._wake = asyncio.Event()
        self._closing = False
        self._failure: BaseException | None = None
        self._loop = asyncio.create_task(self._run(), name="engine")

    @classmethod
    async def open(
        cls, settings: Settings, progress: Progress | None = None, seat: Seat | None = None
    ) -> Engine:
        """Recover the state, or begin one; `progress` is called by another thread.

        With a seat it is one of several places, whose replies come by `hear`.

        Raises InUse, ValueError or errors.Damaged, each with the remedy.
        """
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        lock = Lock(settings.data_dir)
        thread = ThreadPoolExecutor(1, "writer")
        try:
            recovered = await asyncio.get_running_loop().run_in_executor(
                thread, recover, settings, progress, seat
            )
        except BaseException:
            thread.shutdown()
            lock.release()
            raise
        return cls(settings, lock, thread, recovered)

    async def learn(self, examples: Sequence[Example]) -> list[Item]:
        """Learn what is good of them; what was said of each before, or its problem, in order.

        Durable when it returns. An id that was learnt before gives its first answer again.
        """
        return await self._ask(Learn, examples)

    async def predict(self, examples: Sequence[Example]) -> list[Item]:
        """What is said of each now, or its problem, in order; nothing changes."""
        return await self._ask(Predict, examples)

    async def learn_block(self, made: Prepared) -> Spoken:
        """As `learn`, of what is prepared already; as columns."""
        return await self._ask_block(Learn, made)

    async def predict_block(self, made: Prepared) -> Spoken:
        """As `predict`, of what is prepared already; as columns."""
        return await self._ask_block(Predict, made)

    def submit(self, kind: type[Ask], line: Line, columns: int, done: Promise) -> None:
        """Learn or predict one example of about so many columns; `done` gets a list of one Item."""
        self._refuse_if_busy(1)
        self._submit(kind(line, 1, columns, done))

    def submit_block(self, kind: type[Ask], made: Prepared, done: Promise) -> None:
        """Learn or predict what is prepared already; `done` gets it as Spoken."""
        self._refuse_if_busy(made.n)
        self._submit(kind(made, made.n, len(made.lesson.batch.columns), done))

    async def delete(self, task: str) -> bool:
        """Forget a task, durably; whether there was one."""
        self._refuse_if_busy(1)
        job = Delete(task)
        self._submit(job)
        return await job.done

    async def hear(self, reply: bytes) -> bool:
        """Merge the reply of a meeting held elsewhere, durably; whether it was news."""
        job = Hear(reply)
        self._submit(job)
        return await job.done

    async def look(self, at: Callable[[Place], T]) -> T:
        """What a function sees of the place, between two blocks; it must change nothing."""
        job = Look(at)
        self._submit(job)
        seen: T = await job.done
        return seen

    async def tasks(self) -> list[str]:
        """Names of the tasks, in order."""
        return await self.look(lambda place: place.tasks)

    async def view(self, task: str) -> TaskView:
        """The place's view of one task; KeyError where there is none."""
        view = await self.look(lambda place: place.view(task, nearest=0))
        return view._replace(nearest=await alike.nearest(self.look, task))

    async def relations(self) -> tuple[list[str], F32]:
        """Names of the tasks and the cosines of their models, (T, T)."""
        return await alike.relations(self.look)

    async def pairs(self, top: int) -> list[tuple[str, str, float]]:
        """The pairs of tasks that are most alike, with their cosine, the most alike first."""
        return await asyncio.to_thread(most_alike, *await self.relations(), top)

    async def digest(self) -> str:
        """SHA-256 of the place's whole state, in hexadecimal."""
        return await self.look(lambda place: place.digest())

    @property
    def position(self) -> int:
        """Examples learnt and tasks deleted so far."""
        return self._writer.journal.end.position

    async def stats(self) -> dict[str, float]:
        """Numbers about the engine; those that only grow end in `_total`."""
        writer = self._writer
        return {
            "position": self.position,
            "tasks": len(writer.state.place),
            "tasks_cold": len(writer.state.shelf or ()),
            "ids_remembered": len(writer.state.receipts),
            "queued_examples": self._queued,
            "learnt_total": writer.learnt,
            "predicted_total": writer.predicted,
            "commits_total": writer.commits,
            "commit_seconds_total": writer.commit_seconds,
            **self._keeper.stats(),
        }

    async def close(self) -> None:
        """Do what was taken in, write a snapshot, let go of the directory."""
        self._closing = True
        self._wake.set()
        try:
            await self._loop
            await self._keeper.finish(self._hand.aside)
        finally:
            await self._hand.aside(self._writer.journal.close)
            await self._hand.aside(self._writer.state.close)
            self._thread.shutdown()
            self._preparer.shutdown(wait=False)
            self._meetings.shutdown()
            self._lock.release()

    def _refuse_if_busy(self, n: int) -> None:
        if self._queued and self._queued + n > self.settings.queue:
            raise Problem(
                "busy",
                f"{self._queued} examples are waiting, {n} more would be over the limit of "
                f"{self.settings.queue}; retry in a moment, or raise KINDRED_QUEUE.",
            )

    async def _ask(self, kind: type[Ask], examples: Sequence[Example]) -> list[Item]:
        self._refuse_if_busy(len(examples))
        columns = size(examples)
        if columns <= FEW:
            job = kind(examples, len(examples), columns)
            self._submit(job)
            return cast("list[Item]", await _result(job))
        making = partial(prepare, examples, self.settings.bits, to_learn=kind is Learn)
        made = await asyncio.get_running_loop().run_in_executor(self._preparer, making)
        return (await self._ask_block(kind, made)).items()

    async def _ask_block(self, kind: type[Ask], made: Prepared) -> Spoken:
        done: asyncio.Future[Spoken] = asyncio.get_running_loop().create_future()
        self.submit_block(kind, made, done)
        return await done

    def refuse_unless_ready(self) -> None:
        """Raise a Problem where nothing can be learnt any more."""
        if self._failure is not None:
            raise Problem("internal", f"The engine stopped: {self._failure!r}. Start it again.")
        if self._closing:
            raise Problem("draining", "The service is stopping; retry at its successor.")

    def _submit(self, job: Job) -> None:
        self.refuse_unless_ready()
        self._jobs.append(job)
        self._queued += job.n
        self._wake.set()

    async def _run(self) -> None:
        """Hand groups to the writer until the engine closes and the queue is empty."""
        group: list[Job] = []
        try:
            while self._jobs or not self._closing:
                if self._jobs:
                    await self._gather()
                    group = self._group()
                    for job, outcome in await self._hand.work(group):
                        self._settle(job, outcome)
                    group = []
                    await self._keeper.after_group(self._hand.aside)
                else:
                    self._wake.clear()
                    await self._wake.wait()
        except Exception as error:
            self._fail(error, group)

    async def _gather(self) -> None:
        """Let what comes just now go with the next group, for as long as each turn brings some.

        Clients that were answered together ask again together: so they share a flush again, rather
        than take turns by halves. No timer: a turn that brings nothing ends it.
        """
        n, turns = 0, 0
        while n < len(self._jobs) and self._queued < GROUP and turns < TURNS:
            n = len(self._jobs)
            turns += 1
            await asyncio.sleep(0)

    def _fail(self, error: Exception, group: Sequence[Job]) -> None:
        """The journal may hold what the place has not learnt: only a restart sets that right."""
        log.critical("the engine stops", exc_info=error)
        self._failure = error
        self._keeper.stop()
        for job in (*group, *self._jobs):
            self._settle(job, Problem("internal", f"The engine stopped: {error!r}."))
        self._jobs.clear()

    def _settle(self, job: Job, outcome: Any) -> None:
        self._queued -= job.n
        if job.done.done():  # whoever waited has left
            return
        if isinstance(outcome, Exception):
            job.done.set_exception(outcome)
        else:
            job.done.set_result(outcome)

    def _group(self) -> list[Job]:
        """The longest beginning of the queue that needs one flush, or none.

        Predictions at its head need not wait for a flush, so they go alone; so does a deletion, and
        a reply.
        """
        group = [self._jobs.popleft()]
        n, columns, first = group[0].n, group[0].columns, type(group[0])
        while self._jobs and first not in ALONE and n < GROUP and columns < COLUMNS:
            job = self._jobs[0]
            if isinstance(job, ALONE) or (first is not Learn and isinstance(job, Learn)):
                break
            group.append(self._jobs.popleft())
            n += job.n
            columns += job.columns
        return group


async def _result(job: Ask) -> Any:
    return await cast("asyncio.Future[Any]", job.done)
