"""Several workers behind one port: over real HTTP, with real processes, some of them killed."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from learners import parcels
from learners.coordination import find
from learners.exchange import Hub, Parcel
from learners.features import Example
from learners.place import Place
from service.client import Client, Refused
from service.core import lessons
from service.core.state import Kind
from service.process import Process
from service.shards import layout
from service.shards.inspection import inspect
from service.store.journal import Journal
from service.store.reader import Reader

SETTINGS: dict[str, Any] = {
    "workers": 2, "strategy": "auto", "period": 16, "bits": 12, "compact": False,
    "snapshot_every": 600,
}  # fmt: skip
LEARNT = {"examples": 0}
TASKS = [f"task {i}" for i in range(7)]


def lesson(i: int) -> Example:
    many = [(i * j) % 13 for j in range(600)]  # so that learning pays for meetings
    features = {"x": (i * 7 % 11) - 5, "word": f"w{i % 5}", "many": many}
    return Example(TASKS[i % 7], features, i * 7 % 11 > 5, 1.0, f"id {i}")


def of(shard: int) -> list[str]:
    return [task for task in TASKS if layout.home(task, 2) == shard]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    with Process(tmp_path_factory.mktemp("workers") / "data", **SETTINGS) as process:
        with ready(process) as client, ThreadPoolExecutor(4) as pool:
            while numbers(process)["kindred_meetings_total"] < 4:
                first = LEARNT["examples"]
                starts = range(first, first + 700, 35)
                list(pool.map(client.learn, [[*map(lesson, range(i, i + 35))] for i in starts]))
                LEARNT["examples"] += 700
        yield process


@pytest.fixture
def http(service: Process) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.url, timeout=60) as http:
        yield http


def ready(process: Process) -> Client:
    client = Client(process.url, patience=300)
    client.wait_ready()
    return client


def numbers(process: Process) -> dict[str, float]:
    lines = httpx.get(process.url + "/metrics").text.splitlines()
    return {line.split()[0]: float(line.split()[1]) for line in lines if line.startswith("kindred")}


def settled(process: Process) -> dict[str, Any]:
    """The state once no reply is on its way any more."""
    with ready(process) as client:
        state = client.state()
        while True:
            time.sleep(0.3)
            before, state = state, client.state()
            if state == before:
                return state


def kill_worker(process: Process, shard: int) -> None:
    os.kill(int((layout.shard(process.data_dir, shard) / "lock").read_text()), signal.SIGKILL)


def test_tasks_of_all_workers_are_told_of(service: Process) -> None:
    assert of(0) and of(1)
    with ready(service) as client:
        assert client.tasks() == TASKS
        assert client.state()["position"] == LEARNT["examples"]
        view = client.task(TASKS[0])
        assert view["seen"] == LEARNT["examples"] // 7
        near = [one["task"] for one in view["nearest"]]
        assert {*near} & {*of(0)} and {*near} & {*of(1)} and TASKS[0] not in near
        alike = client.relations()
        assert alike["tasks"] == TASKS
        assert [row[i] for i, row in enumerate(alike["cosine"])] == pytest.approx([1] * 7, abs=1e-5)
        [pair] = client.relations(top=1)["pairs"]
        assert pair["cosine"] == pytest.approx(max(
            alike["cosine"][i][j] for i in range(7) for j in range(i)
        ), abs=1e-5)  # fmt: skip
        with pytest.raises(Refused) as refused:
            client.task("nobody")
        assert refused.value.code == "unknown-task"
    found = numbers(service)
    assert found["kindred_position"] == LEARNT["examples"]
    assert found['kindred_learn_total{result="ok"}'] == LEARNT["examples"]
    assert found["kindred_workers_ready"] == 2


def test_the_workers_are_the_places_of_one_hub(service: Process) -> None:
    """The same places at a hub in this process, in the same order of messages: the same bytes."""
    before = settled(service)
    assert service.stop() == 0
    found = inspect(service.data_dir)
    hub = Hub(find(str(SETTINGS["strategy"])))
    here = [Replayed(service.data_dir, i) for i in range(2)]
    meetings = sorted({number for one in here for number in one.replies})
    assert len(meetings) >= 4
    assert meetings == [*range(1, len(meetings) + 1)]
    for number in meetings:
        spoke = [one for one in here if number in one.replies]
        for one in spoke:
            hub.post(one.message_answered_by(one.replies[number]))
        for name, reply in hub.meet().items():
            [one] = [one for one in spoke if one.place.name == name]
            assert parcels.to_bytes(reply) == parcels.to_bytes(one.replies[number])
            one.replies[number] = reply
    for one, shard in zip(here, found["shards"], strict=True):
        one.go_on(lambda: False)
        assert one.place.digest() == shard["digest"]
    service.start()
    assert settled(service) == before


def test_many_come_back_in_their_order_in_every_form(http: httpx.Client) -> None:
    questions: list[dict[str, Any]] = [
        {"task": TASKS[i % 7], "features": {"x": i}} for i in range(40)
    ]
    wanted = [one["task"] for one in questions]
    url = "/v1/predict"
    alone = [http.post(url, json=one).json() for one in questions]
    array = http.post(url, json=questions).json()
    assert [one.pop("status") for one in array] == [200] * 40
    assert array == alone
    lines = "\n\n".join(map(json.dumps, questions))
    kind = {"content-type": "application/x-ndjson"}
    answered = http.post(url, content=lines, headers=kind).text.splitlines()
    assert [json.loads(line) for line in answered] == [{"status": 200, **one} for one in alone]
    rows = [[one["task"], one["features"]["x"]] for one in questions]
    table = http.post(url, json={"columns": ["task", "x"], "rows": rows}).json()
    at = {name: i for i, name in enumerate(table["columns"])}
    assert [row[at["task"]] for row in table["rows"]] == wanted
    for row, one in zip(table["rows"], alone, strict=True):
        likely = zip(table["classes"], row[at["probabilities"]], strict=True)
        said = {label: p for label, p in likely if p is not None}
        assert said == {one["label"]: one["probability"] for one in one["probabilities"]}


def test_what_is_wrong_is_told_where_it_is(http: httpx.Client) -> None:
    url = "/v1/learn"
    good = {"task": TASKS[0], "features": {}, "label": 1, "id": "good"}
    bad = [{"task": TASKS[i], "features": {"x": "?" * i}, "weight": -1} for i in range(1, 4)]
    kind = {"content-type": "application/x-ndjson"}
    lines = "\n\n".join(map(json.dumps, [bad[0], good, bad[1], bad[2]]))
    answer = http.post(url, content=lines, headers=kind)
    items = [json.loads(line) for line in answer.text.splitlines()]
    assert answer.status_code == 207
    assert [item["status"] for item in items] == [422, 200, 422, 422]
    assert [item.get("line") for item in items] == [1, None, 5, 7]
    again = http.post(url, json=[bad[0], good, bad[1]])
    assert again.status_code == 207
    assert [item["status"] for item in again.json()] == [422, 200, 422]
    assert again.json()[1]["seen"] == items[1]["seen"], "an id is learnt once"
    for body, code in (("[{", "malformed-json"), ("{}", "invalid-example")):
        refused = http.post(url, content=body)
        assert refused.json()["code"] == code
    assert http.get(url).status_code == 405


def test_a_worker_that_is_killed_comes_back_as_it_was_and_stops_nobody(service: Process) -> None:
    before = settled(service)
    with ready(service) as client, httpx.Client(base_url=service.url) as http:
        seen = {task: client.task(task)["seen"] for task in TASKS}
        restarted = numbers(service)["kindred_workers_restarted_total"]
        kill_worker(service, 1)
        codes: set[int] = set()
        while (answer := http.get("/readyz")).status_code == 503 or not codes:
            for task in TASKS:
                said = http.post("/v1/predict", json={"task": task, "features": {}})
                if task in of(0):
                    assert said.status_code == 200, "of another worker"
                elif said.status_code != 200:
                    assert said.headers.get("retry-after") or said.status_code == 500
                    codes.add(said.status_code)
            if answer.status_code == 503:
                assert "Worker 2 of 2" in answer.json()["detail"]
                both = [{"task": task, "features": {}} for task in (of(0)[0], of(1)[0])]
                items = http.post("/v1/predict", json=both).json()
                assert items[0]["status"] == 200
                assert items[1]["status"] in (200, 500, 503)
        assert 503 in codes
        assert settled(service) == before
        assert {task: client.task(task)["seen"] for task in TASKS} == seen
        assert numbers(service)["kindred_workers_restarted_total"] == restarted + 1


def test_nothing_acknowledged_is_lost_when_workers_and_all_are_killed(service: Process) -> None:
    acknowledged: dict[str, Any] = {}

    def teach(first: int) -> None:
        with Client(service.url, patience=120) as client:
            for i in range(first, first + 60):
                example = lesson(i)
                while True:
                    try:
                        acknowledged[str(example.id)] = client.learn_one(example)
                        break
                    except Refused as refused:
                        assert refused.status in (500, 503), refused
                        time.sleep(0.02)

    with ThreadPoolExecutor(3) as pool:
        learning = [pool.submit(teach, first) for first in (100_000, 200_000, 300_000)]
        for shard in (0, 1):
            time.sleep(0.3)
            kill_worker(service, shard)
        for one in learning:
            one.result()
    before = settled(service)
    assert before["position"] == LEARNT["examples"] + 1 + len(acknowledged)
    assert len(acknowledged) == 180
    service.kill()
    service.start()
    assert settled(service) == before
    with ready(service) as client:
        for name, answer in acknowledged.items():
            assert client.learn_one(lesson(int(name.split()[1]))) == answer, "learnt twice"


def test_inspection_tells_all_and_another_number_of_workers_is_refused(
    service: Process,
) -> None:
    before = settled(service)
    assert service.stop() == 0, service.log.read_text()[-3000:]
    found = inspect(service.data_dir)
    assert found["digest"] == before["digest"]
    assert (found["position"], found["tasks"], found["workers"]) == (before["position"], 7, 2)
    assert found["health"] == "whole"
    with Process(service.data_dir, **SETTINGS | {"workers": 1}) as other:
        assert other.wait() == 1
        assert "KINDRED_WORKERS=2" in other.log.read_text()
    with pytest.raises(ValueError, match="written with workers = 2, not 3"):
        layout.claim(service.data_dir, 3)
    assert "Traceback" not in service.log.read_text()


def test_a_directory_of_one_process_is_refused(tmp_path: Path) -> None:
    Journal(tmp_path).close()
    with pytest.raises(ValueError, match="set KINDRED_WORKERS=1, or begin in another directory"):
        layout.claim(tmp_path, 2)


class Replayed:
    """A place in this process that learns what stands in a shard's journal."""

    def __init__(self, directory: Path, i: int) -> None:
        self.told: list[Parcel] = []
        strategy = str(SETTINGS["strategy"])
        settings: dict[str, Any] = {name: SETTINGS[name] for name in ("bits", "period")}
        self.place = Place(strategy, **settings, name=layout.name(i, 2), post=self.told.append)
        self.records = list(Reader(layout.shard(directory, i)).replay())
        like = parcels.reply_of(find(strategy))
        heard = [record.payload for record in self.records if record.kind == Kind.HEAR]
        self.replies = {one.number: one for one in (parcels.from_bytes(h, like) for h in heard)}
        self._numbers = iter(sorted(self.replies))

    def message_answered_by(self, reply: Parcel) -> Parcel:
        """The message told last of those that the reply can be to."""

        def is_it() -> bool:
            return any(
                told.tasks == reply.tasks and (told.seen == reply.seen).all() for told in self.told
            )

        self.go_on(is_it)
        return next(told for told in reversed(self.told) if told.tasks == reply.tasks
                    and (told.seen == reply.seen).all())  # fmt: skip

    def go_on(self, done: Any) -> None:
        """Learn and hear until it is done, or there is no more."""
        while self.records and not done():
            record = self.records.pop(0)
            if record.kind == Kind.LEARN:
                self.place.learn(lessons.from_bytes(record.payload).batch)
            else:
                assert record.kind == Kind.HEAR
                self.place.hear(self.replies[next(self._numbers)])
