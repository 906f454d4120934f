"""A small client of the service: what the command and the demo speak, and an example for others.

>>> with Client("http://127.0.0.1:1", patience=0) as client:
...     client.state()
Traceback (most recent call last):
    ...
service.client.Unreachable: http://127.0.0.1:1 does not answer (...): is `kindred serve` running?
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx
import msgspec

from learners.features import Example

PAGE = 10_000  # names of tasks asked for at once
PAUSE = 0.2  # seconds between two attempts


class Unreachable(ConnectionError):
    """Nobody answers, or the connection broke."""


class Refused(RuntimeError):
    """The service answered with a problem; `code` is stable (see /problems)."""

    def __init__(self, code: str, detail: str, status: int) -> None:
        super().__init__(detail)
        self.code, self.detail, self.status = code, detail, status


class Client:
    """Speaks to one service.

    Args:
        url: where it listens, as in http://127.0.0.1:8000.
        patience: seconds to go on asking a service that does not answer or is not ready. What is
            learnt without an id is asked once: it may have been learnt though no answer came.
        timeout: seconds to wait for one answer.
    """

    def __init__(self, url: str, patience: float = 0.0, timeout: float = 60.0) -> None:
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"url: {url!r} is no address; write http://HOST:PORT")
        self.url, self.patience = url.rstrip("/"), patience
        self._http = httpx.Client(base_url=self.url, timeout=timeout)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connection back."""
        self._http.close()

    def learn(self, examples: Sequence[Example]) -> list[dict[str, Any]]:
        """Learn examples in order; what was said of each before it was learnt.

        Raises:
            Refused: one of them was; those before it, and perhaps after it, are learnt.
        """
        again = all(example.id is not None for example in examples)
        return self._post("/v1/learn", [_lesson(example) for example in examples], again)

    def predict(self, examples: Sequence[Example]) -> list[dict[str, Any]]:
        """What the service says of each."""
        questions = [{"task": example.task, "features": example.features} for example in examples]
        return self._post("/v1/predict", questions, True)

    def tasks(self) -> list[str]:
        """Names of all tasks, in order."""
        names: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            page = self._get("/v1/tasks", {"limit": PAGE, "cursor": cursor})
            names += page["tasks"]
            cursor = page["next"]
        return names

    def task(self, name: str) -> dict[str, Any]:
        """What is known of one task."""
        found: dict[str, Any] = self._get(f"/v1/tasks/{quote(name, safe='')}")
        return found

    def relations(self) -> dict[str, Any]:
        """Who is alike: `tasks` and the matrix `cosine`."""
        found: dict[str, Any] = self._get("/v1/relations")
        return found

    def state(self) -> dict[str, Any]:
        """Strategy, position, number of tasks, digest of the state."""
        found: dict[str, Any] = self._get("/v1/state")
        return found

    def wait_ready(self) -> None:
        """Return when examples can be learnt; Unreachable or Refused when patience is over."""
        self._ask("GET", "/readyz", again=True)

    def _get(self, path: str, query: Mapping[str, str | int] | None = None) -> Any:
        return self._ask("GET", path, again=True, params=query).json()

    def _post(self, path: str, items: Sequence[object], again: bool) -> list[dict[str, Any]]:
        answer = self._ask(
            "POST",
            path,
            again=again,
            content=msgspec.json.encode(items),
            headers={"content-type": "application/json"},
        )
        found: list[dict[str, Any]] = msgspec.json.decode(answer.content)
        for i, item in enumerate(found):
            if item["status"] != 200:
                raise Refused(item["code"], f"example {i}: {item['detail']}", item["status"])
        return found

    def _ask(self, method: str, path: str, *, again: bool, **request: Any) -> httpx.Response:
        """One answer, asked for again while patience lasts and asking again is safe."""
        until = time.monotonic() + (self.patience if again else 0.0)
        while True:
            error: Exception
            try:
                answer = self._http.request(method, path, **request)
            except httpx.TransportError as why:
                error = Unreachable(
                    f"{self.url} does not answer ({why}): is `kindred serve` running?"
                )
            else:
                if answer.status_code < 300:
                    return answer
                error = _refusal(answer)
                if answer.status_code != 503:
                    raise error
            if time.monotonic() >= until:
                raise error
            time.sleep(PAUSE)


def _lesson(example: Example) -> dict[str, Any]:
    lesson: dict[str, Any] = {
        "task": example.task,
        "features": example.features,
        "label": example.label,
    }
    if example.weight != 1.0:
        lesson["weight"] = example.weight
    if example.id is not None:
        lesson["id"] = example.id
    return lesson


def _refusal(answer: httpx.Response) -> Refused:
    try:
        problem = answer.json()
        return Refused(problem["code"], problem["detail"], answer.status_code)
    except (ValueError, KeyError, TypeError):
        what = f"{answer.url} answered {answer.status_code}: is this a Kindred service?"
        return Refused("unknown", what, answer.status_code)
