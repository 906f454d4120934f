"""What the laws are put to, and who is exempt from which."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from learners import tree
from learners.coordination import CATALOG
from learners.coordination.independent import independent
from learners.coordination.mixture import mixture
from learners.coordination.scaled import scaled
from learners.coordination.shared import shared
from learners.coordination.together import together
from learners.types import Shape, Strategy

CASES: dict[str, Callable[[], Strategy]] = {
    **{name: entry.make for name, entry in CATALOG.items() if not entry.make().replayed},
    # The wrappers, each around something else than in the catalogue.
    "together": lambda: together(independent((2.0,)), shared((2.0,))),
    "scaled by task": lambda: scaled(shared((2.0,)), by="task"),
    "scaled by place": lambda: scaled(independent((2.0,)), by="place"),
    "mixture": lambda: mixture(scaled(together(independent((2.0,)), shared((2.0,))), by="place")),
}

# The expert that a task would have by itself, behind a scale of its own or none.
OWN = {"auto": "independent", "independent": "independent:2", "together": "independent:2"}

EXEMPT: dict[tuple[str, str], str] = {}


def tells(strategy: Strategy) -> bool:
    """Whether anything is told at meetings."""
    bank = strategy.init(np.zeros(1, np.int64), Shape(1, 1, 0))
    return any(True for _ in tree.leaves(strategy.message(bank, np.zeros(0, np.int64))))


def law(test: Callable[..., None]) -> Any:
    """Put a law to every case but those exempt."""
    name = test.__name__.removeprefix("test_")
    cases = [
        pytest.param(case, marks=pytest.mark.skip(reason=EXEMPT[name, case]))
        if (name, case) in EXEMPT
        else case
        for case in CASES
    ]
    return pytest.mark.parametrize("case", cases)(test)


def near(a: Any, b: Any, tolerance: float) -> None:
    np.testing.assert_allclose(a, b, rtol=0, atol=tolerance)

