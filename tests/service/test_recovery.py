"""A state recovered is the state that never stopped; what cannot be recovered is refused."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learners.features import Example, batch
from learners.place import Place
from learners.types import Label
from service.core.engine import Engine
from service.core.lessons import Lesson
from service.core.receipts import Receipt, Receipts, fingerprint
from service.core.state import State
from service.settings import Settings
from service.store.errors import Damaged, TailLost
from service.store.lock import InUse
from service.store.snapshots import Snapshots, read
from tests.service.segments import segments_of

Run = Callable[..., Any]  # a fixture: opens an engine, does something with it, closes it
TASKS = ("alice", "bob", "carol")


def stream(n: int, seed: int = 0) -> list[Example]:
    draw = random.Random(seed)
    labels: list[Label] = ["a", "b", 3]
    return [
        Example(
            draw.choice(TASKS),
            {"x": draw.gauss(0, 1), f"rare {i % 50}": 1.0},
            draw.choice(labels[: 2 + (i > 20)]),
            1.0,
            f"{seed} {i}",
        )
        for i in range(n)
    ]


async def fingerprints(engine: Engine) -> tuple[str, bytes]:
    """What tells two states apart: the place's digest, and the window of ids."""
    return await engine.digest(), engine._writer.state.receipts.to_bytes()


async def left_by_a_crash(engine: Engine, directory: Path) -> None:
    """The files as they are now, which is all that `kill -9` would leave."""
    if (writing := engine._keeper._writing) is not None:
        await writing  # a copy is not taken at one moment, so nothing may move meanwhile
    shutil.copytree(engine.settings.data_dir, directory)


actions = st.lists(
    st.one_of(
        st.tuples(st.just("learn"), st.integers(1, 40)),
        st.tuples(st.just("delete"), st.sampled_from(TASKS)),
        st.tuples(st.just("restart"), st.none()),
        st.tuples(st.just("crash"), st.none()),
    ),
    min_size=1,
    max_size=12,
)


@pytest.mark.slow
@given(actions, st.booleans(), st.integers(10, 60))
@settings(max_examples=25, deadline=None)
def test_whatever_happens_the_state_is_that_of_one_that_never_stopped(
    happens: list[tuple[str, Any]], compact: bool, snapshot_every: int
) -> None:
    never = State(Place("auto", period=16), Receipts(30))
    expected = {"learn": 0}

    def expect(examples: list[Example]) -> None:
        made = batch(examples)
        receipts = (Receipt(i, str(e.id), fingerprint(made, i)) for i, e in enumerate(examples))
        never.learn(Lesson(made, tuple(receipts)))

    async def main(directory: Path) -> tuple[str, bytes]:
        def options() -> Settings:
            return Settings(
                data_dir=directory,
                period=16,
                id_window=30,
                compact=compact,
                snapshot_every=snapshot_every,
            )

        engine = await Engine.open(options())
        for what, how in happens:
            if what == "learn":
                examples = stream(how, seed=expected["learn"])
                expected["learn"] += 1
                await asyncio.gather(*[engine.learn(examples[i::3]) for i in range(3)])
                for i in range(3):
                    expect(examples[i::3]) if examples[i::3] else None
            elif what == "delete":
                assert await engine.delete(how) == never.delete(how)
            elif what == "restart":
                await engine.close()
                engine = await Engine.open(options())
            else:
                left = directory.with_name(f"{directory.name}-")
                await left_by_a_crash(engine, left)
                await engine.close()
                directory = left
                engine = await Engine.open(options())
        found = await fingerprints(engine)
        await engine.close()
        return found

    with TemporaryDirectory() as name, segments_of(8192):
        found = asyncio.run(main(Path(name) / "data"))
    assert found == (never.place.digest(), never.receipts.to_bytes())


