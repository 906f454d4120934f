"""What form a body has, by its headers, and which one its answer will have.

>>> form_of("application/x-ndjson; charset=utf-8", None)
'application/x-ndjson'
"""

from __future__ import annotations

import re

from service.problems import Problem

JSON, LINES = "application/json", "application/x-ndjson"
ARROW = "application/vnd.apache.arrow.stream"
FORMS = {
    JSON: JSON,
    LINES: LINES,
    "application/jsonl": LINES,
    "application/jsonlines": LINES,
    ARROW: ARROW,
}

_table = re.compile(rb'\s*\{\s*"(?:columns|rows)"')
_charset = re.compile(r"charset\s*=\s*\"?([^\s;\"]+)", re.IGNORECASE)


def form_of(content_type: str | None, origin: str | None) -> str:
    """JSON, LINES or ARROW, or a Problem.

    No type at all, and what `curl -d` says, are taken for JSON; but not from a web page, which may
    send such a body to any address without asking first.
    """
    name, _, parameters = (content_type or "").partition(";")
    name = name.strip().lower()
    charset = _charset.search(parameters)
    if charset and charset[1].lower() not in ("utf-8", "utf8", "us-ascii"):
        raise Problem(
            "unsupported-media-type", f"Content-Type: charset {charset[1]} is not read; send UTF-8."
        )
    if name in FORMS:
        return FORMS[name]
    if name in ("", "application/x-www-form-urlencoded") and origin is None:
        return JSON
    raise Problem(
        "unsupported-media-type",
        f"Content-Type: {name or 'none'} is not read here; send {JSON}, {LINES} or {ARROW}.",
        headers={"accept-post": f"{JSON}, {LINES}, {ARROW}"},
    )


def answer_of(form: str, accept: str | None) -> str:
    """The form of an answer: that of the request, where Accept does not ask for another.

    Lines are answered by lines, since they are answered while they come.

    >>> answer_of(JSON, "application/vnd.apache.arrow.stream"), answer_of(ARROW, "*/*")
    ('application/vnd.apache.arrow.stream', 'application/vnd.apache.arrow.stream')
    """
    asked = {part.partition(";")[0].strip().lower() for part in (accept or "").split(",")}
    if form != LINES and ARROW in asked:
        return ARROW
    return JSON if form == ARROW and JSON in asked else form


def is_many(body: bytes, form: str) -> bool:
    """Whether the body holds many examples, and the answer will."""
    return form != JSON or body[:64].lstrip()[:1] == b"[" or is_table(body)


def is_table(body: bytes) -> bool:
    """Whether a body of JSON names columns once, where one example would name its task.

    >>> is_table(b'{"columns": ["task"], "rows": [["alice"]]}'), is_table(b'{"task": "alice"}')
    (True, False)
    """
    return _table.match(body) is not None
