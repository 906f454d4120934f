"""Tasks in groups that nobody names: clustered multi-task learning (CMTL), by proximal mapping.

Tasks may fall into k clusters of alike models. k-means of the models, relaxed to its spectrum, is
part of the objective; M stands for the assignment (a projection on k directions, if it were hard):

    min_{W, M} sum_t l_t(w_t) + (c lambda / 2) tr(W (h I + M)^-1 W'),
    tr M = k, 0 <= M <= I, c = h (1 + h)

Learning: AdaGrad steps on each task's own log loss, O(non-zeros) an example. With `common`,
w_t = u + v_t and clusters are those of the deviations v_t, from a mean that all have.

Meetings: M in closed form for the W told: the eigenvectors of W'W with eigenvalues
clip(s_i / nu - h, 0, 1), nu by bisection so that they sum to k; then the prox of the quadratic,
W (I + eta c lambda (h I + M)^-1)^-1. Of W only singular values change: the k leading directions
shrink by 1 / (1 + eta lambda h), those that no cluster needs by about 1 / (1 + eta lambda). Each
task and class is a column. Cost and what travels are those of `trace`: d float32 numbers a class
up and as many down, per meeting and task; per place with `common`, 2 d each way (`shared`).

Guarantee: the M-step is exact, and the objective jointly convex for convex l_t; where their
gradients are L-Lipschitz, with eta steps on whole gradients (step="constant", whole=True), all
tasks at each meeting and eta <= 1 / L, each half of a meeting lowers it or leaves it. Per example,
none.

Use it for hidden groups of tasks, when k is known within a factor: too large a k couples less, and
k >= T only shrinks all alike.

Source: Zhou, Chen & Ye, "Clustered multi-task learning via alternating structure optimization",
NIPS 2011; Jacob, Bach & Vert, "Clustered multi-task learning: a convex formulation", NIPS 2008,
whose penalty treats the common mean apart too. The M-step was derived and checked here (the
papers use generic solvers); the form per example, with AdaGrad, is an extension of ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Literal

from learners.coordination import prox
from learners.coordination.linear import RATES
from learners.coordination.proximal import proximal
from learners.types import Strategy


def clustered(
    rates: Sequence[float] = RATES,
    coupling: float = 0.05,
    k: float = 4,
    h: float = 0.1,
    *,
    common: bool = True,
    step: Literal["coordinate", "constant"] = "coordinate",
    whole: bool = False,
    tempered: bool = True,
) -> Strategy:
    """The strategy, for each of several rates; other options as in `proximal`.

    Parameters
    ----------
    k
        clusters, at least 1
    h
        how little is left of directions beyond k, above 0: the smaller, the harder the clusters

    Raises
    ------
    ValueError
        when k or h is less than that.
    """
    if k < 1 or not h > 0:
        raise ValueError(f"k: {k!r} clusters and h: {h!r} must be at least 1, and above 0")
    operator = partial(prox.clustered, k=k, h=h)
    return proximal(
        "clustered", rates, coupling, lambda _: operator, common=common, step=step, whole=whole,
        tempered=tempered,
    )  # fmt: skip
