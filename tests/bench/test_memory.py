from __future__ import annotations

import json
from pathlib import Path

from bench.memory import main
from bench.peers.river import SORTS


def test_a_task_costs_what_is_counted_of_it(tmp_path: Path) -> None:
    out = tmp_path / "memory.json"
    main(["--short", "--tasks", "2000", "--strategies", "auto", "--json", str(out)])
    tasks, parts = json.loads(out.read_text())["tables"]
    rows = tasks["rows"]
    assert set(rows) == {
        *(f"river {kind}, one a task" for kind in SORTS),
        "Kindred auto",
    }
    for name, row in rows.items():
        assert 0 < row["kept"]["median"] and row["rss"]["median"] < 20_000
        if name.startswith("Kindred"):
            # What is counted is there, and little else: pages and temporary arrays.
            assert abs(row["rss"]["median"] - row["counted"]["median"]) < 2_000
    listed = {name: row["bytes"]["median"] for name, row in parts["rows"].items()}
    whole = listed.pop("all that is counted")
    assert 0.5 * whole < sum(listed.values()) < whole
