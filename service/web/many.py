"""Bodies of many examples that are there as a whole: how they are read, and what is answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial

from service.core.answers import Spoken
from service.core.prepare import Prepared
from service.problems import Problem
from service.settings import Settings
from service.web import told
from service.web.arrow import Arrow, refuse_without_arrow, weight
from service.web.decode import Decoder
from service.web.media import ARROW, JSON, LINES, is_table
from service.web.outgoing import HELD
from service.web.rows import Rows
from service.web.table import Make
from service.web.tell import spoken_elements, spoken_lines
from service.web.wire import Kind

# Bytes decoded on the event loop, in a millisecond or two; more would hold it up, so a thread does
# it: there and back, the two also wait for each other's lock.
INLINE = 1 << 18


class Reader:
    """Takes the bodies of one verb apart, in any form, within the limits of the settings."""

    def __init__(self, settings: Settings, kind: Kind) -> None:
        self.kind = kind
        self.decoder = Decoder(settings)
        self.rows = Rows(settings)
        self.arrow = Arrow(settings)

    def makes(self, body: bytes, form: str) -> Iterator[Make]:
        """What prepares some of the examples at a time; a Problem (whole) before the first."""
        if form == ARROW:
            return self.arrow.read(body, self.kind)
        if is_table(body):
            return self.rows.read(body, self.kind)
        read = partial(self.decoder.array, kind=self.kind)
        return ((len(text), partial(read, text)) for text in self.decoder.arrays(body))

    def at_once(self, body: bytes, form: str) -> Prepared | None:
        """All of them, where that may be done on the event loop; else None, or a Problem."""
        if cost(body, form) > INLINE:
            return None
        if form == LINES:
            return self.decoder.lines(body, self.kind)
        makes = list(self.makes(body, form))
        return makes[0][1]() if len(makes) == 1 and makes[0][0] <= INLINE else None


def cost(body: bytes, form: str) -> int:
    """How long reading a body takes, as bytes of JSON, before what is read is prepared."""
    return weight(body) if form == ARROW else len(body)


class Reply:
    """The answer to a body of many, part by part: by name, as lines, or as a table."""

    def __init__(self, body: bytes, form: str, wanted: str) -> None:
        if wanted == ARROW:
            refuse_without_arrow()
        self.form = wanted
        self.refused = False  # whether some example was
        self._by_name = form == wanted == JSON and not is_table(body)
        self._texts: list[bytes] = []
        self._parts: list[Spoken] = []

    def add(self, spoken: Spoken) -> None:
        """Take what is said of the next examples."""
        self.refused |= bool(codes(spoken))
        if self.form == LINES:
            self._texts.append(spoken_lines(spoken))
        elif self._by_name:
            self._texts.append(spoken_elements(spoken))
        else:
            self._parts.append(spoken)

    def whole(self) -> tuple[int, bytes]:
        """Status and body."""
        status = 207 if self.refused else 200
        if self.form == LINES:
            text = b"".join(self._texts)
            return 207 if len(text) > HELD else status, text
        if self._by_name:
            return status, b"[" + b",".join(filter(None, self._texts)) + b"]"
        if self.form == ARROW:
            return status, told.table(told.together(self._parts))
        return status, told.rows(self._parts)


def codes(spoken: Spoken) -> Mapping[str, int]:
    """How many examples were refused, by code."""
    if not spoken.apart:
        return {}
    return Counter(item.code for item in spoken.apart.values() if isinstance(item, Problem))
