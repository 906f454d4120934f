"""One real service for all tests of the HTTP face: a process, a port, a journal. And engines."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.client import Client
from service.core.engine import Engine
from service.process import Process
from service.settings import Settings


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    directory: Path = tmp_path_factory.mktemp("kindred")
    with Process(directory) as process:
        yield process
        assert process.stop() == 0, process.log.read_text()[-4000:]


@pytest.fixture(scope="session")
def client(server: Process) -> Iterator[Client]:
    with Client(server.url, patience=300) as client:
        client.wait_ready()
        yield client


@pytest.fixture(scope="session")
def http(client: Client) -> Iterator[httpx.Client]:
    """For what no client of ours would send."""
    with httpx.Client(base_url=client.url, timeout=60) as http:
        yield http


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Any]:
    """Opens an engine on the test's own directory, does something with it, closes it."""

    def run(do: Callable[[Engine], Awaitable[Any]], **changed: Any) -> Any:
        async def main() -> Any:
            options = {"data_dir": tmp_path, "strategy": "independent", "period": 16, **changed}
            engine = await Engine.open(Settings(**options))
            try:
                return await do(engine)
            finally:
                await engine.close()

        return asyncio.run(main())

    return run


@pytest.fixture
def small_files() -> Callable[[int], AbstractContextManager[None]]:
    """Within it no file of this process may grow beyond so many bytes: a disk that is full."""

    @contextmanager
    def small_files(size: int) -> Iterator[None]:
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    return small_files
