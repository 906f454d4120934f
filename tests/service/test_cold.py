"""Cold tasks in a service: on disk between runs, told in full, refused where they do not belong."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from learners.features import Example
from service.core.answers import Answer
from service.core.engine import Engine
from service.core.inspection import inspect
from service.store.errors import Damaged
from service.store.shelf import SHELF, Shelf

Run = Callable[..., Any]  # a fixture: opens an engine, does something with it, closes it
WARM = {"warm_tasks": 8, "snapshot_every": 200}
EXAMPLES = [Example(f"task {i // 9 % 90}", {"x": float(i % 5)}, i % 5 > 2) for i in range(1700)]


async def learn(engine: Engine) -> None:
    for lo in range(0, len(EXAMPLES), 50):
        await engine.learn(EXAMPLES[lo : lo + 50])


def test_a_cold_task_is_there_after_a_restart(run: Run, tmp_path: Path) -> None:
    run(learn, **WARM)

    async def ask(engine: Engine) -> tuple[Any, ...]:
        stats = await engine.stats()
        assert len(await engine.tasks()) == stats["tasks"] == 90
        assert stats["tasks_cold"] > 60
        cold = (await engine.tasks())[40]
        [answer] = await engine.predict([Example(cold, {"x": 4.0})])
        view = await engine.view(cold)
        assert isinstance(answer, Answer)
        assert answer.seen == view.seen == 18
        assert (answer.label, max(answer.probabilities) > 0.6) == (True, True)
        assert await engine.delete("task 50")
        assert not await engine.delete("task 50")
        return await engine.digest(), stats["tasks_cold"]

    digest, cold = run(ask, **WARM)
    found = inspect(tmp_path)
    assert (found["digest"], found["tasks"], found["cold"]) == (digest, 89, cold - 1)
    assert found["examples"] == 1700 - 18


def test_what_nobody_goes_back_to_is_purged(run: Run, tmp_path: Path) -> None:
    run(learn, **WARM)
    run(learn, **WARM)
    shelf = Shelf(tmp_path / SHELF)
    kept = shelf._one("SELECT count(*) FROM tasks")
    evicted = shelf._one("SELECT max(rowid) FROM tasks")
    assert len(shelf) <= kept < len(shelf) + 90
    assert evicted > 200
    shelf.close()


def test_inspect_changes_no_file(run: Run, tmp_path: Path) -> None:
    run(learn, **WARM)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    inspect(tmp_path)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("newest", ["damaged", "whole"])
def test_an_older_snapshot_finds_its_cold_tasks(run: Run, tmp_path: Path, newest: str) -> None:
    run(learn, compact=False, **WARM)
    digest = inspect(tmp_path)["digest"]
    path = max((tmp_path / "snapshots").glob("*.snapshot"))
    if newest == "damaged":
        path.write_bytes(path.read_bytes()[:-1])
    assert inspect(tmp_path)["digest"] == digest

    async def look(engine: Engine) -> str:
        return await engine.digest()

    assert run(look, compact=False, **WARM) == digest


def test_a_file_of_something_else_is_refused(run: Run, tmp_path: Path) -> None:
    run(learn, **WARM)
    kept = tmp_path.with_name("kept")
    shutil.copytree(tmp_path, kept)
    (tmp_path / SHELF).unlink()
    with pytest.raises(ValueError, match="cold tasks belong to it, and the 0 .* one backup"):
        run(learn, **WARM)
    (tmp_path / SHELF).write_bytes(b"no database" * 100)
    with pytest.raises(Damaged, match="not a database. Restore"):
        run(learn, **WARM)
    shutil.copy(kept / SHELF, tmp_path)
    with pytest.raises(ValueError, match="was written with warm_tasks = 8, not 9"):
        run(learn, warm_tasks=9)


def test_what_was_damaged_is_not_learnt_from(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / SHELF)
    shelf.put("alice", b"abc", 1)
    shelf._sql.execute("UPDATE tasks SET data = x'616264'")
    with pytest.raises(Damaged, match="'alice' is damaged"):
        shelf.read("alice")
    shelf.close()


def test_repair_keeps_the_cold_ones(run: Run, tmp_path: Path) -> None:
    run(learn, compact=False, **WARM)
    digest = inspect(tmp_path)["digest"]
    done = subprocess.run(
        [sys.executable, "-m", "service.core.repair", str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["lost"] == 0
    assert inspect(tmp_path)["digest"] == digest
