from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from learners.features import Example, batch
from learners.place import Place
from service.client import Client
from service.command import cli
from service.command.demo import Service
from streams import source

SMALL = "synthetic:clustered?tasks=4&features=6&rounds=60"


class Ended(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


Kindred = Callable[..., Ended]


@pytest.fixture
def kindred(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Kindred:
    def run(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["kindred", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        code = ended.value.code
        assert isinstance(code, int)
        return Ended(code, *capsys.readouterr())

    return run


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("service") / "data") as service:
        yield service
        assert service.stop() == 0


def test_help_answers_at_once() -> None:
    seconds = []
    for _ in range(5):
        begun = time.perf_counter()
        command = [sys.executable, "-m", "service.command.cli", "--help"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - begun)
    assert min(seconds) < 0.5


def test_help_loads_nothing_heavy() -> None:
    code = "import sys, service.command.cli; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout
    heavy = {"numba", "numpy", "scipy", "river", "fastapi", "pydantic", "learners", "streams"}
    assert not heavy & set(loaded.decode().split())


@pytest.mark.parametrize("name", sorted(cli.kindred.commands))
def test_every_command_says_what_it_does(kindred: Kindred, name: str) -> None:
    help = kindred(name, "--help")
    assert help.code == 0 and cli.kindred.commands[name].help


def test_replay_tells_what_the_place_itself_counted(kindred: Kindred) -> None:
    found = kindred("replay", SMALL, "--strategy", "auto", "--format", "json").json
    place = Place("auto", period=256)
    place.learn(batch([Example(e.task, e.x, e.y) for e in source(SMALL)]))
    [told] = found["strategies"]
    assert (found["source"], found["examples"], found["tasks"]) == (SMALL, 240, 4)
    assert told["name"] == "auto" and 0 <= told["auc"] <= 1 and told["seconds"] > 0
    assert set(told["per_task"]) == set(place.tasks)
    assert told["error"] == pytest.approx(
        np.mean([f["error"] for f in told["per_task"].values()])  # all have as many examples
    )
    for task in place.tasks:
        view = place.view(task)
        assert view.benefit is not None
        assert told["per_task"][task]["examples"] == view.seen
        assert told["benefit"][task] == pytest.approx(view.benefit._asdict())
        answer, *experts = view.progress.items()
        assert told["per_task"][task]["error"] == pytest.approx(answer[1].error)
        for name, measures in experts:
            assert told["experts"][name]["per_task"][task]["error"] == pytest.approx(measures.error)


def test_strategies_stand_side_by_side(kindred: Kindred) -> None:
    ended = kindred("replay", SMALL, "--strategy", "independent", "--strategy", "pooled")
    assert ended.code == 0
    names = [line.split()[0] for line in ended.out.splitlines()[2:]]
    assert names == ["strategy", "independent", "pooled"]


def test_limit_and_order(kindred: Kindred, tmp_path: Path) -> None:
    path = tmp_path / "sorted.npz"
    y = np.repeat([0, 1], 20).astype(np.int32)
    np.savez(
        path, X=np.arange(40.0, dtype=np.float32)[:, None], task=np.zeros(40, np.int32), y=y,
        task_names=["t"], class_names=["no", "yes"], time_ordered=False, kind="classification",
    )  # fmt: skip
    replay = ("replay", path, "--strategy", "independent", "--format", "json")
    chance = kindred(*replay).json
    assert chance["shuffled"] and chance["examples"] == 40
    assert kindred(*replay, "--seed", 0).json["strategies"][0]["error"] == (
        chance["strategies"][0]["error"]
    )
    ordered = kindred(*replay, "--no-shuffle", "--limit", 20).json
    assert not ordered["shuffled"]
    assert ordered["examples"] == 20
    assert ordered["strategies"][0]["auc"] is None  # the first half is of one class


def test_report_is_one_page(kindred: Kindred, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    assert kindred("replay", SMALL, "--report", path).code == 0
    text = path.read_text("utf-8")
    assert text.count("<svg") == 4 and "http" not in text and "<script" not in text


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["replay", "river:Nope"], cli.INPUT, "Yeast"),
        (["replay", "nowhere.csv"], cli.INPUT, "nowhere.csv"),
        (["replay", SMALL, "--strategy", "nope"], cli.INPUT, "auto"),
        (["replay", SMALL, "--url", "http://127.0.0.1:1"], cli.SERVICE, "127.0.0.1:1"),
        (["replay", SMALL, "--url", "localhost"], cli.INPUT, "http://"),
        (["inspect", "nowhere"], cli.INPUT, "nowhere"),
        (["serve", "--strategy", "nope", "--data", "nowhere"], cli.INPUT, "auto"),
    ],
)
def test_what_goes_wrong_is_one_line(
    kindred: Kindred, arguments: list[str], code: int, said: str
) -> None:
    ended = kindred(*arguments)
    assert ended.code == code
    assert ended.err.startswith("kindred: ") and ended.err.count("\n") == 1 and said in ended.err
    assert ended.out == "" and not Path("nowhere").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["replay"],
        ["replay", SMALL, "--limit", "0"],
        ["replay", SMALL, "--format", "yaml"],
        ["replay", SMALL, "--url", "http://127.0.0.1:1", "--strategy", "auto"],
        ["replay", SMALL, "--report", "no/such/folder/report.html"],
        ["serve", "--port", "65536"],
        ["nothing"],
    ],
)
def test_a_wrong_command_line_is_2(kindred: Kindred, arguments: list[str]) -> None:
    ended = kindred(*arguments)
    assert ended.code == cli.USAGE and "Error: " in ended.err


