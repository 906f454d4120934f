"""The OpenAPI document: FastAPI's own for the plain routes, and the two hot routes beside them.

The hot routes are plain ASGI, so FastAPI does not know them; their bodies are described by the
models of `schemas.py`, and the examples here are run against the real service by a test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from service.problems import CATALOG, MEDIA_TYPE
from service.web import schemas
from service.web.media import ARROW, JSON, LINES

REFERENCE = "#/components/schemas/{model}"

QUESTION = {"task": "alice", "features": {"subject": "lunch?", "links": 0}}
LESSON = {
    "task": "alice",
    "features": {"subject": "cheap pills", "links": 3},
    "label": "spam",
    "id": "mail-4711",
}
ANSWER = {
    "task": "alice",
    "label": "ham",
    "probabilities": {"ham": 0.93, "spam": 0.07},
    "seen": 41,
    "version": 41,
}
ANSWER_OF_NUMBERS = ANSWER | {
    "label": 0,
    "probabilities": [{"label": 0, "probability": 0.93}, {"label": 1, "probability": 0.07}],
}
FEATURES = {
    "age": 41.5,
    "member": True,
    "subject": "free lunch",
    "embedding": [0.1, -0.4],
    "tags": ["work", "urgent"],
    "words": {"free": 1, "lunch": 2},
    "income": None,
}
TOLD = {
    "classes": ["ham", "spam"],
    "columns": ["status", "code", "detail", "task", "label", "probabilities", "seen", "version"],
    "rows": [[200, None, None, "alice", "ham", [0.93, 0.07], 41, 41]],
}
FORMS = (
    "application/json: one example, an array of them, or a table whose columns are named once. "
    "application/x-ndjson: one example a line, learnt and answered while they come; the body may "
    "be of any length, a line as long as KINDRED_MAX_BODY_BYTES. " + ARROW + ": record batches "
    "with the columns of such a table (numbers, booleans, strings, dictionary-encoded or not, "
    "lists of these, maps and structs of numbers; a struct `features` stands for its fields; null "
    "is missing), their buffers not compressed. Any of them may be packed, with Content-Encoding: "
    "gzip or zstd; what is not lines, up to KINDRED_MAX_BODY_BYTES when unpacked."
)
MANY = (
    "One object for one example. For many: the same form and order, each item with its own "
    "`status`; the whole is 200 if all are good, else 207; and 207 for lines, where the answer is "
    "too long to wait for the last. An array or a table is answered as an Arrow stream, and Arrow "
    "by rows of JSON, where Accept asks for it."
)
STREAM = (
    "An Arrow IPC stream with the columns of `Told`: `probabilities` is a struct with a field for "
    "each class, `label` of the labels' type where they have one. Classes of several types, and "
    "fields that are no strings, are named by their JSON."
)


def document(app: FastAPI) -> dict[str, Any]:
    """The document of all routes."""
    whole = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        summary=app.summary,
        routes=app.routes,
    )
    models: list[type[BaseModel]] = [
        schemas.Question,
        schemas.Lesson,
        schemas.Rows,
        schemas.Answer,
        schemas.AnswerOfMany,
        schemas.Told,
        schemas.Problem,
    ]
    _, definitions = models_json_schema(
        [(model, "validation") for model in models], ref_template=REFERENCE
    )
    whole.setdefault("components", {}).setdefault("schemas", {}).update(definitions["$defs"])
    for operations in whole["paths"].values():
        for operation in operations.values():
            if "HTTPValidationError" in str(operation["responses"].get("422")):
                del operation["responses"]["422"]  # FastAPI's own form, which is not sent here
    for name in ("HTTPValidationError", "ValidationError"):
        whole["components"]["schemas"].pop(name, None)
    hot = {
        "/v1/learn": _operation(
            "learn",
            "Learn from one example, or many",
            "Answers with what was predicted of each example before it was learnt. Durable before "
            "it is answered; with an `id`, safe to send again.",
            "Lesson",
            LESSON,
            LESSON | {"task": "bob", "features": FEATURES, "label": "ham", "id": "mail-4712"},
            codes=("id-conflict", "disk-full"),
        ),
        "/v1/predict": _operation(
            "predict",
            "Predict one example, or many",
            "Changes nothing. Of a task never seen the prior of all tasks is told, `seen` 0.",
            "Question",
            QUESTION,
            {"task": "bob", "features": FEATURES},
        ),
    }
    whole["paths"] = hot | whole["paths"]
    return whole


def by_rows(examples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Examples of one kind as a table.

    >>> by_rows([{"task": "alice", "features": {"links": 3}, "label": "spam"}])
    {'columns': ['task', 'label', 'links'], 'rows': [['alice', 'spam', 3]]}
    """
    first = examples[0]
    scalars, names = [name for name in first if name != "features"], list(first["features"])
    rows = [
        [*(one[name] for name in scalars), *(one["features"][name] for name in names)]
        for one in examples
    ]
    return {"columns": scalars + names, "rows": rows}


