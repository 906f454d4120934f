"""What all tests share: where the real sets are, and how hypothesis goes about it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# No deadline: the first example of a property compiles kernels. Same examples each time in CI.
settings.register_profile(
    "kindred",
    deadline=None,
    max_examples=100,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("kindred")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("KINDRED_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no data sets in {folder}: name their folder in KINDRED_DATA")
    return folder
