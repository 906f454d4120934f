"""The bytes of a request: all of them at once, or line by line while they come."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.types import Receive

from service.problems import Problem
from service.web.decode import PIECE
from service.web.front import ClientGone
from service.web.unpack import Unpacker


async def whole(
    receive: Receive, declared: str | None, limit: int, unpack: Unpacker | None = None
) -> bytes:
    """The body, unpacked; a Problem as soon as it is known to be longer than `limit`.

    No more is read then, or unpacked.
    """
    if declared is not None and int(declared) > limit:  # the server has checked that it is digits
        raise too_large(f"{declared} bytes", limit)
    parts, size = [], 0
    async for part in arriving(receive, unpack):
        parts.append(part)
        size += len(part)
        if size > limit:
            raise too_large("more" if unpack is None else "more, unpacked", limit)
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def arriving(receive: Receive, unpack: Unpacker | None = None) -> AsyncIterator[bytes]:
    """The body as it comes; ClientGone where it ends too soon."""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        data, more = message.get("body", b""), message.get("more_body", False)
        if unpack is None:
            yield data
        else:
            for piece in unpack.feed(data):
                yield piece
    if unpack is not None:
        unpack.finish()


async def by_line(parts: AsyncIterator[bytes], limit: int) -> AsyncIterator[bytes]:
    """Whole lines, about PIECE bytes of them at a time; a Problem where one line is over `limit`.

    So what is held follows the longest line, not the body.
    """
    held: list[bytes] = []
    size, ends = 0, False
    async for part in parts:
        held.append(part)
        size += len(part)
        ends |= b"\n" in part
        if ends and size >= min(PIECE, limit):
            text = b"".join(held)
            cut = text.rindex(b"\n") + 1
            yield text[:cut]
            held, size, ends = [text[cut:]], len(text) - cut, False
        if size > limit and not ends:
            raise too_large("a line of more", limit)
    if size:
        yield b"".join(held)


def too_large(size: str, limit: int) -> Problem:
    """The problem of a body that is not read to its end."""
    return Problem(
        "body-too-large",
        f"The body has {size}, the limit is {limit} bytes; send fewer examples at once.",
        headers={"connection": "close"},
    )
