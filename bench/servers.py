"""Kindred's own server and its peers, each in a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

from bench.peers import web
from service.process import Process

EMPTY = "empty ASGI application"
SCALED = "FastAPI, pydantic, river scaled"
PEERS = {SCALED: "scaled", "FastAPI, pydantic, river bare": "bare"}
STRATEGIES = ("independent", "auto")


class Server(NamedTuple):
    """One that runs."""

    name: str
    pid: int
    port: int

    def cpu_seconds(self) -> float:
        """CPU time of all its threads so far, those that ended too."""
        return time.clock_gettime(~self.pid << 3 | 2)  # Linux's clock of another process


@contextmanager
def running(directory: Path) -> Iterator[list[Server]]:
    """Start all, and end all: the empty application, the peers, Kindred with its strategies."""
    with ExitStack() as stack:
        found = [stack.enter_context(peer(name)) for name in (EMPTY, *PEERS)]
        for strategy in STRATEGIES:
            found.append(stack.enter_context(kindred(directory / strategy, strategy)))
        yield found


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


def _wait(url: str, seconds: float = 600.0) -> None:  # it may compile first
    """Until it is answered, and not with 503."""
    end = time.monotonic() + seconds
    while True:
        try:
            if httpx.get(url).status_code != 503:
                return
        except httpx.TransportError:
            pass
        if time.monotonic() > end:
            raise RuntimeError(f"{url} does not answer")
        time.sleep(0.05)
