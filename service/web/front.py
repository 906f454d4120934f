"""The outermost layer: request ids, problems, metrics, the access log; and the hot routes.

The two hot routes stand before FastAPI's routing, which would cost several times what learning an
example does. Everything else passes through to it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import secrets
from collections.abc import Mapping
from itertools import count
from time import perf_counter

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.problems import MEDIA_TYPE, Problem
from service.web.metrics import Metrics

log = logging.getLogger("kindred")
access = logging.getLogger("kindred.access")

LINGER_SECONDS = 1.0
_process, _requests = secrets.token_hex(4), count()
_usable_id = re.compile(rb"[\x21-\x7e]{1,128}")


class ClientGone(Exception):
    """The client went away before its request was read; there is nobody to answer."""


class Front:
    """Every request comes in and goes out here."""

    def __init__(
        self, app: ASGIApp, hot: Mapping[str, ASGIApp], metrics: Metrics, access_log: bool
    ) -> None:
        self.app = app
        self.hot = hot
        self.metrics = metrics
        self.access_log = access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request (or the lifespan, which only passes through)."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = perf_counter()
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        status = 0

        async def tell(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message.get("headers", ())
                message["headers"] = [*headers, (b"x-request-id", request_id.encode())]
            await send(message)

        self.metrics.in_flight += 1
        try:
            await self.hot.get(scope["path"], self.app)(scope, receive, tell)
        except ClientGone:
            status = 499
        except Problem as problem:
            await send_problem(problem, request_id, receive, tell)
        except Exception as error:
            log.exception("request %s failed", request_id)
            if status:  # half an answer is out: the connection must break, so that it shows
                raise
            failed = Problem("internal", f"{type(error).__name__}; the log has the rest.")
            await send_problem(failed, request_id, receive, tell)
        finally:
            seconds = perf_counter() - started
            self.metrics.in_flight -= 1
            self.metrics.answered(scope, self._route(scope), status, seconds)
            if self.access_log:
                access.info("%s", _line(scope, status, seconds, request_id))

    def _route(self, scope: Scope) -> str:
        if scope["path"] in self.hot:
            return str(scope["path"])
        return str(getattr(scope.get("route"), "path", "none"))


async def send_problem(problem: Problem, request_id: str, receive: Receive, send: Send) -> None:
    """Answer with a problem.

    Where the body was not read to its end (`Connection: close`), what still comes is thrown away
    for a moment: closing at once would reset the connection and could take the answer with it.
    """
    body = msgspec.json.encode(problem.body(request_id))
    headers = {
        "content-type": MEDIA_TYPE,
        "content-length": str(len(body)),
        **problem.headers,
    }
    raw = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": problem.kind.status, "headers": raw})
    linger = problem.headers.get("connection") == "close"
    await send({"type": "http.response.body", "body": body, "more_body": linger})
    if linger:
        try:
            async with asyncio.timeout(LINGER_SECONDS):
                while (await receive()).get("more_body", False):
                    pass
        except TimeoutError:
            pass
        await send({"type": "http.response.body"})


def new_request_id() -> str:
    """An id that no other request has: random for the process, then counted."""
    return f"{_process}{next(_requests):08x}"


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _usable_id.fullmatch(value):
            return str(value, "ascii")
    return new_request_id()


def _line(scope: Scope, status: int, seconds: float, request_id: str) -> str:
    client = scope.get("client")
    return json.dumps(
        {
            "method": scope["method"],
            "path": scope["path"],
            "status": status,
            "seconds": round(seconds, 6),
            "client": client[0] if client else None,
            "request_id": request_id,
        }
    )
