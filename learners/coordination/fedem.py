"""FedEM: each task is a mixture, of its own, of a few components that all tasks share.

Tasks that fall into hidden groups, or whose examples come from several sources at once, are served
ill by one model for all and slowly by one for each. Assume that every example of task t comes from
one of M distributions, m with probability pi_tm, and that these differ only in what they say of the
label. The best prediction for the task is then a mixture of M models, and all there is to learn
about a task is which mixture:

    h_t(x) = sum_m pi_tm h_m(x)            h_m(x): softmax of theta_m x; probabilities are mixed
    min over theta, pi of  -(1/n) sum_t sum_i log sum_m pi_tm exp(-l(h_m(x_i), y_i))

M = 1 is one model for all (federated averaging), pi_t at a corner for every t are clusters of
tasks, and everything between is told from the data.

Learning: expectation and maximisation, for each example as it comes.

    E:  q_im ~ pi_tm exp(-l(h_m(x_i), y_i))   for the task's last b examples, by theta as it is now
    M:  pi_tm = mean over these of q_im       none below floor / M, so that one may come back
        theta_m <- theta_m - rate_m q_nm grad l(h_m(x_n), y_n)   for the newest, n

A task keeps its last b = 50 examples for that, by feature, and their M margins with them. An
example brings these up to date in the features that it holds: exactly where each holds all, and as
of the task's last look for a feature that is rare. So an example costs b M multiplications for each
of its non-zeros and margins, 16 at once (M = 3: 1.4 microseconds an example of 9 features and 5.9
of 103, against .6 and 2.9 with nothing kept), and a task 4 (b + k M) + 8 bytes for each feature
that it has seen.
With `keep=0` it keeps nothing, and the shares follow stochastic E steps of size (n + 1)**-0.6:
where tasks are groups, 4 points less are right (72.9 % against 77.2); on mixtures within tasks, and
on most real sets, hardly any.

Components must begin different, or they stay alike for ever. What component m begins with in a
feature is drawn, uniform, by the names of the feature, of the class and m: no place need tell it
another, and neither the order of features nor of classes makes a difference. It comes into being
when an example with the feature is first learnt from.

Steps are AdaGrad's, importance-invariant, for an example that weighs q_nm times what it did; or,
by mass, rate / sqrt(1 + N_m / 50) with N_m the sum of q_m so far. M is 5, where the paper has 3: of
3, two groups of tasks sometimes get one between them, and more do no harm.

Meetings: tasks tell nothing; their examples and pi never leave them. Places, of which each has all
components, tell what they made of these: 2 M d float32 go up (times k columns for k > 2 classes),
weights and sums of squared gradients, the same down, and each adds what the others made to what it
did itself. So frequent meetings of a few places are as one place. With `meeting="average"` theta
becomes the mean of the places' theta, weighed by their numbers of examples n_s / n as in the paper,
feature by feature: by how many examples held it, so that a place that knows nothing of a feature
takes no part. 2 M d float32 and d float64 go up then, M d float32 down. A mean does not run away
however rare the meetings, but moves only by a share of what a place learnt: 5 places of 4 tasks
that meet every 8 examples each have 78.1 % right by sums and 76.1 by means (78.5 in one place, 73.5
if they never meet); 20 places of one task that meet every 5 have 60.5 and 66.6, and 72.7 if they
never meet. Either way a message is a state, and what is learnt between telling and hearing is kept:
theta = start + mine + heard, and a reply replaces `heard`.

Guarantee: the paper's, for stochastic gradient steps of size ~ 1 / sqrt(K), smooth losses and
gradients of bounded variance and dissimilarity: over K rounds the mean squared gradient of the
objective by theta falls as K**-1/2, and what an update of pi still gains as K**-3/4. A full E and M
step with gradient steps of at most 1 / L never raises the objective. A task's prediction is a
convex combination of the components'; nothing is promised against a task's own learner: M
components cannot span many unrelated tasks.

Use it where tasks are groups you do not know, or mixtures within themselves; where new tasks keep
coming (one is at home after some 50 examples, and with `train=False` moves no component by that);
and to see what tasks are made of: a task's view shows its pi as weights.

Source: Othmane Marfoq, Giovanni Neglia, Aurelien Bellet, Laetitia Kameni and Richard Vidal,
"Federated multi-task learning under a mixture of distributions", NeurIPS 2021: problem, EM steps,
averaging by n_t / n, unseen clients. Ours: the form for one example at a time (the paper has rounds
of full E steps and local epochs), the examples kept and how, AdaGrad and its weights, sums instead
of means where meetings are frequent, weights by feature, where components begin.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np

from learners import tree
from learners.coordination.fedem_kernels import learner
from learners.coordination.linear import Common, Told, add, hear, names, steps, tell
from learners.coordination.silence import Silence
from learners.kernels import longest
from learners.types import F32, F64, I64, Bank, Block, Inbox, Reply, Rows, Scores, Shape, Strategy


class Start(NamedTuple):
    """Where this place's components began, and what they have done."""

    w: Annotated[F32, "dke"]  # 0 in a feature in which they have not begun
    N: Annotated[F64, "e"]  # the responsibilities of each so far
    held: Annotated[F64, "d"]  # examples that held a feature


