"""A data directory is told as it is, unchanged; a damaged one keeps what can be read."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
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
from service.store.segment import paths
from service.store.snapshots import Snapshots
from tests.service.segments import overwrite, segments_of, spoil, wipe

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
    assert found["journal"]["bytes"] == sum(
        len(data) for name, data in before.items() if name.startswith("journal/")
    )
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
        shutil.copy(tmp_path / "journal.mark", crashed)
        shutil.copytree(tmp_path / "journal", crashed / "journal")
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
    wipe(tmp_path, 5)
    found = inspect(tmp_path)
    assert "groups 5 to 5 are missing or not what was written" in found["health"]
    assert found["digest"] == expected
    without_snapshots(tmp_path)
    found = inspect(tmp_path)
    assert "groups 5 to 5 are missing or not what was written" in found["health"]
    assert found["digest"] is found["tasks"] is None


def test_repair_skips_a_hole_and_puts_the_old_files_aside(run: Run, tmp_path: Path) -> None:
    async def do(engine: Engine) -> None:
        for example in EXAMPLES:
            await engine.learn([example])

    run(do, compact=False)
    without_snapshots(tmp_path)
    spoil(tmp_path, 20)
    wipe(tmp_path, 40, 41, 42)
    with pytest.raises(Damaged, match="python -m service.core.repair"):
        run(do)
    done = repair(tmp_path)
    assert (done["kept"], done["acknowledged"], done["lost"]) == (56, 60, 4)
    assert (Path(done["aside"]) / "journal").is_dir()
    kept = [e for i, e in enumerate(EXAMPLES, 1) if i != 20 and not 40 <= i <= 42]
    assert run(lambda engine: engine.digest()) == digest(*kept)
    assert inspect(tmp_path)["health"] == "whole"


def test_repair_skips_a_segment_whose_head_is_damaged_only_where_it_must(
    run: Run, tmp_path: Path
) -> None:
    """A head says what the journal is, which others say too; the groups need it not."""

    async def do(engine: Engine) -> None:
        for example in EXAMPLES:
            await engine.learn([example])

    with segments_of(8192):
        run(do, compact=False)
    without_snapshots(tmp_path)
    first, *others = paths(tmp_path / "journal")
    assert others
    overwrite(first, 0, bytes(100))
    with pytest.raises(Damaged, match="head of .* is not what was written.*service.core.repair"):
        run(do)
    assert repair(tmp_path)["kept"] == 60
    assert run(lambda engine: engine.digest()) == digest(*EXAMPLES)


def test_an_older_journal_is_not_taken_for_a_damaged_one(tmp_path: Path) -> None:
    (tmp_path / "journal.db").touch()
    for do in (inspect, repair):
        with pytest.raises(ValueError, match=r"journal.db has format 2, older .*use the version"):
            do(tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.name != "lock"] == ["journal.db"]


def test_repair_drops_a_deletion_whose_task_was_lost(run: Run, tmp_path: Path) -> None:
    learn(run, compact=False)
    without_snapshots(tmp_path)
    wipe(tmp_path, *range(2, 61, 2))  # alice's
    assert repair(tmp_path)["kept"] == 30 + 10
    assert run(lambda engine: engine.tasks()) == ["alice", "bob"]


def test_repair_after_a_lost_tail_begins_at_a_snapshot_that_reaches_further(
    run: Run, tmp_path: Path
) -> None:
    learn(run)
    expected = run(lambda engine: engine.digest())
    wipe(tmp_path, *range(51, 72))
    with pytest.raises(TailLost):
        run(lambda engine: engine.digest())
    assert repair(tmp_path)["lost"] == 0
    assert run(lambda engine: engine.digest()) == expected
    assert len(Snapshots(tmp_path).paths()) == 1


def test_repair_of_what_is_lost_for_good_says_so(run: Run, tmp_path: Path) -> None:
    learn(run)
    without_snapshots(tmp_path)
    for path in paths(tmp_path / "journal"):
        path.write_bytes(b"not a journal, by now" * 100)
    command = [sys.executable, "-m", "service.core.repair", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "only a backup helps. The files lie in" in done.stderr
