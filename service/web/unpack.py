"""Content-Encoding: gzip and zstd, unpacked in small pieces, so that a bomb goes off in none."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Protocol

from backports import zstd

from service.problems import Problem

ENCODINGS = ("gzip", "zstd")
STEP = 1 << 16  # bytes unpacked at a time
WINDOW = 23  # log2 of the most memory that unpacking zstd may take: what RFC 8878 asks all to bear


class Unpacker(Protocol):
    """Takes packed bytes as they come."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What they unpack to, piece by piece."""
        ...

    def finish(self) -> None:
        """A Problem where the packed bytes ended too soon."""
        ...


def unpacker(encoding: str | None) -> Unpacker | None:
    """What unpacks that Content-Encoding; None where there is nothing to do.

    Raises Problem for one that is not known, or several.
    """
    name = (encoding or "identity").strip().lower()
    if name == "identity":
        return None
    if name in ("gzip", "x-gzip"):
        return _Gzip()
    if name == "zstd":
        return _Zstd()
    raise Problem(
        "unsupported-media-type",
        f"Content-Encoding: {name} is not read; send the body as it is, or packed with "
        f"{' or '.join(ENCODINGS)}.",
        headers={"accept-encoding": ", ".join(ENCODINGS)},
    )


class _Gzip:
    def __init__(self) -> None:
        self._stream = zlib.decompressobj(31)
        self._begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._stream.eof:  # another member follows
                self._stream = zlib.decompressobj(31)
            self._begun = True
            try:
                piece = self._stream.decompress(data, STEP)
            except zlib.error as error:
                raise _broken("gzip", str(error)) from None
            data = self._stream.unconsumed_tail or self._stream.unused_data
            if piece:
                yield piece
        while not self._stream.eof and (piece := self._more()):
            yield piece

    def _more(self) -> bytes:
        """What is still inside after all input was taken."""
        try:
            return self._stream.decompress(b"", STEP)
        except zlib.error as error:
            raise _broken("gzip", str(error)) from None

    def finish(self) -> None:
        if not self._stream.eof:
            raise _broken("gzip", "it ends too soon")


class _Zstd:
    def __init__(self) -> None:
        self._stream = self._new()

    @staticmethod
    def _new() -> zstd.ZstdDecompressor:
        return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: WINDOW})

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data or not (self._stream.needs_input or self._stream.eof):
            if self._stream.eof:  # another frame follows
                self._stream = self._new()
            try:
                piece = self._stream.decompress(data, STEP)
            except zstd.ZstdError as error:
                raise _broken("zstd", str(error)) from None
            data = self._stream.unused_data if self._stream.eof else b""
            if piece:
                yield piece

    def finish(self) -> None:
        if not self._stream.eof:
            raise _broken("zstd", "it ends too soon")


def _broken(encoding: str, why: str) -> Problem:
    return Problem(
        "malformed-body",
        f"Content-Encoding: the body is not {encoding} ({why}); pack it anew and send all of it.",
    )
