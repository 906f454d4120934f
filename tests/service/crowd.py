"""A nursery of servers to be killed: it imports everything once, then forks one for each line read.

Each opens an engine on the directory and has clients teach it the endless stream of `example`, some
at a time, telling on stdout what was acknowledged, until it is killed or reaches `stop`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from learners.features import Example
from service.core.answers import Answer
from service.core.engine import Engine
from service.settings import Settings
from service.store import tail

CLIENTS = 8
OPTIONS: dict[str, Any] = {"strategy": "auto", "period": 64, "snapshot_every": 150}


def example(i: int, tasks: int = 6) -> Example:
    draw = random.Random(i)
    x = draw.gauss(0, 1)
    features = {"x": x, "y": draw.gauss(0, 1), "word": f"w{draw.randrange(300)}"}
    return Example(f"task {draw.randrange(tasks)}", features, x > 0, 1.0, str(i))


def tell(*words: object) -> None:
    os.write(1, (json.dumps(words) + "\n").encode())  # short enough to be written whole


async def serve(directory: Path, first: int, stop: int | None, warm: int = 0) -> None:
    settings = Settings(data_dir=directory, compact=False, warm_tasks=warm, **OPTIONS)
    engine = await Engine.open(settings)
    tasks = 10 * warm or 6
    tell("open", engine.position)
    coming = itertools.count(first)

    async def client(number: int) -> None:
        while True:
            part = [example(next(coming), tasks) for _ in range(1 + number % 3)]
            part = [e for e in part if stop is None or int(str(e.id)) < stop]
            if not part:
                return
            if number % 2:
                await engine.predict(part)
            for one, answer in zip(part, await engine.learn(part), strict=True):
                assert isinstance(answer, Answer), answer
                tell("ack", one.id, answer.seen, answer.version, answer.probabilities)

    await asyncio.gather(*[client(number) for number in range(CLIENTS)])
    await engine.close()


def main() -> None:
    tail.SIZE = 1 << 14  # so that segments begin now and then
    with TemporaryDirectory() as name:  # so that no child compiles anything
        asyncio.run(serve(Path(name), 0, 20))
    tell("ready")
    for line in sys.stdin:
        directory, first, stop, warm = json.loads(line)
        child = os.fork()
        if child == 0:
            try:
                asyncio.run(serve(Path(directory), first, stop, warm))
                os._exit(0)
            finally:
                os._exit(1)
        tell("born", child)
        _, status = os.waitpid(child, 0)
        tell("gone", os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
