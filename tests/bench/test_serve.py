"""The load client and what it drives; bench.serve itself takes minutes, so no test runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.load import drive, request
from bench.recover import main as recover
from bench.serve import FORMS, JSON, Load, bodies, requests
from bench.servers import SCALED, kindred, peer


def test_the_client_tells_how_long_each_answer_took_and_what_it_cost(tmp_path: Path) -> None:
    load = Load("learn", 4, 3)
    assert all(len(body) == 4 for body in bodies(load))
    with kindred(tmp_path, "independent") as server:
        for form in FORMS.values():
            before = server.cpu_seconds()
            driven = drive(server.port, requests(load, form, "/v1/learn"), 20, load.connections)
            assert len(driven.latencies) == 20
            assert 0 < max(driven.latencies) <= driven.seconds
            assert 0 < server.cpu_seconds() - before
        with pytest.raises(RuntimeError, match="422"):
            drive(server.port, [request("/v1/learn", b"{}", JSON)], 5, 2)


def test_the_peer_learns_and_predicts() -> None:
    with peer(SCALED) as server:
        for verb in ("learn", "predict"):
            one = requests(Load(verb, 1, 2), JSON, f"/v1/{verb}")
            assert len(drive(server.port, one, 8, 2).latencies) == 8
            many = requests(Load(verb, 4, 2), JSON, f"/many/v1/{verb}")
            assert len(drive(server.port, many, 8, 2).latencies) == 8


def test_a_restart_is_measured_and_makes_the_same_state(tmp_path: Path) -> None:
    recover(["--rounds", "1", "--examples", "4096", "--json", str(tmp_path / "out.json")])
    [table] = json.loads((tmp_path / "out.json").read_text())["tables"]
    assert len(table["rows"]) == 8
    for row in table["rows"].values():
        assert row["seconds"]["median"] > 0 and row["mib"]["median"] > 0
