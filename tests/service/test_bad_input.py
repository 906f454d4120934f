"""Whatever is sent gets a clear answer, and what is refused leaves no trace in the state."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from service.client import Client
from service.process import Process

GOOD = {"task": "bad input", "features": {"a": 1}, "label": "x"}
LINES = {"content-type": "application/x-ndjson"}


@pytest.fixture
def unchanged(client: Client) -> Iterator[None]:
    """The state after the test is that before it, to the last byte."""
    before = client.state()
    yield
    assert client.state() == before


def problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem, if it is that and complete."""
    found: dict[str, Any] = response.json()
    assert (response.status_code, found["status"], found["code"]) == (status, status, code)
    assert response.headers["content-type"] == "application/problem+json"
    assert found["request_id"] == response.headers["x-request-id"]
    assert {"type", "title", "detail"} <= set(found)
    return found


@pytest.mark.parametrize(
    "body",
    [
        "",
        " ",
        "{",
        "nonsense",
        "{'task': 'a'}",
        json.dumps(GOOD) + ",",
        json.dumps(GOOD)[:-1],
        '{"task": "a", "features": {"x": NaN}, "label": 1}',
        '{"task": "a", "features": {"x": Infinity}, "label": 1}',
        '{"task": "a", "features": {"x": -Infinity}, "label": 1}',
        '{"task": "a", "features": {"x": [1, NaN]}, "label": 1}',
        '{"task": "\\ud800", "features": {}, "label": 1}',
        '{"task": "a", "features": {"\\udfff": 1}, "label": 1}',
        '{"task": "a", "features": {"x": ' + "[" * 50_000 + "]" * 50_000 + '}, "label": 1}',
        "[" * 50_000,
        '[{"task": "a", "features": {}, "label": 1}, {]',
    ],
)
@pytest.mark.usefixtures("unchanged")
def test_what_is_no_json_is_refused(http: httpx.Client, body: str) -> None:
    found = problem(http.post("/v1/learn", content=body), 400, "malformed-json")
    if "NaN" in body or "Infinity" in body:
        assert "no NaN and no Infinity" in found["detail"]


@pytest.mark.usefixtures("unchanged")
def test_bytes_that_are_not_utf8_are_refused(http: httpx.Client) -> None:
    body = b'{"task": "caf\xe9", "features": {}, "label": 1}'
    problem(http.post("/v1/learn", content=body), 400, "malformed-json")


@pytest.mark.parametrize(
    ("change", "pointer", "says"),
    [
        ({"task": None}, "/task", "Expected `str`, got `null`"),
        ({"task": 7}, "/task", "Expected `str`, got `int`"),
        ({"task": ""}, "/task", "0 characters; give 1 to 512"),
        ({"task": "x" * 10_000}, "/task", "10000 characters; give 1 to 512"),
        ({"features": None}, "/features", "got `null`"),
        ({"features": [1, 2]}, "/features", "got `array`"),
        ({"features": "text"}, "/features", "got `str`"),
        ({"features": {"deep": {"er": {"still": 1}}}}, "/features", "deep"),
        ({"features": {"x": [1, [2]]}}, "/features", "x"),
        ({"features": {"x": [{}]}}, "/features", "x"),
        ({"features": {"x": {"y": "text"}}}, "/features", "x"),
        ({"features": {"x": 1e39}}, "/features", "1e+39"),
        ({"features": {"x": 10**400}}, "/features", "x"),
        ({"features": {"x": {"y": 10**400}}}, "/features", "x"),
        ({"label": None}, "/label", "null means no label"),
        ({"label": ["x"]}, "/label", "got `array`"),
        ({"label": {"x": 1}}, "/label", "got `object`"),
        ({"label": 2**64}, "/label", "64 bits"),
        ({"weight": -1}, "/weight", "-1"),
        ({"weight": None}, "/weight", "got `null`"),
        ({"weight": 1e7}, "/weight", "1,000,000"),
        ({"id": 5}, "/id", "got `int`"),
        ({"id": ""}, "/id", "give 1 to 128"),
        ({"id": "x" * 129}, "/id", "129 characters"),
        ({"labels": "x"}, "/labels", "unknown field"),
    ],
)
@pytest.mark.usefixtures("unchanged")
def test_what_cannot_be_used_is_refused_by_name(
    http: httpx.Client, change: dict[str, object], pointer: str, says: str
) -> None:
    response = http.post("/v1/learn", content=json.dumps({**GOOD, **change}))
    found = problem(response, 422, "invalid-example")
    assert says in found["detail"]
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


