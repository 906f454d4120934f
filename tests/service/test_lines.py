"""Lines are learnt and answered while they come: what is held follows a line, not the body."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import Message

from service.client import Client
from service.process import Process
from service.web.body import by_line
from service.web.media import LINES
from service.web.outgoing import HELD, Outgoing

LIMIT = 1 << 16


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A service that takes bodies of 64 KiB."""
    directory: Path = tmp_path_factory.mktemp("narrow")
    process = Process(directory, max_body_bytes=LIMIT, strategy="independent")
    with process, Client(process.url, patience=300) as client:
        client.wait_ready()
        yield client


def line(i: int, **more: Any) -> bytes:
    features = {f"feature {j}": i % (j + 2) for j in range(8)}
    return json.dumps({"task": f"t{i % 3}", "features": features, "label": i % 2, **more}).encode()


def test_a_body_far_larger_than_the_limit_is_learnt_line_by_line(narrow: Client) -> None:
    n = 20_000
    before = narrow.state()["position"]

    def body() -> Iterator[bytes]:
        for lo in range(0, n, 1000):
            yield b"".join(line(i) + b"\n" for i in range(lo, lo + 1000))

    with httpx.Client(base_url=narrow.url, timeout=120) as http:
        headers = {"content-type": LINES}
        response = http.post("/v1/learn", content=b"".join(body()), headers=headers)
        assert int(response.request.headers["content-length"]) > 40 * LIMIT
        said = [json.loads(text) for text in response.text.splitlines()]
    assert response.status_code == 207  # more than is held back: each item tells its status
    assert len(said) == n and {one["status"] for one in said} == {200}
    assert [one["seen"] for one in said if one["task"] == "t1"] == list(range(len(said[1::3])))
    assert narrow.state()["position"] == before + n


def test_answers_come_before_the_body_ends(narrow: Client) -> None:
    host, port = narrow.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(
            b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        question = json.dumps({"task": "t", "features": {}}).encode() + b"\n"
        part = question * 2000
        for _ in range(12):
            connection.sendall(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 207 ")
        connection.sendall(b"0\r\n\r\n")
        told = b""
        while not told.endswith(b"0\r\n\r\n"):
            told += connection.recv(1 << 20)
        assert told.count(b'"status":200') == 24_000


@pytest.mark.parametrize("packed", [False, True])
def test_what_is_wrong_with_the_body_is_told_after_what_was_learnt(
    narrow: Client, packed: bool
) -> None:
    before = narrow.state()["position"]
    good = b"\n".join(line(i) for i in range(2000))
    body = good + b"\n" + line(0, id="x" * 2 * LIMIT) if not packed else gzip.compress(good)[:-9]
    headers = {"content-type": LINES, **({"content-encoding": "gzip"} if packed else {})}
    response = httpx.post(f"{narrow.url}/v1/learn", content=body, headers=headers, timeout=60)
    assert response.status_code == 207
    *said, last = [json.loads(text) for text in response.text.splitlines()]
    assert {one["status"] for one in said} == {200}
    assert last["code"] == ("malformed-body" if packed else "body-too-large")
    assert last["line"] == len(said) + 1
    assert narrow.state()["position"] == before + len(said)
    assert len(said) > 1000


def test_a_line_over_the_limit_is_refused(narrow: Client) -> None:
    headers = {"content-type": LINES}
    body = line(0, id="x" * 2 * LIMIT)
    response = httpx.post(f"{narrow.url}/v1/learn", content=body, headers=headers, timeout=60)
    assert response.status_code == 413
    assert "a line of more" in response.json()["detail"]


def test_lines_are_cut_between_lines() -> None:
    text = b"\n".join(b"x" * (i % 50_000) for i in range(0, 900_000, 7_001)) + b"\nno end"

    async def parts() -> AsyncIterator[bytes]:
        for lo in range(0, len(text), 65_536):
            yield text[lo : lo + 65_536]

    async def main() -> list[bytes]:
        return [part async for part in by_line(parts(), 1 << 20)]

    found = asyncio.run(main())
    assert b"".join(found) == text and len(found) > 5
    assert all(part.endswith(b"\n") for part in found[:-1])


def test_a_client_that_does_not_read_is_waited_for_but_not_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("service.web.outgoing.PATIENCE", 0.05)
    sent: list[int] = []

    async def main() -> None:
        open_ = asyncio.Event()

        async def send(message: Message) -> None:
            if message["type"] == "http.response.body":
                await open_.wait()
                sent.append(len(message["body"]))

        async with Outgoing(send, LINES, 3 * HELD) as answer:
            for _ in range(3):
                await answer.put(b"x" * HELD)
            assert answer.begun and not sent
            with pytest.raises(TimeoutError, match="has not read"):
                await answer.put(b"x" * HELD)
            open_.set()
            await answer.put(b"y")
            await answer.end(200)

    asyncio.run(main())
    assert sum(sent) == 4 * HELD + 1
