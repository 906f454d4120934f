"""Whoever does a group, it is done once, in order, and told as it is."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from learners.features import Example
from service.core import hand
from service.core.engine import Engine
from service.settings import Settings

PATIENCE = 60.0  # seconds
EXAMPLES = [Example(f"t{i % 3}", {"x": i % 5, "y": -i % 7}, "ab"[i % 2]) for i in range(240)]


def settings(directory: Path) -> Settings:
    """One expert: a group takes far less than what others may be held up for."""
    return Settings(data_dir=directory, strategy="independent")


def threads(engine: Engine) -> list[str]:
    """Names of the threads that learn, as they do."""
    names: list[str] = []
    learn = engine._writer.state.learn

    def noted(lesson: object) -> object:
        names.append(threading.current_thread().name)
        return learn(lesson)  # type: ignore[arg-type]

    engine._writer.state.learn = noted  # type: ignore[assignment,method-assign]
    return names


async def learnt(directory: Path, together: int) -> tuple[list[object], str, list[str]]:
    """What is told of all examples, the state they leave, and who learnt."""
    engine = await Engine.open(settings(directory))
    names = threads(engine)
    told: list[object] = []
    for i in range(0, len(EXAMPLES), together):
        some = [engine.learn([one]) for one in EXAMPLES[i : i + together]]
        told += [item for items in await asyncio.gather(*some) for item in items]
    digest = await engine.digest()
    await engine.close()
    return told, digest, names


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is, groups are short."""
    monkeypatch.setattr(hand, "AT_ONCE", PATIENCE)


@pytest.mark.usefixtures("patient")
def test_short_groups_are_done_at_once(tmp_path: Path) -> None:
    """By the event loop's thread, once it is known that they are short."""
    _, _, names = asyncio.run(learnt(tmp_path, 8))
    assert names[0].startswith("writer")  # nobody knows yet
    assert names.count("MainThread") > len(names) / 2


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("together", [1, 8])
def test_who_does_them_changes_nothing(
    tmp_path: Path, together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same answers, the same state."""
    at_once = asyncio.run(learnt(tmp_path / "loop", together))
    monkeypatch.setattr(hand, "AT_ONCE", -1.0)
    beside = asyncio.run(learnt(tmp_path / "thread", together))
    assert "MainThread" not in beside[2]
    assert at_once[:2] == beside[:2]


@pytest.mark.usefixtures("patient")
def test_what_takes_long_goes_to_the_thread(tmp_path: Path) -> None:
    """And comes back once the last groups of its size were short again."""

    async def main() -> None:
        engine = await Engine.open(settings(tmp_path))
        names = threads(engine)

        async def names_of(groups: int) -> list[str]:
            del names[:]
            for i in range(groups):
                await engine.learn([EXAMPLES[i]])
            return list(names)

        await names_of(10)
        assert set(await names_of(3)) == {"MainThread"}
        for size in engine._hand._took:
            engine._hand._took[size] = 1.5 * PATIENCE
        after = await names_of(60)
        assert after[0].startswith("writer")
        assert after[-1] == "MainThread"
        await engine.close()

    asyncio.run(main())


def test_what_seems_slow_beside_the_event_loop_is_tried_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is expected of groups that a thread does fades, however long they take there."""

    async def main() -> None:
        engine = await Engine.open(settings(tmp_path))
        names = threads(engine)
        for i in range(3):
            await engine.learn([EXAMPLES[i]])
        timed = engine._hand._timed

        def slow(group: object) -> object:
            outcomes, took = timed(group)  # type: ignore[arg-type]
            beside = threading.current_thread() is not threading.main_thread()
            return outcomes, 9.0 if beside else took

        monkeypatch.setattr(hand, "AT_ONCE", 6.0)
        monkeypatch.setattr(engine._hand, "_timed", slow)
        for size in engine._hand._took:
            engine._hand._took[size] = 9.0
        del names[:]
        for i in range(60):
            await engine.learn([EXAMPLES[i]])
        assert names[0].startswith("writer") and names[-1] == "MainThread"
        await engine.close()

    asyncio.run(main())
