from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from service.command.health import check


@pytest.mark.slow
def test_the_demo_does_the_main_job_and_leaves_nothing_running(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "service.command.cli", "demo", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    out = ended.stdout
    assert out.count("\nok  ") == 3 and "NOT SO" not in out
    assert re.search(r"kill -9 after 1[67],\d{3}; learning again \d+\.\d s later", out)
    assert "33,838 examples acknowledged, 33,838 learnt" in out
    errors = {
        name: float(error)
        for name, error in re.findall(r"^ *(auto|independent|pooled) +([\d.]+) %", out, re.M)
    }
    assert errors["auto"] <= 20.9 < errors["pooled"]
    assert errors["auto"] < errors["independent"]
    assert "\x1b" not in out  # no terminal, no colours
    assert (tmp_path / "report.html").read_text("utf-8").count("<svg") == 4
    [url] = re.findall(r"go to (http://\S+)", out)
    assert not check(url, timeout=1.0)