@pytest.mark.parametrize("compact", [True, False])
def test_snapshots_come_while_learning_and_old_entries_go(run: Run, compact: bool) -> None:
    examples = stream(600)

    async def do(engine: Engine) -> tuple[tuple[str, bytes], dict[str, float], int]:
        for i in range(0, 600, 20):
            await engine.learn(examples[i : i + 20])
            await asyncio.sleep(0.002)
        journal = engine._writer.journal
        return await fingerprints(engine), await engine.stats(), journal.base.position

    with segments_of(16_384):
        before, stats, base = run(do, snapshot_every=50, compact=compact)
    assert stats["snapshots_total"] >= 3
    assert 0 < stats["snapshot_position"] <= 600
    assert (base > 0) == compact

    async def after(engine: Engine) -> tuple[str, bytes]:
        assert engine.position == 600
        return await fingerprints(engine)

    assert run(after) == before


def crash(directory: Path, examples: list[Example], **options: Any) -> str:
    """Learn, and leave the directory as `kill -9` would; the digest of the state lost."""

    async def main() -> str:
        at_work = directory.with_name("at work")
        engine = await Engine.open(Settings(data_dir=at_work, period=16, **options))
        for i in range(0, len(examples), 10):
            await engine.learn(examples[i : i + 10])
            await asyncio.sleep(0.005)
        digest = await engine.digest()
        await left_by_a_crash(engine, directory)
        await engine.close()
        return digest

    return asyncio.run(main())


def reopen(directory: Path, **options: Any) -> tuple[str, list[tuple[int, int]]]:
    """Digest of what is recovered, and the progress that was told."""
    told: list[tuple[int, int]] = []

    async def main() -> str:
        engine = await Engine.open(
            Settings(data_dir=directory, period=16, **options),
            progress=lambda done, total: told.append((done, total)),
        )
        digest = await engine.digest()
        await engine.close()
        return digest

    return asyncio.run(main()), told


def snapshots(directory: Path) -> list[Path]:
    return Snapshots(directory).paths()


def flip(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


def test_progress_is_told_from_the_snapshot_to_the_end(tmp_path: Path) -> None:
    data = tmp_path / "data"
    digest = crash(data, stream(100), strategy="independent")
    assert reopen(data, strategy="independent") == (digest, [(100, 100)])


@pytest.mark.parametrize("compact", [True, False])
def test_a_damaged_snapshot_is_set_aside_and_the_one_before_gives_the_same(
    tmp_path: Path, compact: bool
) -> None:
    data = tmp_path / "data"
    options = {"strategy": "shared", "snapshot_every": 30, "compact": compact}
    digest = crash(data, stream(300), **options)
    newest, older = snapshots(data)
    flip(newest, newest.stat().st_size // 2)
    assert reopen(data, **options)[0] == digest
    assert newest.with_suffix(".damaged").exists()
    assert older in snapshots(data)


def test_with_no_snapshot_left_all_is_replayed_or_refused_where_it_was_compacted(
    tmp_path: Path,
) -> None:
    whole, compacted = tmp_path / "whole", tmp_path / "compacted"
    options = {"strategy": "shared", "snapshot_every": 30}
    digest = crash(whole, stream(300), compact=False, **options)
    shutil.rmtree(tmp_path / "at work")
    with segments_of(8192):
        crash(compacted, stream(300), **options)
    for data in (whole, compacted):
        for path in snapshots(data):
            flip(path, 40)
    assert reopen(whole, compact=False, **options)[0] == digest
    with pytest.raises(Damaged, match=r"no snapshot can be read .* Restore the whole directory"):
        reopen(compacted, **options)


def test_a_snapshot_of_another_journal_is_refused(tmp_path: Path) -> None:
    ours, other = tmp_path / "ours", tmp_path / "other"
    options = {"strategy": "shared", "snapshot_every": 30}
    crash(ours, stream(100), **options)
    shutil.rmtree(tmp_path / "at work")
    crash(other, stream(100, seed=1), **options)
    shutil.copy(snapshots(other)[0], snapshots(ours)[0])
    with pytest.raises(Damaged, match="do not belong together. Restore"):
        reopen(ours, **options)


def test_snapshots_without_their_journal_are_refused(tmp_path: Path) -> None:
    data = tmp_path / "data"
    crash(data, stream(100), strategy="shared", snapshot_every=30)
    shutil.rmtree(data / "journal")
    (data / "journal.mark").unlink()
    with pytest.raises(Damaged, match="group .* is not there"):
        reopen(data, strategy="shared")


def test_a_journal_whose_segments_are_lost_is_refused(tmp_path: Path) -> None:
    data = tmp_path / "data"
    crash(data, stream(100), strategy="shared")
    shutil.rmtree(data / "journal")
    with pytest.raises(TailLost, match="100 were acknowledged.*service.core.repair"):
        reopen(data, strategy="shared")


def test_an_unfinished_snapshot_is_not_one(tmp_path: Path) -> None:
    data = tmp_path / "data"
    digest = crash(data, stream(100), strategy="shared", snapshot_every=30)
    newest = snapshots(data)[0]
    newest.with_name("9.unfinished").write_bytes(newest.read_bytes()[:100])
    assert reopen(data, strategy="shared")[0] == digest
    assert read(newest) is not None


def test_a_newer_snapshot_format_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    monkeypatch.setattr("service.store.snapshots.FORMAT", 2)
    crash(data, stream(50), strategy="shared", snapshot_every=30)
    monkeypatch.undo()
    with pytest.raises(ValueError, match="format 2, newer than 1.*use the version"):
        reopen(data, strategy="shared")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"strategy": "shared"}, "strategy = independent, not shared.*STRATEGY=independent"),
        ({"bits": 18}, "bits = 20, not 18.*KINDRED_BITS=20"),
        ({"seed": 5}, "seed = 0, not 5.*KINDRED_SEED=0"),
        ({"period": 8}, "period = 16, not 8.*KINDRED_PERIOD=16"),
    ],
)
def test_other_settings_than_it_was_written_with_are_refused(
    run: Run, changed: dict[str, Any], message: str
) -> None:
    async def nothing(engine: Engine) -> None:
        pass

    run(nothing)
    with pytest.raises(ValueError, match=f"{message}.*another directory"):
        run(nothing, **changed)
    run(nothing)


