"""Slow and obvious second versions: dictionaries, lists, and the formulas as they are written."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Literal

import numpy as np

from learners.features import Batch
from learners.types import AMOUNT, F64, NUMBER

Row = dict[int, float]  # feature id -> value
PRIOR = 0.01


def rows(batch: Batch) -> list[tuple[Row, dict[int, int]]]:
    """Each example's values and kinds, by feature id."""
    out = []
    for lo, hi in zip(batch.indptr, batch.indptr[1:], strict=False):
        ids = batch.columns[lo:hi].tolist()
        values = dict(zip(ids, batch.values[lo:hi].tolist(), strict=True))
        out.append((values, dict(zip(ids, batch.kinds[lo:hi].tolist(), strict=True))))
    return out


def scale(batch: Batch, by: Literal["task", "place"]) -> list[Row]:
    """Running scale, from lists of all the values so far."""
    numbers: dict[tuple[int, int], list[float]] = defaultdict(list)
    held: dict[tuple[int, int], int] = defaultdict(int)
    bags: dict[int, int] = defaultdict(int)
    out = []
    for task, (x, kind) in zip(batch.task.tolist(), rows(batch), strict=True):
        who = task if by == "task" else 0
        z = dict(x)
        count = sum(k == NUMBER for k in kind.values())
        words = [c for c in x if kind[c] == AMOUNT]
        bags[who] += bool(words)
        for c in x:
            if kind[c] == NUMBER:
                seen = numbers[who, c]
                seen.append(x[c])
                deviation = float(np.std(seen))
                away = (x[c] - float(np.mean(seen))) / deviation if deviation else 0.0
                z[c] = min(max(away, -8.0), 8.0) / math.sqrt(count)
            elif kind[c] == AMOUNT:
                held[who, c] += 1
                z[c] = math.copysign(math.log(1 + abs(x[c])), x[c])
                z[c] *= math.log(1 + bags[who] / held[who, c])
        length = math.sqrt(sum(z[c] ** 2 for c in words))
        for c in words:
            z[c] /= length or 1.0
        out.append(z)
    return out


def softmax(m: dict[int, float]) -> dict[int, float]:
    top = max(m.values())
    z = {c: math.exp(v - top) for c, v in m.items()}
    total = sum(z.values())
    return {c: v / total for c, v in z.items()}


def tempered(r: dict[int, float], moved: float, p: float, label: int, weight: float) -> float:
    """The share of a move that an importance-invariant step makes: a of a + o (e^a - 1) = s."""
    if not r[label] or not moved:
        return 1.0
    o, s = p / (1 - p), weight * moved / r[label] ** 2
    low, high = 0.0, s
    for _ in range(200):
        a = (low + high) / 2
        low, high = (a, high) if a + o * math.expm1(min(a, 500.0)) < s else (low, a)
    return low * (1 + o) / s


def adagrad(
    batch: Batch,
    X: Sequence[Row],
    own: float = 0.0,
    common: float = 0.0,
    temper: bool = False,
) -> F64:
    """AdaGrad on the softmax of (u + v_t) . x, a column for each class; rates 0 leave a part out.

    Two classes are two columns here, never one margin: columns learn at half the rate of a margin.
    """
    w: dict[object, float] = defaultdict(float)
    g: dict[object, float] = defaultdict(float)
    met: dict[int, set[int]] = defaultdict(set)
    known: set[int] = set()
    out = np.zeros((len(X), len(batch.classes)))
    parts = [(("own",), own), (("common",), common)]
    for i, x in enumerate(X):
        task, y, weight = int(batch.task[i]), int(batch.label[i]), float(batch.weight[i])
        keys = [((name, task if name == "own" else 0), rate / 2) for (name,), rate in parts if rate]

        def margin(c: int, x: Row = x, keys: list[tuple[tuple[str, int], float]] = keys) -> float:
            return sum(v * sum(w[key, d, c] for key, _ in keys) for d, v in x.items())

        classes = met[task] if len(met[task]) >= 2 else known
        if classes:
            for c, p in softmax({c: margin(c) for c in classes}).items():
                out[i, c] = p
        p_all = softmax({c: margin(c) for c in classes | {y}})
        r = {c: weight * (p - (c == y)) for c, p in p_all.items()}
        moved = 0.0
        for c in r:
            for d, v in x.items():
                for key, rate in keys:
                    g[key, d, c] += (r[c] * v) ** 2
                    moved += rate * (r[c] * v) ** 2 / math.sqrt(g[key, d, c] + PRIOR)
        share = tempered(r, moved, p_all[y], y, weight) if temper else 1.0
        for c in r:
            for d, v in x.items():
                for key, rate in keys:
                    w[key, d, c] -= rate * share * r[c] * v / math.sqrt(g[key, d, c] + PRIOR)
        met[task].add(y)
        known.add(y)
    return out


def fixed_share(
    batch: Batch, said: F64, family: Sequence[int], switching: float, doubt: float, uniform: float,
    rate: float, prior: float,
) -> tuple[F64, F64, F64]:  # fmt: skip
    """Mixtures of all, of each family, and the pool; each task's and expert's log loss as mixed."""
    n, e, k = said.shape
    families = max(family) + 1
    out = np.zeros((n, 2 + families, k))
    nats = np.zeros((len(batch.tasks), e + 1))
    all_: dict[int, F64] = {}
    alone: dict[int, F64] = {}
    counts: dict[int, int] = defaultdict(int)
    met: dict[int, set[int]] = defaultdict(set)
    known: set[int] = set()
    even = np.array([1 / list(family).count(f) for f in family])
    alpha, g = np.full(e, 1 / e), np.full(e, prior)
    for i in range(n):
        task, y = int(batch.task[i]), int(batch.label[i])
        usual = np.full(e + 1, 1 / (e + 1))
        if all_:
            usual = uniform * usual + (1 - uniform) * np.mean(list(all_.values()), 0)
        w = all_.get(task, usual)
        v = alone.get(task, even)
        classes = sorted(met[task] if len(met[task]) >= 2 else known)
        p = (1 - doubt) * said[i][:, classes] + doubt / max(1, len(classes))  # (e, classes)
        pool = np.prod(p ** alpha[:, None], 0)
        pool = pool / pool.sum() if classes else pool
        q = np.vstack([p, (1 - doubt) * pool + doubt / max(1, len(classes))])
        out[i][0, classes], out[i][-1, classes] = w @ q, q[-1]
        for f in range(families):
            out[i][1 + f, classes] = sum(v[j] * p[j] for j in range(e) if family[j] == f)
        if y in classes:
            at = classes.index(y)
            mine = q[:, at]
            nats[task] -= np.log(mine)
            counts[task] += 1
            a = max(1 / (counts[task] + 1), switching)
            w = (1 - a) * w * mine / (w @ mine) + a * usual
            totals = [sum(v[j] * p[j, at] for j in range(e) if family[j] == f) for f in family]
            v = (1 - a) * v * p[:, at] / np.array(totals) + a * even
            slope = np.log(p) @ (pool - (np.arange(len(classes)) == at))
            g += slope**2
            alpha = alpha - rate * slope / np.sqrt(g)
        all_[task], alone[task] = w, v
        met[task].add(y)
        known.add(y)
    return out, nats, np.array([all_[t] for t in range(len(batch.tasks))])
