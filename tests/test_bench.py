from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bench import peers
from bench.learn import main
from bench.rounds import Contender, Speed, race, table


def test_the_table_and_the_file_say_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--rounds", "1", "--examples", "64", "--json", str(tmp_path / "out.json")])
    printed = capsys.readouterr().out
    told = json.loads((tmp_path / "out.json").read_text())
    assert told["versions"]["river"] in printed and told["machine"] in printed
    for title, speeds in told["examples_a_second"].items():
        assert title in printed
        assert len(speeds) >= 3
        for speed in speeds:
            assert f"{speed['median']:,.0f}" in printed
            assert 0 < speed["slowest"] <= speed["median"] <= speed["fastest"]


def test_contenders_take_turns_and_the_first_is_not_counted() -> None:
    turns: list[str] = []

    def contender(name: str) -> Contender:
        def start() -> Callable[[], object]:
            turns.append(f"start {name}")
            return lambda: turns.extend([name] if sum(range(20_000)) else [])

        return Contender(name, 1, start)

    speeds = race([contender("a"), contender("b")], 2)
    assert turns == ["start a", "a", "start b", "b"] * 3
    assert [speed.name for speed in speeds] == ["a", "b"]


def test_ratios() -> None:
    speeds = [Speed(peers.RIVER, 2.0, 1.0, 3.0), Speed("other", 5000.0, 1.0, 9.0)]
    assert table(speeds, peers.RIVER).splitlines()[2].split()[-1] == "2500.0"
