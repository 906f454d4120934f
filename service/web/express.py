"""The short way: a request that holds one example is answered without an ASGI call around it.

For every request uvicorn makes a scope, a task, and messages there and back: several times what it
costs to learn one example. Here its protocol hands such a request to the engine as soon as it is
read, and its answer to the connection as soon as it is there. Whatever is out of the ordinary takes
the long way from its beginning and is answered there: other routes, many examples, unusual headers,
and all that is refused. So only good answers are made here, and both ways give the same ones.
"""

from __future__ import annotations

import logging
from asyncio import Event
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any, ClassVar, cast

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from service.core.answers import Answer, Item
from service.core.jobs import Learn, Predict
from service.problems import Problem
from service.web.examples import Examples, said
from service.web.front import new_request_id
from service.web.media import JSON
from service.web.metrics import Metrics

SHORT = 16_384  # bytes of a body; a longer one takes long anyway
TYPES = frozenset(
    [JSON.encode(), f"{JSON}; charset=utf-8".encode(), f"{JSON};charset=utf-8".encode()]
)
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
        self.longest = min(SHORT, way.running.settings.max_body_bytes)
        self.metrics = metrics

    def enter(self, ride: Ride) -> None:
        """Ask the engine; a Problem where that is refused at once."""
        if not ride.body.startswith(b"{"):
            raise Problem("malformed-json", "One object goes this way.")
        engine = self.way.running.engine
        example = self.way.decoder.one(ride.body, self.way.kind)
        columns = len(ride.body) // 2  # at most: a word and a blank for each
        engine.submit(self.job, example, columns, ride)
        self.metrics.in_flight += 1

    def left(self, seconds: float) -> None:
        """Count a request that was answered."""
        self.metrics.in_flight -= 1
        self.metrics.answered(_POST, self.path, 200, seconds)
        self.metrics.examples(self.way.verb, 1, {})


class Ride:
    """One request on the short way, where uvicorn keeps its cycle; the engine's Promise too."""

    __slots__ = (
        "body", "disconnected", "door", "keep_alive", "message_event", "protocol",
        "response_complete", "scope", "started",
    )  # fmt: skip

    def __init__(self, door: Door, protocol: Express, keep_alive: bool) -> None:
        self.door = door
        self.protocol = protocol
        self.scope = protocol.scope
        self.body = b""
        self.started = 0.0
        # What uvicorn's protocol looks at:
        self.keep_alive = keep_alive
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
            self.protocol.answer(self, _encode(said(item)))
        except Exception:  # this connection's trouble, not the engine's, which called us
            log.exception("an answer could not be sent")
            self.protocol.transport.close()

    def set_exception(self, _: Exception) -> None:
        """Ask again the long way, which tells problems: nothing was learnt."""
        self.door.metrics.in_flight -= 1
        self.protocol.take_the_long_way(self)


class _Unheard:
    """An event for which nobody waits."""

    @staticmethod
    def set() -> None:
        """Do nothing."""


class Express(HttpToolsProtocol):
    """uvicorn's protocol, with the short way."""

    doors: ClassVar[Mapping[bytes, Door]]

    _ride: Ride | None = None  # whose body is being read
    _known: object = None  # uvicorn's headers, as bytes in `_head`
    _head = b""

    def on_headers_complete(self) -> None:
        """Choose the way."""
        door = self.doors.get(self.url)
        if door is None or not self._is_usual(door):
            super().on_headers_complete()
            return
        self._ride = Ride(door, self, self.parser.should_keep_alive())
        self.cycle = cast(Any, self._ride)

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        if self._ride is None:
            super().on_body(body)
        else:
            self._ride.body += body

    def on_message_complete(self) -> None:
        """All of the body is there."""
        ride, self._ride = self._ride, None
        if ride is None:
            super().on_message_complete()
            return
        ride.started = perf_counter()
        try:
            ride.door.enter(ride)
        except Problem:
            self.take_the_long_way(ride)

    def answer(self, ride: Ride, body: bytes) -> None:
        """Send a good answer."""
        ride.door.left(perf_counter() - ride.started)
        ride.response_complete = True
        if not self.transport.is_closing():
            self.transport.write(
                b"%scontent-length: %d\r\nx-request-id: %s\r\n%s\r\n%s" % (
                    self._begin(), len(body), new_request_id().encode(),
                    b"" if ride.keep_alive else b"connection: close\r\n", body,
                )
            )  # fmt: skip
            if not ride.keep_alive:
                self.transport.close()
        self.on_response_complete()

    def take_the_long_way(self, ride: Ride) -> None:
        """Let the application answer, as if the request had only just been read."""
        if self.transport.is_closing():
            return
        path, scope = ride.door.path, ride.scope
        scope["method"], scope["query_string"] = "POST", b""
        scope["path"], scope["raw_path"] = path, path.encode()
        cycle = RequestResponseCycle(
            scope=scope,
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

    def _is_usual(self, door: Door) -> bool:
        headers = dict(self.headers)
        length = headers.get(b"content-length", b"")
        return (
            self.parser.get_method() == b"POST"
            and headers.get(b"content-type") in TYPES
            and 0 < len(length) < 6
            and int(length) <= door.longest
            and UNUSUAL.isdisjoint(headers)
            and self.parser.get_http_version() == "1.1"
            and getattr(self.cycle, "response_complete", True)  # else it waits its turn
            and not self.flow.write_paused
        )

    def _begin(self) -> bytes:
        """The status line and the headers that are the same for a second or for ever."""
        usual = self.server_state.default_headers
        if usual is not self._known:
            lines = [b"%s: %s\r\n" % header for header in usual]
            self._head = b"HTTP/1.1 200 OK\r\n%scontent-type: %s\r\n" % (
                b"".join(lines),
                JSON.encode(),
            )
            self._known = usual
        return self._head


def express(doors: Sequence[Door]) -> type[Express]:
    """The protocol with these doors."""
    return type("Express", (Express,), {"doors": {door.path.encode(): door for door in doors}})
