"""Models in few common directions: the trace norm, by the synchronous distributed proximal mapping.

Related tasks' models often lie in a space of few dimensions, in any mixture and sign. The trace
norm (the sum of singular values of W, whose columns are the tasks' models) is the convex stand-in
for that space's dimension:

    min_W sum_t l_t(w_t) + lambda |W|_*

Learning: AdaGrad steps on each task's own log loss, O(non-zeros) an example. With `common`,
w_t = u + v_t and the norm is that of V = [v_1 .. v_T]: what all have in common costs no direction,
and is learnt from every example at once.

Meetings: W <- U (S - eta lambda)_+ V', by the eigenvectors of W'W, tasks by tasks, or of W W',
features by features, whichever is smaller (`prox.spectral`; what is done beyond 256 of both is said
there): O(T d min(T, d) + min(T, d)**3). Each task and class is a column. What travels per meeting
and task is v_t, d float32 numbers a class, up, and as many down; per place with `common`, 2 d
float32 numbers a class (u, sums of squares) each way (`shared`).

Guarantee: with eta steps on whole gradients (step="constant", whole=True), all tasks at each
meeting and eta <= 1 / L it is proximal gradient descent: the objective never rises and reaches the
optimum as 1 / meetings, for convex l_t with L-Lipschitz gradients. Per example there is no such
guarantee: a task between meetings is AdaGrad's, and the step of the prox is the mean of the tasks'
sums of 1 / sqrt(i), as if all coordinates had moved alike.

Use it where tasks have a few latent factors in common, and many examples each: it takes noise away,
it does not speed up the first examples (`common` does that). `drom` is the primal-dual form, for
more tasks than have room here.

Source: Pong, Tseng, Ji & Ye, "Trace norm regularization: reformulations, algorithms, and multi-task
learning", SIAM J. Optim. 2010; the distributed form as in Baytas, Yan, Jain & Zhou, ICDM 2016,
section III-B. The form per example, AdaGrad with it and the common model are extensions of ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from learners.coordination import prox
from learners.coordination.linear import RATES
from learners.coordination.proximal import proximal
from learners.types import Strategy


def trace(
    rates: Sequence[float] = RATES,
    coupling: float = 0.03,
    *,
    common: bool = True,
    step: Literal["coordinate", "constant"] = "coordinate",
    whole: bool = False,
    tempered: bool = True,
) -> Strategy:
    """The strategy, for each of several rates; options as in `proximal`."""
    return proximal(
        "trace", rates, coupling, lambda _: prox.trace, common=common, step=step, whole=whole,
        tempered=tempered,
    )  # fmt: skip
