"""How related tasks' linear weights are: one function a kind, each (d, m), columns of length 1.

`lowrank`, `clustered`, `independent` are the set-ups of the reference figures for online
multi-task learning; `mean` is mean-regularised learning's (Evgeniou & Pontil, KDD 2004).
"""

from __future__ import annotations

import numpy as np

from streams.synthetic.problem import Floats, check_counts


def lowrank(rng: np.random.Generator, d: int, m: int, *, rank: int = 2) -> Floats:
    """W = U V, U (d, rank) and V (rank, m) standard normal: all tasks lie in one small space."""
    check_counts(rank=rank)
    return _unit(rng.normal(size=(d, rank)) @ rng.normal(size=(rank, m)))


def clustered(
    rng: np.random.Generator, d: int, m: int, *, clusters: int = 3, spread: float = 0.2
) -> Floats:
    """Task i is centre i mod clusters plus `spread` times a standard normal direction."""
    check_counts(clusters=clusters)
    centres = rng.normal(size=(d, clusters))
    return _unit(centres[:, np.arange(m) % clusters] + spread * rng.normal(size=(d, m)))


def independent(rng: np.random.Generator, d: int, m: int) -> Floats:
    """Unrelated tasks: nothing to gain from each other."""
    return _unit(rng.normal(size=(d, m)))


def mean(rng: np.random.Generator, d: int, m: int, *, spread: float = 0.5) -> Floats:
    """Every task is one common direction plus `spread` times a standard normal one of its own."""
    return _unit(rng.normal(size=(d, 1)) + spread * rng.normal(size=(d, m)))


def _unit(weights: Floats) -> Floats:
    weights /= np.linalg.norm(weights, axis=0)
    return weights
