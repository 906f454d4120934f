"""How tasks are related, learnt from their models: the square root of their Gram matrix.

For models as rows, W (K, d), the relations Omega = (W W')^(1/2) / tr (W W')^(1/2) are least of
tr(W' Omega^-1 W) over all Omega >= 0 of trace 1 (Zhang & Yeung, "A convex formulation for learning
task relationships", UAI 2010). With W = Q diag(s) R', they are Q diag(s) Q' / sum s, so only the
smaller of the two Gram matrices is taken apart.
"""

from __future__ import annotations

import numpy as np

from learners.linalg import eigh, gram, product
from learners.types import F64

LARGEST = 256  # tasks or columns, the fewer: beyond, a decomposition would take seconds


def spectrum(W: F64) -> tuple[F64, F64] | None:
    """Singular values s (r,) and left vectors Q (K, r) of W; None where W is too large either way.

    Values below a millionth of the largest are left out.

    >>> s, Q = spectrum(np.array([[2.0, 0.0, 0.0], [2.0, 0.0, 0.0]]))
    >>> s.round(6).tolist(), abs(Q).round(6).tolist()
    ([2.828427], [[0.707107], [0.707107]])
    """
    tasks, columns = W.shape
    if min(tasks, columns) > LARGEST:
        return None
    wide = tasks <= columns
    values, vectors = eigh(gram(W if wide else np.ascontiguousarray(W.T)))
    kept = values > 1e-12 * max(values[-1], 0.0) if len(values) else np.zeros(0, bool)
    s, vectors = np.sqrt(values[kept]), np.ascontiguousarray(vectors[:, kept])
    return s, vectors if wide else product(np.ascontiguousarray(W), vectors) / s
