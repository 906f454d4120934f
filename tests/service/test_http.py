from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

import httpx
import pytest

from learners.features import Example
from service.client import Client

LESSON = {"task": "alice", "features": {"subject": "cheap pills", "links": 3}, "label": "spam"}


def teach(http: httpx.Client, **changes: object) -> dict[str, object]:
    response = http.post("/v1/learn", json={**LESSON, **changes})
    assert response.status_code == 200, response.text
    answer: dict[str, object] = response.json()
    return answer


def test_a_task_is_taught_and_asked(http: httpx.Client) -> None:
    first = teach(http, task="first", label="ham")
    assert (first["seen"], first["version"]) == (0, 1)
    for _ in range(20):
        teach(http, task="first", features={"links": 3}, label="spam")
        teach(http, task="first", features={"links": 0}, label="ham")
    response = http.post("/v1/predict", json={"task": "first", "features": {"links": 3}})
    answer = response.json()
    assert response.headers["content-type"] == "application/json"
    assert (answer["task"], answer["label"]) == ("first", "spam")
    assert (answer["seen"], answer["version"]) == (41, 41)
    assert set(answer["probabilities"]) == {"ham", "spam"}
    assert sum(answer["probabilities"].values()) == pytest.approx(1)
    assert answer["probabilities"]["spam"] > 0.5


def test_the_answer_to_a_lesson_is_from_before_it_was_learnt(http: httpx.Client) -> None:
    question = {key: LESSON[key] for key in ("task", "features")} | {"task": "before"}
    teach(http, task="before", label="ham")
    asked = http.post("/v1/predict", json=question).json()
    taught = teach(http, task="before", label="spam")
    assert {**asked, "version": 2} == taught
    assert http.post("/v1/predict", json=question).json() != asked


def test_to_predict_changes_nothing(http: httpx.Client, client: Client) -> None:
    teach(http, task="still")
    before = client.state()
    http.post("/v1/predict", json={"task": "still", "features": {"new": 1.0, "links": 9}})
    http.post("/v1/predict", json={"task": "a task of which nobody heard", "features": {}})
    assert client.state() == before


def test_a_task_never_seen_gets_the_prior_of_all(http: httpx.Client) -> None:
    teach(http, task="someone")
    answer = http.post("/v1/predict", json={"task": "nobody", "features": {"links": 3}}).json()
    assert answer["seen"] == 0
    assert answer["probabilities"]
    assert http.get("/v1/tasks/nobody").status_code == 404


