"""All shards behind one face: the same as an engine's, each question asked of whom it concerns."""

from __future__ import annotations

import asyncio
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from learners import parcels
from learners.types import F32
from learners.view import TaskView
from service.core import alike
from service.core.answers import Spoken
from service.core.pairs import most_alike
from service.core.plans import NOTHING
from service.core.prepare import Prepared
from service.core.recover import Progress, warm
from service.problems import Problem
from service.settings import Settings
from service.shards import columns, layout
from service.shards.exchange import Exchange
from service.shards.shard import Shard
from service.shards.worker import MODELS
from service.store.lock import Lock

NEAREST = 5


class Shards:
    """The workers of one data directory, their exchange and the lock over all; `open` makes it."""

    def __init__(self, settings: Settings, lock: Lock, progress: Progress) -> None:
        self.n = settings.workers
        self._lock = lock
        self._lost = 0  # replies
        self._sending: set[asyncio.Task[None]] = set()
        self._exchange = Exchange(settings, self.n, self._send)
        self._shards: dict[str, Shard] = {}
        for i in range(self.n):
            name, directory = layout.name(i, self.n), layout.shard(settings.data_dir, i)
            own = settings.model_copy(
                update={
                    "data_dir": directory.absolute(),
                    "workers": 1,
                    "warm_tasks": -(-settings.warm_tasks // self.n),
                }
            )
            self._shards[name] = Shard(own, name, self._exchange.take, self._add_up)
        self._by_number = list(self._shards.values())
        self._progress = progress

    @classmethod
    async def open(cls, settings: Settings, progress: Progress) -> Shards:
        """Start the workers and recover their states.

        Raises InUse, ValueError or Failed, each with the remedy.
        """
        directory: Path = settings.data_dir
        directory.mkdir(parents=True, exist_ok=True)
        lock = Lock(directory)
        try:
            layout.claim(directory, settings.workers)
            # Compiled loops are cached by one process before several would write that cache.
            await asyncio.to_thread(warm, settings.strategy)
            shards = cls(settings, lock, progress)
        except BaseException:
            lock.release()
            raise
        try:
            await asyncio.gather(*(shard.open() for shard in shards._by_number))
            heard = max(shard.heard for shard in shards._by_number)
            await shards._exchange.open(heard)
        except BaseException:
            for shard in shards._by_number:
                shard.kill()
            lock.release()
            raise
        return shards

    async def ask(self, shard: int, word: str, *arguments: Any) -> Any:
        """Ask one worker; what its engine raises is raised here."""
        return await self._by_number[shard].ask(word, *arguments)

    async def learn_block(self, made: Prepared) -> Spoken:
        """As an engine does; each worker learns its part."""
        return await self._block("learn", made)

    async def predict_block(self, made: Prepared) -> Spoken:
        """As an engine does; each worker predicts its part."""
        return await self._block("predict", made)

    async def _block(self, verb: str, made: Prepared) -> Spoken:
        """What all say; what one worker refuses is told of its rows, what all refuse is raised."""
        parts = columns.split(made, self.n)
        asked = (self.ask(shard, "block", verb, part.lesson) for shard, part in parts.items())
        answers = await asyncio.gather(*asked, return_exceptions=True)
        spoken: dict[int, Spoken] = {}
        for (shard, part), answer in zip(parts.items(), answers, strict=True):
            if isinstance(answer, Problem):
                apart = dict.fromkeys(range(len(part.rows)), answer)
                spoken[shard] = Spoken(len(part.rows), apart, [], NOTHING)
            elif isinstance(answer, BaseException):
                raise answer
            else:
                spoken[shard] = columns.from_bytes(answer)
        if parts and all(isinstance(answer, Problem) for answer in answers):
            raise answers[0]
        return columns.join(made, parts, spoken)

    async def _all(self, word: str, *arguments: Any) -> list[Any]:
        """Ask every worker."""
        return await asyncio.gather(*(s.ask(word, *arguments) for s in self._by_number))

    def refuse_unless_ready(self) -> None:
        """Raise a Problem that names the workers that are not ready."""
        waiting = []
        for shard in self._by_number:
            try:
                shard.refuse_unless_ready()
            except Problem as problem:
                if problem.code != "starting":
                    raise
                waiting.append(problem.detail)
        if waiting:
            raise Problem("starting", " ".join(waiting))

    async def delete(self, task: str) -> bool:
        """Forget a task, durably; whether there was one."""
        found: bool = await self.ask(layout.home(task, self.n), "delete", task)
        return found

    async def tasks(self) -> list[str]:
        """Names of all tasks, in order."""
        return sorted(name for names in await self._all("tasks") for name in names)

    async def view(self, task: str) -> TaskView:
        """What there is to see of one task; KeyError where there is none."""
        home = layout.home(task, self.n)
        view = msgspec.convert(await self.ask(home, "view", task), TaskView)
        model = await self.ask(home, "model", task)
        found = [near for some in await self._all("near", model, NEAREST) for near in some]
        found.sort(key=lambda near: (-near[1], near[0]))
        return view._replace(nearest=[(name, cosine) for name, cosine in found[:NEAREST]])

    async def relations(self) -> tuple[list[str], F32]:
        """Names of all tasks and the cosines of their models, (T, T).

        Raises Problem where the models are more than one process should hold.
        """
        return await asyncio.to_thread(_relations, await self._all("models"))

    async def pairs(self, top: int) -> list[tuple[str, str, float]]:
        """The pairs of tasks that are most alike, with their cosine, the most alike first."""
        return await asyncio.to_thread(most_alike, *await self.relations(), top)

    async def digest(self) -> str:
        """SHA-256 over the digests of all shards, in their order."""
        return overall(await self._all("digest"))

    async def stats(self) -> dict[str, float]:
        """The sums of what the workers that are ready say, and a few numbers about all."""
        total: Counter[str] = Counter()
        ready = 0
        for shard in self._by_number:
            try:
                total.update(await shard.ask("stats"))
                ready += 1
            except Problem:  # starting again: the others are told
                continue
        return {
            **total,
            "workers": self.n,
            "workers_ready": ready,
            "workers_restarted_total": sum(shard.starts - 1 for shard in self._by_number),
            "meetings_total": self._exchange.meetings,
            "meetings_failed_total": self._exchange.failed,
            "replies_lost_total": self._lost,
        }

    async def close(self) -> None:
        """Have all workers end as they should, and write the exchange."""
        try:
            await asyncio.gather(*(shard.close() for shard in self._by_number))
            await self._exchange.close()
        finally:
            self._lock.release()

    def _add_up(self) -> None:
        done, total = zip(*(shard.replayed for shard in self._by_number), strict=True)
        self._progress(sum(done), sum(total))

    def _send(self, place: str, reply: bytes) -> None:
        """Carry a reply; one that is lost does no harm."""
        task = asyncio.create_task(self._hear(self._shards[place], reply), name="reply")
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _hear(self, shard: Shard, reply: bytes) -> None:
        try:
            await shard.ask("hear", reply)
        except Problem:
            self._lost += 1


def _relations(there: list[list[bytes]]) -> tuple[list[str], F32]:
    return alike.cosines([parcels.from_bytes(data, MODELS) for some in there for data in some])


def overall(digests: list[str]) -> str:
    """One digest over those of all shards, in their order."""
    return sha256("\n".join(digests).encode()).hexdigest()
