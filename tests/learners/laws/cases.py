"""What the laws are put to, and who is exempt from which."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from learners import tree
from learners.coordination import CATALOG
from learners.coordination.independent import independent
from learners.coordination.laplacian import laplacian
from learners.coordination.mixture import mixture
from learners.coordination.private import private
from learners.coordination.robust import robust
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
    "robust rows": lambda: robust(laplacian((2.0,)), "geometric"),
    "robust sums": lambda: robust(scaled(shared((2.0,))), "trimmed"),
    "private": lambda: scaled(private(shared((2.0,)), 1.0, 0.01, b"a secret"), by="task"),
    "private rows": lambda: private(laplacian((2.0,)), 1.0, 0.01, b"a secret"),
    "guarded": lambda: robust(scaled(laplacian((2.0,))), "loss"),
}

# The expert that a task would have by itself, behind a scale of its own or none.
OWN = {"auto": "independent", "independent": "independent:2", "together": "independent:2"}

_ALONE = "nothing_that_others_do_changes_the_own_learner"
_THIRD = "a_class_of_others_changes_nothing_once_a_task_has_two"
_AGAIN = "a_name_that_comes_back_is_a_new_task"
_FIRST = "which_class_came_first_only_turns_the_margin"
_RENAMED = "renaming_tasks_permutes_the_result"
_SILENT = "a_silent_place_stops_nobody"
_TWO = "two_places_that_always_meet_are_one"
_PLAIN = "one_task_alone_is_the_plain_learner"
_LATER = "joining_later_is_as_having_been_there_from_the_start"
_NO_OWN = "has no family of the task's own, or has it behind the scale of the place"

# (law, case) -> why not
EXEMPT: dict[tuple[str, str], str] = {
    **{(one, c): _NO_OWN for one in (_ALONE, _THIRD, _AGAIN) for c in CASES if c not in OWN},
    (_PLAIN, "auto"): "a mixture: see the law of its families' equal answers",
    (_PLAIN, "mixture"): "as auto",
    (_PLAIN, "shared"): "u and v_t both move: another step than either alone",
    (_PLAIN, "scaled by task"): "as shared, which it wraps",
    (_PLAIN, "together"): "as shared, which is one of its two",
    (_PLAIN, "two_phase"): "as shared",
    **{(_TWO, c): "the metric, and u in it, are of a place" for c in ("newton", "auto")},
    (_PLAIN, "newton"): "as shared, at several paces",
    **{(_TWO, c): "tasks of one place need not brake" for c in ("dmtrl", "mocha")},  # test_dmtrl
    (_TWO, "two_phase"): "places agree on the mean of what they learn, as in the paper",
    (_PLAIN, "admm"): "a task alone is pulled too, to a model that is penalised",
    (_PLAIN, "robust sums"): "as shared, which it wraps",
    (_TWO, "robust sums"): "each of two hears the mean of both: one of them may be lying",
    (_PLAIN, "private"): "as shared, which it wraps",
    **{(_TWO, c): "noise, and a word follows one reply later" for c in ("private", "private rows")},
    **{(_SILENT, c): "its word is another once it has heard" for c in ("private", "private rows")},
    (_RENAMED, "private rows"): "a task's noise follows from its name",
    (_FIRST, "private rows"): "noise does not turn with the margin",
    (_TWO, "guarded"): "what a place hears counts only once it has been tried",
    (_PLAIN, "drom"): "the trace norm is a price for one task too",
    (_PLAIN, "drom_d"): "as drom",
    (_TWO, "drom_d"): "a place knows the others' part of the direction as they told it before",
    (_LATER, "drom_d"): "the tracker is a mean over places: one more, with nothing to tell, counts",
    (_PLAIN, "fedem"): "a mixture of several components for one task too",
    (_PLAIN, "fedem_d"): "as fedem",
    (_TWO, "fedem_d"): "averages: a step of one moves both by half",
    (_LATER, "fedem_d"): (
        "what a place that knows nothing is heeded by stays at home, and slows the mixing"
    ),
    (_PLAIN, "client_server"): "what it has in common is as of the last meeting, even alone",
    (_RENAMED, "mocha"): "how much a task works is drawn by its name; where it is not, see dmtrl",
    (_PLAIN, "mean"): "as shared, which it is between meetings",
    **{
        (_PLAIN, c): "as shared, and what its norm costs one task too"
        for c in ("trace", "clustered", "amtl")
    },
    **{
        (_SILENT, c): "what it tells after a meeting is what that left of one task: no repetition"
        for c in ("trace", "clustered", "amtl")
    },
}


def tells(strategy: Strategy) -> bool:
    """Whether anything is told at meetings."""
    bank = strategy.init(np.zeros(1, np.int64), Shape(1, 1, 0))
    return any(True for _ in tree.leaves(strategy.message(bank, np.zeros(0, np.int64))))


LAWS: set[str] = set()


def law(test: Callable[..., None]) -> Any:
    """Put a law to every case but those exempt."""
    name = test.__name__.removeprefix("test_")
    LAWS.add(name)
    cases = [
        pytest.param(case, marks=pytest.mark.skip(reason=EXEMPT[name, case]))
        if (name, case) in EXEMPT
        else case
        for case in CASES
    ]
    return pytest.mark.parametrize("case", cases)(test)


def near(a: Any, b: Any, tolerance: float) -> None:
    np.testing.assert_allclose(a, b, rtol=0, atol=tolerance)
