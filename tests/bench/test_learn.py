from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.learn import main
from bench.peers import c, river, vw


def test_every_contender_runs_or_says_why_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "learn.json"
    main(["--short", "--rounds", "1", "--examples", "64", "--json", str(out)])
    dense, sparse = json.loads(out.read_text())["tables"]
    printed = capsys.readouterr().out
    for table in (dense, sparse):
        assert table["title"] in printed
        for source, names in {
            "river": [river.BARE],
            "scikit-learn": ["scikit-learn SGDClassifier, blocks of 1, learn"],
            "Vowpal Wabbit": [vw.CACHED, "Vowpal Wabbit, its text file"],
            "vw command": ["vw command, text file", "vw command, cache file"],
            "the same loop in C": [c.EXACT, c.LOOSE],
            "Kindred": ["Kindred, auto, blocks of 64", "Kindred, auto, learn_one"],
        }.items():
            there = [name in table["rows"] for name in names]
            assert all(there) or (not any(there) and table["skipped"][source])
        for samples in table["rows"].values():
            assert samples["rate"]["median"] > 0
        assert table["ratios"][river.BARE]["x river"] == 1
    assert river.SCALED in dense["rows"]
