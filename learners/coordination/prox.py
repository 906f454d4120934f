"""Proximal operators of what couples tasks: argmin_W |W - V|**2 / 2 + step g(W), in closed form.

Tasks are rows here, the columns of the papers: V is (t, k, d), and where a penalty couples columns
each task and class is one, W being (t k, d). All sums are in a fixed order (`linalg`).

===========  ==================================  ===========================================
name         g(W)                                W
===========  ==================================  ===========================================
trace        sum of singular values              U (S - step)_+ V'
l21          sum over features of |column|       each feature times (1 - step / |column|)_+
l1           sum of magnitudes                   soft threshold
ridge        |W|**2 / 2                          V / (1 + step)
mean         sum of |w_t - mean|**2 / 2          mean + (v_t - mean) / (1 + step)
laplacian    sum over edges of |w_t - w_s|**2/2  (I + step L)^-1 V, in the degrees' metric
relation     tr(W' Sigma^-1 W) / 2               Sigma (Sigma + step I)^-1 V
clustered    tr(W' (h I + M)^-1 W) c / 2         (h I + M)(h I + M + step c I)^-1 V
===========  ==================================  ===========================================

`relation` and `clustered` take the Sigma or M that is best for V, in closed form; as those have V's
singular vectors, both are functions of singular values, as `trace` is: W = Q diag(f(s)) Q' V with
V V' = Q diag(s**2) Q'. Of V V' (t k) and V' V (d) the smaller is decomposed. Where both have more
rows than LIMIT, tasks are taken in groups of so many columns, in the order of their names, and the
penalty is the sum of the groups': what each group's tasks are to those of other groups is not used.

Unfolded, two classes hold a margin's column twice, halved: norms are sqrt(1/2) of what they were,
hence the steps of those penalties that are norms are too (`drom_meeting.clip`).

Source: Parikh & Boyd, "Proximal algorithms", 2014; trace: Cai, Candes & Shen, "A singular value
thresholding algorithm", SIAM J. Optim. 2010; l21: Argyriou, Evgeniou & Pontil, "Multi-task feature
learning", NIPS 2006; mean: Evgeniou & Pontil, KDD 2004; laplacian: Evgeniou, Micchelli & Pontil,
JMLR 2005; relation: Zhang & Yeung, UAI 2010; clustered: Zhou, Chen & Ye, "Clustered multi-task
learning via alternating structure optimization", NIPS 2011.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from learners.kernels import compiled
from learners.linalg import eigh, gram, product
from learners.types import F64, I64

Prox = Callable[[F64, float], F64]  # of V (t, k, d) and a step
LIMIT = 256  # rows up to which a matrix is decomposed: in some .3 s
SMALL = 1e-7  # singular values below this part of the largest are rounding alone
ROUNDS = 1000  # of a graph's smoothing, at most

_HALF = float(np.sqrt(0.5))


def _norm_step(V: F64, step: float) -> float:
    """The step of a penalty that is a norm."""
    return step if V.shape[1] == 1 else step * _HALF


def spectral(V: F64, factors: Callable[[F64], F64]) -> F64:
    """Q diag(factors(s)) Q' V, for the singular values s of V (t, k, d), group by group."""
    t, k, d = V.shape
    if min(t * k, d) > LIMIT:
        groups = -(-t * k // LIMIT)
        if 1 < groups <= t:
            return np.concatenate([_spectral(G, factors) for G in np.array_split(V, groups)])
    return _spectral(V, factors)


def _spectral(V: F64, factors: Callable[[F64], F64]) -> F64:
    rows = np.ascontiguousarray(V.reshape(-1, V.shape[2]))
    tall = len(rows) > rows.shape[1]
    values, Q = eigh(gram(np.ascontiguousarray(rows.T) if tall else rows))
    s = np.sqrt(np.maximum(values, 0.0))
    s[s <= SMALL * s[-1]] = 0.0
    A = product(Q * factors(s), np.ascontiguousarray(Q.T))
    return (product(rows, A) if tall else product(A, rows)).reshape(V.shape)


def trace(V: F64, step: float) -> F64:
    """Singular values less the step, those below it 0: fewer directions for all tasks."""
    step = _norm_step(V, step)
    return spectral(V, lambda s: np.maximum(1.0 - step / np.where(s > 0.0, s, np.inf), 0.0))


def relation(V: F64, step: float) -> F64:
    """MTRL: Sigma = (V V')**.5 over its trace, then towards what the related tasks have."""

    def factors(s: F64) -> F64:
        share = s / max(float(np.cumsum(s)[-1]), 1e-300)
        return np.where(share > 0.0, share / (share + step), 0.0)

    return spectral(V, factors)


def clusters(s: F64, k: float, h: float) -> F64:
    """Eigenvalues of CMTL's M for singular values s, from 0 to 1: of sum k if there are as many.

    min over M of tr(W' (h I + M)^-1 W) with tr M = k, 0 <= M <= I has W's left singular vectors and
    eigenvalues clip(s_i / nu - h, 0, 1), nu by bisection.
    """
    there = s > 0.0
    if there.sum() <= k:
        return there.astype(np.float64)
    low, high = 0.0, float(s[-1]) / h
    for _ in range(200):
        nu = 0.5 * (low + high)
        if float(np.cumsum(np.clip(s / nu - h, 0.0, 1.0))[-1]) > k:
            low = nu
        else:
            high = nu
    return np.clip(s / high - h, 0.0, 1.0)


def clustered(V: F64, step: float, k: float = 4.0, h: float = 0.1) -> F64:
    """CMTL with c = h (1 + h): k directions are shrunk as by `ridge` with step h, others 1 / h so.

    The spectral relaxation of k-means over the tasks: M near a projection on k directions.
    """

    def factors(s: F64) -> F64:
        m = h + clusters(s, k, h)
        return m / (m + step * h * (1.0 + h))

    return spectral(V, factors)


def ridge(V: F64, step: float) -> F64:
    """All towards 0."""
    return V / (1.0 + step)


def l1(V: F64, step: float) -> F64:
    """Magnitudes less the step, those below it 0: couples nothing."""
    step = step if V.shape[1] == 1 else 0.5 * step  # a weight's magnitude is halved, not its norm
    return np.sign(V) * np.maximum(np.abs(V) - step, 0.0)


def l21(V: F64, step: float) -> F64:
    """Features that do little for all tasks together are nobody's."""
    rows = V.reshape(-1, V.shape[2])
    size = np.sqrt(np.cumsum(rows * rows, axis=0)[-1])
    return V * np.maximum(1.0 - _norm_step(V, step) / np.where(size > 0.0, size, np.inf), 0.0)


def mean(V: F64, step: float) -> F64:
    """All towards their mean; step infinite: the mean."""
    rows = V.reshape(len(V), -1)
    return _to_mean(rows, 1.0 - 1.0 / (1.0 + step)).reshape(V.shape)


@compiled
def _to_mean(rows: F64, part: float) -> F64:
    """Rows, each moved by that part of its way to the mean of all."""
    middle = np.zeros(rows.shape[1])
    out = rows.copy()
    for t in range(len(rows)):
        for j in range(len(middle)):
            middle[j] += rows[t, j]
    for j in range(len(middle)):
        middle[j] /= len(rows)
    for t in range(len(rows)):
        for j in range(len(middle)):
            out[t, j] += part * (middle[j] - rows[t, j])
    return out


def laplacian(V: F64, step: float, ends: I64, near: I64) -> F64:
    """Along a graph: the neighbours of row t are near[ends[t] : ends[t + 1]]; none: it stays.

    W with w_t + step (w_t - mean of its neighbours) = v_t. On a symmetric graph that is the prox of
    half the sum of |w_t - w_s|**2 over edges where |W - V|**2 counts each task as often as it has
    neighbours; if all have as many, the plain one. By rounds of W <- (1 - c) V + c mean, with
    c = step / (1 + step), each of which leaves at most c of the distance: no matrix of tasks.
    """
    rows = np.ascontiguousarray(V.reshape(len(V), -1))
    return _smooth(rows, step / (1.0 + step), ends, near).reshape(V.shape)


@compiled
def _smooth(rows: F64, c: float, ends: I64, near: I64) -> F64:
    """The fixed point of W = (1 - c) V + c mean of neighbours, to seven digits."""
    now, new = rows.copy(), rows.copy()
    largest = 0.0
    for t in range(rows.shape[0]):
        for j in range(rows.shape[1]):
            largest = max(largest, abs(rows[t, j]))
    for _ in range(ROUNDS):
        moved = 0.0
        for t in range(len(rows)):
            lo, hi = ends[t], ends[t + 1]
            if lo == hi:
                continue
            for j in range(rows.shape[1]):
                total = 0.0
                for other in near[lo:hi]:
                    total += now[other, j]
                new[t, j] = (1.0 - c) * rows[t, j] + c * (total / (hi - lo))
                moved = max(moved, abs(new[t, j] - now[t, j]))
        now, new = new, now
        if moved * c <= 1e-8 * (1.0 - c) * largest:
            break
    return now
