"""A small client of the service: what the command and the demo speak, and an example for others.

Answers are the JSON of the service, as `service/web/schemas.py` describes it.

>>> with Client("http://127.0.0.1:1", patience=0) as client:
...     client.state()
Traceback (most recent call last):
    ...
service.client.Unreachable: http://127.0.0.1:1 does not answer (...): is `kindred serve` running?
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import msgspec

if TYPE_CHECKING:
    from learners.features import Example

PAGE = 10_000  # names of tasks asked for at once
TOGETHER = 1000  # lines of one request
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
        return _all_good(self._array("/v1/learn", [_lesson(e) for e in examples], _safe(examples)))

    def predict(self, examples: Sequence[Example]) -> list[dict[str, Any]]:
        """What the service says of each."""
        return _all_good(self._array("/v1/predict", [_question(e) for e in examples], True))

    def learn_one(self, example: Example) -> dict[str, Any]:
        """Learn one example; what was said of it before."""
        return self._one("/v1/learn", _lesson(example), _safe([example]))

    def predict_one(self, example: Example) -> dict[str, Any]:
        """What the service says of one example; its label is not sent."""
        return self._one("/v1/predict", _question(example), True)

    def learn_lines(
        self, examples: Iterable[Example], together: int = TOGETHER
    ) -> Iterator[dict[str, Any]]:
        """Learn a stream, as JSON lines; an item for each, whose `status` is 200 if it was."""
        for part in _parts(examples, together):
            yield from self._lines("/v1/learn", [_lesson(e) for e in part], _safe(part))

    def predict_lines(
        self, examples: Iterable[Example], together: int = TOGETHER
    ) -> Iterator[dict[str, Any]]:
        """What the service says of a stream; an item for each, as of `learn_lines`."""
        for part in _parts(examples, together):
            yield from self._lines("/v1/predict", [_question(e) for e in part], True)

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
        found: dict[str, Any] = self._get(_path(name))
        return found

    def delete(self, name: str) -> bool:
        """Forget a task; whether there was one."""
        try:
            self._ask("DELETE", _path(name), again=True)
        except Refused as refusal:
            if refusal.code == "unknown-task":
                return False
            raise
        return True

    def relations(self, top: int | None = None) -> dict[str, Any]:
        """Who is alike: `tasks` and the matrix `cosine`; or the `top` most alike `pairs`."""
        found: dict[str, Any] = self._get("/v1/relations", {} if top is None else {"top": top})
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

    def _one(self, path: str, item: object, again: bool) -> dict[str, Any]:
        answer = self._post(path, _json.encode(item), "application/json", again)
        return msgspec.json.decode(answer.content, type=dict[str, Any])

    def _array(self, path: str, items: Sequence[object], again: bool) -> list[dict[str, Any]]:
        answer = self._post(path, _json.encode(items), "application/json", again)
        return msgspec.json.decode(answer.content, type=list[dict[str, Any]])

    def _lines(self, path: str, items: Sequence[object], again: bool) -> list[dict[str, Any]]:
        answer = self._post(path, _json.encode_lines(items), "application/x-ndjson", again)
        return msgspec.json.Decoder(dict[str, Any]).decode_lines(answer.content)

    def _post(self, path: str, body: bytes, form: str, again: bool) -> httpx.Response:
        headers = {"content-type": form}
        return self._ask("POST", path, again=again, content=body, headers=headers)

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


_json = msgspec.json.Encoder()


def _path(name: str) -> str:
    """Where a task stands; its dots are escaped too, since `..` would lead away."""
    return "/v1/tasks/" + quote(name, safe="").replace(".", "%2E")


def _safe(examples: Sequence[Example]) -> bool:
    """Whether the service would know these again, and so can be asked twice to learn them."""
    return all(example.id is not None for example in examples)


def _question(example: Example) -> dict[str, Any]:
    return {"task": example.task, "features": example.features}


def _lesson(example: Example) -> dict[str, Any]:
    lesson = {**_question(example), "label": example.label}
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


def _all_good(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for i, item in enumerate(items):
        if item["status"] != 200:
            raise Refused(item["code"], f"example {i}: {item['detail']}", item["status"])
    return items


def _parts(examples: Iterable[Example], together: int) -> Iterator[list[Example]]:
    following = iter(examples)
    while part := list(islice(following, together)):
        yield part
