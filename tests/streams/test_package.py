"""What `import streams` gives, and what it leaves alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import streams

HEAVY = ("numpy", "pyarrow", "river", "scipy")


def test_every_public_name_is_there_in_order() -> None:
    assert streams.__all__ == sorted(streams.__all__)
    for name in streams.__all__:
        assert getattr(streams, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'sources_'"):
        _ = streams.sources_


@pytest.mark.parametrize("code", ["import streams", "from streams import source, Event, take"])
def test_importing_loads_no_library(code: str) -> None:
    check = f"import sys; print([name for name in {HEAVY} if name in sys.modules])"
    command = [sys.executable, "-c", f"{code}; {check}"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert run.stdout == "[]\n", run.stderr
