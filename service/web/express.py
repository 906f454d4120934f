"""The short way: examples are answered without the application's layers around them.

For every request uvicorn makes a scope, a task, and messages there and back, and writes the head of
an answer by itself: several times what it costs to learn one example. Here its protocol hands one
example to the engine as it came, which reads those that wait together as the lines that they are;
its answer goes to the connection as soon as it is there. Many go to their endpoint, once all of
them are read, and their answer is written at once. Whatever is out of the ordinary takes the long
way from its beginning and is answered there: other routes, long bodies, unusual headers, and all
that is refused as a whole. Both ways give the same answers.

A head that is, byte for byte, like one that was read before needs no second look: clients send few
different ones.
"""

from __future__ import annotations

import logging
from asyncio import Event
from collections.abc import Mapping, Sequence
from functools import partial
from time import perf_counter
from typing import Any, ClassVar, NamedTuple, cast

import msgspec
from uvicorn._types import HTTPScope
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from service.core.answers import Answer, Item
from service.core.jobs import Learn, Line, Predict
from service.problems import Problem
from service.web.examples import Examples, said
from service.web.front import new_request_id, send_problem
from service.web.media import FORMS, JSON, is_many
from service.web.metrics import Metrics

SHORT = 16_384  # bytes of one example; a longer one takes long anyway
WHOLE = 1 << 20  # bytes of many, which are held
HEADS = 4096  # different ones that are remembered
LONGEST_HEAD = 1024  # bytes of one that is
_ONE = (JSON, f"{JSON}; charset=utf-8", f"{JSON};charset=utf-8")
ONE = frozenset(name.encode() for name in _ONE)  # content types of one example, or of many
TYPES = ONE | {name.encode() for name in FORMS}
UNUSUAL = frozenset(
    [b"content-encoding", b"expect", b"transfer-encoding", b"upgrade", b"x-request-id"]
)
_POST = {"method": "POST"}
_JSON = JSON.encode()
_encode = msgspec.json.Encoder().encode
log = logging.getLogger("kindred")