@pytest.mark.parametrize("missing", ["task", "features", "label"])
@pytest.mark.usefixtures("unchanged")
def test_what_is_missing_is_named(http: httpx.Client, missing: str) -> None:
    body = {name: value for name, value in GOOD.items() if name != missing}
    found = problem(http.post("/v1/learn", json=body), 422, "invalid-example")
    assert missing in found["detail"]


@pytest.mark.parametrize("number", ["1e400", "-1e999999"])
@pytest.mark.usefixtures("unchanged")
def test_a_number_beyond_all_bounds_is_refused(http: httpx.Client, number: str) -> None:
    for field in ('"features": {"x": %s}, "label": 1', '"features": {}, "label": %s'):
        response = http.post("/v1/learn", content='{"task": "a", ' + field % number + "}")
        assert "out of range" in problem(response, 422, "invalid-example")["detail"]


@pytest.mark.usefixtures("unchanged")
def test_an_integer_of_a_hundred_thousand_digits_is_refused(http: httpx.Client) -> None:
    for field in ('"features": {"x": %s}, "label": 1', '"features": {}, "label": %s'):
        body = '{"task": "a", ' + field % ("9" * 100_000) + "}"
        assert 400 <= http.post("/v1/learn", content=body).status_code <= 422


@pytest.mark.usefixtures("unchanged")
def test_a_name_that_stands_twice_is_refused(http: httpx.Client) -> None:
    body = '{"task": "a", "features": {"x": 1, "x": 2}, "label": 1}'
    found = problem(http.post("/v1/learn", content=body), 422, "invalid-example")
    assert found["detail"] == "'x' stands twice in one object; keep one."


@pytest.mark.usefixtures("unchanged")
def test_a_million_features_are_refused(http: httpx.Client) -> None:
    body = json.dumps({**GOOD, "features": dict.fromkeys(map(str, range(1_000_000)), 1)})
    found = problem(http.post("/v1/learn", content=body), 422, "invalid-example")
    assert "1000000 columns" in found["detail"]
    assert "KINDRED_MAX_FEATURES" in found["detail"]


@pytest.mark.usefixtures("unchanged")
def test_too_many_examples_are_refused_before_any_is_learnt(http: httpx.Client) -> None:
    response = http.post("/v1/learn", content="[" + "0," * 100_000 + "0]")
    assert "100001" in problem(response, 413, "too-many-examples")["detail"]


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/csv"},
        {"content-type": "application/json; charset=utf-16"},
        {"content-type": "application/json", "content-encoding": "br"},
        {"content-type": "application/x-ndjson", "content-encoding": "gzip, zstd"},
        {"content-type": "text/plain", "origin": "https://elsewhere.example"},
        {"content-type": "application/x-www-form-urlencoded", "origin": "https://a.example"},
    ],
)
@pytest.mark.usefixtures("unchanged")
def test_an_unknown_media_type_is_refused(http: httpx.Client, headers: dict[str, str]) -> None:
    response = http.post("/v1/learn", content=json.dumps(GOOD), headers=headers)
    problem(response, 415, "unsupported-media-type")


def test_a_hundred_megabytes_are_refused_before_they_are_read(server: Process) -> None:
    with _connect(server) as connection:
        connection.sendall(
            b"POST /v1/learn HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 100000000\r\n\r\n"
        )
        status, problem = _answer(connection)  # not one byte of the body was sent
    assert (status, problem["code"]) == (413, "body-too-large")
    assert "100000000 bytes, the limit is 16777216" in str(problem["detail"])


