"""Examples to measure with: noisy linear problems, dense and sparse, of any size."""

from __future__ import annotations

from typing import Any

import numpy as np

FEATURES = 20
HELD, SPACE = 100, 1 << 18  # sparse: features an example holds, and those there are


def dense(examples: int, features: int = FEATURES, seed: int = 0) -> tuple[Any, Any]:
    """X (n, d) standard normal float32, y boolean."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(examples, features)).astype(np.float32)
    margin = X @ random.normal(size=features) + random.normal(size=examples)
    return X, margin > 0


def sparse(
    examples: int, held: int = HELD, features: int = SPACE, seed: int = 0
) -> tuple[Any, Any]:
    """As `dense`, with `held` of many features in each example, as a CSR matrix."""
    from scipy.sparse import csr_matrix

    random = np.random.default_rng(seed)
    columns = np.sort(random.integers(0, features, (examples, held)), axis=1)
    indptr = np.arange(examples + 1) * held
    values = random.random(examples * held).astype(np.float32)
    X = csr_matrix((values, columns.ravel(), indptr), (examples, features))
    X.sum_duplicates()
    return X, X @ random.normal(size=features) > 0


def mappings(X: Any) -> list[dict[str, float]]:
    """Rows as river and people write them, name -> value."""
    if hasattr(X, "indptr"):
        return [
            dict(zip(map(str, row.indices.tolist()), row.data.tolist(), strict=True))
            for row in (X[i] for i in range(X.shape[0]))
        ]
    names = [f"x{j}" for j in range(X.shape[1])]
    return [dict(zip(names, row, strict=True)) for row in X.tolist()]