class Door:
    """Where examples of one verb come in."""

    def __init__(self, way: Examples, metrics: Metrics) -> None:
        self.way = way  # the long one
        self.path = f"/v1/{way.verb}"
        self.job = Learn if way.verb == "learn" else Predict
        self.read = partial(way.decoder.lines, kind=way.kind)
        self.longest = min(WHOLE, way.running.settings.max_body_bytes)
        self.metrics = metrics

    def enter(self, ride: Ride) -> None:
        """Ask the engine about one example; a Problem where that is refused at once."""
        engine = self.way.running.engine
        columns = len(ride.body) // 2  # at most: a word and a blank for each
        engine.submit(self.job, Line(ride.body, self.read), columns, ride)
        self.metrics.in_flight += 1

    def left(self, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        self.metrics.in_flight -= 1
        self.metrics.answered(_POST, self.path, status, seconds)


class Head(NamedTuple):
    """What was read before a body."""

    door: Door
    headers: Sequence[tuple[bytes, bytes]]
    length: int  # of the body
    one: bool  # whether its type is that of one example
    keep_alive: bool


class Ride:
    """One request on the short way, where uvicorn keeps its cycle; the engine's Promise too."""

    __slots__ = (
        "body", "disconnected", "door", "head", "keep_alive", "message_event", "parts", "protocol",
        "response_complete", "started",
    )  # fmt: skip

    def __init__(self, head: Head, protocol: Express, body: bytes = b"") -> None:
        self.head = head
        self.door = head.door
        self.protocol = protocol
        self.parts: list[bytes] = []
        self.body = body
        self.started = 0.0
        # What uvicorn's protocol looks at:
        self.keep_alive = head.keep_alive
        self.response_complete = False
        self.disconnected = False
        self.message_event = _Unheard

    def done(self) -> bool:
        """Never: what is learnt is counted, though nobody may wait for the answer."""
        return False

    def set_result(self, items: list[Item]) -> None:
        """Answer."""
        [item] = items
        if not isinstance(item, Answer):
            self.set_exception(item)
            return
        try:
            self.door.metrics.examples(self.door.way.verb, 1, {})
            self.protocol.answer(self, 200, _JSON, _encode(said(item)))
        except Exception:  # this connection's trouble, not the engine's, which called us
            log.exception("an answer could not be sent")
            self.protocol.transport.close()

    def set_exception(self, _: Exception) -> None:
        """Ask again the long way, which tells problems: nothing was learnt."""
        self.door.metrics.in_flight -= 1
        self.protocol.take_the_long_way(self)

    def scope(self) -> HTTPScope:
        """What the application is told of it."""
        protocol, path = self.protocol, self.door.path
        return {
            "type": "http", "asgi": {"version": protocol.asgi_version, "spec_version": "2.3"},
            "http_version": "1.1", "server": protocol.server, "client": protocol.client,
            "scheme": cast(Any, protocol.scheme), "root_path": protocol.root_path, "method": "POST",
            "path": protocol.root_path + path, "raw_path": (protocol.root_path + path).encode(),
            "query_string": b"", "headers": list(self.head.headers),
            "state": protocol.app_state.copy(),
        }  # fmt: skip

    async def ask_for_many(self) -> None:
        """Have the endpoint answer."""
        status, form = 500, b""
        answered: list[bytes] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": self.body, "more_body": False}

        async def send(message: Any) -> None:
            nonlocal status, form
            if message["type"] == "http.response.start":
                status, form = message["status"], dict(message["headers"])[b"content-type"]
            else:
                answered.append(message.get("body", b""))

        self.door.metrics.in_flight += 1
        try:
            await self.door.way(cast(Any, self.scope()), receive, send)
        except Problem as problem:
            self.set_exception(problem)
            return
        except Exception as error:
            log.exception("many examples failed")
            answered.clear()
            failed = Problem("internal", f"{type(error).__name__}; the log has the rest.")
            await send_problem(failed, new_request_id(), receive, send)
        self.protocol.answer(self, status, form, b"".join(answered))


class _Unheard:
    """An event for which nobody waits."""

    @staticmethod
    def set() -> None:
        """Do nothing."""


class Express(HttpToolsProtocol):
    """uvicorn's protocol, with the short way."""

    doors: ClassVar[Mapping[bytes, Door]]
    heads: ClassVar[dict[bytes, Head]]

    _ride: Ride | None = None  # whose body is being read
    _between = True  # two requests: the parser has read the last one to its end
    _data: bytes | None = None  # what came last, where a request begins with it
    _answered = 0.0  # when the last answer went out on the short way
    _known: object = None  # uvicorn's headers, as bytes in `_usual`
    _usual = b""

    def data_received(self, data: bytes) -> None:
        """Some bytes: mostly a whole request, with a head that was read before."""
        self._data = None
        if self._between and self._is_free():
            end = data.find(b"\r\n\r\n", 0, LONGEST_HEAD) + 4
            head = self.heads.get(data[:end])
            if head is not None and end + head.length == len(data):
                ride = Ride(head, self, data[end:])
                self.cycle = cast(Any, ride)
                self._begin(ride)
                return
            self._data = data
        super().data_received(data)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._between = False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Choose the way."""
        door = self.doors.get(self.url)
        head = None if door is None else self._head(door)
        if head is None:
            super().on_headers_complete()
            return
        self._remember(head)
        self._ride = Ride(head, self)
        self.cycle = cast(Any, self._ride)

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        if self._ride is None:
            super().on_body(body)
        else:
            self._ride.parts.append(body)

    def on_message_complete(self) -> None:
        """All of the body is there."""
        ride, self._ride = self._ride, None
        self._between, self._data = True, None
        if ride is None:
            super().on_message_complete()
            return
        ride.body = b"".join(ride.parts)
        self._begin(ride)

    def _begin(self, ride: Ride) -> None:
        """All of it is there."""
        ride.started = perf_counter()
        body = ride.body
        if not ride.head.one or is_many(body, JSON):
            task = self.loop.create_task(ride.ask_for_many())
            task.add_done_callback(self.tasks.discard)
            self.tasks.add(task)
            return
        if len(body) <= SHORT and body.startswith(b"{") and b"\n" not in body:
            try:
                ride.door.enter(ride)
                return
            except Problem:
                pass
        self.take_the_long_way(ride)

    def answer(self, ride: Ride, status: int, form: bytes, body: bytes) -> None:
        """Send an answer."""
        self._answered = perf_counter()
        ride.door.left(status, self._answered - ride.started)
        ride.response_complete = True
        if not self.transport.is_closing():
            self.transport.write(
                b"%s%scontent-type: %s\r\ncontent-length: %d\r\nx-request-id: %s\r\n%s\r\n%s" % (
                    STATUS_LINE[status], self._usual_headers(), form, len(body),
                    new_request_id().encode(),
                    b"" if ride.keep_alive else b"connection: close\r\n", body,
                )
            )  # fmt: skip
            if not ride.keep_alive:
                self.transport.close()
        if self.timeout_keep_alive_task is None or self.pipeline or self.flow.read_paused:
            self.on_response_complete()
        else:
            self.server_state.total_requests += 1

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that has been idle; a timer was not set anew for each answer."""
        self.timeout_keep_alive_task = None
        left = self.timeout_keep_alive - (perf_counter() - self._answered)
        if not self._is_free():
            return  # who answers sets the next one
        if left > 0:
            self.timeout_keep_alive_task = self.loop.call_later(
                left, self.timeout_keep_alive_handler
            )
        else:
            super().timeout_keep_alive_handler()

    def take_the_long_way(self, ride: Ride) -> None:
        """Let the application answer, as if the request had only just been read."""
        if self.transport.is_closing():
            return
        cycle = RequestResponseCycle(
            scope=ride.scope(),
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=Event(),
            expect_100_continue=False,
            keep_alive=ride.keep_alive,
            on_response=self.on_response_complete,
        )
        cycle.body += ride.body
        cycle.more_body = False
        cycle.message_event.set()
        if self.cycle is cast(Any, ride):  # else the next request waits in the pipeline already
            self.cycle = cycle
        self._start_asgi_task(cycle, self.app)

    def _is_free(self) -> bool:
        """Whether what comes is answered next, and its answer goes out at once."""
        return getattr(self.cycle, "response_complete", True) and not self.flow.write_paused

    def _head(self, door: Door) -> Head | None:
        """What was read, where it is usual."""
        headers = dict(self.headers)
        length, form = headers.get(b"content-length", b""), headers.get(b"content-type")
        if (
            self.parser.get_method() == b"POST"
            and form in TYPES
            and 0 < len(length) < 8
            and int(length) <= door.longest
            and UNUSUAL.isdisjoint(headers)
            and self.parser.get_http_version() == "1.1"
            and self._is_free()
        ):
            return Head(
                door, self.headers, int(length), form in ONE, self.parser.should_keep_alive()
            )
        return None

    def _remember(self, head: Head) -> None:
        """Keep a head by its bytes, where these are known: one line for each header."""
        data, self._data = self._data, None
        end = -1 if data is None else data.find(b"\r\n\r\n", 0, LONGEST_HEAD)
        if data is not None and data.startswith(b"POST ") and end > 0:
            if data.count(b"\n", 0, end) == len(head.headers):
                if len(self.heads) >= HEADS:
                    self.heads.clear()
                self.heads[data[: end + 4]] = head

    def _usual_headers(self) -> bytes:
        """The headers that are the same for a second or for ever."""
        usual = self.server_state.default_headers
        if usual is not self._known:
            self._usual = b"".join([b"%s: %s\r\n" % header for header in usual])
            self._known = usual
        return self._usual


def express(doors: Sequence[Door]) -> type[Express]:
    """The protocol with these doors."""
    by_path = {door.path.encode(): door for door in doors}
    return type("Express", (Express,), {"doors": by_path, "heads": {}})
