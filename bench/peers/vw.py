"""Vowpal Wabbit: the PyPI package within this process, and the `vw` command where there is one.

Its default update (adaptive, normalised, invariant) on the log loss; learning predicts too. What
reads a file or a socket has a thread that parses and one that learns; CPU time counts both.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.peers import need
from bench.rounds import Turn, work

CACHED = "Vowpal Wabbit, its cache file"
DAEMON = "Vowpal Wabbit's daemon, text lines"
OPTIONS = ("--loss_function", "logistic", "--quiet")


def line(x: Mapping[str, float], y: bool, task: str = "") -> str:
    """An example in its text format; a task is a namespace, and so has weights of its own.

    >>> line({"a": 0.5, "b": 2.0}, True, "t1")
    '1 |t1 a:0.5 b:2'
    """
    return f"{1 if y else -1} |{task} " + " ".join(f"{name}:{v:.6g}" for name, v in x.items())


def lines(xs: Sequence[Mapping[str, float]], ys: Sequence[bool]) -> list[str]:
    """Examples of one task in its text format."""
    return [line(x, y) for x, y in zip(xs, ys, strict=True)]


def found() -> str:
    """Where the command is; LookupError where it is not."""
    vw = shutil.which("vw")
    if vw is None:
        raise LookupError("no vw command on the path (the package has none)")
    return vw


def package(examples: Sequence[str], times: int) -> Iterator[tuple[str, Turn]]:
    """Workspace.learn line by line, on examples parsed before, and on files of `times` as many."""
    need("vowpalwabbit")
    from vowpalwabbit import Workspace

    options = " ".join(OPTIONS)

    def from_text() -> Callable[[], object]:
        model = Workspace(options)
        return lambda: [model.learn(line) for line in examples]

    def parsed() -> Callable[[], object]:
        model = Workspace(options)
        before: list[Any] = [model.parse(line) for line in examples]
        return lambda: [model.learn(example) for example in before]

    yield "Vowpal Wabbit package, learn(line)", work(from_text, len(examples))
    yield "Vowpal Wabbit package, parsed before", work(parsed, len(examples))
    text, cache = _files(examples, times)
    Workspace(f"{options} -d {text} --cache_file {cache}")  # makes the cache
    count = len(examples) * times
    yield "Vowpal Wabbit, its text file", _run(f"{options} -d {text}", count)
    yield CACHED, _run(f"{options} -d {text} --cache_file {cache}", count)


def _run(arguments: str, examples: int) -> Turn:
    """The package's own driver over a file, its start and end included."""
    from vowpalwabbit import Workspace

    return work(lambda: lambda: Workspace(arguments).finish(), examples)


def command(examples: Sequence[str], times: int) -> Iterator[tuple[str, Turn]]:
    """The `vw` command, over a text file and over its cache."""
    vw = found()
    text, cache = _files(examples, times)
    base = [vw, *OPTIONS]
    subprocess.run([*base, "-d", text, "--cache_file", cache], check=True)
    count = len(examples) * times
    yield "vw command, text file", _child([*base, "-d", str(text)], count)
    cached = [*base, "-d", str(text), "--cache_file", str(cache)]
    yield "vw command, cache file", _child(cached, count)


def _child(arguments: list[str], examples: int) -> Turn:
    """CPU time of a process of its own."""

    def turn() -> Mapping[str, float]:
        child = os.posix_spawn(arguments[0], arguments, os.environ)
        _, status, usage = os.wait4(child, 0)
        if status:
            raise RuntimeError(f"{' '.join(arguments)}: status {status}")
        took = usage.ru_utime + usage.ru_stime
        return {"rate": examples / took, "us": 1e6 * took / examples}

    return turn


def _files(examples: Sequence[str], times: int) -> tuple[Path, Path]:
    """A text file of the examples, so many times over, and a name for its cache."""
    folder = Path(tempfile.mkdtemp(prefix="kindred-vw-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    text = folder / "examples.txt"
    text.write_text(("\n".join(examples) + "\n") * times, "utf-8")
    return text, folder / "examples.cache"
