"""An answer that is made while its request still comes.

A short one is held until it is whole, so that its status can say whether all was good. A longer one
begins as 207 (look at each item) and goes out as it is made, by a task of its own: reading goes on
meanwhile, for many a client reads nothing before it has sent all. What such a client lets lie is
held, up to a limit; then nothing more is read until it reads, or the connection is broken.
"""

from __future__ import annotations

import asyncio
from types import TracebackType

from starlette.types import Send

HELD = 1 << 20  # bytes of an answer that are held back for its status
PATIENCE = 60.0  # seconds that a client may read nothing while it makes us wait


class Outgoing:
    """Takes the answer piece by piece; to be used as an async context."""

    def __init__(self, send: Send, form: str, most: int) -> None:
        self.send = send
        self.form = form
        self.most = most
        self._held: list[bytes] = []
        self._size = 0
        self._sender: asyncio.Task[None] | None = None
        self._more, self._room = asyncio.Event(), asyncio.Event()
        self._ended = False

    async def __aenter__(self) -> Outgoing:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._sender is not None and error is not None:
            self._sender.cancel()

    @property
    def begun(self) -> bool:
        """Whether its status is out."""
        return self._sender is not None

    async def put(self, piece: bytes) -> None:
        """Add a piece; waits while the client reads too slowly, TimeoutError where not at all."""
        self._held.append(piece)
        self._size += len(piece)
        if self._sender is None and self._size > HELD:
            await self._start(207, [])
            self._sender = asyncio.create_task(self._drain(), name="answer")
        self._more.set()
        while self._sender is not None and self._size > self.most:
            self._room.clear()
            before = self._size
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._room.wait()
            except TimeoutError:
                if self._size >= before:
                    raise TimeoutError(
                        f"the client has not read its answers for {PATIENCE:.0f} seconds"
                    ) from None
            if self._sender.done():
                self._sender.result()

    async def end(self, status: int) -> None:
        """No more comes; the status counts where none is out yet."""
        if self._sender is None:
            whole = b"".join(self._held)
            await self._start(status, [(b"content-length", str(len(whole)).encode())])
            await self.send({"type": "http.response.body", "body": whole})
            return
        self._ended = True
        self._more.set()
        await self._sender

    async def _start(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        headers = [(b"content-type", self.form.encode()), *headers]
        await self.send({"type": "http.response.start", "status": status, "headers": headers})

    async def _drain(self) -> None:
        """Send what is held, as it comes, until the end."""
        while not self._ended or self._held:
            await self._more.wait()
            self._more.clear()
            held, self._held = self._held, []
            for piece in held:
                await self.send({"type": "http.response.body", "body": piece, "more_body": True})
                self._size -= len(piece)
                self._room.set()
        await self.send({"type": "http.response.body", "body": b""})
