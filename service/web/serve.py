"""Runs the application in a process of its own: one worker, a clean end.

SIGTERM (or Ctrl-C): no new connections, requests in flight finish, what was taken in is learnt,
the last snapshot is written, exit 0.
"""

from __future__ import annotations

import logging
import signal
import socket
from pathlib import Path

import uvicorn

from service.core.face import Face
from service.settings import Settings
from service.web.app import create_app
from service.web.express import express
from service.web.running import Running


def serve(settings: Settings) -> int:
    """Serve until told to stop; the exit code: 0, or 1 where the state could not be opened."""
    logging.basicConfig(
        level=settings.log_level.upper(), format="%(levelname)s %(name)s: %(message)s"
    )
    if settings.access_log:
        handler = logging.StreamHandler()  # bare: each line is one JSON object
        logging.getLogger("kindred.access").addHandler(handler)
        logging.getLogger("kindred.access").propagate = False
    app = create_app(settings)
    running: Running[Face] = app.state.running
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        # The access log is the front's, which the short way does not pass.
        http="httptools" if settings.access_log else express(app.state.doors),
        ws="none",
        lifespan="on",
        access_log=False,
        server_header=False,
        log_config=None,
        timeout_graceful_shutdown=int(settings.drain_seconds),
        timeout_keep_alive=75,
    )
    server = _Server(config, settings.data_dir / "port")
    running.on_failure = server.leave
    # uvicorn raises the signal that stopped it once more when it is done; that must not kill us.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    try:
        server.run()
    finally:
        server.port_file.unlink(missing_ok=True)
    return 0 if server.started and running.failure is None else 1


class _Server(uvicorn.Server):
    """uvicorn, which tells its port."""

    def __init__(self, config: uvicorn.Config, port_file: Path) -> None:
        super().__init__(config)
        self.port_file = port_file

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.started:  # the port is taken, say; uvicorn has logged it
            return
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        self.port_file.write_text(f"{port}\n")
        name = f"[{host}]" if ":" in host else host
        print(f"Kindred listens on http://{name}:{port}", flush=True)

    def leave(self) -> None:
        """End as soon as requests in flight are done."""
        self.should_exit = True