class Share(NamedTuple):
    """Each task's mixture."""

    pi: Annotated[F64, "te"]  # sums to 1
    n: Annotated[I64, "t1"]  # examples met


class Kept(NamedTuple):
    """Each task's last b examples, as far as its mixture needs them."""

    x: Annotated[F32, "tdb"]  # values; of a feature, as of the last example that held it
    visited: Annotated[I64, "td"]  # how many examples there were with that one
    part: Annotated[F32, "tdke"]  # the components' weights that margins are made of
    margins: Annotated[F32, "tkeb"]
    truth: Annotated[F32, "tkb"]  # weights, with the label's sign: in the manner of margins


class Fedem(NamedTuple):
    """State of a place: theta = start + mine + heard."""

    start: Start
    common: Common
    share: Share
    kept: Kept | tuple[()]


class Models(NamedTuple):
    """What a place made of the components, and others did, by how many examples."""

    mine: Annotated[F32, "dke"]
    heard: Annotated[F32, "dke"]
    held: Annotated[F64, "d"]


class Heard(NamedTuple):
    """What others made of them."""

    heard: Annotated[F32, "dke"]


def toward(told: Models, weight: Callable[[int, int], F64]) -> Heard:
    """For each place i such a `heard` that what it has learnt, x_i, becomes sum_j weight(i, j) x_j.

    As x_i + sum_j weight(i, j) (x_j - x_i), by feature: what nobody else gets stays at home.
    """
    x = told.mine.astype(np.float64) + told.heard
    heard = told.heard.astype(np.float64)
    for i in range(len(x)):
        for j in range(len(x)):
            if j != i:
                heard[i] += weight(i, j)[:, None, None] * (x[j] - x[i])
    return Heard(heard.astype(np.float32))


