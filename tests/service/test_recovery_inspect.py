"""A data directory is told as it is, unchanged; a damaged one keeps what can be read."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from learners.features import Example, batch
from learners.place import Place
from service.core.engine import Engine
from service.core.inspection import inspect
from service.core.repair import repair
from service.store.errors import Damaged, TailLost
from service.store.lock import InUse
from service.store.snapshots import Snapshots

Run = Callable[..., Any]  # a fixture: opens an engine, does something with it, closes it
EXAMPLES = [
    Example("alice" if i % 2 else "bob", {"x": float(i % 7)}, i % 7 > 3) for i in range(60)
]


def learn(run: Run, **changed: Any) -> None:
    """Sixty examples in sixty groups; then alice is deleted and learns the first ten again."""

    async def do(engine: Engine) -> None:
        for example in EXAMPLES:
            await engine.learn([example])
        await engine.delete("alice")
        for example in EXAMPLES[:10]:
            await engine.learn([example])

    run(do, **changed)


def files(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and path.name != "lock"
    }


def change(directory: Path, statement: str) -> None:
    with closing(sqlite3.connect(directory / "journal.db", isolation_level=None)) as tables:
        tables.execute(statement)


def without_snapshots(directory: Path) -> None:
    shutil.rmtree(directory / "snapshots")


def digest(*examples: Example) -> str:
    place = Place("independent", period=16)
    place.learn(batch(examples))
    return place.digest()


def test_it_tells_what_there_is_and_changes_nothing(run: Run, tmp_path: Path) -> None:
    learn(run, compact=False)
    before = files(tmp_path)
    found = inspect(tmp_path)
    assert files(tmp_path) == before
    assert found["strategy"] == "independent"
    assert found["settings"] == {"bits": 20, "seed": 0, "period": 16, "warm_tasks": 0}
    assert (found["position"], found["tasks"], found["examples"]) == (71, 2, 40)
    assert found["classes"] == [False, True]
    assert 100 < found["memory"]["bytes_per_task"] < found["memory"]["bytes"]
    assert found["journal"]["groups"] == 71
    assert found["journal"]["bytes"] == len(before["journal.db"])
    assert (found["journal"]["begins"], found["journal"]["ends"]) == (0, 71)
    assert [(s["position"], s["whole"]) for s in found["snapshots"]] == [(71, True)]
    assert found["health"] == "whole"
    assert found["digest"] == run(lambda engine: engine.digest(), compact=False)
    json.dumps(found)


def test_a_directory_left_by_a_crash_is_told_whole(run: Run, tmp_path: Path) -> None:
    crashed = tmp_path / "crashed"

    async def do(engine: Engine) -> str:
        await engine.learn(EXAMPLES)
        crashed.mkdir()
        for path in tmp_path.glob("journal*"):
            shutil.copy(path, crashed)
        with pytest.raises(InUse, match="stop that one first"):
            inspect(tmp_path)
        return await engine.digest()

    expected = run(do)
    before = files(crashed)
    assert inspect(crashed)["digest"] == expected
    assert files(crashed) == before


def test_no_journal_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no journal; name the directory"):
        inspect(tmp_path)


def test_damage_in_what_a_snapshot_holds_is_told_but_the_state_is_there(
    run: Run, tmp_path: Path
) -> None:
    learn(run, compact=False)
    expected = inspect(tmp_path)["digest"]
    change(tmp_path, "DELETE FROM groups WHERE sequence = 5")
    found = inspect(tmp_path)
    assert "groups 5 to 5 are missing" in found["health"]
    assert found["digest"] == expected
    without_snapshots(tmp_path)
    found = inspect(tmp_path)
    assert "groups 5 to 5 are missing" in found["health"]
    assert found["digest"] is found["tasks"] is None


def test_repair_skips_a_hole_and_puts_the_old_files_aside(run: Run, tmp_path: Path) -> None:
    async def do(engine: Engine) -> None:
        for example in EXAMPLES:
            await engine.learn([example])

    run(do, compact=False)
    without_snapshots(tmp_path)
    change(tmp_path, "UPDATE groups SET records = zeroblob(3) WHERE sequence = 20")
    change(tmp_path, "DELETE FROM groups WHERE sequence BETWEEN 40 AND 42")
    with pytest.raises(Damaged, match="python -m service.core.repair"):
        run(do)
    done = repair(tmp_path)
    assert (done["kept"], done["acknowledged"], done["lost"]) == (56, 60, 4)
    assert (Path(done["aside"]) / "journal.db").is_file()
    kept = [e for i, e in enumerate(EXAMPLES, 1) if i != 20 and not 40 <= i <= 42]
    assert run(lambda engine: engine.digest()) == digest(*kept)
    assert inspect(tmp_path)["health"] == "whole"


def test_repair_drops_a_deletion_whose_task_was_lost(run: Run, tmp_path: Path) -> None:
    learn(run, compact=False)
    without_snapshots(tmp_path)
    change(tmp_path, "DELETE FROM groups WHERE sequence <= 60 AND sequence % 2 = 0")  # alice's
    assert repair(tmp_path)["kept"] == 30 + 10
    assert run(lambda engine: engine.tasks()) == ["alice", "bob"]


def test_repair_after_a_lost_tail_begins_at_a_snapshot_that_reaches_further(
    run: Run, tmp_path: Path
) -> None:
    learn(run)
    expected = run(lambda engine: engine.digest())
    change(tmp_path, "DELETE FROM groups WHERE sequence > 50")
    with pytest.raises(TailLost):
        run(lambda engine: engine.digest())
    assert repair(tmp_path)["lost"] == 0
    assert run(lambda engine: engine.digest()) == expected
    assert len(Snapshots(tmp_path).paths()) == 1


def test_repair_of_what_is_lost_for_good_says_so(run: Run, tmp_path: Path) -> None:
    learn(run)
    without_snapshots(tmp_path)
    (tmp_path / "journal.db").write_bytes(b"not a database, by now" * 100)
    command = [sys.executable, "-m", "service.core.repair", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "only a backup helps. The files lie in" in done.stderr
