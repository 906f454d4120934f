"""Every way in which a request can fail: one catalogue, one exception, one form (RFC 9457).

>>> Problem("unknown-task", "No task 'bob': teach it an example first.").body()["status"]
404

``python -m service.problems`` prints the page for `docs/problems.md`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

MEDIA_TYPE = "application/problem+json"


class Kind(NamedTuple):
    """What all problems of one code have in common."""

    status: int  # of HTTP
    title: str  # the same for every occurrence
    remedy: str  # what the client can do about it


CATALOG: Mapping[str, Kind] = {
    "malformed-json": Kind(
        400,
        "The body is not JSON",
        "Send UTF-8 JSON (RFC 8259): no NaN, no Infinity, no comments, no trailing comma.",
    ),
    "malformed-body": Kind(
        400,
        "The body cannot be read",
        "Send what Content-Type and Content-Encoding say, whole and undamaged.",
    ),
    "not-found": Kind(404, "No such resource", "See /docs for the routes there are."),
    "unknown-task": Kind(
        404, "No such task", "A task begins with its first example; check the spelling."
    ),
    "method-not-allowed": Kind(405, "No such method here", "Use a method named in Allow."),
    "id-conflict": Kind(
        409,
        "This id was used for another example",
        "Give every example an id of its own; repeat an id only to retry the same example.",
    ),
    "body-too-large": Kind(
        413,
        "The body is too large",
        "Send fewer examples at once, or raise KINDRED_MAX_BODY_BYTES.",
    ),
    "too-many-examples": Kind(
        413,
        "Too many examples in one request",
        "Send fewer examples at once, or raise KINDRED_MAX_EXAMPLES.",
    ),
    "unsupported-media-type": Kind(
        415,
        "The body is of an unknown type",
        "Send application/json, application/x-ndjson or application/vnd.apache.arrow.stream, as "
        "it is or packed with gzip or zstd.",
    ),
    "invalid-example": Kind(
        422, "The example cannot be used", "Mend what `errors` points at; nothing was learnt."
    ),
    "invalid-request": Kind(
        422, "A parameter cannot be used", "Mend what `errors` points at; nothing was done."
    ),
    "internal": Kind(
        500, "The service failed", "Retry with the same ids; report the request id if it stays."
    ),
    "starting": Kind(
        503, "The service is recovering its state", "Wait for /readyz to answer 200, then retry."
    ),
    "draining": Kind(503, "The service is stopping", "Retry at the address of its successor."),
    "busy": Kind(503, "Too much is waiting", "Retry after the seconds that Retry-After names."),
    "disk-full": Kind(
        507, "The journal cannot be written", "Free space on the data directory, then retry."
    ),
}

RETRY_AFTER = "1"  # seconds; sent with every 503


class Problem(Exception):
    """A request, or one example of it, that is refused.

    `detail` is a sentence with the field, the value and the remedy; `errors` are pairs of a JSON
    pointer (RFC 6901) into the example and what is wrong there.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        errors: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.kind = CATALOG[code]
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.line: int | None = None  # of a body of JSON lines, from 1; set where it is known
        if self.kind.status == 503:
            self.headers.setdefault("retry-after", RETRY_AFTER)

    def body(self, request_id: str | None = None) -> dict[str, object]:
        """The members of RFC 9457, and ours: `code`, `errors`, `line`, `request_id`."""
        members: dict[str, object] = {
            "type": f"/problems#{self.code}",
            "title": self.kind.title,
            "status": self.kind.status,
            "code": self.code,
            "detail": self.detail,
        }
        if self.errors:
            members["errors"] = [{"pointer": at, "detail": why} for at, why in self.errors]
        if self.line is not None:
            members["line"] = self.line
        if request_id is not None:
            members["request_id"] = request_id
        return members


def page() -> str:
    """The catalogue as Markdown: what /problems and `docs/problems.md` show."""
    parts = [
        "# Problems",
        "Errors are `application/problem+json` (RFC 9457). Switch on `code`, which is stable; show "
        "`detail`, which names the field, the value and the remedy.",
    ]
    for code, kind in CATALOG.items():
        parts.append(f"## {code}\n\n{kind.status}. {kind.title}. {kind.remedy}")
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    print(page(), end="")