def test_a_wrong_setting_is_one_line(
    kindred: Kindred, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KINDRED_BITS", "many")
    ended = kindred("replay", SMALL)
    assert ended.code == cli.INPUT and ended.err.startswith("kindred: bits: ")
    monkeypatch.delenv("KINDRED_BITS")
    monkeypatch.setenv("KINDRED_BIT", "20")
    assert kindred("serve").err.startswith("kindred: 'KINDRED_BIT' is no setting")


def test_strategies_are_those_of_the_catalogue(kindred: Kindred) -> None:
    from learners.coordination import CATALOG

    assert [entry["name"] for entry in kindred("strategies", "--format", "json").json] == [*CATALOG]
    assert all(name in kindred("strategies").out for name in CATALOG)


def test_replay_over_http_equals_replay_in_process(kindred: Kindred, service: Service) -> None:
    replay = ("replay", SMALL, "--format", "json")
    with Client(service.url) as client:
        assert client.state()["position"] == 0
    [over] = kindred(*replay, "--url", service.url).json["strategies"]
    [here] = kindred(*replay).json["strategies"]
    assert over["per_task"] == here["per_task"]
    assert over["benefit"] == here["benefit"]
    assert {name: part["error"] for name, part in over["experts"].items()} == pytest.approx(
        {name: part["error"] for name, part in here["experts"].items()}
    )
    # A second replay into the same service tells only what is new.
    [again] = kindred(*replay, "--url", service.url).json["strategies"]
    assert again["experts"]["pooled"]["per_task"]["task0"]["examples"] == 60
    assert again["error"] < over["error"]


def test_health(kindred: Kindred, service: Service) -> None:
    assert kindred("health", "--url", service.url).code == cli.OK
    assert kindred("health", "--url", "http://127.0.0.1:1").code == cli.SERVICE


def test_health_finds_the_service_of_its_environment(
    kindred: Kindred, service: Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KINDRED_DATA_DIR", str(service.data))
    assert kindred("health").code == cli.OK
    monkeypatch.setenv("KINDRED_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("KINDRED_PORT", "1")
    assert kindred("health").code == cli.SERVICE


def test_inspect_waits_for_nobody_and_agrees_with_the_service(
    kindred: Kindred, tmp_path: Path
) -> None:
    with Service(tmp_path / "data") as service, Client(service.url) as client:
        client.learn([Example("a", {"x": float(i)}, i % 2 == 0) for i in range(10)])
        state = client.state()
        in_use = kindred("inspect", service.data)
        assert in_use.code == cli.INPUT and "in use" in in_use.err
        assert service.stop() == 0
    found = kindred("inspect", service.data, "--format", "json").json
    assert found["digest"] == state["digest"]
    assert (found["position"], found["tasks"], found["classes"]) == (10, 1, [True, False])
    assert state["digest"] in kindred("inspect", service.data).out


def test_a_second_service_on_the_same_data_says_why_not(service: Service) -> None:
    command = [sys.executable, "-m", "service.command.cli", "serve", "--port", "0"]
    ended = subprocess.run(
        [*command, "--data", str(service.data)], capture_output=True, text=True, timeout=60
    )
    assert ended.returncode != 0 and "in use" in ended.stderr


@pytest.mark.slow
def test_warm_leaves_nothing_to_compile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Not by an empty cache, which takes minutes to fill: by what numba says that it takes from it.
    monkeypatch.setenv("NUMBA_DEBUG_CACHE", "1")
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")  # one of them is killed
    warm = subprocess.run(
        [sys.executable, "-m", "service.command.cli", "warm"],
        check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    called = compiled(warm.stdout)
    with Service(tmp_path / "data") as service, Client(service.url, patience=30) as client:
        examples = [
            Example("ab"[i % 2], {"n": i, "text": "some words", "bag": {"u": 2}}, "xyz"[i % 3])
            for i in range(600)
        ]
        client.learn(examples)
        client.predict(examples)
        client.task("a")
        client.relations()
        service.kill()
        service.start()
        assert service.stop() == 0
    served = compiled(service.log.read_text("utf-8"))
    assert served and served <= called, sorted(served - called)


def compiled(told: str) -> set[str]:
    """Files of machine code that were loaded, or made and saved."""
    return set(re.findall(r"^\[cache\] data (?:loaded from|saved to) '(.+)'", told, re.M))
