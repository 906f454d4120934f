"""What form a body has, by its headers: one JSON text, or lines of them; anything else is refused.

>>> form_of("application/x-ndjson; charset=utf-8", None, None)
'application/x-ndjson'
"""

from __future__ import annotations

import re

from service.problems import Problem

JSON, LINES = "application/json", "application/x-ndjson"
FORMS = {JSON: JSON, LINES: LINES, "application/jsonl": LINES, "application/jsonlines": LINES}

_charset = re.compile(r"charset\s*=\s*\"?([^\s;\"]+)", re.IGNORECASE)


def form_of(content_type: str | None, encoding: str | None, origin: str | None) -> str:
    """JSON or LINES, or a Problem.

    No type at all, and what `curl -d` says, are taken for JSON; but not from a web page, which may
    send such a body to any address without asking first.
    """
    if encoding not in (None, "", "identity"):
        raise Problem(
            "unsupported-media-type",
            f"Content-Encoding: {encoding} is not read; send the body as it is.",
        )
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
        f"Content-Type: {name or 'none'} is not read here; send {JSON} or {LINES}.",
        headers={"accept-post": f"{JSON}, {LINES}"},
    )


def is_many(body: bytes, form: str) -> bool:
    """Whether the body holds many examples, and the answer will."""
    return form == LINES or body[:64].lstrip()[:1] == b"["
