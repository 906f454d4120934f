"""The head of a request to learn or to predict, and an answer that is whole: plain ASGI."""

from __future__ import annotations

from typing import NamedTuple

from starlette.types import Scope, Send

from service.problems import Problem
from service.web.media import form_of
from service.web.unpack import Unpacker, unpacker


class Call(NamedTuple):
    """What is known of a request before its body comes."""

    headers: dict[bytes, str]
    form: str  # of the body
    unpack: Unpacker | None


def call(scope: Scope) -> Call:
    """Read the head; a Problem where the method, the form or the encoding is none of ours."""
    if scope["method"] != "POST":
        raise Problem(
            "method-not-allowed",
            f"{scope['method']} {scope['path']}: use POST.",
            headers={"allow": "POST"},
        )
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    form = form_of(headers.get(b"content-type"), headers.get(b"origin"))
    return Call(headers, form, unpacker(headers.get(b"content-encoding")))


async def answer(send: Send, status: int, form: str, body: bytes) -> None:
    """Send an answer."""
    headers = [(b"content-type", form.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
