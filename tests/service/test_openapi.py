"""The document says what the service does: its examples run, and answers are as it describes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from service.problems import CATALOG, page
from service.process import ROOT
from service.web import openapi, schemas

METHODS = {"get", "post", "put", "delete"}


@pytest.fixture(scope="module")
def document(http: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = http.get("/openapi.json").json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert method in METHODS
            yield method, path, operation


def test_it_is_openapi_and_all_that_it_refers_to_is_there(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    text = json.dumps(document)
    for reference in set(text.split('"$ref": "')[1:]):
        kind, name = reference.split('"')[0].removeprefix("#/components/").split("/")
        assert name in document["components"][kind]


def test_every_route_is_described_once(document: dict[str, Any]) -> None:
    found = {(method, path): operation for method, path, operation in operations(document)}
    assert set(found) == {
        ("post", "/v1/learn"),
        ("post", "/v1/predict"),
        ("get", "/v1/tasks"),
        ("get", "/v1/tasks/{task}"),
        ("delete", "/v1/tasks/{task}"),
        ("get", "/v1/relations"),
        ("get", "/v1/state"),
        ("get", "/livez"),
        ("get", "/readyz"),
        ("get", "/metrics"),
        ("get", "/problems"),
    }
    ids = [operation["operationId"] for operation in found.values()]
    assert len(set(ids)) == len(ids)
    for (_, path), operation in found.items():
        assert operation.get("summary") and operation.get("description"), path
        assert operation["responses"], path


def test_every_refusal_that_is_declared_is_a_problem_of_the_catalogue(
    document: dict[str, Any],
) -> None:
    declared = set()
    for _, path, operation in operations(document):
        for status, response in operation["responses"].items():
            if int(status) < 400:
                continue
            assert list(response["content"]) == ["application/problem+json"], path
            examples = response["content"]["application/problem+json"]["examples"]
            for code, example in examples.items():
                schemas.Problem.model_validate(example["value"])
                assert CATALOG[code].status == int(status)
                declared.add(code)
    assert declared == set(CATALOG) - {"not-found", "method-not-allowed"}  # of no route


def test_the_examples_of_requests_run_and_the_answers_are_as_described(
    http: httpx.Client, document: dict[str, Any]
) -> None:
    for verb, model in (("learn", schemas.Lesson), ("predict", schemas.Question)):
        body = document["paths"][f"/v1/{verb}"]["post"]["requestBody"]["content"]
        examples = body["application/json"]["examples"]
        one, many = examples["one"]["value"], examples["many"]["value"]
        model.model_validate(one)
        TypeAdapter(list[model]).validate_python(many)  # type: ignore[valid-type]
        said = http.post(f"/v1/{verb}", json=one)
        assert said.status_code == 200
        schemas.Answer.model_validate_json(said.content)
        said = http.post(f"/v1/{verb}", json=many)
        assert said.status_code == 200
        TypeAdapter(list[schemas.AnswerOfMany]).validate_json(said.content)
        table = examples["columns once"]["value"]
        schemas.Rows.model_validate(table)
        told = http.post(f"/v1/{verb}", json=table)
        assert told.status_code == 200
        found = schemas.Told.model_validate_json(told.content)
        assert found.columns == openapi.TOLD["columns"]
        assert body["application/vnd.apache.arrow.stream"]["schema"]["contentMediaType"]
        lines = "\n".join(json.dumps(item) for item in [*many, {"oops": 1}])
        said = http.post(
            f"/v1/{verb}", content=lines, headers={"content-type": "application/x-ndjson"}
        )
        assert said.status_code == 207
        for line in said.text.splitlines():
            TypeAdapter(schemas.Item).validate_json(line)


def test_the_examples_of_answers_are_as_described(document: dict[str, Any]) -> None:
    for verb in ("learn", "predict"):
        content = document["paths"][f"/v1/{verb}"]["post"]["responses"]["200"]["content"]
        for example in content["application/json"]["examples"].values():
            answer = example["value"]
            if isinstance(answer, list):
                TypeAdapter(list[schemas.Item]).validate_python(answer)
            elif "rows" in answer:
                schemas.Told.model_validate(answer)
            else:
                schemas.Answer.model_validate(answer)


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/v1/tasks", schemas.TaskList),
        ("/v1/tasks/alice", schemas.Task),
        ("/v1/relations", schemas.Relations),
        ("/v1/relations?top=2", schemas.Relations),
        ("/v1/state", schemas.State),
    ],
)
def test_other_answers_are_as_described(
    http: httpx.Client, path: str, model: type[BaseModel]
) -> None:
    http.post("/v1/learn", json=openapi.LESSON)
    model.model_validate_json(http.get(path).content)


WRONG: list[dict[str, Any]] = [
    {},
    {"task": "a"},
    {"task": "", "features": {}, "label": 1},
    {"task": "a", "features": {}},
    {"task": "a", "features": {}, "label": None},
    {"task": "a", "features": {}, "label": []},
    {"task": "a", "features": [], "label": 1},
    {"task": "a", "features": {"x": {"y": {}}}, "label": 1},
    {"task": "a", "features": {"x": [[]]}, "label": 1},
    {"task": "a", "features": {}, "label": 1, "weight": -1},
    {"task": "a", "features": {}, "label": 1, "id": ""},
    {"task": "a", "features": {}, "label": 1, "more": 1},
]
RIGHT: list[dict[str, Any]] = [
    {"task": "described", "features": openapi.FEATURES, "label": label}
    for label in ("", 0, False, 1.5)
]


@pytest.mark.parametrize("example", WRONG + RIGHT)
def test_the_model_and_the_service_let_in_the_same(
    http: httpx.Client, example: dict[str, Any]
) -> None:
    try:
        schemas.Lesson.model_validate_json(json.dumps(example))
    except ValidationError:
        described = False
    else:
        described = True
    assert (http.post("/v1/learn", json=example).status_code == 200) is described
    assert described is (example in RIGHT)


def test_the_catalogue_of_problems_is_served_whole(http: httpx.Client) -> None:
    response = http.get("/problems")
    assert response.headers["content-type"] == "text/markdown; charset=utf-8"
    assert response.text == page()
    for code, kind in CATALOG.items():
        assert f"## {code}\n\n{kind.status}. {kind.title}. " in page()


def test_the_interactive_page_is_there(http: httpx.Client) -> None:
    assert "swagger" in http.get("/docs").text.lower()


def test_the_page_of_problems_is_the_catalogue() -> None:
    told = (ROOT / "docs" / "problems.md").read_text()
    assert told == page(), "python -m service.problems > docs/problems.md"