def problems(*codes: str) -> dict[int | str, dict[str, Any]]:
    """The responses of these problems, to declare on a route."""
    found: dict[int | str, dict[str, Any]] = {}
    for code in codes:
        kind = CATALOG[code]
        words = f"{kind.title} (`{code}`). {kind.remedy}"
        example = {
            "type": f"/problems#{code}",
            "title": kind.title,
            "status": kind.status,
            "code": code,
            "detail": kind.remedy,
        }
        entry = found.setdefault(
            kind.status,
            {
                "description": words,
                "content": {
                    MEDIA_TYPE: {
                        "schema": {"$ref": REFERENCE.format(model="Problem")},
                        "examples": {},
                    }
                },
            },
        )
        if words not in entry["description"]:
            entry["description"] += " " + words
        entry["content"][MEDIA_TYPE]["examples"][code] = {"value": example}
    return found


def _operation(
    verb: str,
    summary: str,
    description: str,
    model: str,
    first: dict[str, Any],
    second: dict[str, Any],
    codes: tuple[str, ...] = (),
) -> dict[str, Any]:
    one = {"$ref": REFERENCE.format(model=model)}
    answer = {"$ref": REFERENCE.format(model="Answer")}
    item = {
        "anyOf": [
            {"$ref": REFERENCE.format(model="AnswerOfMany")},
            {"$ref": REFERENCE.format(model="Problem")},
        ]
    }
    table, told = ({"$ref": REFERENCE.format(model=name)} for name in ("Rows", "Told"))
    content = {
        JSON: {
            "schema": {"anyOf": [one, {"type": "array", "items": one}, table]},
            "examples": {
                "one": {"value": first},
                "many": {"value": [first, second]},
                "columns once": {"value": by_rows([first])},
            },
        },
        LINES: {"schema": one},
        ARROW: {"schema": {"description": "An Arrow IPC stream.", "contentMediaType": ARROW}},
    }
    replies = {
        JSON: {
            "schema": {"anyOf": [answer, {"type": "array", "items": item}, told]},
            "examples": {
                "one": {"value": ANSWER},
                "labels that are not strings": {"value": ANSWER_OF_NUMBERS},
                "many": {"value": [{"status": 200, **ANSWER}]},
                "columns once": {"value": TOLD},
            },
        },
        LINES: {"schema": item},
        ARROW: {"schema": {"description": STREAM, "contentMediaType": ARROW}},
    }
    refusals = problems(
        "malformed-json",
        "malformed-body",
        "body-too-large",
        "too-many-examples",
        "unsupported-media-type",
        "invalid-example",
        "internal",
        "starting",
        "draining",
        "busy",
        *codes,
    )
    return {
        "post": {
            "operationId": verb,
            "tags": ["examples"],
            "summary": summary,
            "description": description,
            "requestBody": {"required": True, "description": FORMS, "content": content},
            "responses": {
                "200": {"description": MANY, "content": replies},
                "207": {"description": "Some of many were refused; see each `status`.",
                        "content": replies},
                **{str(status): said for status, said in sorted(refusals.items())},
            },
        }
    }  # fmt: skip
