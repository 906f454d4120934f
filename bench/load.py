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


def drive(
    port: int, requests: Sequence[bytes], count: int, connections: int, lines: int = 0
) -> Driven:
    """Send `count` requests, these in turn, over so many connections, each one at a time.

    With `lines` they are no HTTP: what is sent is answered by so many lines. RuntimeError where an
    answer of HTTP is not 200.
    """
    return uvloop.run(_drive(port, requests, count, connections, lines))


async def _drive(
    port: int, requests: Sequence[bytes], count: int, connections: int, lines: int
) -> Driven:
    loop = asyncio.get_running_loop()
    wanted = iter([requests[i % len(requests)] for i in range(count)])

    def made() -> _Caller:
        return _Lines(wanted, lines) if lines else _Http(wanted)

    callers = [
        (await loop.create_connection(made, "127.0.0.1", port))[1] for _ in range(connections)
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
        if self.ends(data):
            self.latencies.append(time.perf_counter() - self._began)
            self.send()

    def ends(self, data: bytes) -> bool:
        """Whether that ends the answer."""
        raise NotImplementedError

    def connection_lost(self, error: Exception | None) -> None:
        self.fail(error or RuntimeError("the server closed the connection"))

    def fail(self, error: Exception) -> None:
        """No more is sent."""
        if not self.done.done():
            self.done.set_exception(error)


class _Lines(_Caller):
    """Answers are so many lines."""

    def __init__(self, wanted: Iterator[bytes], lines: int) -> None:
        super().__init__(wanted)
        self._lines = self._missing = lines

    def ends(self, data: bytes) -> bool:
        self._missing -= data.count(b"\n")
        if self._missing > 0:
            return False
        self._missing = self._lines
        return True


class _Http(_Caller):
    """Answers are of HTTP."""

    def __init__(self, wanted: Iterator[bytes]) -> None:
        super().__init__(wanted)
        self._parts: list[bytes] = []
        self._missing = 0  # bytes of the answer; 0: its length is not known yet

    def ends(self, data: bytes) -> bool:
        if self._missing:
            self._missing -= len(data)
        else:
            self._parts.append(data)
            answer = b"".join(self._parts) if len(self._parts) > 1 else data
            end = answer.find(HEAD_END)
            if end < 0:
                return False
            if not answer.startswith(b"HTTP/1.1 200"):
                self.fail(RuntimeError(f"answered {answer[:400]!r}"))
                return False
            at = answer.lower().index(LENGTH) + len(LENGTH)
            size = int(answer[at : answer.index(b"\r", at)])
            self._parts.clear()
            self._missing = end + len(HEAD_END) + size - len(answer)
        return self._missing == 0
