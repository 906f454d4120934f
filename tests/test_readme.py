from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from learners.coordination import CATALOG
from service.command.cli import kindred
from service.command.demo import Service

ROOT = Path(__file__).parents[1]
SERVICE = "localhost:8000"
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def commands() -> Iterator[tuple[str, str]]:
    """Every command of the console blocks, with what is shown below it."""
    for block in blocks("console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            lines = part.splitlines(keepends=True)
            shown = [i for i, line in enumerate(lines) if i and line[0] in "{["]
            end = shown[0] if shown else len(lines)
            yield "".join(lines[:end]), "".join(lines[end:])


def alike(told: Any, shown: Any) -> None:
    """The same, with numbers as round as they are shown."""
    if isinstance(shown, dict):
        assert told.keys() == shown.keys()
        for name in shown:
            alike(told[name], shown[name])
    elif isinstance(shown, list):
        assert len(told) == len(shown)
        for one, other in zip(told, shown, strict=True):
            alike(one, other)
    else:
        assert told == (pytest.approx(shown, abs=0.005001) if isinstance(shown, float) else shown)


def test_every_curl_works_and_says_what_is_shown(tmp_path: Path) -> None:
    curls = [(line, shown) for line, shown in commands() if line.startswith("curl ")]
    assert len(curls) == 8
    with Service(tmp_path / "data") as service:
        for line, shown in curls:
            line = line.replace("curl ", "curl -sSf ").replace("http://", "")
            line = line.replace("localhost:8000", f"localhost:{service.port}")
            ended = subprocess.run(["bash", "-c", line], capture_output=True, text=True)
            assert ended.returncode == 0, line + ended.stderr
            if shown:
                alike(json.loads(ended.stdout), json.loads(shown))
        [asking] = [block for block in blocks("python") if SERVICE in block]
        exec(compile(asking.replace(SERVICE, f"localhost:{service.port}"), "README.md", "exec"), {})


def test_every_command_and_option_exists() -> None:
    lines = [line for line, _ in commands() if line.startswith("kindred ")]
    assert lines
    for line in lines:
        _, name, *rest = line.split("#")[0].split()
        known = {option for p in kindred.commands[name].params for option in p.opts}
        assert {word for word in rest if word.startswith("--")} <= known


def test_python_runs() -> None:
    for block in blocks("python"):
        if SERVICE in block:
            continue  # runs with the curls, where one is there
        exec(compile(block, "README.md", "exec"), {})


def test_the_table_is_the_catalogue() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \|$", README, re.MULTILINE)
    assert rows == [(e.name, e.summary, e.paper) for e in CATALOG.values()]


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_what_is_linked_is_there(path: str) -> None:
    assert (ROOT / path).exists()
