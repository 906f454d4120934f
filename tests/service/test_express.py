"""The short way answers as the long way does, whatever comes over the connection."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from service.client import Client
from service.process import Process
from service.settings import Settings
from service.web.app import create_app
from service.web.express import express

LINES = "application/x-ndjson"
GOOD = {"task": "short", "features": {"x": 1.5, "subject": "cheap pills"}, "label": "spam"}


@pytest.fixture
def wire(server: Process, client: Client) -> Iterator[socket.socket]:
    port = int(server.url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=30) as wire:
        yield wire


def request(
    body: bytes, verb: str = "learn", more: str = "", form: str = "application/json"
) -> bytes:
    head = f"POST /v1/{verb} HTTP/1.1\r\nhost: a\r\ncontent-type: {form}\r\n{more}"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def answers(wire: socket.socket, n: int) -> list[tuple[int, dict[str, str], Any]]:
    """Status, headers and body of the next n answers."""
    file = wire.makefile("rb")
    found = []
    for _ in range(n):
        status = int(file.readline().split()[1])
        headers = {}
        while (line := file.readline().strip()) != b"":
            name, _, value = line.decode().partition(": ")
            headers[name] = value
        said = file.read(int(headers["content-length"]))
        lines = headers["content-type"] == LINES
        found.append((status, headers, said.split() if lines else json.loads(said)))
    return found


def encoded(**changed: object) -> bytes:
    return json.dumps({**GOOD, **changed}).encode()


def examples(*ids: str, **changed: object) -> list[bytes]:
    return [encoded(id=f"express-{id}", **changed) for id in ids]


TABLE = {
    "columns": ["task", "label", "id", "x"],
    "rows": [["short", "ham", "express-t", 1], ["short", None, "express-u", 2]],
}


@pytest.mark.parametrize(
    ("form", "body"),
    [
        ("application/json", b"[" + b",".join(examples("a", "b")) + b"]"),
        ("application/json", b"[" + b",".join(examples("c") + examples("d", label=None)) + b"]"),
        ("application/json", b"[1, 2"),
        ("application/json", json.dumps(TABLE).encode()),
        ("application/json", json.dumps({**TABLE, "columns": ["task"]}).encode()),
        (LINES, b"\n".join(examples("e", "f"))),
        (LINES, b"\n".join([*examples("g"), b"{"])),
        (LINES, b""),
        ("application/json", json.dumps({**TABLE, "rows": []}).encode()),
        (
            "application/json",
            json.dumps({**TABLE, "rows": [["short", "ham", "t", "x"] * 2]}).encode(),
        ),
        ("application/json", b"[]"),
        ("application/json; charset=utf-8", b" [" + b",".join(examples("k", "l")) + b"]"),
        ("application/jsonl", b"\n".join(examples("h", "i"))),
        ("text/plain", b"x"),
    ],
)
def test_both_ways_say_the_same_of_many(wire: socket.socket, form: str, body: bytes) -> None:
    told = []
    for more in ("", "", "x-request-id: long\r\n"):  # what is good was learnt the first time
        wire.sendall(request(body, more=more, form=form))
        [(status, headers, said)] = answers(wire, 1)
        del headers["date"], headers["x-request-id"]
        if isinstance(said, dict) and "request_id" in said:
            del said["request_id"], headers["content-length"]
        told.append((status, headers, said))
    assert told[1] == told[2]


def test_what_takes_long_takes_the_long_way(wire: socket.socket) -> None:
    """Which learns, and answers, some of them at a time."""
    rows = [["long", "ham", i, "x" * 100] for i in range(3000)]
    body = json.dumps({"columns": ["task", "label", "n", "w"], "rows": rows}).encode()
    assert len(body) > 1 << 18
    wire.sendall(request(body) + request(encoded(task="long")))
    (status, _, many), (_, _, one) = answers(wire, 2)
    assert status == 200 and [row[-2] for row in many["rows"]] == list(range(3000))
    assert one["seen"] == 3000


def test_a_head_read_before_may_come_in_any_company(wire: socket.socket) -> None:
    one = request(encoded(task="heads"))
    other = request(encoded(task="heads", features={"x": 10}))
    many = request(b"[" + encoded(task="heads") + b"]")
    for pieces in ([one], [one], [one + other], [one[:40], one[40:]], [one[:-5], one[-5:]]):
        for piece in pieces:
            wire.sendall(piece)
        answers(wire, 2 if pieces == [one + other] else 1)
    wire.sendall(many + one + many)
    (_, _, [first]), (_, _, second), (_, _, [third]) = answers(wire, 3)
    assert [said["seen"] for said in (first, second, third)] == [6, 7, 8]
    wire.sendall(b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n" + one)
    file = wire.makefile("rb")
    assert file.readline() == b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("predict", json.dumps({"task": "short", "features": {"x": 1}}).encode()),
        ("learn", encoded(id="express-1")),
        ("learn", encoded(label=None)),
        ("learn", encoded(features={"x": {"y": "no number"}})),
        ("learn", encoded(features={"x": 1e40})),
        ("learn", encoded(id="express-1", label="ham")),
        ("learn", b'{"task": "short", "features": {"x": 1'),
        ("learn", b"[" + encoded(id="express-2") + b"]"),
        ("learn", b""),
    ],
)
def test_both_ways_say_the_same(wire: socket.socket, verb: str, body: bytes) -> None:
    if verb == "learn":  # so that what is good was learnt before, and changes nothing more
        wire.sendall(request(body, verb))
        answers(wire, 1)
    wire.sendall(request(body, verb))
    [(status, headers, short)] = answers(wire, 1)
    wire.sendall(request(body, verb, "x-request-id: long\r\n"))
    [(as_long, others, long)] = answers(wire, 1)
    assert others.pop("x-request-id") == "long"
    assert len(headers.pop("x-request-id")) == 16
    for said, names in ((short, headers), (long, others)):
        if isinstance(said, dict):
            said.pop("request_id", None)
        del names["date"], names["content-length"]
    assert (status, headers, short) == (as_long, others, long)


def test_requests_sent_at_once_are_answered_in_order(wire: socket.socket) -> None:
    bodies = [encoded(task="queue"), b"{", encoded(task="queue"), encoded(task="queue")]
    wire.sendall(b"".join(map(request, bodies)))
    told = answers(wire, 4)
    assert [status for status, _, _ in told] == [200, 400, 200, 200]
    assert [said["seen"] for status, _, said in told if status == 200] == [0, 1, 2]


def test_who_waits_beside_a_bad_example_is_learnt(server: Process, http: httpx.Client) -> None:
    """They are read together, as lines: what is wrong with one is that one's alone."""
    bad = [b"{", b'{"task": "beside"}', encoded(label=None), b'{"task": "\xff"}', b"{} {}"]
    bad += [
        b'{"task": "beside", "features": {"x": 1, "x": 2}, "label": 1}',
        b'{"task":\n"beside\n"}',
    ]
    spread = encoded(task="beside").replace(b", ", b",\n") + b"\n"  # over several lines
    bodies = [encoded(task="beside"), spread, *bad] * 4
    port = int(server.url.rsplit(":", 1)[1])
    wires = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in bodies]
    try:
        for wire, body in zip(wires, bodies, strict=True):
            wire.sendall(request(body))
        told = [answers(wire, 1)[0] for wire in wires]
    finally:
        for wire in wires:
            wire.close()
    good = [body not in bad for body in bodies]
    assert [status == 200 for status, _, _ in told] == good
    assert sorted(said["seen"] for status, _, said in told if status == 200) == list(range(8))
    for (status, _, said), body in zip(told, bodies, strict=True):
        if status != 200:
            alone = http.post("/v1/learn", content=body)
            assert (status, said["code"]) == (alone.status_code, alone.json()["code"])


