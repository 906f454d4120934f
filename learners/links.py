"""From margins to probabilities and residuals, for as many experts at once as there are lanes.

All margins are float32. A residual is the loss's derivative by the margin; `odds` are those of the
label against all the rest, as the expert sees it, and say how far a step may go (`temper`).
Scores of an example lie flat, at class * experts + expert, from `at` on.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from learners import lanes
from learners.types import I64

inlined: Any = njit(inline="always", error_model="numpy")
FAR = 80.0  # margins beyond are as good as this one: exp of it is still a float32


@inlined
def met_two(first: I64, now: int) -> int:
    """Which of two classes the place has met: 1, the first, plus 2, the second."""
    met0 = first.shape[1] > 0 and first[0, 0] < now
    met1 = first.shape[1] > 1 and first[0, 1] < now
    return int(met0) + 2 * int(met1)


@inlined
def consulted(task: int, now: int, first: I64) -> int:
    """The row whose classes a task's softmax runs over: its own once it has met two, else 0."""
    met = 0
    for c in range(first.shape[1]):
        met += first[task, c] < now
    return task if met >= 2 else 0


@inlined
def two(
    m: Any, label: int, now: int, first: I64, weight: float, scores: Any, at: int, experts: int
) -> tuple[Any, Any]:
    """Residuals and odds of the label by the margins of class 1; scores where they belong.

    A class is not spoken of, nor learnt against, before the place has met it.
    """
    one, nothing = lanes.fill(m, 1.0), lanes.fill(m, 0.0)
    for_it = m * lanes.fill(m, 1.0 if label == 1 else -1.0)
    far = lanes.size(m)
    far = lanes.less(far, lanes.fill(m, FAR), far, lanes.fill(m, FAR))
    z = lanes.exp(-far)
    # A margin that is no number speaks against the label, whichever it is: it knows nothing of it.
    other = lanes.less(nothing, for_it, z, one)
    right = lanes.less(other, one, one, z)  # asked once more, lest it become a branch, and a guess
    met = met_two(first, now)
    wide = lanes.double(one)
    share = wide / (wide + lanes.double(z))
    if met == 3:
        lanes.store(scores, at + (experts if label == 1 else 0), lanes.double(right) * share)
        lanes.store(scores, at + (0 if label == 1 else experts), lanes.double(other) * share)
    elif met > 0:
        lanes.store(scores, at + (met - 1) * experts, wide)
    moves = met == 3 or (label == 0 and met == 2) or (label == 1 and met == 1)
    away = np.float32(weight) if moves else np.float32(0.0)
    return lanes.fill(m, -away if label == 1 else away) * other / (one + z), right / other


@inlined
def many(
    m: Any, r: Any, begin: int, k: int, task: int, label: int, now: int, first: I64, weight: float,
    scores: Any, at: int, experts: int, like: Any,
) -> Any:  # fmt: skip
    """Odds of the label by the margins m[begin + class * experts]; residuals likewise into r.

    The softmax runs over the classes that the task has met, or over the place's while it has met
    fewer than two. `like` says how many experts are meant. Of two classes the bits are those of
    `two`.
    """
    known = consulted(task, now, first)
    far, none = lanes.fill(like, FAR), lanes.fill(like, 0.0)
    top = lanes.fill(like, -3e38)  # the label may be news: what is said of the others must not tell
    for c in range(k):
        if first[known, c] < now:
            here = lanes.load(m, begin + c * experts, like)
            top = lanes.less(top, here, here, top)
    total, others, mine = none, none, none
    heard = lanes.double(none)
    for c in range(k):
        if first[known, c] < now or c == label:
            away = lanes.load(m, begin + c * experts, like) - top
            away = lanes.less(away, far, away, far)
            z = lanes.exp(lanes.less(-far, away, away, -far))
            total = total + z
            if c == label:
                mine = z
            else:
                others = others + z
            lanes.store(r, begin + c * experts, z)
            if first[known, c] < now:
                heard = heard + lanes.double(z)
    share = lanes.fill(heard, 1.0) / heard
    for c in range(k):
        step = none
        if first[known, c] < now or c == label:
            z = lanes.load(r, begin + c * experts, like)
            if first[known, c] < now:
                lanes.store(scores, at + c * experts, lanes.double(z) * share)
            # p - 1 by way of the others, lest it be rounding alone when p is near 1
            if c == label:
                step = lanes.fill(none, -weight) * others / total
            else:
                step = lanes.fill(none, weight) * z / total
        lanes.store(r, begin + c * experts, step)
    least = lanes.fill(none, 1e-20)
    return mine / lanes.less(others, least, least, others)


@inlined
def temper(odds: Any, reach: Any) -> Any:
    """Shares of their plain moves that experts make, so that none jumps past an example.

    Importance invariance: an example of weight h does what it would do in endless small parts, one
    after another, each with the residual that the parts before have left. Karampatziakis &
    Langford, "Online importance weight aware updates", UAI 2011, for the log loss: the margin of
    the label over the rest goes from m to m + a with a + odds (exp(a) - 1) = reach, odds = exp(m)
    and reach how far it would go if its residual were 1 throughout; by two of Halley's steps from a
    guess at the logarithm (to 1e-3). For more than two classes, with the others' shares among
    themselves held.
    """
    one, half = lanes.fill(odds, 1.0), lanes.fill(odds, 0.5)
    least, most = lanes.fill(odds, 1e-17), lanes.fill(odds, 1e17)
    o = lanes.less(odds, least, least, lanes.less(odds, most, odds, most))
    largest = lanes.fill(odds, 1e10)
    s = lanes.less(reach, largest, reach, largest)
    straight = s / (one + o)  # how far it goes if its residual stays
    over = one + s / o
    log = lanes.fma(lanes.bits(over), lanes.fill(odds, 8.262958e-8), lanes.fill(odds, -88.0))
    a = lanes.less(straight, log, straight, log)
    for _ in range(2):
        grown = o * lanes.exp(a)
        f, slope = a + (grown - o) - s, one + grown
        a = a - (f * slope) / (slope * slope - half * (f * grown))
    short = one - half * straight * (o / (one + o))  # where exp(a) - 1 would be all rounding
    return lanes.less(straight, lanes.fill(odds, 1e-2), short, a / straight)
