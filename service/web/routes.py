"""The plain routes: tasks, relations, the state, health, metrics."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import PlainTextResponse
from starlette.convertors import PathConvertor, register_url_convertor

from service import problems
from service.core.face import Face
from service.problems import Problem
from service.web import schemas
from service.web.metrics import Metrics
from service.web.openapi import problems as declared
from service.web.running import Running


class _Any(PathConvertor):
    """All that follows, as `path` does, and new lines too: a task may have any name."""

    regex = r"[\s\S]*"


register_url_convertor("any", _Any())

MATRIX = 1000  # tasks of which the whole matrix is told: a million cosines
DOWN = declared("starting", "draining", "internal")
UNKNOWN = declared("unknown-task", "starting", "draining", "internal")
WRONG = declared("invalid-request", "starting", "draining", "internal")


def routes(running: Running[Face], metrics: Metrics) -> APIRouter:
    """The router over one engine."""
    router = APIRouter()

    @router.get("/v1/tasks", tags=["tasks"], operation_id="list_tasks", responses=WRONG)
    async def tasks(
        cursor: Annotated[str, Query(description="`next` of the page before.")] = "",
        limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
    ) -> schemas.TaskList:
        """Names of the tasks, in order, `limit` at a time."""
        names = await running.engine.tasks()
        later = [name for name in names if name > cursor] if cursor else names
        page = later[:limit]
        following = page[-1] if len(later) > limit else None
        return schemas.TaskList(tasks=page, total=len(names), next=following)

    @router.get("/v1/tasks/{task:any}", tags=["tasks"], operation_id="get_task", responses=UNKNOWN)
    async def task(task: str) -> schemas.Task:
        """What is known of one task, and what coordination brings it.

        The name stands percent-encoded in the path; slashes need not be.
        """
        try:
            view = await running.engine.view(task)
        except KeyError:
            raise _unknown(task) from None
        benefit = view.benefit
        return schemas.Task(
            task=task,
            seen=view.seen,
            classes=[
                schemas.LabelCount(label=label, count=count) for label, count in view.classes
            ],
            progress={name: schemas.Measures(**m._asdict()) for name, m in view.progress.items()},
            weights=view.weights,
            benefit=None if benefit is None else schemas.Benefit(**benefit._asdict()),
            nearest=[schemas.Near(task=name, cosine=cosine) for name, cosine in view.nearest],
            bytes=view.bytes,
        )

    @router.delete(
        "/v1/tasks/{task:any}",
        tags=["tasks"],
        operation_id="delete_task",
        status_code=204,
        responses=declared(
            "unknown-task", "starting", "draining", "internal", "busy", "disk-full"
        ),
    )
    async def forget(task: str) -> None:
        """Forget a task: its own state goes at once and durably; its name may come again, as new.

        What it taught the common learners stays in them.
        """
        if not await running.engine.delete(task):
            raise _unknown(task)

    @router.get(
        "/v1/relations",
        tags=["tasks"],
        operation_id="get_relations",
        responses=WRONG,
        response_model_exclude_none=True,
    )
    async def relations(
        top: Annotated[int | None, Query(ge=1, le=100_000, description="Pairs to tell.")] = None,
    ) -> schemas.Relations:
        """Who is alike: cosines of the tasks' weights, as a matrix, or the `top` pairs."""
        if top is not None:
            found = await running.engine.pairs(top)
            return schemas.Relations(
                pairs=[schemas.Pair(tasks=(a, b), cosine=cosine) for a, b, cosine in found]
            )
        n = int((await running.engine.stats())["tasks"])
        if n > MATRIX:
            raise Problem(
                "invalid-request",
                f"top: is missing, and the matrix of {n} tasks is told only up to {MATRIX}; "
                "ask for ?top=1000 pairs.",
                [("/top", "is needed here")],
            )
        names, cosine = await running.engine.relations()
        return schemas.Relations(tasks=list(names), cosine=cosine.tolist())

    @router.get("/v1/state", tags=["service"], operation_id="get_state", responses=DOWN)
    async def state() -> schemas.State:
        """Position and digest of the whole state; hashing it takes the writer a moment."""
        digest, stats = await running.engine.digest(), await running.engine.stats()
        return schemas.State(
            strategy=running.settings.strategy,
            tasks=int(stats["tasks"]),
            position=int(stats["position"]),
            digest=digest,
        )

    @router.get(
        "/livez", tags=["service"], operation_id="livez", response_class=PlainTextResponse
    )
    async def livez() -> str:
        """The process answers."""
        return "ok\n"

    @router.get(
        "/readyz",
        tags=["service"],
        operation_id="readyz",
        response_class=PlainTextResponse,
        responses=declared("starting"),
    )
    async def readyz(request: Request) -> str:
        """Examples can be learnt: 200; 503 during recovery. `?verbose` lists the checks."""
        running.engine.refuse_unless_ready()
        if "verbose" not in request.query_params:
            return "ok\n"
        position = int((await running.engine.stats())["position"])
        return f"[+]recovery ok\n[+]journal ok at position {position}\nok\n"

    @router.get(
        "/metrics", tags=["service"], operation_id="metrics", response_class=PlainTextResponse
    )
    async def prometheus(request: Request) -> Response:
        """Prometheus's text format, or OpenMetrics by Accept."""
        stats = await running.engine.stats() if running.ready else {}
        content, media_type = metrics.text(request.headers.get("accept", ""), stats)
        return Response(content, headers={"content-type": media_type})

    @router.get(
        "/problems", tags=["service"], operation_id="problems", response_class=PlainTextResponse
    )
    async def catalogue() -> Any:
        """Every code of problem, what it means and what to do."""
        return PlainTextResponse(problems.page(), media_type="text/markdown")

    return router


def _unknown(task: str) -> Problem:
    shown = task if len(task) <= 80 else task[:80] + "..."
    return Problem("unknown-task", f"No task {shown!r}: it begins with its first example.")
