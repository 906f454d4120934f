"""A worker: an engine in a process of its own, asked over a link instead of HTTP.

    python -m service.shards.worker FILE_DESCRIPTOR

It answers the very requests of /v1/learn and /v1/predict, bytes in and bytes out, by the same code
as a service of one process. The front's end is its end: when the link breaks it stops at once, for
whatever was acknowledged is in its journal.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np
import uvloop

from learners import parcels
from learners import view as views
from learners.exchange import Parcel
from service.core.engine import Engine
from service.core.recover import Progress
from service.core.seat import Seat
from service.problems import Problem
from service.settings import Settings
from service.shards import columns
from service.shards.link import Link, plain
from service.store.lock import InUse
from service.web.examples import Examples
from service.web.running import Running

log = logging.getLogger("kindred")
Headers = list[tuple[bytes, bytes]]
MODELS = views.Models(np.zeros((0, 0, 0), np.float32))  # for its structure
CELLS = 1 << 26  # numbers of models that are sent: a quarter of a gigabyte
PAUSE = 0.05  # seconds
ORPHAN_ATTEMPTS = 200  # for a worker whose front was killed to let go of the directory


class Served(NamedTuple):
    """What a worker answers to a request."""

    problem: Sequence[Any] | None  # what it is refused with, as `link.plain` has it
    status: int
    headers: Headers
    body: bytes
    ok: int  # examples that were good, since the last answer
    refused: Mapping[str, int]  # and that were not, by code


class Worker:
    """What a front may ask of one shard."""

    def __init__(self) -> None:
        self.link: Link
        self.running: Running[Engine]
        self.counts = Counts()
        self.ended = asyncio.Event()
        self._replayed = 0, 0  # journal entries, and how many there are
        self._newest: Parcel | None = None  # a message that waits to be carried
        self._carrying = False
        self._loop = asyncio.get_running_loop()

    async def open(self, given: str, place: str) -> int:
        """Recover the state; the number of the newest meeting that it heard of."""
        settings = Settings.model_validate_json(given)
        logging.getLogger().setLevel(settings.log_level.upper())
        seat = Seat(place, self._post)
        self.running = Running(settings, partial(self._open, seat=seat))
        self.running.start()
        telling = asyncio.create_task(self._tell_progress())
        try:
            await self.running.opened()
        finally:
            telling.cancel()
        self.endpoints = {
            "learn": Examples("learn", self.running, self.counts),
            "predict": Examples("predict", self.running, self.counts),
        }
        self._carry()
        return await self.running.engine.look(lambda place: place.heard)

    async def serve(
        self, verb: Literal["learn", "predict"], headers: Headers, body: bytes
    ) -> Served:
        """What HTTP would have answered."""
        scope = {
            "type": "http", "method": "POST", "path": f"/v1/{verb}", "headers": headers,
        }  # fmt: skip
        answer = Answer(body)
        problem = None
        try:
            await self.endpoints[verb](scope, answer.receive, answer.send)
        except Problem as error:
            problem = plain(error)
            if error.code == "internal":
                self._leave_if_failed()
        counted = self.counts.take(verb)
        return Served(problem, answer.status, answer.headers, b"".join(answer.parts), *counted)

    async def block(self, verb: Literal["learn", "predict"], lesson: bytes) -> bytes:
        """What is said of examples that come as columns."""
        engine = self.running.engine
        ask = engine.learn_block if verb == "learn" else engine.predict_block
        return columns.to_bytes(await ask(columns.prepared(lesson)))

    async def delete(self, task: str) -> bool:
        """Forget a task."""
        return await self.running.engine.delete(task)

    async def tasks(self) -> list[str]:
        """Names of the tasks here."""
        return await self.running.engine.tasks()

    async def view(self, task: str) -> Any:
        """One task, as its TaskView's fields."""
        return await self.running.engine.view(task)

    async def models(self, tasks: list[str] | None = None) -> bytes:
        """The models of the tasks in memory, or of those: a parcel; a Problem where it is large."""
        found = await self.running.engine.look(lambda place: views.models(place, tasks))
        if (cells := found.tree.w.size) > CELLS:
            raise Problem(
                "invalid-request",
                f"relations: the models of {len(found.tasks)} tasks of one worker are {cells:,} "
                f"numbers, the limit is {CELLS:,}; ask /v1/tasks/{{task}} for the nearest of each.",
            )
        return parcels.to_bytes(found)

    async def near(self, model: bytes, top: int) -> list[tuple[str, float]]:
        """The tasks here whose models are most alike the one in that parcel."""
        asked = parcels.from_bytes(model, MODELS)
        mine = await self.running.engine.look(lambda place: views.models(place))
        return await asyncio.to_thread(_near, asked, mine, top)

    async def stats(self) -> dict[str, float]:
        """The engine's numbers, and the process's."""
        used = os.times()
        cpu = {"worker_cpu_seconds_total": used.user + used.system}
        return await self.running.engine.stats() | cpu

    async def digest(self) -> str:
        """Hash of the shard's state."""
        return await self.running.engine.digest()

    async def hear(self, reply: bytes) -> bool:
        """Merge a reply of the exchange, durably."""
        return await self.running.engine.hear(reply)

    async def close(self) -> None:
        """Do what was taken in, write the last snapshot; then the process ends."""
        await self.running.stop()
        self._loop.call_later(0.1, self.ended.set)  # once that is answered

    def _leave_if_failed(self) -> None:
        """An engine that stopped is set right by a restart: that of its process."""
        try:
            self.running.engine.refuse_unless_ready()
        except Problem as problem:
            log.critical("%s", problem)
            self._loop.call_later(0.1, os._exit, 1)  # once that is answered

    def _post(self, parcel: Parcel) -> None:
        """Take the place's message, in the writer's thread; an older one that waits is outdone."""
        self._newest = parcel
        self._loop.call_soon_threadsafe(self._carry)

    def _carry(self) -> None:
        if self._newest is not None and not self._carrying and self.running.ready:
            self._carrying = True
            task = asyncio.create_task(self._carry_all(), name="carry")
            task.add_done_callback(lambda task: task.result())

    async def _carry_all(self) -> None:
        try:
            while self._newest is not None:
                parcel, self._newest = self._newest, None
                await self.link.ask("told", await asyncio.to_thread(parcels.to_bytes, parcel))
        finally:
            self._carrying = False

    async def _open(self, settings: Settings, progress: Progress, seat: Seat) -> Engine:
        """Open the engine, once a worker of a front that was killed has let go.

        Only such a one can hold the directory: the front holds the one above it.
        """

        def tell(done: int, total: int) -> None:
            progress(done, total)
            self._replayed = done, total

        for _ in range(ORPHAN_ATTEMPTS):
            try:
                return await Engine.open(settings, tell, seat)
            except InUse:
                await asyncio.sleep(PAUSE)
        return await Engine.open(settings, tell, seat)

    async def _tell_progress(self) -> None:
        while True:
            await asyncio.sleep(PAUSE)
            self.link.note("progress", *self._replayed)


