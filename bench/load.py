"""A load client that costs little: requests made beforehand, answers counted, not read.

It runs in a process of its own, so that the server's CPU time is the server's alone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple, cast

import uvloop

HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length:"


class Driven(NamedTuple):
    """How a number of requests were answered."""

    seconds: float  # from the first request to the last answer
    latencies: list[float]  # seconds, one for each


def request(path: str, body: bytes, media: str) -> bytes:
    """A request to keep the connection open after."""
    head = (
        f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {media}\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def drive(port: int, requests: Sequence[bytes], count: int, connections: int) -> Driven:
    """Send `count` requests, these in turn, over so many connections, each one at a time.

    RuntimeError where an answer is not 200.
    """
    return uvloop.run(_drive(port, requests, count, connections))


async def _drive(port: int, requests: Sequence[bytes], count: int, connections: int) -> Driven:
    loop = asyncio.get_running_loop()
    wanted = iter([requests[i % len(requests)] for i in range(count)])
    callers = [
        (await loop.create_connection(lambda: _Caller(wanted), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    try:
        began = time.perf_counter()
        for caller in callers:
            caller.send()
        await asyncio.gather(*(caller.done for caller in callers))
        seconds = time.perf_counter() - began
    finally:
        for caller in callers:
            caller.transport.abort()
            caller.done.cancel()
        await asyncio.sleep(0)  # the loop lets go of them
    return Driven(seconds, [one for caller in callers for one in caller.latencies])


class _Caller(asyncio.Protocol):
    """One connection: the next request goes out when the answer to the last is there."""

    def __init__(self, wanted: Iterator[bytes]) -> None:
        self.wanted = wanted
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.latencies: list[float] = []
        self.transport: asyncio.Transport
        self._began = 0.0
        self._parts: list[bytes] = []
        self._missing = 0  # bytes of the answer; 0: its length is not known yet

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def send(self) -> None:
        """The next request, if there is one left."""
        body = next(self.wanted, None)
        if body is None:
            self.done.set_result(None)
            return
        self._began = time.perf_counter()
        self.transport.write(body)

    def data_received(self, data: bytes) -> None:
        if self._missing:
            self._missing -= len(data)
        else:
            self._parts.append(data)
            answer = b"".join(self._parts) if len(self._parts) > 1 else data
            end = answer.find(HEAD_END)
            if end < 0:
                return
            if not answer.startswith(b"HTTP/1.1 200"):
                self._fail(RuntimeError(f"answered {answer[:400]!r}"))
                return
            at = answer.lower().index(LENGTH) + len(LENGTH)
            size = int(answer[at : answer.index(b"\r", at)])
            self._parts.clear()
            self._missing = end + len(HEAD_END) + size - len(answer)
        if self._missing == 0:
            self.latencies.append(time.perf_counter() - self._began)
            self.send()

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(error or RuntimeError("the server closed the connection"))

    def _fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)
