"""POST /v1/learn and POST /v1/predict: plain ASGI, bytes in, bytes out.

One example is answered by one object. Many are answered in the same form and order, each with its
own `status`; the whole is 200 when all were good and 207 (Multi-Status) when some were refused.
Lines are learnt and answered while they come; every other form is read to its end first.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import Literal, Protocol, TypeVar

from starlette.types import Receive, Scope, Send

from service.core.answers import Spoken
from service.core.engine import Engine
from service.core.plans import NOTHING
from service.problems import Problem
from service.web.body import arriving, by_line, whole
from service.web.call import answer, call
from service.web.decode import LEARN, PREDICT, line_ends
from service.web.many import INLINE, Reader, Reply, codes, cost
from service.web.media import JSON, LINES, answer_of, is_many
from service.web.outgoing import Outgoing
from service.web.running import Running
from service.web.table import Make
from service.web.tell import encode, lines, spoken_lines
from service.web.tell import said as said
from service.web.unpack import Unpacker

PAUSE = 0.05  # seconds before a busy engine is asked again, when half a request is learnt
T = TypeVar("T")


class Counts(Protocol):
    """Who counts examples."""

    def examples(self, verb: str, ok: int, refused: Mapping[str, int]) -> None:
        """Count the good ones of a request, and by code those refused."""
        ...


class Examples:
    """The endpoint of one verb."""

    def __init__(
        self, verb: Literal["learn", "predict"], running: Running[Engine], metrics: Counts
    ) -> None:
        self.verb = verb
        self.kind = LEARN if verb == "learn" else PREDICT
        self.running = running
        self.metrics = metrics
        self.reader = Reader(running.settings, self.kind)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read, decode, ask the engine, answer; a Problem is the caller's to send."""
        engine = self.running.engine
        headers, form, unpack = call(scope)
        if form == LINES:
            await self._lines(engine, receive, send, unpack)
            return
        limit = self.running.settings.max_body_bytes
        body = await whole(receive, headers.get(b"content-length"), limit, unpack)
        if form == JSON and not is_many(body, form):
            await answer(send, 200, JSON, await self._one(engine, body))
            return
        wanted = answer_of(form, headers.get(b"accept"))
        status, answered = await self._many(engine, body, form, wanted)
        await answer(send, status, wanted, answered)

    async def _one(self, engine: Engine, body: bytes) -> bytes:
        """What is answered to one example."""
        try:
            example = self.reader.decoder.one(body, self.kind)
            ask = engine.learn if self.kind.to_learn else engine.predict
            [found] = await ask([example])
            if isinstance(found, Problem):
                raise found
        except Problem as problem:
            self.metrics.examples(self.verb, 0, {problem.code: 1})
            raise
        self.metrics.examples(self.verb, 1, {})
        return encode(said(found))

    async def _many(self, engine: Engine, body: bytes, form: str, wanted: str) -> tuple[int, bytes]:
        """Status and answer of a body that is there as a whole."""
        reply = Reply(body, form, wanted)

        async def makes() -> AsyncIterator[Make]:
            read = partial(self.reader.makes, body, form)
            for make in await _aside(cost(body, form), lambda: list(read())):
                yield make

        async for spoken in self._each(engine, makes()):
            reply.add(spoken)
            self.count(spoken)
        return reply.whole()

    async def _lines(
        self, engine: Engine, receive: Receive, send: Send, unpack: Unpacker | None
    ) -> None:
        """Learn, or predict, line by line as they come, and answer meanwhile."""
        limit, decoder = self.running.settings.max_body_bytes, self.reader.decoder
        number, refused = 1, False

        async def makes() -> AsyncIterator[Make]:
            nonlocal number
            async for text in by_line(arriving(receive, unpack), limit):
                yield len(text), partial(decoder.lines, text, self.kind, number)
                number += line_ends(text)

        async with Outgoing(send, LINES, limit) as answer:
            try:
                async for spoken in self._each(engine, makes()):
                    self.count(spoken)
                    refused |= bool(codes(spoken))
                    await answer.put(spoken_lines(spoken))
            except Problem as problem:  # of the body, from this line on
                if number == 1:
                    raise
                problem.line, refused = number, True
                await answer.put(lines([problem.body()]))
            await answer.end(207 if refused else 200)

    async def _each(self, engine: Engine, makes: AsyncIterator[Make]) -> AsyncIterator[Spoken]:
        """What is said of each part.

        When the engine stops taking examples half way (a full disk), those not yet learnt get its
        problem: order is kept, and the sender sees which to send again.
        """
        ask = engine.learn_block if self.kind.to_learn else engine.predict_block
        stop: Problem | None = None
        first = True
        async for size, make in makes:
            made = await _aside(size, make)
            while stop is None:
                try:
                    yield await ask(made)
                    break
                except Problem as problem:
                    if first:
                        raise
                    if problem.code == "busy":
                        await asyncio.sleep(PAUSE)
                    else:
                        stop = problem
            if stop is not None:
                apart = {**dict.fromkeys(made.rows, stop), **made.problems}
                yield Spoken(made.n, apart, (), NOTHING)
            first = False

    def count(self, spoken: Spoken) -> None:
        """Count the examples of a request, or of a part of it."""
        refused = codes(spoken)
        self.metrics.examples(self.verb, spoken.n - sum(refused.values()), refused)


async def _aside(size: int, do: Callable[[], T]) -> T:
    """What a function returns; where it would hold up the event loop, a thread calls it."""
    return do() if size <= INLINE else await asyncio.to_thread(do)
