"""Seeded generators of related tasks, with the truth known: `generate(kind, ...)`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from streams.parameters import allowed, parse
from streams.synthetic import weights
from streams.synthetic.corruptions import with_liars, with_outliers
from streams.synthetic.linear import linear
from streams.synthetic.mixture import mixture
from streams.synthetic.problem import Problem
from streams.synthetic.rotated import rotated

__all__ = ["KINDS", "Kind", "Problem", "generate"]


class Kind(NamedTuple):
    """A kind of generator: the parts whose keyword parameters it takes together."""

    summary: str
    make: Callable[..., Problem]
    draw: Callable[..., Any] | None = None  # of a linear kind: its weights


KINDS: dict[str, Kind] = {
    "lowrank": Kind("linear tasks in one small subspace", linear, weights.lowrank),
    "clustered": Kind("linear tasks around a few centres", linear, weights.clustered),
    "independent": Kind("linear tasks with nothing in common", linear, weights.independent),
    "mean": Kind("linear tasks around one direction", linear, weights.mean),
    "mixture": Kind("tasks that mix a few shared components", mixture),
    "rotated": Kind("curved boundaries that turn from task to task", rotated),
}


def generate(kind: str, **parameters: object) -> Problem:
    """Make a problem of a kind, with any of its parameters as values or as text.

    >>> problem = generate("lowrank", tasks=4, rounds=10, seed=1)
    >>> problem.X.shape, problem.truth["weights"].shape, len(list(problem.events()))
    ((10, 4, 50), (50, 4), 40)
    >>> generate("lowrank", ranks=3)
    Traceback (most recent call last):
    ValueError: lowrank takes no parameter 'ranks': it takes rank=2 (int), tasks=16 (int), ...

    Raises:
        ValueError: the kind or a parameter is unknown, or a value is not fit for it.
    """
    if kind not in KINDS:
        raise ValueError(f"no generator {kind!r}: choose one of {', '.join(KINDS)}")
    _, make, draw = KINDS[kind]
    own = allowed(draw) if draw else {}
    outer, outlying, lying = allowed(make), allowed(with_outliers), allowed(with_liars)
    given = parse(kind, parameters, own | outer | outlying | lying)

    def for_part(part: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in given.items() if name in part}

    first = (partial(draw, **for_part(own)),) if draw else ()
    problem = make(*first, **for_part(outer))
    if given.get("outliers"):
        problem = with_outliers(problem, **for_part(outlying))
    if given.get("liars"):
        problem = with_liars(problem, **for_part(lying))
    return problem
