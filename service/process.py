"""A service in a process of its own: for tests, measurements and whoever wants one for a while."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

from service.settings import PREFIX

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60.0  # imports, and where nothing is cached yet compilation


class Process:
    """`python -m service` on a free port, until told to stop.

    Settings are given by name. Its log goes to `server.log` in the data directory::

        with Process(Path("kindred-data"), strategy="pooled") as server:
            print(server.url)
    """

    def __init__(self, data_dir: Path, **settings: Any) -> None:
        self.data_dir = data_dir
        self.settings = {"port": 0, "data_dir": data_dir, **settings}
        self.url = ""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start, and return once it listens: /livez answers, /readyz maybe not yet."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(PREFIX)}
        given = {PREFIX + name.upper(): str(value) for name, value in self.settings.items()}
        path = os.pathsep.join(filter(None, [str(ROOT), kept.get("PYTHONPATH")]))
        self.data_dir.mkdir(parents=True, exist_ok=True)
        port_file = self.data_dir / "port"
        port_file.unlink(missing_ok=True)  # one that was killed leaves it behind
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "service"],
                env={**kept, **given, "PYTHONPATH": path},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.data_dir,  # where no kindred.toml of somebody else stands
            )
        end = time.monotonic() + START_SECONDS
        while not (port_file.exists() and port_file.read_text().endswith("\n")):
            code = self._process.poll()
            if code is not None or time.monotonic() > end:
                self.kill()
                told = self.log.read_text()[-4000:]
                raise RuntimeError(f"The service did not start (exit code {code}):\n{told}")
            time.sleep(0.02)
        self.url = f"http://127.0.0.1:{int(port_file.read_text())}"
        return self

    @property
    def log(self) -> Path:
        """What it printed and logged."""
        return self.data_dir / "server.log"

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None, "start it first"
        return self._process.pid

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self, seconds: float = 60.0) -> int:
        """Ask it to end, and wait; its exit code."""
        assert self._process is not None, "start it first"
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(seconds)
        finally:
            self.kill()

    def wait(self, seconds: float = 60.0) -> int:
        """Wait until it ends by itself; its exit code."""
        assert self._process is not None, "start it first"
        return self._process.wait(seconds)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()
