"""POST /v1/learn and POST /v1/predict: plain ASGI, bytes in, bytes out.

One example is answered by one object. Many are answered in the same form and order, each with its
own `status`; the whole is 200 when all were good and 207 (Multi-Status) when some were refused.
Lines are learnt and answered while they come; every other form is read to its end first.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import Literal, Protocol, TypeVar

from starlette.types import Receive, Scope, Send

from service.core.answers import Spoken
from service.core.engine import Engine
from service.core.plans import NOTHING
from service.problems import Problem
from service.web import told
from service.web.arrow import Arrow, refuse_without_arrow, weight
from service.web.body import arriving, by_line, whole
from service.web.call import answer, call
from service.web.decode import LEARN, PREDICT, Decoder, line_ends
from service.web.media import ARROW, JSON, LINES, answer_of, is_many, is_table
from service.web.outgoing import Outgoing
from service.web.rows import Rows
from service.web.running import Running
from service.web.table import Make
from service.web.tell import encode, lines, spoken_elements, spoken_lines
from service.web.tell import said as said
from service.web.unpack import Unpacker

# Bytes decoded on the event loop, in a millisecond or two; more would hold it up, so a thread does
# it: there and back, the two also wait for each other's lock.
INLINE = 1 << 18
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
        self.decoder = Decoder(running.settings)
        self.rows = Rows(running.settings)
        self.arrow = Arrow(running.settings)

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
            status, answered, form = 200, await self._one(engine, body), JSON
        else:
            status, answered, form = await self._many(
                engine, body, form, answer_of(form, headers.get(b"accept"))
            )
        await answer(send, status, form, answered)

    async def _one(self, engine: Engine, body: bytes) -> bytes:
        """What is answered to one example."""
        try:
            example = self.decoder.one(body, self.kind)
            ask = engine.learn if self.kind.to_learn else engine.predict
            [found] = await ask([example])
            if isinstance(found, Problem):
                raise found
        except Problem as problem:
            self.metrics.examples(self.verb, 0, {problem.code: 1})
            raise
        self.metrics.examples(self.verb, 1, {})
        return encode(said(found))

    async def _many(
        self, engine: Engine, body: bytes, form: str, wanted: str
    ) -> tuple[int, bytes, str]:
        """Status, answer and its form, of a body that is there as a whole."""
        if wanted == ARROW:
            refuse_without_arrow()
        named = form == JSON and not is_table(body)
        parts: list[Spoken] = []
        texts: list[bytes] = []
        refused: Counter[str] = Counter()
        async for spoken in self._each(engine, self._makes(body, form)):
            refused += _codes(spoken)
            if named and wanted == JSON:
                texts.append(spoken_elements(spoken))
            else:
                parts.append(spoken)
            self._count(spoken)
        status = 207 if refused else 200
        if texts:
            return status, b"[" + b",".join(filter(None, texts)) + b"]", JSON
        columns = told.together(parts)
        return status, told.table(columns) if wanted == ARROW else told.rows(columns), wanted

    async def _makes(self, body: bytes, form: str) -> AsyncIterator[Make]:
        """What prepares some of the examples at a time; a Problem (whole) before the first."""
        if form != ARROW and not is_table(body):
            texts = await _aside(len(body), partial(self.decoder.arrays, body))
            for text in texts:
                yield len(text), partial(self.decoder.array, text, self.kind)
            return
        reader: Rows | Arrow = self.rows
        size = len(body)
        if form == ARROW:
            reader, size = self.arrow, weight(body)
        for make in await _aside(size, lambda: list(reader.read(body, self.kind))):
            yield make

    async def _lines(
        self, engine: Engine, receive: Receive, send: Send, unpack: Unpacker | None
    ) -> None:
        """Learn, or predict, line by line as they come, and answer meanwhile."""
        limit = self.running.settings.max_body_bytes
        number, refused = 1, False

        async def makes() -> AsyncIterator[Make]:
            nonlocal number
            async for text in by_line(arriving(receive, unpack), limit):
                yield len(text), partial(self.decoder.lines, text, self.kind, number)
                number += line_ends(text)

        async with Outgoing(send, LINES, limit) as answer:
            try:
                async for spoken in self._each(engine, makes()):
                    self._count(spoken)
                    refused |= bool(_codes(spoken))
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

    def _count(self, spoken: Spoken) -> None:
        refused = _codes(spoken)
        self.metrics.examples(self.verb, spoken.n - refused.total(), refused)


def _codes(spoken: Spoken) -> Counter[str]:
    """How many examples were refused, by code."""
    return Counter(item.code for item in spoken.apart.values() if isinstance(item, Problem))


async def _aside(size: int, do: Callable[[], T]) -> T:
    """What a function returns; where it would hold up the event loop, a thread calls it."""
    return do() if size <= INLINE else await asyncio.to_thread(do)
