"""Data never leaves a place: no message holds the bits of a value or word learnt from."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from learners import parcels
from learners.coordination import CATALOG
from learners.features import Example
from learners.place import Place
from tests.learners.made import BITS, pack

CANARIES = (1234.56787109375, -0.015625 * 1.1754943, 7.0e8 + 129.0)  # nothing comes by them itself
WORD = "canarybird"


def examples(n: int = 36) -> list[Example]:
    """Three tasks' examples, some with values and a word that are to stay where they are."""
    random = np.random.default_rng(0)
    out = []
    for i in range(n):
        x = {"a": float(random.normal()), "b": float(random.normal()), "c": float(random.normal())}
        if 9 <= i < 9 + len(CANARIES):
            x["abc"[i % 3]] = CANARIES[i - 9]
        features: dict[str, object] = {**x, "text": f"some {WORD if i == 13 else 'words'} here"}
        out.append(Example(f"task {i % 3}", features, ("ham", "spam")[int(x["a"] > 0)]))
    return out


def traces() -> list[bytes]:
    """What would give them away, as any number of either size and either order of bytes."""
    return [
        WORD.encode(),
        *(struct.pack(form, value) for value in CANARIES for form in ("<f", "<d", ">f", ">d")),
    ]


@pytest.mark.parametrize("name", CATALOG)
def test_no_message_holds_what_was_learnt_from(name: str) -> None:
    here = Place(name, bits=BITS, period=0)
    told = []
    for example in examples():
        here.learn(pack([example]))
        if here.position >= 16:  # of one example alone a mean would be the value itself
            told.append(parcels.to_bytes(here.tell()))
            here.hub.post(here.tell())
            for reply in here.hub.meet().values():
                here.hear(reply)
    assert not [trace for trace in traces() for data in told if trace in data]


def test_a_snapshot_of_kept_examples_would_be_found() -> None:
    """The search finds what there is: a strategy that keeps examples has them at home."""
    here = Place("fedem", bits=BITS, period=0)
    plain = [one._replace(features={"a": one.features["a"]}) for one in examples(9)]
    here.learn(pack(plain))
    values = [np.float32(v) for v in here.bank.bank.kept.x.ravel() if v]
    assert values and values[0].tobytes() in here.snapshot()