def test_a_directory_in_use_is_refused_with_the_process_s_id(run: Run, tmp_path: Path) -> None:
    async def do(engine: Engine) -> None:
        with pytest.raises(InUse, match=f"in use by process {os.getpid()}: stop that one"):
            await Engine.open(Settings(data_dir=tmp_path, strategy="independent", period=16))
        code = "import sys, pathlib, service.store.lock as l; l.Lock(pathlib.Path(sys.argv[1]))"
        other = subprocess.run(
            [sys.executable, "-c", code, tmp_path], capture_output=True, text=True
        )
        assert f"in use by process {os.getpid()}" in other.stderr

    run(do)
    run(do)  # and let go of afterwards


def test_a_snapshot_that_finds_no_room_stops_nothing(run: Run, small_files: Any) -> None:
    examples = [
        e._replace(features={f"{i} {j}": 1.0 for j in range(40)}) for i, e in enumerate(stream(300))
    ]

    async def do(engine: Engine) -> str:
        with small_files(400_000):
            for i in range(0, 300, 10):
                await engine.learn(examples[i : i + 10])
                await asyncio.sleep(0.002)
        stats = await engine.stats()
        assert stats["snapshots_failed_total"] > 0
        assert stats["position"] == 300
        return await engine.digest()

    digest = run(do, strategy="auto", snapshot_every=50)
    assert run(lambda engine: engine.digest(), strategy="auto") == digest


@pytest.mark.slow
def test_a_strategy_that_is_no_arrays_is_rebuilt_from_the_whole_journal(
    run: Run, tmp_path: Path
) -> None:
    """So neither snapshots nor compaction, whatever the settings say."""
    examples = stream(120)
    options = {"strategy": "river:naive_bayes.GaussianNB", "snapshot_every": 20}

    async def before(engine: Engine) -> list[Any]:
        for i in range(0, 120, 10):
            await engine.learn(examples[i : i + 10])
        await engine.delete("alice")
        return await engine.predict(examples[:30])

    async def after(engine: Engine) -> list[Any]:
        assert engine.position == 121
        assert engine._writer.journal.base.position == 0
        return await engine.predict(examples[:30])

    said = run(before, **options)
    assert snapshots(tmp_path) == []
    assert run(after, **options) == said
