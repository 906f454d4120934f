"""Exactly once: an id is learnt the first time, and answered every time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from learners.features import Example
from service.core.answers import Answer
from service.core.engine import Engine
from service.problems import Problem

Run = Callable[..., Any]  # a fixture: opens an engine, does something with it, closes it


def example(i: int, task: str = "alice") -> Example:
    return Example(task, {"x": float(i), "word": f"w{i}"}, i % 3, 1.0, f"id {i}")


def test_a_retry_gets_the_first_answer_and_changes_nothing(run: Run) -> None:
    examples = [example(i) for i in range(30)]

    async def do(engine: Engine) -> None:
        first = await engine.learn(examples)
        digest = await engine.digest()
        assert await engine.learn(examples) == first
        assert await engine.learn(examples[7:9]) == first[7:9]
        mixed = await engine.learn([examples[3], example(30), examples[4], example(31)])
        assert [mixed[0], mixed[2]] == first[3:5]
        assert [a.version for a in mixed if isinstance(a, Answer)] == [4, 31, 5, 32]
        assert engine.position == 32
        assert await engine.digest() != digest

    run(do)


def test_a_retry_within_a_request_or_while_the_first_is_in_flight(run: Run) -> None:
    async def do(engine: Engine) -> None:
        items = await engine.learn([example(0), example(1), example(0)])
        assert items[0] == items[2] != items[1]
        assert engine.position == 2
        asked = [engine.learn([example(2), example(3)]) for _ in range(5)]
        asked += [engine.learn([example(3), example(4), example(2)])]
        *same, other = await asyncio.gather(*asked)
        assert all(items == same[0] for items in same)
        assert [other[0], other[2]] == same[0][::-1]
        assert engine.position == 5

    run(do)


def test_an_id_of_another_example_is_a_conflict_and_the_rest_is_learnt(run: Run) -> None:
    first = example(0)
    others = [
        first._replace(features={"x": 0.5}),
        first._replace(label=1),
        first._replace(label="0"),
        first._replace(task="bob"),
        first._replace(weight=2.0),
    ]

    async def do(engine: Engine) -> None:
        await engine.learn([first])
        items = await engine.learn([*others, example(1)])
        assert [i.code for i in items[:-1] if isinstance(i, Problem)] == ["id-conflict"] * 5
        assert isinstance(items[-1], Answer)
        both = await engine.learn([example(2), example(2)._replace(label=0)])  # within one request
        assert isinstance(both[0], Answer)
        assert isinstance(both[1], Problem)
        assert both[1].errors[0][0] == "/id"
        assert engine.position == 3
        assert await engine.tasks() == ["alice"]
        reordered = first._replace(features=dict(reversed(list(first.features.items()))))
        assert isinstance((await engine.learn([reordered]))[0], Answer), "the same example"
        assert engine.position == 3

    run(do)


def test_the_window_is_bounded_and_survives_a_restart(run: Run) -> None:
    examples = [example(i) for i in range(10)]

    async def before(engine: Engine) -> list[Any]:
        return await engine.learn(examples)

    async def after(engine: Engine) -> list[Any]:
        assert (await engine.stats())["ids_remembered"] == 4
        again = await engine.learn(examples[6:])
        assert engine.position == 10
        await engine.learn(examples[:1])
        assert engine.position == 11, "too old to be remembered: it is learnt again"
        return again

    first = run(before, id_window=4)
    assert run(after, id_window=4) == first[6:]


def test_no_window_remembers_nothing(run: Run) -> None:
    async def do(engine: Engine) -> None:
        await engine.learn([example(0)])
        await engine.learn([example(0)])
        assert engine.position == 2

    run(do, id_window=0)


def test_a_deleted_task_leaves_no_answers_behind(run: Run) -> None:
    async def do(engine: Engine) -> None:
        await engine.learn([example(0), example(1, "bob")])
        assert await engine.delete("alice")
        [again, kept] = await engine.learn([example(0), example(1, "bob")])
        assert isinstance(again, Answer) and again.version == 1
        assert engine.position == 4, "alice's was learnt anew, bob's was not"

    run(do)

    async def later(engine: Engine) -> None:
        await engine.learn([example(0), example(1, "bob")])
        assert engine.position == 4

    run(later)
