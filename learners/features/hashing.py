"""Names of features -> ids: the upper bits of their 64-bit xxHash."""

from __future__ import annotations

from typing import Any

import xxhash

BITS = 20  # 2**20 feature ids: 1,000 names collide in one pair in a thousand
CONSTANT_ID = 0
_REMEMBER = 1 << 17  # names whose hash is remembered: a hostile stream of names cannot grow it,
_SHORT = 128  # nor can long ones


class _Codes(dict[str, int]):
    """Hashes by name, worked out when they are asked for."""

    def __missing__(self, name: Any) -> int:
        if not isinstance(name, str):
            raise ValueError(f"features: the name {name!r} is not a string")
        hashed = xxhash.xxh64_intdigest(name.encode("utf-8", "surrogatepass"))
        if len(name) <= _SHORT:
            if len(self) >= _REMEMBER:
                self.clear()
            self[name] = hashed
        return hashed


code = _Codes().__getitem__  # of a name: its 64-bit hash


def column(name: str, bits: int = BITS) -> int:
    """The id of a feature's name; 0 is the constant's.

    >>> column("age", 8), column("age", 20)
    (70, 289489)
    """
    return (code(name) >> (64 - bits)) or 1
