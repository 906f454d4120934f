from __future__ import annotations

from pathlib import Path

import pytest

from bench.__main__ import main
from bench.goals import GOALS, markdown
from bench.page import page


def test_one_page_of_what_ran(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--only", "scale", "--into", str(tmp_path), "--axes", "tasks", "--points", "2"])
    told = (tmp_path / "benchmarks.md").read_text("utf-8")
    assert ended.value.code == 0
    assert "## How do the time of an example" in told and "the short form, rounds: 3" in told
    assert "**by tasks**" in told and "| slope |" in told
    assert "](scale.svg)" in told and (tmp_path / "scale.svg").exists()
    assert "    python -m" not in told


def test_one_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.__main__.BENCHES", ("none_such",))
    with pytest.raises(SystemExit) as ended:
        main(["--into", str(tmp_path)])
    assert ended.value.code == 1
    assert "## bench.none_such" in (tmp_path / "benchmarks.md").read_text("utf-8")


def test_goals_are_met_missed_or_not_measured() -> None:
    def run(ratio: float) -> dict[str, object]:
        rows = {"Kindred, one plain expert, blocks of 4,096": {"x river": ratio}}
        table = {"title": "20 dense features", "ratios": rows, "skipped": {}}
        return {"bench": "learn", "tables": [table]}

    goal = GOALS[0]
    assert (goal.key, goal.least) == ("x river", 150)
    for ratio, verdict in ((150.0, "yes"), (149.0, "**no**")):
        first, *others = markdown([run(ratio)]).splitlines()[2:]
        assert first.endswith(f"| at least 150 | {ratio:.0f} | {verdict} |")
        assert all(line.endswith("| - | not measured |") for line in others)


def test_a_page_of_nothing_says_why() -> None:
    assert "Nothing to show: it ended with status 3." in page(
        [], {"learn": "it ended with status 3"}
    )
