"""The engine: one order for everything, one flush for everybody, nothing half done."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from learners.features import Example, batch
from learners.place import Place
from learners.types import Label
from service.core.answers import Answer, say
from service.core.engine import Engine
from service.problems import Problem
from service.settings import Settings

Run = Callable[..., Any]  # a fixture: opens an engine, does something with it, closes it
SmallFiles = Callable[[int], AbstractContextManager[None]]  # a fixture: a full disk


def stream(n: int, seed: int = 0, ids: str = "") -> list[Example]:
    draw = random.Random(seed)
    made = []
    for i in range(n):
        x = draw.gauss(0, 1)
        features = {"x": x, "y": draw.gauss(0, 1), "word": draw.choice(["red", "green blue"])}
        label = draw.random() < 0.1 or x > 0
        made.append(
            Example(f"task {draw.randrange(4)}", features, label, 1.0, f"{ids}{i}" if ids else None)
        )
    return made


def good(items: Sequence[Answer | Problem]) -> list[Answer]:
    found = [item for item in items if isinstance(item, Answer)]
    assert len(found) == len(items), items
    return found


def codes(items: Sequence[Answer | Problem]) -> list[str]:
    return [item.code if isinstance(item, Problem) else "ok" for item in items]


def test_it_says_and_becomes_what_the_bare_place_does(run: Run) -> None:
    examples = stream(300)

    async def do(engine: Engine) -> tuple[list[Answer], list[Answer], str]:
        said = []
        for lo in range(0, len(examples), 7):
            said += good(await engine.learn(examples[lo : lo + 7]))
        return said, good(await engine.predict(examples[:20])), await engine.digest()

    learnt, predicted, digest = run(do)
    place = Place("independent", period=16)
    expected = [say(b := batch([e]), place.learn(b), learnt=True).answers()[0] for e in examples]
    assert learnt == expected
    asked = batch(examples[:20])
    assert predicted == say(asked, place.score(asked), learnt=False).answers()
    assert digest == place.digest()


def test_those_who_wait_together_share_a_flush(run: Run) -> None:
    examples = stream(640)

    async def do(engine: Engine) -> dict[str, float]:
        waiting = iter(examples)

        async def client() -> None:
            for example in waiting:
                good(await engine.learn([example]))

        await asyncio.gather(*[client() for _ in range(64)])
        return await engine.stats()

    stats = run(do)
    assert stats["learnt_total"] == stats["position"] == 640
    assert stats["commits_total"] <= 640 / 8


def test_everything_happens_in_order_of_arrival(run: Run) -> None:
    one = Example("alice", {"x": 1.0}, "a")

    async def do(engine: Engine) -> list[Any]:
        return await asyncio.gather(
            engine.predict([one]),
            engine.learn([one]),
            engine.predict([one, one]),
            engine.learn([one, one]),
            engine.tasks(),
            engine.predict([one]),
            engine.delete("alice"),
            engine.delete("alice"),
            engine.predict([one]),
            engine.learn([one._replace(task="bob")]),
            engine.tasks(),
        )

    found = run(do)
    seen = [[(a.seen, a.version) for a in f] if isinstance(f, list) else f for f in found[:4]]
    assert seen == [[(0, 0)], [(0, 1)], [(1, 1), (1, 1)], [(1, 2), (2, 3)]]
    assert found[4] == ["alice"]
    assert found[5][0].version == 3
    assert found[6:8] == [True, False]
    assert found[8][0].seen == 0
    assert found[10] == ["bob"]


def test_bad_examples_are_told_and_the_others_learnt(run: Run) -> None:
    ok = Example("alice", {"x": 1.0}, "a")
    bad = [
        ok._replace(label=None),
        ok._replace(features={"x": float("nan")}),
        ok._replace(features={"a.b": object()}),
        ok._replace(task=""),
        ok._replace(weight=-1.0),
    ]

    async def do(engine: Engine) -> None:
        items = await engine.learn([ok, *bad, ok])
        assert codes(items) == ["ok", *["invalid-example"] * len(bad), "ok"]
        pointers = [item.errors[0][0] for item in items if isinstance(item, Problem)]
        assert pointers == ["/label", "/features", "/features", "/task", "/weight"]
        assert engine.position == 2
        assert codes(await engine.predict([*bad[1:3], ok._replace(label=None)])) == [
            *["invalid-example"] * 2,
            "ok",
        ]
        assert codes(await engine.learn(bad)) == ["invalid-example"] * len(bad)
        assert await engine.learn([]) == [] == await engine.predict([])
        assert engine.position == 2

    run(do)


def test_labels_that_python_takes_for_equal_stay_apart(run: Run) -> None:
    labels: list[Label] = [0, False, "", "0", 1, True, "1", 0.5]

    async def do(engine: Engine) -> None:
        await engine.learn([Example("t", {"x": 1.0}, label) for label in labels])
        [answer] = good(await engine.predict([Example("t", {"x": 1.0})]))
        assert [(type(c), c) for c in answer.classes] == [(type(c), c) for c in labels]
        assert sum(answer.probabilities) == pytest.approx(1)

    run(do)


def test_too_much_waiting_is_refused_at_once_and_nothing_of_it_learnt(run: Run) -> None:
    async def do(engine: Engine) -> None:
        asked = [engine.learn([example] * 4) for example in stream(20)]
        found = await asyncio.gather(*asked, return_exceptions=True)
        refused = [f for f in found if isinstance(f, Problem)]
        assert refused and {f.code for f in refused} == {"busy"}
        assert refused[0].headers["retry-after"]
        assert "KINDRED_QUEUE" in refused[0].detail
        assert engine.position == 4 * (20 - len(refused)) == 8
        assert (await engine.stats())["queued_examples"] == 0
        large = await engine.learn(stream(50))  # alone it may be larger than the limit
        assert codes(large) == ["ok"] * 50

    run(do, queue=10)


def test_what_was_taken_in_before_closing_is_learnt_and_no_more(tmp_path: Path, run: Run) -> None:
    async def main() -> None:
        engine = await Engine.open(Settings(data_dir=tmp_path, strategy="independent", period=16))
        asked = [asyncio.create_task(engine.learn([example])) for example in stream(100)]
        await asyncio.sleep(0)
        await engine.close()
        for task in asked:
            assert codes(await task) == ["ok"]
        with pytest.raises(Problem) as refused:
            await engine.learn(stream(1))
        assert refused.value.code == "draining"

    asyncio.run(main())

    async def position(engine: Engine) -> int:
        return engine.position

    assert run(position) == 100


def test_a_client_that_leaves_does_not_stop_the_others(run: Run) -> None:
    async def do(engine: Engine) -> None:
        tasks = [asyncio.create_task(engine.learn([example])) for example in stream(10)]
        await asyncio.sleep(0)
        tasks[3].cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(found[3], asyncio.CancelledError)
        assert [codes(f) for f in found if isinstance(f, list)] == [["ok"]] * 9
        assert (await engine.stats())["queued_examples"] == 0

    run(do)


def test_a_full_disk_learns_nothing_still_predicts_and_learns_again_with_room(
    run: Run, small_files: SmallFiles
) -> None:
    first, second = stream(50, seed=1, ids="a"), stream(2000, seed=2, ids="b")

    async def do(engine: Engine) -> str:
        await engine.learn(first)
        before = await engine.digest()
        with small_files(100_000):
            for _ in range(2):
                with pytest.raises(Problem) as refused:
                    await engine.learn(second)
                assert refused.value.code == "disk-full"
                assert "nothing was learnt" in refused.value.detail
                assert await engine.digest() == before
                assert codes(await engine.predict(first[:1])) == ["ok"]
            with pytest.raises(Problem, match="cannot grow"):
                for example in second:  # small ones, until the last page is taken
                    await engine.learn([example])
                    before = await engine.digest()
        assert await engine.digest() == before
        good(await engine.learn(second))
        assert engine.position == 2050
        return await engine.digest()

    digest = run(do)
    place = Place("independent", period=16)
    place.learn(batch([*first, *second]))
    assert digest == place.digest() == run(lambda engine: engine.digest())


def test_a_full_disk_refuses_a_retry_that_waits_with_the_first(
    run: Run, small_files: SmallFiles
) -> None:
    known, new = stream(3, seed=1, ids="a"), stream(3, seed=2, ids="b")

    async def do(engine: Engine) -> None:
        first = await engine.learn(known)
        asks = [[*known, *new], new, known]
        with small_files(1000):
            told = await asyncio.gather(*map(engine.learn, asks), return_exceptions=True)
        assert [getattr(said, "code", said) for said in told] == ["disk-full", "disk-full", first]
        assert engine.position == 3

    run(do)


def test_a_writer_that_fails_stops_and_a_restart_sets_it_right(run: Run) -> None:
    """What was journalled may not have been learnt: so no more answers, and no snapshot of that."""
    examples = stream(40)

    async def do(engine: Engine) -> None:
        await engine.learn(examples[:20])
        await engine.look(lambda place: setattr(place, "bank", None))  # memory gone bad
        with pytest.raises(Problem, match="engine stopped"):
            await engine.learn(examples[20:])
        with pytest.raises(Problem) as refused:
            await engine.predict(examples[:1])
        assert refused.value.code == "internal"

    run(do)
    place = Place("independent", period=16)
    place.learn(batch(examples))
    assert run(lambda engine: engine.digest()) == place.digest()


def test_a_look_that_fails_is_its_asker_s_alone(run: Run) -> None:
    def look(place: Place) -> None:
        raise LookupError("no such thing")

    async def do(engine: Engine) -> None:
        with pytest.raises(LookupError, match="no such thing"):
            await engine.look(look)
        assert codes(await engine.learn(stream(3))) == ["ok"] * 3

    run(do)


def test_views_and_relations_are_the_place_s(run: Run) -> None:
    examples = stream(200)

    async def do(engine: Engine) -> None:
        await engine.learn(examples)
        view = await engine.view("task 1")
        assert view.seen == sum(example.task == "task 1" for example in examples)
        with pytest.raises(KeyError):
            await engine.view("nobody")
        names, cosine = await engine.relations()
        pairs = await engine.pairs(3)
        assert names == await engine.tasks()
        assert [c for _, _, c in pairs] == sorted((c for _, _, c in pairs), reverse=True)
        a, b, value = pairs[0]
        assert cosine[names.index(a), names.index(b)] == pytest.approx(value)

    run(do)
