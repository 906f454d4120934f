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
from functools import partial
from typing import Literal

import numpy as np
import uvloop

from learners import parcels
from learners import view as views
from learners.exchange import Parcel
from learners.view import TaskView
from service.core import alike
from service.core.engine import Engine
from service.core.recover import Progress
from service.core.seat import Seat
from service.problems import Problem
from service.settings import Settings
from service.shards import columns
from service.shards.link import Link, plain
from service.shards.served import Answer, Counts, Headers, Served
from service.store.lock import InUse
from service.web.examples import Examples
from service.web.running import Running

log = logging.getLogger("kindred")
MODELS = views.Models(np.zeros((0, 0, 0), np.float32))  # for its structure
CELLS = 1 << 26  # numbers of models that are sent: a quarter of a gigabyte
PAUSE = 0.05  # seconds
ORPHAN_ATTEMPTS = 200  # for a worker whose front was killed to let go of the directory


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

    async def view(self, task: str) -> TaskView:
        """One task, without the nearest."""
        return await self.running.engine.look(lambda place: place.view(task, nearest=0))

    async def model(self, task: str) -> bytes:
        """What one task believes: a parcel."""
        look = self.running.engine.look
        return parcels.to_bytes(await look(lambda place: views.models(place, [task])))

    async def models(self) -> list[bytes]:
        """What the tasks in memory believe: parcels; a Problem where they are too large."""
        found = await alike.models(self.running.engine.look)
        cells = sum(one.tree.w.size for one in found)
        if cells > CELLS:
            raise Problem(
                "invalid-request",
                f"relations: the models of one worker's tasks are {cells:,} numbers, the limit is "
                f"{CELLS:,}; ask /v1/tasks/{{task}} for the nearest of each.",
            )
        return await asyncio.to_thread(lambda: [parcels.to_bytes(one) for one in found])

    async def near(self, model: bytes, top: int) -> list[tuple[str, float]]:
        """The tasks here whose models are most alike the one in that parcel."""
        one = parcels.from_bytes(model, MODELS)
        return await alike.nearest_to(self.running.engine.look, one, top)

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
        """Take the place's message, on any thread; an older one that waits is outdone."""
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


async def work(sock: socket.socket) -> None:
    """Answer until told to close."""
    worker = Worker()
    words = (
        worker.open, worker.serve, worker.block, worker.delete, worker.tasks, worker.view,
        worker.model, worker.models, worker.near, worker.stats, worker.digest, worker.hear,
        worker.close,
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
