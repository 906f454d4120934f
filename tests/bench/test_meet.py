from __future__ import annotations

import numpy as np

from bench.meet import Size, lesson, meeting, question


def test_a_meeting_of_what_changed_costs_less() -> None:
    found = {}
    for changed in (100, 1):
        turn = meeting("drom", Size(200, 63, changed))
        turn()
        found[changed] = turn()
    for figures in found.values():
        assert all(value > 0 for value in figures.values())
    assert found[1]["visit"] < found[100]["visit"]
    assert found[1]["kept"] <= found[100]["kept"]


def test_what_is_sent_is_a_request() -> None:
    X = np.ones((2, 3), np.float32)
    for sent in (lesson(["a", "b"], X), question("a", X[0])):
        head, body = sent.split(b"\r\n\r\n", 1)
        assert f"content-length: {len(body)}".encode() in head