class Answer:
    """The two ends of a request that came by the link: its body, and what is sent."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.status = 0
        self.headers: Headers = []
        self.parts: list[bytes] = []

    async def receive(self) -> dict[str, Any]:
        """The whole body at once."""
        return {"type": "http.request", "body": self.body, "more_body": False}

    async def send(self, message: Any) -> None:
        """Take the beginning, or a part."""
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], message["headers"]
        else:
            self.parts.append(message.get("body", b""))


class Counts:
    """Counts examples until the front takes the figures."""

    def __init__(self) -> None:
        self._ok: Counter[str] = Counter()
        self._refused: dict[str, Counter[str]] = {"learn": Counter(), "predict": Counter()}

    def examples(self, verb: str, ok: int, refused: Mapping[str, int]) -> None:
        """As the service's metrics do."""
        self._ok[verb] += ok
        self._refused[verb].update(refused)

    def take(self, verb: str) -> tuple[int, Mapping[str, int]]:
        """What was counted since it was last taken."""
        refused, self._refused[verb] = self._refused[verb], Counter()
        return self._ok.pop(verb, 0), refused


def _near(asked: Parcel, mine: Parcel, top: int) -> list[tuple[str, float]]:
    unit = views.directions([asked, mine])
    cosine = (unit[1:] @ unit[0]).tolist()
    others = [found for found in zip(mine.tasks, cosine, strict=True) if found[0] != asked.tasks[0]]
    return sorted(others, key=lambda found: -found[1])[:top]


async def work(sock: socket.socket) -> None:
    """Answer until told to close."""
    worker = Worker()
    words = (
        worker.open, worker.serve, worker.block, worker.delete, worker.tasks, worker.view,
        worker.models, worker.near, worker.stats, worker.digest, worker.hear, worker.close,
    )  # fmt: skip
    worker.link = await Link.over(sock, {word.__name__: word for word in words}, _orphaned)
    await worker.ended.wait()
    os._exit(0)  # all is written; threads of libraries need not be waited for


def _orphaned() -> None:
    os._exit(1)


def main() -> None:
    """Run until the front says so, or is gone; signals are the front's to take."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    uvloop.run(work(socket.socket(fileno=int(sys.argv[1]))))


if __name__ == "__main__":
    main()
