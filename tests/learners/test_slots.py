"""The table of slots, held to a dictionary."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learners.slots import Slots

Pairs = list[tuple[int, int]]
PAIRS = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 40)), max_size=60)
DO = st.lists(st.tuples(st.sampled_from(["add", "remove", "find"]), PAIRS), max_size=25)


def asked(slots: Slots, pairs: Pairs, new: bool) -> list[int]:
    """Each pair as an example of its own, or one example of several where the row stays."""
    rows: list[int] = []
    starts, columns = [0], []
    for row, column in pairs:
        if not rows or rows[-1] != row:
            rows.append(row)
            starts.append(starts[-1])
        columns.append(column)
        starts[-1] += 1
    ask = slots.add if new else slots.find
    found = ask(np.array(rows, np.int64), np.array(starts), np.array(columns, np.int32))
    return [int(slot) for slot in found]


@settings(max_examples=150, deadline=None)
@given(DO)
def test_slots_are_a_dictionary_whose_values_are_unique(do: list[tuple[str, Pairs]]) -> None:
    slots = Slots()
    known: dict[tuple[int, int], int] = {}
    for what, pairs in do:
        if what == "add":
            for pair, slot in zip(pairs, asked(slots, pairs, new=True), strict=True):
                assert known.setdefault(pair, slot) == slot > 0
        elif what == "find":
            assert asked(slots, pairs, new=False) == [known.get(pair, 0) for pair in pairs]
        elif pairs:
            row = pairs[0][0]
            gone = slots.remove(row).tolist()
            assert gone == sorted(slot for pair, slot in known.items() if pair[0] == row)
            known = {pair: slot for pair, slot in known.items() if pair[0] != row}
        assert len(set(known.values())) == len(known) < slots.used
        rows = np.arange(12)
        found = zip(*(a.tolist() for a in slots.of(rows)), strict=True)
        assert {(row, column): slot for slot, row, column in found} == known


def test_slots_given_back_are_given_out_again() -> None:
    slots = Slots()
    columns, indptr = np.arange(1, 101, dtype=np.int32), np.array([0, 100])
    for row in range(1, 50):
        slots.add(np.array([row]), indptr, columns)
    used, size = slots.used, slots.nbytes
    for turn in range(200):
        row = 1 + turn % 49
        was = slots.remove(row)
        again = slots.add(np.array([row + 100]), indptr, columns)
        np.testing.assert_array_equal(again, was)  # in the same order: they lie together
        slots.remove(row + 100)
        slots.add(np.array([row]), indptr, columns)
    assert slots.used == used
    assert slots.nbytes < size + 1000
    assert slots.nbytes == pytest.approx(used * 17, rel=0.6)  # bytes a pair
