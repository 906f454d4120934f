"""DMTRL: dual coordinate ascent at the tasks, their covariance learnt where they meet.

Sulin Liu, Sinno Jialin Pan and Qirong Ho, "Distributed Multi-Task Relationship Learning", KDD 2017.

    min_{W, Sigma}  sum_t (1 / n_t) sum_i l(w_t . x_i, y_i)  +  (lambda / 2) tr(W Sigma^-1 W')
                    Sigma >= 0,  tr Sigma = 1

is jointly convex for convex l. Its dual for Sigma fixed has a number alpha_i for each example, and
couples tasks only by b_t = (1 / n_t) sum_i alpha_i x_i:  W = B Sigma / lambda. So a task may climb
by itself, on its part of the dual with the square term times rho,

    -(1 / n) sum_i l*(-alpha_i - D_i)  -  w_t . b(D)  -  (rho sigma_tt / 2 lambda) |b(D)|^2

and what all climb together is at least the sum of the parts, where rho is no less than the largest
eigenvalue of the tasks' correlations (`sigma.safe_rho`: 1 where one moves at a time).

Learning: a task keeps its last C examples with their alpha in a ring. Each example gets one exact
step, R of those kept another. The oldest leaves with its alpha: what is told is always the mean
over the window. An example of weight 0 is not kept, only an occasion to work. It costs O(C) for
each entry, and O(C) a step and class: the Gram matrix of the window and the duals are all that is
kept, w and b are worked out from them, so that W = B Sigma / lambda holds at any moment to
rounding. Losses: logistic, hinge, smoothed hinge, squared; steps are in closed form, for the
logistic by bracketed Newton to the last bits. Several classes are learnt one against the rest, two
by one margin; the covariance is over tasks, the same for every class. The logistic loss is the one
whose margins are log-odds; that just one of several learners is right has p_c ~ exp(margin_c). Of
the other losses the answers have the same form: their order counts, their size is not calibrated.

Within a place, at once: T Sigma = c 11' + (1 - c) S, so a model is what all have in common and a
deviation, w_t = u + v_t, u = (c / lambda T) sum b_t. For u no meeting is needed where tasks lie
together: with each example a task shows its b_t in the columns that the example holds, and looks at
the sum of what all have shown there. So in those columns W = B Sigma / lambda holds at once, in all
of them from the next meeting on; tasks of a place take turns, and need not brake for each other. It
costs O(C) more for each entry and class.

Meetings: a task tells b_t, d floats for each class (8 d bytes), hears what the others' deviations
add to w_t, the b_t that the meeting knew, sigma_tt, c, and rho for examples and for occasions:
2 d + 4 floats; a place hears the sum of b at other places, d floats. (The papers send w_t, sigma_tt
and rho, d + 2: there a reply comes before the task goes on.) As all are states, messages may be
lost or late: a task counts what it did since the b_t that the meeting knew with rho, and all of it
in its own w_t. The meeting takes u and V by the Sigma of before. With p being .25 % of tr(V'V), S =
T (V'V + p I)^1/2 / tr and c = |u| / (|u| + tr (V'V)^1/2 / T^1/2) would be best for them; S goes a
tenth of the way there, c half of it, and W = B Sigma / lambda from then on: O(d T^2 + T^3), for up
to 256 tasks with at least 5 examples; of more those are related that have seen the most, the others
have u alone meanwhile. What is heard of columns that a task has never seen is dropped, so memory
follows those it has; it is there from the next meeting on after a column's first example.

Guarantee: for Sigma fixed, and replies merged before the next example, the dual never falls,
whatever steps are left out, nor within a place where examples hold all columns (in sparse data
tasks know of each other's steps in the columns of their examples alone); the duality gap closes at
a linear rate for smooth losses, as 1 / epsilon for Lipschitz ones (as the paper has it:
recollected, not retrieved). Replies that come late make it two such sequences, one in the other.
Over windows that move and a Sigma that is learnt nothing is promised.

Use it where tasks lie round a mean, or few directions, or signed relations, tie them together
(opposite tasks help each other), and data are scarce: each task answers from its last C examples
and the others'. Where tasks lie at many places it wants frequent meetings, a period no longer than
a few examples a task: between two of them a task hears nothing from there, and what it has done
since counts with rho, so that it goes on slowly where many are alike. With a window, one that lives
long forgets what left it; a learner that sees everything is better where data are plenty.

Source: the abstract was to be had, not the paper's text. Problem, dual and local subproblem are a
reconstruction, checked numerically, and agree with the published code of MOCHA, whose problem this
is; that code leaves W as it was when Sigma changes, this does not. Ours: the window and its steps
example by example; S = T Sigma, of mean variance 1, with a ridge lambda T (`ridges`), so that a
task's own regularisation does not depend on how many there are (a task by itself is logistic
regression with that ridge); division by C from the first example on, which regularises more while
there are few; what is added to V'V (`sigma`), where the papers have nothing or a least eigenvalue;
replies that say what they are based on. The part in common: MOCHA's mean-regularised form is S = I
and c fixed, its probabilistic one c = 0; that both are learnt together, which is jointly convex for
c and S as for S alone, that what is common is live within a place, and that S goes there by
tenths are ours. All the way at once, one-pass errors are up to a point more and log losses up to
twice as large, for W leaps where B stays. And the defaults: a ridge of .0025 times 200 examples is
a prior worth half an example; c = .7 before anything is known of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from learners.coordination.sdca import COMMON, EVERY, REPLAYS, RIDGES, WINDOW, Loss, sdca
from learners.coordination.sigma import FLOOR, PACE
from learners.types import Strategy


def dmtrl(
    ridges: Sequence[float] = RIDGES,
    coupling: float | None = None,
    *,
    common: float = COMMON,
    loss: Loss = "logistic",
    replays: int = REPLAYS,
    window: int = WINDOW,
    at_once: int | None = None,
    every: int = EVERY,
    floor: float = FLOOR,
    pace: float = PACE,
) -> Strategy:
    """The strategy, for each of several ridges.

    Parameters
    ----------
    ridges
        lambda T, one for each expert: at Sigma = I / T, the ridge of each task's mean loss
    coupling
        None: Sigma is learnt. A number from 0 to 1: it is that c, with S the unit matrix: from
        every task by itself, whatever the others do, to one model for all
    loss
        logistic, hinge, smooth (the hinge, quadratic over the last half) or squared
    replays
        R, steps an example on those kept, besides its own
    window
        C, examples that a task keeps
    at_once
        how many tasks at most commit between two replies, where it is known: then rho is as small
        as that allows; 1 where a meeting is held after each example and its reply merged at once
    every
        Sigma-steps are taken at the first meeting after so many examples of all tasks
    common
        c before anything is learnt of it, where Sigma is; 0: nothing is in common, as in the papers
    floor
        of the eigenvalues of (V'V)^1/2, by the largest
    pace
        how much of the way to the best S a Sigma-step goes, and up to five times as much of that to
        the best c; 1: all of it, as in the papers
    """
    return sdca(
        "dmtrl", ridges, loss, (1 + replays,) * 2, window, coupling, common, at_once, every, floor,
        pace,
    )  # fmt: skip
