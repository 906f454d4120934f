"""The load client and what it drives; bench.serve itself takes minutes, so no test runs it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from bench.goals import markdown
from bench.load import drive, request
from bench.peers import vw
from bench.recover import main as recover
from bench.serve import FORMS, JSON, Load, bodies, requests, texts
from bench.servers import CHILDREN, SCALED, daemon, kindred, peer

STAND_IN = """\
import os, signal, socket, sys
given = dict(one.split("=") for one in sys.argv if one.startswith("--") and "=" in one)
listening = socket.create_server(("127.0.0.1", int(given["--port"])))
children = []
for _ in range(int(given["--num_children"])):
    children.append(os.fork())
    while not children[-1]:
        connection, _ = listening.accept()
        try:
            for line in connection.makefile("rb"):
                assert line.startswith((b"1 |task-", b"-1 |task-")), line
                connection.sendall(b"0.5\\n")
        except ConnectionError:  # the client leaves without a word
            pass
signal.signal(signal.SIGTERM, lambda *_: sys.exit([os.kill(child, 9) for child in children] and 0))
with open(given["--port_file"], "w") as file:
    print(listening.getsockname()[1], file=file)
signal.pause()
"""


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


@pytest.mark.parametrize("stand_in", [False, True])
def test_vw_s_daemon_answers_a_line_for_each(
    stand_in: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if stand_in:
        program = tmp_path / "vw"
        program.write_text(f"#!{sys.executable}\n{STAND_IN}")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    elif not shutil.which("vw"):
        pytest.skip("no vw command on the path")
    load = Load("learn", 50, CHILDREN)
    with daemon() as server:
        for connections in (1, CHILDREN):  # those of before are gone
            before = server.cpu_seconds()
            driven = drive(server.port, texts(load), 60, connections, load.examples)
            assert len(driven.latencies) == 60
            assert 0.001 < server.cpu_seconds() - before  # its children's


def test_where_there_is_no_vw_its_daemon_is_skipped_with_a_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(LookupError, match="no vw command on the path"), daemon():
        pass
    why = "no vw command on the path"
    table = {"title": "learn, 256 examples a request, 4 connections", "ratios": {}, "rows": {}}
    table["skipped"] = {vw.DAEMON: why}
    told = markdown([{"bench": "serve", "tables": [table]}]).splitlines()
    of_vw = [line for line in told if "x vw's daemon" in line]
    assert len(of_vw) == 4
    assert sum(line.endswith(f"| at least 1 | - | skipped, {why} |") for line in of_vw) == 2


def test_a_restart_is_measured_and_makes_the_same_state(tmp_path: Path) -> None:
    recover(["--rounds", "1", "--examples", "4096", "--json", str(tmp_path / "out.json")])
    [table] = json.loads((tmp_path / "out.json").read_text())["tables"]
    assert len(table["rows"]) == 8
    for row in table["rows"].values():
        assert row["seconds"]["median"] > 0 and row["mib"]["median"] > 0
