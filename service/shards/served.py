"""A request that comes by a link instead of HTTP: its two ends, its answer, what is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

Headers = list[tuple[bytes, bytes]]


class Served(NamedTuple):
    """What a worker answers to a request."""

    problem: Sequence[Any] | None  # what it is refused with, as `link.plain` has it
    status: int
    headers: Headers
    body: bytes
    ok: int  # examples that were good, since the last answer
    refused: Mapping[str, int]  # and that were not, by code


class Answer:
    """The two ends of a request that came by the link: its body, and what is sent."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.status = 0
        self.headers: Headers = []
        self.parts: list[bytes] = []

    async def receive(self) -> dict[str, Any]:
        """The whole body at once."""
        return {"type": "http.request", "body": self.body, "more_body": False}

    async def send(self, message: Any) -> None:
        """Take the beginning, or a part."""
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], message["headers"]
        else:
            self.parts.append(message.get("body", b""))


class Counts:
    """Counts examples until the front takes the figures."""

    def __init__(self) -> None:
        self._ok: Counter[str] = Counter()
        self._refused: dict[str, Counter[str]] = {"learn": Counter(), "predict": Counter()}

    def examples(self, verb: str, ok: int, refused: Mapping[str, int]) -> None:
        """As the service's metrics do."""
        self._ok[verb] += ok
        self._refused[verb].update(refused)

    def take(self, verb: str) -> tuple[int, Mapping[str, int]]:
        """What was counted since it was last taken."""
        refused, self._refused[verb] = self._refused[verb], Counter()
        return self._ok.pop(verb, 0), refused