def test_a_hundred_megabytes_in_chunks_are_refused_at_the_limit(server: Process) -> None:
    chunk = b"100000\r\n" + b" " * (1 << 20) + b"\r\n"
    with _connect(server) as connection:
        connection.sendall(
            b"POST /v1/learn HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        for _ in range(17):  # of a hundred
            connection.sendall(chunk)
        status, problem = _answer(connection)
    assert (status, problem["code"]) == (413, "body-too-large")


def test_a_client_that_sends_it_all_still_gets_the_answer(http: httpx.Client) -> None:
    response = http.post("/v1/learn", content=b" " * 100_000_000)
    problem(response, 413, "body-too-large")
    assert response.headers["connection"] == "close"
    assert http.get("/livez").status_code == 200


@pytest.mark.usefixtures("unchanged")
def test_a_body_shorter_than_it_says_is_not_used(server: Process, http: httpx.Client) -> None:
    body = json.dumps(GOOD).encode()
    with _connect(server) as connection:
        head = f"POST /v1/learn HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body) + 1}\r\n\r\n"
        connection.sendall(head.encode() + body)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1000) == b""
    assert http.get("/livez").status_code == 200


@pytest.mark.parametrize("length", [b"-1", b"many", b"1, 2"])
@pytest.mark.usefixtures("unchanged")
def test_a_length_that_is_none_is_refused(server: Process, length: bytes) -> None:
    with _connect(server) as connection:
        connection.sendall(
            b"POST /v1/learn HTTP/1.1\r\nHost: x\r\nContent-Length: " + length + b"\r\n\r\n{}"
        )
        assert connection.recv(1000).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("form", ["lines", "array"])
def test_one_bad_example_among_a_thousand_is_refused_alone(
    http: httpx.Client, client: Client, form: str
) -> None:
    task = f"one bad {form}"
    good = json.dumps({**GOOD, "task": task})
    texts = [good] * 500 + ['{"task": 3}' if form == "array" else "{oops"] + [good] * 499
    before = client.state()["position"]
    if form == "array":
        response = http.post("/v1/learn", content=f"[{','.join(texts)}]")
        items = response.json()
    else:
        response = http.post("/v1/learn", content="\n".join(texts), headers=LINES)
        items = [json.loads(line) for line in response.text.splitlines()]
    assert response.status_code == 207
    assert [i for i, item in enumerate(items) if item["status"] != 200] == [500]
    assert [item.get("seen") for item in items] == [*range(500), None, *range(500, 999)]
    if form == "array":
        assert (items[500]["status"], items[500]["code"]) == (422, "invalid-example")
    else:
        assert (items[500]["status"], items[500]["code"]) == (400, "malformed-json")
        assert items[500]["line"] == 501
    assert client.task(task)["seen"] == 999
    assert client.state()["position"] == before + 999


@pytest.mark.usefixtures("unchanged")
def test_a_question_is_checked_as_a_lesson_is(http: httpx.Client) -> None:
    for body, status, code in [
        ("{", 400, "malformed-json"),
        ('{"task": "a"}', 422, "invalid-example"),
        (json.dumps(GOOD), 422, "invalid-example"),  # it has a label
        ('{"task": "a", "features": {"x": {"y": "z"}}}', 422, "invalid-example"),
    ]:
        problem(http.post("/v1/predict", content=body), status, code)


def _connect(server: Process) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(server.url.rsplit(":", 1)[1])), timeout=10)


def _answer(connection: socket.socket) -> tuple[int, dict[str, object]]:
    """Status and body of an answer whose connection stays open or not."""
    data = b""
    while b"\r\n\r\n" not in data or not data.endswith(b"}"):
        more = connection.recv(65536)
        assert more, data
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)