@pytest.mark.parametrize("verb", ["learn", "predict"])
@pytest.mark.parametrize("form", ["array", "lines"])
def test_many_are_answered_in_their_form_and_order(
    http: httpx.Client, client: Client, verb: str, form: str
) -> None:
    tasks = [f"{verb} {form} {i}" for i in (1, 2)]
    lessons = [
        Example(tasks[i % 2], {"n": i / 7, "word": "abc"[i % 3]}, "xy"[i * i % 3 % 2])
        for i in range(300)  # more than one slice
    ]
    wire: list[dict[str, object]] = [{"task": e.task, "features": e.features} for e in lessons]
    if verb == "learn":
        wire = [{**item, "label": e.label} for item, e in zip(wire, lessons, strict=True)]
        seen = [i // 2 for i in range(300)]
    else:
        client.learn(lessons[:50])
        seen = [25] * 300
    if form == "array":
        response = http.post(f"/v1/{verb}", json=wire)
        items = response.json()
        assert response.headers["content-type"] == "application/json"
    else:
        text = "\n".join(json.dumps(item) for item in wire)
        headers = {"content-type": "application/x-ndjson"}
        response = http.post(f"/v1/{verb}", content=text, headers=headers)
        items = [json.loads(line) for line in response.text.splitlines()]
        assert response.headers["content-type"] == "application/x-ndjson"
    assert response.status_code == 200
    assert [item["status"] for item in items] == [200] * 300
    assert [item["task"] for item in items] == [lesson.task for lesson in lessons]
    assert [item["seen"] for item in items] == seen
    if verb == "predict":
        for i in range(0, 300, 50):
            assert items[i] == {"status": 200, **client.predict_one(lessons[i])}


@pytest.mark.parametrize("empty", ["[]", " [ ]"])
def test_no_examples_are_answered_by_none(http: httpx.Client, empty: str) -> None:
    assert http.post("/v1/learn", content=empty).json() == []
    lines = http.post("/v1/learn", content="\n", headers={"content-type": "application/x-ndjson"})
    assert (lines.status_code, lines.content) == (200, b"")


def test_labels_keep_their_type(http: httpx.Client) -> None:
    def typed(labels: Iterable[Any]) -> Counter[tuple[type, Any]]:
        return Counter((type(label), label) for label in labels)  # in no order: the service has one

    labels = [0, False, "", "0", 1, True, "1", 1.5, -3, "null"]
    for label in labels:
        teach(http, task="labels", features={}, label=label)
    answer = http.post("/v1/predict", json={"task": "labels", "features": {}}).json()
    told = [pair["label"] for pair in answer["probabilities"]]
    assert typed(told) == typed(labels)
    assert sum(pair["probability"] for pair in answer["probabilities"]) == pytest.approx(1)
    assert answer["seen"] == len(labels)
    view = http.get("/v1/tasks/labels").json()
    assert typed(c["label"] for c in view["classes"]) == typed(labels)
    assert [c["count"] for c in view["classes"]] == [1] * len(labels)
    teach(http, task="labels", features={}, label=1.0)  # is 1
    again = http.get("/v1/tasks/labels").json()["classes"]
    assert [(type(c["label"]), c["label"]) for c in again if c["count"] == 2] == [(int, 1)]
    assert typed(c["label"] for c in again) == typed(labels)


def test_no_features_are_an_example(http: httpx.Client) -> None:
    for label in ["a", "b", "b", "b", "b"]:
        teach(http, task="bare", features={}, label=label)
    answer = http.post("/v1/predict", json={"task": "bare", "features": {}}).json()
    assert answer["label"] == "b"


def test_a_feature_may_be_a_number_once_and_a_string_later(http: httpx.Client) -> None:
    for value in (3, "three", True, None, [1, 2], ["a"], {"x": 1}):
        teach(http, task="moody", features={"v": value})
    assert http.get("/v1/tasks/moody").json()["seen"] == 7


@pytest.mark.parametrize(
    "name",
    ["a/b/c", "..", ".", "a.b", "naïve 猫 \U0001f408", "a b?c#d%41&e=f", "/", "\x00\n", "x" * 512],
)
def test_a_task_may_have_any_name(http: httpx.Client, client: Client, name: str) -> None:
    teach(http, task=name)
    view = client.task(name)
    assert (view["task"], view["seen"]) == (name, 1)
    assert name in client.tasks()
    assert client.delete(name)
    assert not client.delete(name)
    assert name not in client.tasks()


def test_a_view_of_a_task(http: httpx.Client) -> None:
    for i in range(40):
        for task in ("view a", "view b"):
            teach(http, task=task, features={"x": i % 2, "c": str(i % 2)}, label=str(i % 2))
    view = http.get("/v1/tasks/view a").json()
    assert view["seen"] == 40
    assert view["classes"] == [{"label": "0", "count": 20}, {"label": "1", "count": 20}]
    assert sum(view["weights"].values()) == pytest.approx(1)
    assert {"pooled", "independent"} <= set(view["progress"])
    progress = next(iter(view["progress"].values()))
    assert 0 < progress["error"] < 0.5
    assert min(progress["log_loss"], progress["brier"]) > 0
    assert set(view["benefit"]) == {"nats", "errors"}
    assert 500 < view["bytes"] < 1 << 20
    names = [near["task"] for near in view["nearest"]]
    assert len(names) == 5
    assert "view a" not in names


def test_tasks_are_told_page_by_page(http: httpx.Client) -> None:
    names = [f"page {i}" for i in range(5)]
    for name in names:
        teach(http, task=name)
    found: list[str] = []
    cursor: str | None = "page"
    while cursor is not None and len(found) < 5:
        page = http.get("/v1/tasks", params={"cursor": cursor, "limit": 2}).json()
        assert len(page["tasks"]) <= 2
        found += page["tasks"]
        cursor = page["next"]
    assert found[:5] == names
    everything = http.get("/v1/tasks", params={"limit": 10_000}).json()
    assert everything["next"] is None
    assert everything["total"] == len(everything["tasks"])
    assert everything["tasks"] == sorted(everything["tasks"])


def test_relations_are_a_matrix_or_the_most_alike_pairs(http: httpx.Client) -> None:
    for i in range(30):
        for task, label in (("rel a", i % 2), ("rel b", i % 2), ("rel c", 1 - i % 2)):
            teach(http, task=task, features={"x": i % 2}, label=f"l{label}")
    whole = http.get("/v1/relations").json()
    assert set(whole) == {"tasks", "cosine"}
    a, b, c = (whole["tasks"].index(f"rel {name}") for name in "abc")
    assert whole["cosine"][a][a] == pytest.approx(1)
    assert whole["cosine"][a][b] == whole["cosine"][b][a] > whole["cosine"][a][c]
    pairs = http.get("/v1/relations", params={"top": 3}).json()["pairs"]
    assert len(pairs) == 3
    cosines = [pair["cosine"] for pair in pairs]
    assert cosines == sorted(cosines, reverse=True)
    assert cosines[0] >= whole["cosine"][a][b] - 1e-9


def test_a_retry_with_an_id_gets_the_first_answer_and_changes_nothing(
    http: httpx.Client, client: Client
) -> None:
    first = teach(http, task="once", id="once-1")
    teach(http, task="once", label="ham", id="once-2")
    before = client.state()
    assert teach(http, task="once", id="once-1") == first
    assert client.state() == before


def test_an_id_of_another_example_is_refused(http: httpx.Client, client: Client) -> None:
    teach(http, task="once", id="other-1")
    before = client.state()
    other = {**LESSON, "task": "once", "label": "ham", "id": "other-1"}
    response = http.post("/v1/learn", json=other)
    assert (response.status_code, response.json()["code"]) == (409, "id-conflict")
    assert client.state() == before


def test_ids_work_among_many_too(http: httpx.Client, client: Client) -> None:
    lesson = {**LESSON, "task": "ids", "id": "ids-1"}
    response = http.post("/v1/learn", json=[lesson, lesson, {**lesson, "label": "x"}])
    first, again, other = response.json()
    assert response.status_code == 207
    assert first == again
    assert (other["status"], other["code"]) == (409, "id-conflict")
    assert client.task("ids")["seen"] == 1


def test_every_answer_has_a_request_id(http: httpx.Client) -> None:
    assert re.fullmatch("[0-9a-f]{16}", http.get("/livez").headers["x-request-id"])
    named = http.get("/nowhere", headers={"x-request-id": "my-id.1"})
    assert named.headers["x-request-id"] == named.json()["request_id"] == "my-id.1"
    bad = http.get("/livez", headers={"x-request-id": "a b"})
    assert bad.headers["x-request-id"] != "a b"


def test_health(http: httpx.Client) -> None:
    assert http.get("/livez").text == "ok\n"
    assert http.get("/readyz").text == "ok\n"
    assert "[+]recovery ok" in http.get("/readyz?verbose").text


def test_metrics_count_and_name_no_task(http: httpx.Client) -> None:
    def value(name: str) -> float:
        text = http.get("/metrics").text
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
        assert found, f"{name} is not among\n{text}"
        return float(found[1])

    learnt = value('kindred_learn_total{result="ok"}')
    refused = value('kindred_learn_total{result="refused"}')
    position = value("kindred_position")
    requests = 'kindred_http_requests_total{method="POST",route="/v1/learn",status="207"}'
    http.post("/v1/learn", json=[3])
    answered = value(requests)
    http.post("/v1/learn", json=[{**LESSON, "task": "metrics"}, {}, {**LESSON, "task": "metrics"}])
    assert value('kindred_learn_total{result="ok"}') == learnt + 2
    assert value('kindred_learn_total{result="refused"}') == refused + 2
    assert value('kindred_rejected_total{reason="invalid-example"}') >= 2
    assert value("kindred_position") == position + 2
    assert value(requests) == answered + 1
    assert value("kindred_http_requests_in_flight") == 1
    assert "alice" not in http.get("/metrics").text
    modern = http.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    assert modern.headers["content-type"].startswith("application/openmetrics-text")
    assert modern.text.endswith("# EOF\n")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "not-found"),
        ("GET", "/v1/taskz", 404, "not-found"),
        ("GET", "/v1/tasks/", 404, "unknown-task"),
        ("GET", "/v1/tasks/nobody", 404, "unknown-task"),
        ("DELETE", "/v1/tasks/nobody", 404, "unknown-task"),
        ("GET", "/v1/learn", 405, "method-not-allowed"),
        ("PUT", "/v1/tasks", 405, "method-not-allowed"),
        ("GET", "/v1/tasks?limit=0", 422, "invalid-request"),
        ("GET", "/v1/tasks?limit=many", 422, "invalid-request"),
        ("GET", "/v1/relations?top=-1", 422, "invalid-request"),
    ],
)
def test_refusals_are_problems(
    http: httpx.Client, method: str, path: str, status: int, code: str
) -> None:
    response = http.request(method, path)
    problem = response.json()
    assert response.status_code == problem["status"] == status
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["code"] == code
    assert problem["type"] == f"/problems#{code}"
    assert problem["detail"].endswith(".")
    assert f"## {code}\n" in http.get("/problems").text
    if status == 405:
        assert response.headers["allow"]
