"""The application: FastAPI inside, the hot routes in front of it.

>>> from service.settings import Settings
>>> sorted(create_app(Settings()).openapi()["paths"])[:3]
['/livez', '/metrics', '/problems']
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from service.core.engine import Engine
from service.core.face import Face
from service.core.recover import Progress
from service.problems import Problem
from service.settings import Settings
from service.shards import layout
from service.shards.routed import Routed
from service.shards.shards import Shards
from service.web.examples import Examples
from service.web.express import Door
from service.web.front import Front
from service.web.metrics import Metrics
from service.web.openapi import document
from service.web.routes import routes
from service.web.running import Running


class Application(FastAPI):
    """FastAPI, past which the hot routes go: they need none of its layers."""

    front: Front

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the lifespan."""
        if scope["type"] == "http" and scope["path"] in self.front.hot:
            await self.front(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(settings: Settings) -> FastAPI:
    """The application of one data directory; `app.state.running` is its engine's life."""
    metrics = Metrics(_version())
    running, hot = (_several if settings.workers > 1 else _one)(settings, metrics)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        running.start()
        try:
            yield
        finally:
            await running.stop()

    app = Application(
        title="Kindred",
        summary="Online, multi-task classification: every task learns from each example as it "
        "arrives, related tasks learn from each other, and none pays for it.",
        description="Errors are `application/problem+json` (RFC 9457): see /problems.",
        version=_version(),
        lifespan=lifespan,
        redirect_slashes=False,
        redoc_url=None,
        # The front counts and times; asking for providers cost a tenth of a request.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.running = running
    app.state.doors = [Door(way, metrics) for way in hot.values() if isinstance(way, Examples)]
    app.include_router(routes(running, metrics))
    # The front turns problems into answers, for these routes and the hot ones alike.
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_middleware(Front, hot={}, metrics=metrics, access_log=settings.access_log)
    app.front = Front(app, hot, metrics, settings.access_log)

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way
    return app


def _one(settings: Settings, metrics: Metrics) -> tuple[Running[Face], dict[str, ASGIApp]]:
    """An engine in this process, and its hot routes."""

    async def open(settings: Settings, progress: Progress) -> Engine:
        layout.claim(settings.data_dir, 1)
        return await Engine.open(settings, progress)

    running = Running(settings, open)
    return running, {
        "/v1/learn": Examples("learn", running, metrics),
        "/v1/predict": Examples("predict", running, metrics),
    }


def _several(settings: Settings, metrics: Metrics) -> tuple[Running[Face], dict[str, ASGIApp]]:
    """Engines in processes of their own, and the hot routes to them."""
    running = Running(settings, Shards.open)
    return running, {
        "/v1/learn": Routed("learn", running, metrics),
        "/v1/predict": Routed("predict", running, metrics),
    }


def _version() -> str:
    try:
        return version("kindred")
    except PackageNotFoundError:  # run from the tree, not installed
        return "0"


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    flaws = error.errors()
    where = ["/".join(str(part) for part in flaw["loc"][1:]) for flaw in flaws]
    raise Problem(
        "invalid-request",
        f"{where[0]}: {flaws[0]['msg']}, not {str(flaws[0].get('input'))[:80]!r}.",
        [(f"/{at}", str(flaw["msg"])) for at, flaw in zip(where, flaws, strict=True)],
    )


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "internal")
    detail = f"{request.method} {request.url.path}: {error.detail}; see /docs."
    raise Problem(code, detail, headers=error.headers)
