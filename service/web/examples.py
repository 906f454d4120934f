"""POST /v1/learn and POST /v1/predict: plain ASGI, bytes in, bytes out.

One example is answered by one object. Many are answered in the same form and order, each with its
own `status`; the whole is 200 when all were good and 207 (Multi-Status) when some were refused.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal, Protocol

import msgspec
from starlette.types import Receive, Scope, Send

from learners.features import Example
from service.core.answers import Answer, Item
from service.core.engine import Engine
from service.problems import Problem
from service.web.decode import LEARN, PREDICT, Decoder
from service.web.front import ClientGone
from service.web.media import JSON, LINES, form_of, is_many
from service.web.running import Running

_encode = msgspec.json.Encoder().encode


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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read, decode, ask the engine, answer; a Problem is the caller's to send."""
        if scope["method"] != "POST":
            raise Problem(
                "method-not-allowed",
                f"{scope['method']} {scope['path']}: use POST.",
                headers={"allow": "POST"},
            )
        engine = self.running.engine
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        form = form_of(
            headers.get(b"content-type"), headers.get(b"content-encoding"), headers.get(b"origin")
        )
        limit = self.running.settings.max_body_bytes
        body = await read(receive, headers.get(b"content-length"), limit)
        refused: Counter[str] = Counter()
        if is_many(body, form):
            items = await self._many(engine, body, form, refused)
            answer = b"\n".join([*items, b""]) if form == LINES else b"[" + b",".join(items) + b"]"
            status, count = (207 if refused else 200), len(items)
        else:
            try:
                [found] = await self._ask(engine, [self.decoder.one(body, self.kind)])
                if isinstance(found, Problem):
                    raise found
            except Problem as problem:
                self.metrics.examples(self.verb, 0, {problem.code: 1})
                raise
            answer, status, count, form = _encode(said(found)), 200, 1, JSON
        self.metrics.examples(self.verb, count - refused.total(), refused)
        raw = [
            (b"content-type", form.encode()),
            (b"content-length", str(len(answer)).encode()),
        ]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": answer})

    async def _ask(self, engine: Engine, examples: list[Example]) -> list[Item]:
        if self.verb == "learn":
            return await engine.learn(examples)
        return await engine.predict(examples)

    async def _many(
        self, engine: Engine, body: bytes, form: str, refused: Counter[str]
    ) -> list[bytes]:
        """One encoded item for each example.

        When the engine stops taking examples half way (a full disk), those not yet learnt get its
        problem: order is kept, and the sender sees which to send again.
        """
        items: list[bytes] = []
        stop: Problem | None = None
        for part in self.decoder.slices(body, form, self.kind):
            good = [found for found in part if not isinstance(found, Problem)]
            answers: list[Item] = []
            if stop is None:
                try:
                    answers = await self._ask(engine, good) if good else []
                except Problem as problem:
                    if not items:
                        raise
                    stop = problem
            if stop is not None:
                answers = [stop] * len(good)
            following = iter(answers)
            for found in part:
                item = found if isinstance(found, Problem) else next(following)
                if isinstance(item, Problem):
                    refused[item.code] += 1
                    items.append(_encode(item.body()))
                else:
                    items.append(_encode({"status": 200, **said(item)}))
            await asyncio.sleep(0)
        return items


def said(answer: Answer) -> dict[str, Any]:
    """An answer as it stands in JSON.

    `probabilities` is an object keyed by label where all labels are strings, else an array of
    {"label", "probability"}: an object cannot tell 1 from "1" from true.
    """
    labels, values = answer.classes, answer.probabilities
    probabilities: object
    if all(type(label) is str for label in labels):
        probabilities = dict(zip(labels, values, strict=True))
    else:
        probabilities = [
            {"label": label, "probability": value}
            for label, value in zip(labels, values, strict=True)
        ]
    return {
        "task": answer.task,
        "label": answer.label,
        "probabilities": probabilities,
        "seen": answer.seen,
        "version": answer.version,
    }


async def read(receive: Receive, declared: str | None, limit: int) -> bytes:
    """The body; a Problem as soon as it is known to be longer than `limit`, and no more is read."""
    if declared is not None and int(declared) > limit:  # the server has checked that it is digits
        raise _too_large(f"{declared} bytes", limit)
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        more = message.get("more_body", False)
        if size > limit:
            raise _too_large("more", limit)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _too_large(size: str, limit: int) -> Problem:
    return Problem(
        "body-too-large",
        f"The body has {size}, the limit is {limit} bytes; send fewer examples at once.",
        headers={"connection": "close"},
    )
