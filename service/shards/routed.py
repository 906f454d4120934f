"""POST /v1/learn and /v1/predict of several workers: taken apart, asked, put together again.

Examples that come as objects travel on as the bytes they are, and what each worker answers is what
a service of one process would have answered to its part. What comes as columns is decoded here,
once, and travels as columns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Literal, cast

from starlette.types import Message, Receive, Scope, Send

from service.problems import Problem
from service.shards import bodies
from service.shards.bodies import Part
from service.shards.link import problem
from service.shards.served import Served
from service.shards.shards import Shards
from service.web.body import arriving, by_line, whole
from service.web.call import answer, call
from service.web.examples import PAUSE, Counts, Examples
from service.web.media import ARROW, JSON, LINES, answer_of, is_table
from service.web.outgoing import Outgoing
from service.web.running import Running
from service.web.unpack import Unpacker


class Routed:
    """The endpoint of one verb."""

    def __init__(
        self, verb: Literal["learn", "predict"], running: Running[Shards], counts: Counts
    ) -> None:
        self.verb = verb
        self.running = running
        self.counts = counts
        self.columns = Examples(verb, cast(Any, running), counts)  # which asks for blocks alone

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read, take apart, ask, answer; a Problem is the caller's to send."""
        shards, settings = self.running.engine, self.running.settings
        headers, form, unpack = call(scope)
        if form == LINES:
            await self._lines(shards, receive, send, unpack)
            return
        limit = settings.max_body_bytes
        body = await whole(receive, headers.get(b"content-length"), limit, unpack)
        if ARROW in (form, answer_of(form, headers.get(b"accept"))) or is_table(body):
            await self.columns(_unpacked(scope), _again(body), send)
            return
        parts = bodies.split_array(body, shards.n, settings.max_examples)
        answers = await self._ask(shards, JSON, parts)
        told = _told(answers)
        [first, *others] = told.values()
        answered = (
            first if isinstance(first, bytes) and not others else bodies.join_array(parts, told)
        )
        await answer(send, 200 if _clean(answers) else 207, JSON, answered)

    async def _lines(
        self, shards: Shards, receive: Receive, send: Send, unpack: Unpacker | None
    ) -> None:
        """Ask line by line as they come, and answer meanwhile."""
        limit = self.running.settings.max_body_bytes
        number, refused = 1, False
        async with Outgoing(send, LINES, limit) as out:
            try:
                async for text in by_line(arriving(receive, unpack), limit):
                    parts = bodies.split_lines(text, shards.n)
                    answers = await self._ask(shards, LINES, parts, patient=number > 1)
                    told = _told(answers) if number == 1 else _all_told(answers)
                    refused |= not _clean(answers)
                    await out.put(bodies.join_lines(parts, told, number))
                    number += text.count(b"\n")
            except Problem as stop:  # of the body, from this line on
                if number == 1:
                    raise
                stop.line, refused = number, True
                await out.put(_line(stop))
            await out.end(207 if refused else 200)

    async def _ask(
        self, shards: Shards, form: str, parts: Mapping[int, Part], patient: bool = False
    ) -> dict[int, Served | Problem]:
        """What each worker answers to its part, or why it refuses the whole of it.

        `patient`: busy ones are asked again, for a part of the request is learnt already.
        """
        headers = [(b"content-type", form.encode())]

        async def ask(shard: int, body: bytes) -> Served | Problem:
            while True:
                try:
                    said = await shards.ask(shard, "serve", self.verb, headers, body)
                except Problem as gone:
                    return gone
                served = Served(*said)
                self.counts.examples(self.verb, served.ok, served.refused)
                if served.problem is None:
                    return served
                refusal = problem(served.problem)
                if not patient or refusal.code != "busy":
                    return refusal
                await asyncio.sleep(PAUSE)

        asked = [ask(shard, part.body) for shard, part in parts.items()]
        return dict(zip(parts, await asyncio.gather(*asked), strict=True))


def _clean(answers: Mapping[int, Served | Problem]) -> bool:
    return all(isinstance(one, Served) and one.status == 200 for one in answers.values())


def _told(answers: Mapping[int, Served | Problem]) -> dict[int, bytes | Problem]:
    """The bodies; raises where all refuse."""
    refusals = [answer for answer in answers.values() if isinstance(answer, Problem)]
    if refusals and len(refusals) == len(answers):
        raise refusals[0]
    return _all_told(answers)


def _all_told(answers: Mapping[int, Served | Problem]) -> dict[int, bytes | Problem]:
    return {
        shard: answer.body if isinstance(answer, Served) else answer
        for shard, answer in answers.items()
    }


def _line(stop: Problem) -> bytes:
    return bodies.encode(stop.body()) + b"\n"


def _unpacked(scope: Scope) -> Scope:
    """The request without what was said of its bytes before they were read."""
    gone = (b"content-encoding", b"content-length")
    return {**scope, "headers": [pair for pair in scope["headers"] if pair[0] not in gone]}


def _again(body: bytes) -> Receive:
    """The body as if it came now."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
