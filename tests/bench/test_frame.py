from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.frame import run
from bench.peers import gather, need
from bench.rounds import take_turns, work
from bench.tables import Measure, Ratio, Table, cells, markdown, plain, times

TABLE = Table(
    "speeds",
    {"river": {"rate": [2.0, 4.0, 3.0]}, "a|b": {"rate": [5000.0, 8000.0, 1.0]}, "vw": {}},
    [Measure("rate", "examples/s", 1)],
    [Ratio("rate", "x river", "river")],
    {"absent": "not installed"},
)


def test_contenders_take_turns_and_the_first_is_not_counted() -> None:
    turns: list[str] = []

    def contender(name: str) -> Callable[[], Callable[[], object]]:
        def start() -> Callable[[], object]:
            turns.append(f"start {name}")
            return lambda: turns.extend([name] if sum(range(20_000)) else [])

        return start

    found = take_turns({name: work(contender(name), 10) for name in "ab"}, 2)
    assert turns == ["start a", "a", "start b", "b"] * 3
    assert list(found) == ["a", "b"]
    for samples in found.values():
        assert len(samples["rate"]) == 2
        for rate, us in zip(samples["rate"], samples["us"], strict=True):
            assert rate * us == pytest.approx(1e6)


def test_ratios_are_taken_within_a_round() -> None:
    assert times(TABLE, "a|b", TABLE.ratios[0]) == 2000.0  # of 2500, 2000 and 1/3
    assert times(TABLE, "vw", TABLE.ratios[0]) is None


def test_cells_show_median_spread_ratio_and_who_is_missing() -> None:
    head, river, other, vw, absent = cells(TABLE)
    assert head == ["speeds", "examples/s", "least .. most", "x river"]
    assert river == ["river", "3.0", "2.0 .. 4.0", "1.00"]
    assert other[-1] == "2,000" and vw[1:] == ["-", "-", "-"]
    assert absent[0] == "absent: skipped, not installed"


def test_a_page_shows_the_same_cells() -> None:
    lines = markdown(plain(TABLE)).splitlines()
    assert lines[2] == "| | examples/s | least .. most | x river |"
    assert lines[5] == "| a\\|b | 5,000.0 | 1.0 .. 8,000.0 | 2,000 |"


def test_a_peer_that_is_not_there_leaves_the_others() -> None:
    def absent() -> Iterator[tuple[str, Callable[[], dict[str, float]]]]:
        need("no_such_package")
        yield "never", dict

    turns, skipped = gather({"x": absent, "y": lambda: [("here", dict)]})
    assert list(turns) == ["here"] and "no_such_package is not installed" in skipped["x"]


def test_the_file_holds_what_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def tables(given: Namespace) -> Iterator[Table]:
        assert given.rounds == 2 and given.short
        yield TABLE

    out = tmp_path / "out.json"
    run(
        "it", "How?", tables, ["--short", "--json", str(out)],
        rounds=(9, 2), pictures=lambda tables: iter([("it.svg", f"<svg>{len(tables)}</svg>")]),
    )  # fmt: skip
    told = json.loads(out.read_text())
    printed = capsys.readouterr().out
    assert told["bench"] == "it" and told["question"] == "How?" and told["rounds"] == 2
    assert told["machine"] in printed and told["versions"]["river"] in printed
    (table,) = told["tables"]
    assert table["rows"]["river"]["rate"] == {"median": 3.0, "low": 2.0, "high": 4.0}
    assert table["ratios"]["a|b"]["x river"] == 2000.0
    for row in table["cells"]:
        assert all(cell in printed for cell in row)
    assert (tmp_path / "it.svg").read_text() == "<svg>1</svg>" and told["pictures"] == ["it.svg"]