def test_a_body_may_come_in_pieces_and_a_connection_may_close(wire: socket.socket) -> None:
    whole = request(encoded(task="pieces"), more="connection: close\r\n")
    for at in range(0, len(whole), 37):
        wire.sendall(whole[at : at + 37])
    [(status, headers, said)] = answers(wire, 1)
    assert (status, headers["connection"], said["seen"]) == (200, "close", 0)
    assert wire.recv(1) == b""


def test_who_leaves_is_learnt_from_and_disturbs_nobody(server: Process, http: httpx.Client) -> None:
    port = int(server.url.rsplit(":", 1)[1])
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", port)) as wire:
            wire.sendall(request(encoded(task="leaver")))
            wire.shutdown(socket.SHUT_WR)
    ends = time.monotonic() + 30  # connections are taken one by one, maybe after others' requests
    while http.get("/v1/tasks/leaver").json().get("seen") != 20 and time.monotonic() < ends:
        time.sleep(0.01)
    for n in range(20, 23):
        assert http.post("/v1/learn", json={**GOOD, "task": "leaver"}).json()["seen"] == n


def test_they_are_counted_alike(wire: socket.socket, http: httpx.Client) -> None:
    def counted() -> tuple[float, ...]:
        text = http.get("/metrics").text.splitlines()
        lines = dict(line.rsplit(" ", 1) for line in text if line[:1] != "#")
        route = 'route="/v1/learn"'
        names = (
            f'kindred_http_requests_total{{method="POST",{route},status="200"}}',
            f"kindred_http_request_duration_seconds_count{{{route}}}",
            'kindred_learn_total{result="ok"}',
            "kindred_http_requests_in_flight",
        )
        return tuple(float(lines[name]) for name in names)

    begin = counted()
    one = encoded(task="counted")
    for n, body in ((1, one), (2, b"[" + one + b"," + one + b"]")):
        for more in ("", "x-request-id: long\r\n"):
            wire.sendall(request(body, more=more))
            answers(wire, 1)
            now = counted()
            assert [b - a for a, b in zip(begin, now, strict=True)] == [1, 1, n, 0]
            begin = now


def test_who_is_idle_is_let_go_and_nobody_else(tmp_path: Path) -> None:
    """One timer for many answers: it counts from the last of them."""
    patience = 1

    async def main() -> None:
        app = create_app(Settings(data_dir=tmp_path, strategy="independent"))
        config = uvicorn.Config(
            app, port=0, http=express(app.state.doors), lifespan="on", log_config=None,
            timeout_keep_alive=patience,
        )  # fmt: skip
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        while not server.started or not app.state.running.ready:
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)

        async def ask() -> float:
            writer.write(request(encoded()))
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            assert head.startswith(b"http/1.1 200")
            await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r")[0]))
            return time.monotonic()

        for _ in range(5):  # twice as long as one who is idle may stay
            last = await ask()
            await asyncio.sleep(0.4 * patience)
        assert await asyncio.wait_for(reader.read(), 30) == b""
        assert time.monotonic() - last >= 0.95 * patience
        writer.close()
        server.should_exit = True
        await serving

    asyncio.run(main())
