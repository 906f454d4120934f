"""Words between two processes over a socket: questions with an answer each, and notes without.

A frame is eight bytes of length and a msgpack array: [number, word, argument, ...]. An answer is
[number, "ok", value] or [number, "problem" | "unknown" | "failed", ...]; a note has the number 0.
Values are plain: None, booleans, numbers, strings, bytes, lists and mappings of such.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, cast

import msgspec

from service.problems import Problem

SIZE = 8  # bytes that tell a frame's length
Handler = Callable[..., Coroutine[Any, Any, Any]]
log = logging.getLogger("kindred")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Any]).decode


class Lost(ConnectionError):
    """The process at the other end is gone; what it was asked may have been done or not."""


class Failed(RuntimeError):
    """What was asked could not be done there; the sentence says why."""


class Link(asyncio.Protocol):
    """One end of a socket.

    Parameters
    ----------
    handlers
        word -> what answers a question, or takes a note
    lost
        called once, when the other end is gone
    """

    def __init__(self, handlers: dict[str, Handler], lost: Callable[[], None]) -> None:
        self._handlers = handlers
        self._lost = lost
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._number = 0
        self._buffer = bytearray()
        self._tasks: set[asyncio.Task[None]] = set()
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def over(
        cls, sock: socket.socket, handlers: dict[str, Handler], lost: Callable[[], None]
    ) -> Link:
        """A link over a connected socket, which it then owns."""
        loop = asyncio.get_running_loop()
        _, link = await loop.create_connection(lambda: cls(handlers, lost), sock=sock)
        return link

    async def ask(self, word: str, *arguments: Any) -> Any:
        """The answer; raises Lost, or what was raised at the other end (Problem, KeyError, ...)."""
        if self._transport is None or self._transport.is_closing():
            raise Lost("the process is gone")
        self._number += 1
        answer = self._asked[self._number] = asyncio.get_running_loop().create_future()
        self._send(self._number, word, *arguments)
        return await answer

    def note(self, word: str, *arguments: Any) -> None:
        """Say something that needs no answer; nothing happens where the other end is gone."""
        if self._transport is not None and not self._transport.is_closing():
            self._send(0, word, *arguments)

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Of asyncio.Protocol."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Of asyncio.Protocol."""
        asked, self._asked = self._asked, {}
        for answer in asked.values():
            if not answer.done():
                answer.set_exception(Lost("the process ended before it answered"))
        self._lost()

    def data_received(self, data: bytes) -> None:
        """Of asyncio.Protocol."""
        buffer = self._buffer
        buffer += data
        at = 0
        while len(buffer) - at >= SIZE:
            end = at + SIZE + int.from_bytes(buffer[at : at + SIZE], "little")
            if len(buffer) < end:
                break
            with memoryview(buffer) as whole, whole[at + SIZE : end] as frame:
                number, word, *rest = _decode(frame)
            at = end
            self._take(number, word, rest)
        if at:
            del buffer[:at]

    def _take(self, number: int, word: str, rest: list[Any]) -> None:
        if number < 0:
            answer = self._asked.pop(-number, None)
            if answer is not None and not answer.done():  # whoever waited may have left
                _settle(answer, word, rest)
            return
        task = asyncio.create_task(self._handle(number, word, rest), name=word)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _handle(self, number: int, word: str, rest: list[Any]) -> None:
        said: tuple[Any, ...]
        try:
            said = ("ok", await self._handlers[word](*rest))
        except Problem as p:
            said = ("problem", plain(p))
        except KeyError as error:
            said = ("unknown", str(error))
        except Exception as error:
            if not number:
                raise
            log.debug("%s failed", word, exc_info=error)
            said = ("failed", str(error) or repr(error))
        if number:
            self._answer(number, *said)

    def _answer(self, number: int, *said: Any) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._send(-number, *said)

    def _send(self, *frame: Any) -> None:
        assert self._transport is not None
        data = _encode(frame)
        self._transport.writelines([len(data).to_bytes(SIZE, "little"), data])


def plain(p: Problem) -> Sequence[Any]:
    """A problem as plain values.

    >>> problem(plain(Problem("busy", "Too much.", [("/id", "why")]))).errors
    (('/id', 'why'),)
    """
    return p.code, p.detail, p.errors, p.headers, p.line


def problem(said: Sequence[Any]) -> Problem:
    """The converse of `plain`."""
    code, detail, errors, headers, line = said
    found = Problem(code, detail, [(at, why) for at, why in errors], headers)
    found.line = line
    return found


def _settle(answer: asyncio.Future[Any], word: str, rest: list[Any]) -> None:
    if word == "ok":
        answer.set_result(rest[0])
    elif word == "problem":
        answer.set_exception(problem(rest[0]))
    elif word == "unknown":
        answer.set_exception(KeyError(rest[0]))
    else:
        answer.set_exception(Failed(rest[0]))
