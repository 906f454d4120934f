"""Servers to compare with: an application that does nothing, and FastAPI, pydantic and river.

Each is the application that one would write first and well: uvicorn with uvloop and httptools,
`async def` (a thread for each request costs a third more), and nothing is kept on a disk.
"""

from __future__ import annotations

import os
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, FiniteFloat

LEARNER = "KINDRED_BENCH_LEARNER"  # scaled or bare, for a process made by uvicorn's factory


async def empty(scope: Any, receive: Any, send: Any) -> None:
    """Reads the body and answers 200 with an empty object."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body", False):
        pass
    headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}"})


class Lesson(BaseModel):
    """An example to learn."""

    task: str
    features: dict[str, FiniteFloat]
    label: bool | int | str


class Question(BaseModel):
    """An example to predict."""

    task: str
    features: dict[str, FiniteFloat]


class Learnt(BaseModel):
    """That an example was learnt."""

    task: str
    seen: int


class Predicted(BaseModel):
    """What is thought of an example."""

    task: str
    label: str
    probabilities: dict[str, float]


def fastapi() -> FastAPI:
    """One pipeline of river's for each task; learning does not predict."""
    from river import linear_model, preprocessing

    def made() -> Any:
        model = linear_model.LogisticRegression()
        return model if os.environ[LEARNER] == "bare" else preprocessing.StandardScaler() | model

    app = FastAPI()
    models: dict[str, Any] = {}
    seen: dict[str, int] = {}

    def learn(example: Lesson) -> Learnt:
        if example.task not in models:
            models[example.task], seen[example.task] = made(), 0
        models[example.task].learn_one(example.features, example.label == "yes")
        seen[example.task] += 1
        return Learnt(task=example.task, seen=seen[example.task])

    def predict(example: Question) -> Predicted:
        model = models.get(example.task) or made()
        p = model.predict_proba_one(example.features).get(True, 0.5)
        label = "yes" if p > 0.5 else "no"
        return Predicted(task=example.task, label=label, probabilities={"yes": p, "no": 1 - p})

    @app.post("/v1/learn")
    async def learn_one(example: Lesson) -> Learnt:
        return learn(example)

    @app.post("/v1/predict")
    async def predict_one(example: Question) -> Predicted:
        return predict(example)

    @app.post("/many/v1/learn")
    async def learn_many(examples: list[Lesson]) -> list[Learnt]:
        return [learn(example) for example in examples]

    @app.post("/many/v1/predict")
    async def predict_many(examples: list[Question]) -> list[Predicted]:
        return [predict(example) for example in examples]

    return app
