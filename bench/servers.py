"""Kindred's own server and its peers, each in a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import httpx

from bench.peers import vw, web
from service.process import Process

EMPTY = "empty ASGI application"
SCALED = "FastAPI, pydantic, river scaled"
PEERS = {SCALED: "scaled", "FastAPI, pydantic, river bare": "bare"}
STRATEGIES = ("independent", "auto")
CHILDREN = 16  # of vw's daemon: each answers one connection, and all learn the same weights


class Server(NamedTuple):
    """One that runs."""

    name: str
    pid: int
    port: int

    def cpu_seconds(self) -> float:
        """CPU time of all its threads so far, those that ended too, and its children's."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        pids = [self.pid, *map(int, children)]
        return sum(time.clock_gettime(~pid << 3 | 2) for pid in pids)  # Linux's clocks of others


@contextmanager
def running(directory: Path) -> Iterator[tuple[list[Server], dict[str, str]]]:
    """Start all, and end all: the empty application, the peers, Kindred with its strategies.

    And the reasons of those that cannot run.
    """
    skipped = {}
    with ExitStack() as stack:
        found = [stack.enter_context(peer(name)) for name in (EMPTY, *PEERS)]
        try:
            found.append(stack.enter_context(daemon()))
        except LookupError as reason:
            skipped[vw.DAEMON] = str(reason)
        for strategy in STRATEGIES:
            found.append(stack.enter_context(kindred(directory / strategy, strategy)))
        yield found, skipped


@contextmanager
def kindred(directory: Path, strategy: str, **settings: object) -> Iterator[Server]:
    """A service with its journal in that directory, ready."""
    with Process(directory, strategy=strategy, **settings) as process:
        _wait(f"{process.url}/readyz")
        port = int(process.url.rsplit(":", 1)[1])
        yield Server(f"Kindred {strategy}", process.pid, port)


@contextmanager
def peer(name: str) -> Iterator[Server]:
    """The empty application, or one of the peers'."""
    attribute, environment = "empty", {}
    if name in PEERS:
        attribute, environment = "fastapi", {web.LEARNER: PEERS[name]}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", f"bench.peers.web:{attribute}", f"--port={port}"]
    command += ["--loop=uvloop", "--http=httptools", "--log-level=warning", "--no-access-log"]
    command += ["--lifespan=off", *(["--factory"] if environment else [])]
    root = Path(__file__).parent.parent
    process = subprocess.Popen(command, env={**os.environ, **environment}, cwd=root)
    try:
        _wait(f"http://127.0.0.1:{port}/")
        yield Server(name, process.pid, port)
    finally:
        process.terminate()
        process.wait()


@contextmanager
def daemon() -> Iterator[Server]:
    """Vowpal Wabbit's, which keeps nothing on a disk; LookupError where there is no command.

    It parses and learns in one thread: the more lines come at once, the more a second costs it.
    """
    command = [vw.found(), *vw.OPTIONS, "--onethread", "--daemon", "--foreground"]
    command.append(f"--num_children={CHILDREN}")
    with TemporaryDirectory() as name:
        port = Path(name) / "port"
        process = subprocess.Popen([*command, "--port=0", f"--port_file={port}"])
        try:
            _until(lambda: port.exists() and port.read_text().endswith("\n"), vw.DAEMON)
            yield Server(vw.DAEMON, process.pid, int(port.read_text()))
        finally:
            process.terminate()
            process.wait()


def _wait(url: str) -> None:
    """Until it is answered, and not with 503."""

    def answered() -> bool:
        try:
            return httpx.get(url).status_code != 503
        except httpx.TransportError:
            return False

    _until(answered, url)


def _until(ready: Callable[[], bool], who: str, seconds: float = 600.0) -> None:
    """Wait for it; it may compile first."""
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise RuntimeError(f"{who} does not answer")
        time.sleep(0.05)
