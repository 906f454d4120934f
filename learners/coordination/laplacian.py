"""Tasks joined by a graph pull each other: tr(W L W'), by the synchronous proximal mapping.

Where it is known which tasks are alike, neighbours in a graph of tasks should have like models:

    min_W sum_t l_t(w_t) + (lambda / 2) sum over edges (t, s) of |w_t - w_s|**2

Learning: AdaGrad steps on each task's own log loss, O(non-zeros) an example.

Meetings: the prox of the penalty, w_t + eta lambda (w_t - mean of its neighbours) = v_t for all t
at once (`prox.laplacian`): a task is drawn to what its neighbours are themselves drawn to. Each
class by itself. The metric counts a task as often as it has neighbours, so that many neighbours do
not pull harder than few. O(edges d) a round, and as many rounds as the coupling is strong. Without
a graph all are neighbours, and the prox is mean + (v_t - mean) / (1 + eta lambda), in O(T d)
(`mean`). Any number of tasks may meet. What travels per meeting and task is v_t, d float32 numbers
a class, up, and as many down.

Guarantee: for convex l_t whose gradients are L-Lipschitz in that metric, with eta steps on whole
gradients (step="constant", whole=True), all tasks at each meeting, a symmetric graph and
eta <= 1 / L it is proximal gradient descent in that metric: the objective never rises. On a graph
where t names s and s not t, the same is a fixed point without a penalty that it minimises. Per
example, none.

Use it for tasks whose relations are known: sites and their surroundings, the nodes of a hierarchy.

Source: Evgeniou, Micchelli & Pontil, "Learning multiple tasks with kernel methods", JMLR 2005;
Zhou, Chen & Ye, "MALSAR", 2011. The metric, and the form per example, are extensions of ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Literal

import numpy as np

from learners.coordination import prox
from learners.coordination.linear import RATES
from learners.coordination.proximal import proximal
from learners.types import Strategy


def laplacian(
    rates: Sequence[float] = RATES,
    coupling: float = 0.01,
    graph: Mapping[str, Sequence[str]] | None = None,
    *,
    family: str = "laplacian",
    common: bool = False,
    step: Literal["coordinate", "constant"] = "coordinate",
    whole: bool = False,
    tempered: bool = True,
) -> Strategy:
    """The strategy, for each of several rates; other options as in `proximal`.

    Parameters
    ----------
    graph
        task -> its neighbours, by name; tasks that are not here are passed over. None: complete
    family
        its experts' name
    """

    def along(tasks: tuple[str, ...]) -> prox.Prox:
        if graph is None:
            return prox.mean
        at = {name: row for row, name in enumerate(tasks)}
        near = [sorted({at[o] for o in graph.get(name, ()) if o in at}) for name in tasks]
        ends = np.cumsum([0, *map(len, near)])
        return partial(prox.laplacian, ends=ends, near=np.array(sum(near, []), np.int64))

    return proximal(
        family, rates, coupling, along, common=common, step=step, whole=whole,
        tempered=tempered,
    )  # fmt: skip
