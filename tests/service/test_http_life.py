"""A service from its first line to its last: starting, recovering, draining, ending."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from learners.features import Example
from service.client import Client
from service.process import ROOT, Process

LESSON = Example("alice", {"links": 3}, "spam")


def ready(process: Process) -> Client:
    client = Client(process.url, patience=300)
    client.wait_ready()
    return client


def test_it_tells_its_port_logs_requests_if_wanted_and_leaves_nothing_behind(
    tmp_path: Path,
) -> None:
    with Process(tmp_path, strategy="pooled", access_log=True) as process:
        with ready(process) as client:
            client.learn_one(LESSON)
        httpx.get(process.url + "/v1/tasks/alice", headers={"x-request-id": "mine"})
        assert process.url.endswith(":" + (tmp_path / "port").read_text().strip())
        os.kill(process.pid, signal.SIGINT)  # as Ctrl-C does
        assert process.wait() == 0
    text = process.log.read_text()
    assert f"Kindred listens on {process.url}\n" in text
    assert "Traceback" not in text
    assert not (tmp_path / "port").exists()
    lines = [json.loads(line) for line in re.findall(r"^\{.*\}$", text, re.MULTILINE)]
    [learnt] = [line for line in lines if line["path"] == "/v1/learn"]
    assert (learnt["method"], learnt["status"], learnt["client"]) == ("POST", 200, "127.0.0.1")
    assert 0 < learnt["seconds"] < 60
    [viewed] = [line for line in lines if line["request_id"] == "mine"]
    assert viewed["path"] == "/v1/tasks/alice"


def test_after_a_stop_and_after_a_kill_it_goes_on_where_it_was(tmp_path: Path) -> None:
    with Process(tmp_path, strategy="pooled") as process:
        with ready(process) as client:
            client.learn([LESSON] * 10)
            first = client.state()
        assert process.stop() == 0
        process.start()
        with ready(process) as client:
            assert client.state() == first
            client.learn([LESSON] * 10)
            second = client.state()
        process.kill()
        process.start()
        with ready(process) as client:
            assert client.state() == second
            assert client.task("alice")["seen"] == 20


def test_during_a_long_recovery_it_lives_but_is_not_ready(tmp_path: Path) -> None:
    with Process(tmp_path, strategy="pooled", snapshot_every=10**9) as process:
        with ready(process) as client:
            lessons = (LESSON._replace(task=f"t{i % 50}", features={"n": i}) for i in range(20_000))
            for _ in client.learn_lines(lessons):
                pass
        process.kill()
        process.start()
        with httpx.Client(base_url=process.url) as http:
            codes = set()
            while (answer := http.get("/readyz")).status_code == 503:
                problem = answer.json()
                codes.add(problem["code"])
                assert answer.headers["retry-after"]
                assert re.search(r"snapshot|\d+ of \d+", problem["detail"])
                assert http.get("/livez").status_code == 200
                refused = http.post("/v1/learn", json=LESSON._asdict())
                if refused.status_code == 503:
                    assert refused.json()["code"] == "starting"
            assert codes == {"starting"}
            assert "kindred_ready 1.0" in http.get("/metrics").text


def test_sigterm_lets_requests_in_flight_finish(tmp_path: Path) -> None:
    with Process(tmp_path, strategy="pooled") as process:
        with ready(process) as client:
            client.learn_one(LESSON)
            line = json.dumps({"task": "a", "features": {"n": 1}, "label": 1})
            lines = "\n".join([line] * 20_000)
            answers: list[httpx.Response] = []

            def post() -> None:
                headers = {"content-type": "application/x-ndjson"}
                url = process.url + "/v1/learn"
                answers.append(httpx.post(url, content=lines, headers=headers, timeout=60))

            thread = threading.Thread(target=post)
            thread.start()
            while client.state()["position"] < 256:
                time.sleep(0.001)
        assert process.stop() == 0
        thread.join()
        assert answers[0].status_code == 207  # it began before the last line was learnt
        assert answers[0].text.count('"status":200') == 20_000
        process.start()
        with ready(process) as client:
            assert client.state()["position"] == 20_001


def test_a_state_that_cannot_be_opened_ends_it_with_a_sentence(tmp_path: Path) -> None:
    with Process(tmp_path, strategy="pooled") as process:
        with ready(process) as client:
            client.learn_one(LESSON)
        assert process.stop() == 0
    with Process(tmp_path, strategy="independent") as other:
        assert other.wait() == 1
        assert "strategy" in other.log.read_text()
        assert "Traceback" not in other.log.read_text()


def test_a_setting_that_is_none_ends_it_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="did you mean 'KINDRED_STRATEGY'"):
        Process(tmp_path, stratgy="pooled").start()


def test_a_port_that_is_taken_ends_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(RuntimeError, match="address already in use"):
            Process(tmp_path, port=taken.getsockname()[1]).start()


def test_a_full_queue_is_told_at_once(tmp_path: Path) -> None:
    with Process(tmp_path, strategy="pooled", queue=1) as process:
        with ready(process) as client:
            client.learn_one(LESSON)
        statuses: list[int] = []
        headers: list[str] = []

        def post() -> None:
            with httpx.Client(base_url=process.url, timeout=60) as http:
                for _ in range(20):
                    answer = http.post("/v1/learn", json=[LESSON._asdict()] * 200)
                    statuses.append(answer.status_code)
                    if answer.status_code == 503:
                        assert answer.json()["code"] == "busy"
                        headers.append(answer.headers["retry-after"])

        threads = [threading.Thread(target=post) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(statuses) == {200, 503}
        assert len(headers) == statuses.count(503)
        with ready(process) as client:
            assert client.task("alice")["seen"] == 1 + 200 * statuses.count(200)


def test_the_application_is_light_to_import() -> None:
    code = (
        "import service.settings, service.problems, service.client, service.process, sys;"
        "print([m for m in ('numba', 'scipy', 'river', 'fastapi') if m in sys.modules])"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert told.stdout == "[]\n"
