"""Texts of examples taken apart by shard, and answers put together again.

Of an example only the name of its task is read. Whatever is wrong with one is its shard's to say,
and a body that cannot be taken apart goes whole to the first shard, which says why.

>>> split_array(b'[{"task": "task 0"}, {"task": "task 1"}, {"task": "task 0"}]', 4, 10)
{3: Part(body=b'[{"task": "task 0"},{"task": "task 0"}]', rows=[0, 2]),
 1: Part(body=b'[{"task": "task 1"}]', rows=[1])}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from service.problems import Problem
from service.shards.layout import home

_raws = msgspec.json.Decoder(list[msgspec.Raw]).decode
encode = msgspec.json.Encoder().encode


class Part(NamedTuple):
    """What one shard gets of a request."""

    body: bytes
    rows: Sequence[int]  # where its examples stand in the whole; of lines, from 0


class _Named(msgspec.Struct, gc=False):
    task: str


_name = msgspec.json.Decoder(_Named).decode


def split_array(body: bytes, n: int, limit: int) -> dict[int, Part]:
    """Shard -> its part of a JSON array, or of one object; of n shards."""
    if not body[:64].lstrip().startswith(b"["):
        return {_home(body, n): Part(body, [0])}
    try:
        texts = _raws(body)
    except (ValueError, RecursionError):
        return {0: Part(body, [0])}
    if len(texts) > limit:  # is refused whole
        return {0: Part(body, range(len(texts)))}
    parts = _sorted_out(enumerate(texts), n)
    if len(parts) < 2:
        return {next(iter(parts), 0): Part(body, range(len(texts)))}
    return {
        shard: Part(b"[" + b",".join(mine) + b"]", rows) for shard, (mine, rows) in parts.items()
    }


def split_lines(text: bytes, n: int) -> dict[int, Part]:
    """Shard -> its part of some lines."""
    lines = ((row, line) for row, line in enumerate(text.split(b"\n")) if line.strip())
    return {
        shard: Part(b"\n".join(mine), rows) for shard, (mine, rows) in _sorted_out(lines, n).items()
    }


def join_array(parts: Mapping[int, Part], answers: Mapping[int, bytes | Problem]) -> bytes:
    """The answers of several shards in the order of the request.

    A problem in place of an answer is every example's of that part.
    """
    items: dict[int, bytes] = {}
    for shard, part in parts.items():
        answer = answers[shard]
        if isinstance(answer, Problem):
            items |= dict.fromkeys(part.rows, encode(answer.body()))
        else:
            items |= zip(part.rows, map(bytes, _raws(answer)), strict=True)
    return b"[" + b",".join(items[row] for row in sorted(items)) + b"]"


def join_lines(
    parts: Mapping[int, Part], answers: Mapping[int, bytes | Problem], first: int
) -> bytes:
    """The same of lines, the first of which had that number."""
    items: dict[int, bytes] = {}
    for shard, part in parts.items():
        answer = answers[shard]
        if isinstance(answer, Problem):
            items |= dict.fromkeys(part.rows, encode(answer.body()))
        else:
            for row, item in zip(part.rows, answer.splitlines(), strict=True):
                items[row] = _renumbered(item, first + row) if b'"line":' in item else item
    return b"\n".join([*(items[row] for row in sorted(items)), b""])


def _sorted_out(
    texts: Iterable[tuple[int, bytes | msgspec.Raw]], n: int
) -> dict[int, tuple[list[bytes], list[int]]]:
    parts: dict[int, tuple[list[bytes], list[int]]] = {}
    for row, text in texts:
        mine, rows = parts.setdefault(_home(text, n), ([], []))
        mine.append(bytes(text))
        rows.append(row)
    return parts


def _home(text: bytes | msgspec.Raw, n: int) -> int:
    try:
        return home(_name(text).task, n)
    except (ValueError, RecursionError):
        return 0


def _renumbered(item: bytes, line: int) -> bytes:
    """An item with its line in the whole body, where it tells one."""
    said = msgspec.json.decode(item)
    if "line" not in said:  # it stood in a text
        return item
    return encode(said | {"line": line})
