"""Where the real data sets are, for the tests that read them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes depends on what else the machine does.
settings.register_profile("streams", deadline=None)
settings.load_profile("streams")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    beside = Path(__file__).parents[3] / "shared" / "data"
    folder = Path(os.environ.get("KINDRED_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no data sets in {folder}: name their folder in KINDRED_DATA")
    return folder
