from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import pytest

from service.command import cli

SMALL = "synthetic:clustered?tasks=6&features=6&rounds=30"


class Ended(NamedTuple):
    code: int
    out: str
    err: str


Simulate = Callable[..., Ended]


@pytest.fixture
def simulate(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Simulate:
    def run(*arguments: object) -> Ended:
        words = ["kindred", "simulate", SMALL, "--period", "10", *map(str, arguments)]
        if "--strategy" not in arguments:
            words += ["--strategy", "shared"]
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as ended:
            cli.main()
        code = ended.value.code
        assert isinstance(code, int)
        return Ended(code, *capsys.readouterr())

    return run


def first(ended: Ended) -> Any:
    assert ended.code == 0, ended.err
    return json.loads(ended.out)["runs"][0]


def test_json_says_what_is_documented(simulate: Simulate) -> None:
    given = ("--topology", "ring", "--byzantine", "scaled=-5:0,0.34", "--strategy", "shared")
    found = json.loads(simulate(*given, "--strategy", "pooled", "--format", "json").out)
    assert (found["examples"], found["tasks"], found["places"], found["seed"]) == (180, 6, 6, 0)
    assert found["second_eigenvalue"] == pytest.approx(2 / 3)
    assert found["network"]["topology"] == "ring"
    runs = [(one["strategy"], one["byzantine_share"]) for one in found["runs"]]
    assert runs == [("shared", 0.0), ("shared", 0.34), ("pooled", 0.0), ("pooled", 0.34)]
    one = found["runs"][1]
    assert sum(not place["honest"] for place in one["places"].values()) == 2
    assert one["traffic"]["bytes"] == sum(place["bytes"] for place in one["places"].values())
    assert one["curve"][-1]["error"] == one["honest"]["error"]
    assert one["all"] != one["honest"]
    documented = Path("docs/simulate.md").read_text("utf-8")
    for name in [*found, *found["runs"][0], *one["traffic"], *next(iter(one["places"].values()))]:
        assert f"`{name}`" in documented, name


@pytest.mark.parametrize(
    "given",
    [("--drop", 0.3), ("--duplicate", 0.5, "--delay", "uniform:0,30"), ("--delay", "exponential:9"),
     ("--delay", "hub>task_0=7"), ("--delay", "lognormal:9,1"), ("--partition", "0-150:task_1"),
     ("--byzantine", "ipm=3:0.5"), ("--straggler", "0.5:40"), ("--energy", "1/30"),
     ("--energy", "9,2/30"), ("--active", 0.5), ("--active", "0.1-0.5"), ("--period", 30),
     ("--rounds", 2), ("--topology", "complete"), ("--topology", "ring"), ("--topology", "star"),
     ("--topology", "erdos:0.6"), ("--topology", "random:3"), ("--places", 2),
     ("--delay", "task_0>hub=7", "--wait"), ("--limit", 90),
     ("--strategy", "laplacian"), ("--shuffle",)],
)  # fmt: skip
def test_every_option_changes_the_run(simulate: Simulate, given: tuple[object, ...]) -> None:
    names = [f"task_{i}" for i in range(6)]
    usual = first(simulate("--format", "json"))
    if not set(names) & set(usual["places"]):
        given = tuple(_renamed(str(word), sorted(usual["places"])) for word in given)
    changed = first(simulate(*given, "--format", "json"))
    for one in (usual, changed):
        one.pop("byzantine_share")
    assert changed != usual
    if "--wait" in given:
        assert changed["traffic"] != first(simulate(*given[:-1], "--format", "json"))["traffic"]


def _renamed(word: str, places: list[str]) -> str:
    return re.sub(r"task_(\d)", lambda found: places[int(found[1])], word)


def test_one_seed_is_one_answer(simulate: Simulate) -> None:
    given = ("--drop", 0.2, "--delay", "exponential:5", "--active", "0.2-1", "--byzantine",
             "different:0.3", "--seed", 7, "--format", "json")  # fmt: skip
    assert simulate(*given).out == simulate(*given).out
    assert first(simulate(*given)) != first(simulate(*given, "--seed", 8))


def test_a_table_and_a_report(simulate: Simulate, tmp_path: Path) -> None:
    page = tmp_path / "out.html"
    ended = simulate("--delay", "2+exponential:5", "--byzantine", "sign-flip:0,0.34", "--report",
                     page)  # fmt: skip
    assert ended.code == 0 and "34%" in ended.out and str(page) in ended.out
    text = page.read_text("utf-8")
    pictures = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len([ElementTree.fromstring(one) for one in pictures]) == 3
    for words in ("against bytes", "against staleness", "share of liars", "2+exponential:5"):
        assert words in text
    assert "nan" not in text.lower()
    assert not re.search(r"https?:|src=|@import|url\((?!#)", text)


def test_a_silent_strategy_sends_next_to_nothing_and_has_its_report(
    simulate: Simulate, tmp_path: Path
) -> None:
    page = tmp_path / "out.html"
    ended = simulate("--strategy", "independent", "--places", 1, "--report", page)
    assert ended.code == 0, ended.err
    assert "against staleness" not in page.read_text("utf-8")


@pytest.mark.parametrize(
    ("given", "why"),
    [(("--topology", "donut"), "topology"), (("--delay", "soon"), "delay"),
     (("--delay", "a-b=3"), "FROM>TO"), (("--delay", "x>hub=3"), "'x' is no place"),
     (("--partition", "1-2:x"), "'x' is no place"), (("--byzantine", "scaled"), "byzantine"),
     (("--byzantine", "liar:0.3"), "byzantine"), (("--byzantine", "scaled:2"), "from 0 to 1"),
     (("--straggler", "0.5"), "straggler"), (("--energy", "lots"), "energy"),
     (("--active", "0.9-0.1"), "active"), (("--places", "none"), "places"),
     (("--places", "0"), "places"), (("--strategy", "nobody"), "strategy"),
     (("--topology", "random:7"), "7 neighbours")],
)  # fmt: skip
def test_wrong_input_is_told_and_is_code_3(
    simulate: Simulate, given: tuple[object, ...], why: str
) -> None:
    ended = simulate(*given)
    assert ended.code == 3 and why in ended.err and ended.err.count("\n") == 1


def test_a_wrong_command_line_is_code_2(simulate: Simulate, tmp_path: Path) -> None:
    assert simulate("--drop", 2).code == 2
    assert simulate("--period", 0).code == 2
    assert simulate("--report", tmp_path / "no" / "out.html").code == 2
