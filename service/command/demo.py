"""`kindred demo`: the main job on real data, a crash in the middle, and what came of it."""

from __future__ import annotations

import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from service.client import Client
from service.command import cli_replay, terminal
from service.command.outcome import Replay, Run, alone
from service.command.replay import replay
from service.command.report import page
from service.command.targets import Local, Remote
from service.settings import Settings
from service.store.reader import exists
from streams import Stream, source

SOURCE = "river:Yeast"
PATIENCE = 60.0  # seconds that a start may take
DRAINED = 60.0  # seconds that a stop may take
LATER = 0.02  # seconds until the kill: by then the next request is under way
TRY = """\
{kindred} serve --data {data} &
curl localhost:8000/v1/tasks/Class5
curl 'localhost:8000/v1/relations?top=3'
curl localhost:8000/v1/learn   -d '{{"task": "alice", "features": {{"subject": "cheap pills"}}, "label": "spam"}}'
curl localhost:8000/v1/learn   -d '{{"task": "alice", "features": {{"subject": "lunch?"}}, "label": "ham"}}'
curl localhost:8000/v1/predict -d '{{"task": "alice", "features": {{"subject": "pills!"}}}}'
{kindred} replay SOURCE --report FILE.html     # your own data; --help says which forms"""  # noqa: E501


class Service:
    """`kindred serve` in a process of its own, over one data directory."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.port = 0  # any free one at first; the same one ever after
        self.log = data.with_suffix(".log")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Service:
        """Start."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, if it still runs."""
        self.stop()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start, and return when it can learn.

        Raises:
            RuntimeError: it ended instead; with the end of its log.
        """
        self.data.mkdir(parents=True, exist_ok=True)
        noted = self.data / "port"
        noted.unlink(missing_ok=True)  # a killed one leaves it behind
        given = {"data": self.data, "host": "127.0.0.1", "port": self.port, "strategy": "auto"}
        command = [sys.executable, "-m", "service.command.cli", "serve"]
        command += [f"--{name}={value}" for name, value in given.items()]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        until = time.monotonic() + PATIENCE
        while not (noted.exists() and noted.read_text().strip()):
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"the service did not start:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.05)
        self.port = int(noted.read_text())
        with Client(self.url, PATIENCE) as client:
            client.wait_ready()

    def kill(self) -> None:
        """End it as a failing machine would: no warning, no last word."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """Ask it to end; its exit code."""
        if self._process is None or self._process.poll() is not None:
            return 0
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(DRAINED)
        except subprocess.TimeoutExpired:
            self.kill()
            return -signal.SIGKILL


class Crash:
    """Kills a service in the middle of its work, once so many examples are learnt; restarts it."""

    def __init__(self, service: Service, at: int) -> None:
        self.service, self.at, self.done = service, at, 0
        self.seconds = 0.0  # from the kill until it could learn again
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None

    def step(self, examples: int) -> None:
        """So many more are learnt."""
        if self._thread is None:
            self.done += examples
            if self.done >= self.at:
                self._thread = threading.Thread(target=self._strike)
                self._thread.start()

    def join(self) -> None:
        """Wait until it is over; raises what went wrong with the restart."""
        if self._thread is not None:
            self._thread.join()
        if self._error is not None:
            raise self._error

    def _strike(self) -> None:
        time.sleep(LATER)
        begun = time.monotonic()
        self.service.kill()
        try:
            self.service.start()
        except Exception as error:
            self._error = error
        self.seconds = time.monotonic() - begun


def run(directory: Path) -> int:
    """Do it all below a directory; 0 if everything held that is promised."""
    data, report = directory / "data", directory / "report.html"
    directory.mkdir(parents=True, exist_ok=True)
    if exists(data):  # an earlier demo's
        shutil.rmtree(data)
    stream = source(SOURCE)
    service = Service(data)
    try:
        service.start()
        _title(f"Replay {SOURCE} over HTTP, and kill the service half way")
        click.echo(f"{stream.examples:,} examples of {stream.tasks} tasks go to {service.url}")
        with Client(service.url, PATIENCE) as client:
            done, crash = _replay(stream, service, client)
            state = client.state()
            alike = client.relations()
        examples = done.answer.figures.examples
        click.echo(f"kill -9 after {crash.done:,}; learning again {crash.seconds:.1f} s later")
        learnt = f"{examples:,} examples acknowledged, {state['position']:,} learnt"
        same = "its state is, byte for byte, that of a run that never stopped"
        held = [
            _check(f"{learnt}: none lost, none twice", state["position"] == examples),
            _check(same, state["digest"] == _never_stopped(stream)),
        ]
        _title("Error of every task alone, of one model for all, and coordinated")
        click.echo(cli_replay.strategies([done]))
        own = alone([done])
        if own is not None:
            _title("What coordination brought which task")
            click.echo(cli_replay.tasks(done, own))
        _title("Who is most alike")
        for first, second, cosine in _pairs(alike)[:5]:
            click.echo(f"{cosine:+.2f}  {first}, {second}")
        result = Replay(stream.name, examples, state["tasks"], False, 0, [done])
        report.write_text(page(result), "utf-8")
        _title("Stop")
        held.append(_check("SIGTERM: drained, state written, exit code 0", service.stop() == 0))
    finally:
        service.stop()
    _title("Now try")
    shown = {"kindred": _command(), "data": shlex.quote(str(data))}
    click.echo(f"open {report}\n" + TRY.format(**shown))
    return 0 if all(held) else 1


def _replay(stream: Stream, service: Service, client: Client) -> tuple[Run, Crash]:
    crash = Crash(service, (stream.examples or 0) // 2)
    with terminal.progress("replay", stream.examples) as bar:

        def step(examples: int) -> None:
            bar.update(examples)
            crash.step(examples)

        try:
            done = replay(Remote(client), stream, total=stream.examples, step=step)
        finally:
            crash.join()
    return done, crash


def _never_stopped(stream: Stream) -> str:
    """The state's hash after the same examples in this process."""
    target = Local(Settings(strategy="auto"))
    with terminal.progress("the same in one process", stream.examples) as bar:
        replay(target, stream, total=stream.examples, watch=False, step=bar.update)
    return target.place.digest()


def _pairs(relations: Mapping[str, Any]) -> list[tuple[str, str, float]]:
    names, cosine = relations["tasks"], relations["cosine"]
    pairs = [(a, b, cosine[i][j]) for i, a in enumerate(names) for j, b in enumerate(names[:i])]
    return sorted(pairs, key=lambda pair: -pair[2])


def _command() -> str:
    """How this shell can call the command."""
    called = Path(sys.argv[0])
    if shutil.which("kindred"):
        return "kindred"
    return str(called) if called.name == "kindred" else f"{sys.executable} -m service.command.cli"


def _title(words: str) -> None:
    click.echo("\n" + click.style(words, bold=True))


def _check(words: str, held: bool) -> bool:
    mark = click.style("ok", fg="green") if held else click.style("NOT SO", fg="red", bold=True)
    click.echo(f"{mark}  {words}")
    return held
