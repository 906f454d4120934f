"""The pages of the algorithms say what the code does."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from learners.coordination import CATALOG

FOLDER = Path(__file__).parents[1] / "docs"
_spec = spec_from_file_location("algorithms", FOLDER / "algorithms.py")
assert _spec is not None and _spec.loader is not None
algorithms: Any = module_from_spec(_spec)
_spec.loader.exec_module(algorithms)


@pytest.mark.parametrize("name", CATALOG)
def test_a_page_is_as_it_would_be_written_now(name: str) -> None:
    written = (FOLDER / "algorithms" / f"{name}.md").read_text("utf-8")
    assert written == algorithms.page(CATALOG[name]), "run `make pages`"


def test_there_is_no_page_of_anything_else() -> None:
    assert {path.stem for path in (FOLDER / "algorithms").glob("*.md")} == set(CATALOG)


def test_bytes_are_a_line_in_the_columns() -> None:
    few, many = (algorithms.sizes(algorithms.talk(CATALOG["drom"].make(), d)[0]) for d in (8, 24))
    assert algorithms.formula(few[0], many[0]) == "8 d + 8"  # a float64 a column, and a count