def fedem(
    components: int = 5,
    rate: float = 2.0,
    *,
    keep: int = 50,
    scale: float = 0.25,
    floor: float = 0.01,
    step: Literal["coordinate", "mass"] = "coordinate",
    meeting: Literal["add", "average"] = "add",
    train: bool = True,
    tempered: bool = True,
) -> Strategy:
    """The strategy.

    Parameters
    ----------
    components
        M
    rate
        of the steps of theta
    keep
        b, examples that a task keeps; 0: none, and its shares follow stochastic E steps
    scale
        of what components begin with: a margin's weight is the difference of two numbers from
        -scale to scale; at 0 they begin alike, and stay so
    floor
        times 1 / M: the least share of a component; at 0 one that has none never comes back
    step
        AdaGrad by coordinate, or by each component's responsibility so far
    meeting
        whether what places made of the components is added, or their models are averaged
    train
        whether components learn: if not, tasks find their mixture of those that there are
    tempered
        importance-invariant steps (`links.temper`)

    Raises
    ------
    ValueError
        when a number is out of its range.
    """
    for name, value, least in (
        ("components", components, 1), ("keep", keep, 0), ("rate", rate, 0), ("scale", scale, 0),
        ("floor", floor, 0),
    ):  # fmt: skip
        if not least <= value < np.inf:
            raise ValueError(f"{name}: {value!r} is not a number from {least} on")
    if floor > 1:
        raise ValueError(f"floor: {floor!r} is more than 1")
    M, b = components, keep
    none: Any = np.zeros(1, np.float32)
    no_examples: Any = (none, np.zeros(1, np.int64), none, none, none.reshape(1, 1, 1))

    def init(seeds: I64, shape: Shape) -> Fedem:
        rows = shape._replace(tasks=len(seeds))
        share = tree.zeros(Share, rows, M)
        share.pi[:] = 1.0 / M
        kept: Any = tree.zeros(Kept, rows, M, b=b) if b else ()
        # Components are no rates of one family: each has sums of squares of its own.
        common = tree.zeros(Common, shape, M, families=M)
        return Fedem(tree.zeros(Start, shape, M), common, share, kept)

    def work(bank: Fedem, block: Block, teach: bool) -> Scores:
        k, classes = bank.start.w.shape[1], block.first.shape[1]
        most = longest(block.indptr)
        scores = np.zeros((len(block.rows), classes, 1))
        kept = no_examples
        if isinstance(bank.kept, Kept):
            kept = (*(leaf.reshape(-1) for leaf in bank.kept[:4]), bank.kept.truth)
        w, N, held = bank.start
        learner(k == 1, M, block.runs)(
            block.rows, block.indptr, block.columns, block.slots, block.ids, block.values,
            block.labels, block.weights, block.first, block.start, block.names, w.reshape(-1),
            *(leaf.reshape(-1) for leaf in bank.common), N, held, *bank.share, *kept,
            steps((rate,) * M, k), b, step == "mass", tempered, scale, floor / M,
            np.empty((2, most), np.int64), np.empty((2, most * k * M), np.float32),
            np.empty((3, k * M), np.float32), np.empty((3, max(1, classes) * M)),
            np.empty((M, b), np.float32), scores.reshape(-1), teach, train,
        )  # fmt: skip
        return scores.transpose(0, 2, 1)

    def score(bank: Fedem, block: Block) -> Scores:
        return work(bank, block, teach=False)

    def learn(bank: Fedem, block: Block) -> Scores:
        return work(bank, block, teach=True)

    def message(bank: Fedem, rows: Rows) -> Told | Models:
        if meeting == "add":
            return tell(bank.common)
        return Models(bank.common.mine, bank.common.heard, bank.start.held)

    def merge(bank: Fedem, rows: Rows, reply: Reply) -> None:
        if meeting == "add":
            hear(bank.common, reply)
        elif reply.heard is not None:
            bank.common.heard[:] = reply.heard

    def meet(shape: Shape, seed: int) -> Bank:
        return Silence()

    def mix(memory: Bank, inbox: Inbox) -> Reply:
        told = inbox.message
        if meeting == "add":
            return add(told, inbox.adding)
        share = told.held / np.maximum(told.held.sum(0), 1.0)
        return toward(told, lambda i, j: share[j])

    def model(bank: Fedem, rows: Rows) -> F32:
        w = bank.start.w + (bank.common.mine + bank.common.heard)
        mean: F32 = np.einsum("dke,te->tdk", w, bank.share.pi[rows]).astype(np.float32)
        return mean[..., None]

    def weigh(bank: Fedem, rows: Rows) -> tuple[tuple[str, ...], F64]:
        return tuple(f"component {m + 1}" for m in range(M)), bank.share.pi[rows]

    return Strategy(
        init, score, learn, message, merge, meet, mix, model,
        names("fedem", (rate,)), weigh,
    )  # fmt: skip
