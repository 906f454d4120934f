"""The short way: examples are answered without the application's layers around them.

For every request uvicorn makes a scope, a task, and messages there and back, and writes the head of
an answer by itself: several times what it costs to learn one example. Here its protocol hands one
example to the engine as it came, which reads those that wait together as the lines that they are;
its answer goes to the connection as soon as it is there. Many are prepared as they come, where
that is done in a millisecond or two, and go the same way. Whatever is out of the ordinary takes the
long way from its beginning and is answered there: other routes, long bodies, unusual headers, and
all that is refused as a whole. Both ways give the same answers.

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

from service.core.answers import Answer, Item, Spoken
from service.core.jobs import Learn, Line, Predict
from service.web.examples import Examples, said
from service.web.front import new_request_id
from service.web.many import Reply
from service.web.media import FORMS, JSON, answer_of, is_many
from service.web.metrics import Metrics

SHORT = 16_384  # bytes of one example; a longer one takes long anyway
WHOLE = 1 << 20  # bytes of many, which are held
HEADS = 4096  # different ones that are remembered
LONGEST_HEAD = 1024  # bytes of one that is
_NAMES = {**FORMS, f"{JSON}; charset=utf-8": JSON, f"{JSON};charset=utf-8": JSON}
TYPES = {name.encode(): form for name, form in _NAMES.items()}
UNUSUAL = frozenset(
    [b"content-encoding", b"expect", b"transfer-encoding", b"upgrade", b"x-request-id"]
)
_POST = {"method": "POST"}
_encode = msgspec.json.Encoder().encode
log = logging.getLogger("kindred")


class Door:
    """Where examples of one verb come in."""

    def __init__(self, way: Examples, metrics: Metrics) -> None:
        self.way = way  # the long one
        self.path = f"/v1/{way.verb}"
        self.job = Learn if way.verb == "learn" else Predict
        self.reader = way.reader
        self.read = partial(way.reader.decoder.lines, kind=way.kind)
        self.longest = min(WHOLE, way.running.settings.max_body_bytes)
        self.metrics = metrics

    def enter(self, ride: Ride) -> bool:
        """Ask the engine, where the short way is for such a body; a Problem if refused at once."""
        engine, body, form = self.way.running.engine, ride.body, ride.head.form
        if is_many(body, form):
            made = self.reader.at_once(body, form) if body else None
            if made is None:
                return False
            ride.reply = Reply(body, form, ride.head.wanted)
            engine.submit_block(self.job, made, ride)
        elif len(body) <= SHORT and body.startswith(b"{") and b"\n" not in body:
            columns = len(body) // 2  # at most: a word and a blank for each
            engine.submit(self.job, Line(body, self.read), columns, ride)
        else:
            return False
        self.metrics.in_flight += 1
        return True

    def left(self, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        self.metrics.in_flight -= 1
        self.metrics.answered(_POST, self.path, status, seconds)


class Head(NamedTuple):
    """What was read before a body."""

    door: Door
    headers: Sequence[tuple[bytes, bytes]]
    length: int  # of the body
    form: str  # of the body
    wanted: str  # form of an answer to many
    keep_alive: bool


class Ride:
    """One request on the short way, where uvicorn keeps its cycle; the engine's Promise too."""

    __slots__ = (
        "body", "disconnected", "door", "head", "keep_alive", "message_event", "parts", "protocol",
        "reply", "response_complete", "started",
    )  # fmt: skip

    def __init__(self, head: Head, protocol: Express, body: bytes = b"") -> None:
        self.head = head
        self.door = head.door
        self.protocol = protocol
        self.parts: list[bytes] = []
        self.body = body
        self.reply: Reply | None = None  # to many
        self.started = 0.0
        # What uvicorn's protocol looks at:
        self.keep_alive = head.keep_alive
        self.response_complete = False
        self.disconnected = False
        self.message_event = _Unheard

    def done(self) -> bool:
        """Never: what is learnt is counted, though nobody may wait for the answer."""
        return False

    def set_result(self, told: list[Item] | Spoken) -> None:
        """Answer."""
        way, form = self.door.way, JSON
        try:
            if isinstance(told, Spoken):
                assert self.reply is not None
                way.count(told)
                self.reply.add(told)
                (status, body), form = self.reply.whole(), self.reply.form
            elif isinstance(told[0], Answer):
                way.metrics.examples(way.verb, 1, {})
                status, body = 200, _encode(said(told[0]))
            else:
                self.set_exception(told[0])
                return
            self.protocol.answer(self, status, form.encode(), body)
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
        try:
            if ride.door.enter(ride):
                return
        except Exception:  # whatever it is, there it is told
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
        length = headers.get(b"content-length", b"")
        form = TYPES.get(headers.get(b"content-type", b""))
        if (
            form is not None
            and self.parser.get_method() == b"POST"
            and 0 < len(length) < 8
            and int(length) <= door.longest
            and UNUSUAL.isdisjoint(headers)
            and self.parser.get_http_version() == "1.1"
            and self._is_free()
        ):
            wanted = answer_of(form, headers.get(b"accept", b"").decode("latin-1"))
            keep = self.parser.should_keep_alive()
            return Head(door, self.headers, int(length), form, wanted, keep)
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
