"""Linear algebra of meetings whose results become state: sums in a fixed order, no library.

A library's product or eigenvectors differ in their last bits between processors; what is kept must
not. These loops are for matrices of as many rows as tasks or columns meet: hundreds, not thousands.
"""

from __future__ import annotations

import numpy as np

from learners.kernels import compiled
from learners.types import F64

SWEEPS = 60  # of Jacobi's rotations, at most; it takes some ten


@compiled
def product(a: F64, b: F64) -> F64:
    """The matrix product (n, m) x (m, p), summed over m in order."""
    out = np.zeros((a.shape[0], b.shape[1]))
    for i in range(a.shape[0]):
        for m in range(a.shape[1]):
            for j in range(b.shape[1]):
                out[i, j] += a[i, m] * b[m, j]
    return out


@compiled
def gram(a: F64) -> F64:
    """a a' of (n, m): symmetric to the last bit."""
    n = len(a)
    out = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1):
            total = 0.0
            for m in range(a.shape[1]):
                total += a[i, m] * a[j, m]
            out[i, j] = total
            out[j, i] = total
    return out


@compiled
def eigh(symmetric: F64) -> tuple[F64, F64]:
    """Eigenvalues, ascending, and eigenvectors as columns, of a symmetric matrix.

    Jacobi's rotations, row by row, until nothing is left beside the diagonal (Golub & Van Loan,
    "Matrix Computations", 8.5).

    >>> values, vectors = eigh(np.array([[2.0, 1.0], [1.0, 2.0]]))
    >>> values.round(12).tolist()
    [1.0, 3.0]
    """
    a, n = symmetric.copy(), len(symmetric)
    v = np.eye(n)
    for _ in range(SWEEPS):
        beside, whole = 0.0, 0.0
        for i in range(n):
            for j in range(n):
                whole += a[i, j] * a[i, j]
                if i != j:
                    beside += a[i, j] * a[i, j]
        if beside <= 1e-30 * whole:
            break
        for p in range(n - 1):
            for q in range(p + 1, n):
                if a[p, q] == 0.0:
                    continue
                ratio = (a[q, q] - a[p, p]) / (2.0 * a[p, q])
                t = 1.0 / (abs(ratio) + np.sqrt(ratio * ratio + 1.0))
                if ratio < 0.0:
                    t = -t
                c = 1.0 / np.sqrt(t * t + 1.0)
                s = t * c
                # Rows alone are turned: a stays symmetric by copying them, and v is kept by rows.
                for i in range(n):
                    x, y = a[p, i], a[q, i]
                    a[p, i], a[q, i] = c * x - s * y, s * x + c * y
                    x, y = v[p, i], v[q, i]
                    v[p, i], v[q, i] = c * x - s * y, s * x + c * y
                pp, qq = c * a[p, p] - s * a[p, q], s * a[q, p] + c * a[q, q]
                for i in range(n):
                    a[i, p], a[i, q] = a[p, i], a[q, i]
                a[p, p], a[q, q], a[p, q], a[q, p] = pp, qq, 0.0, 0.0
    values = np.zeros(n)
    for i in range(n):
        values[i] = a[i, i]
    order = np.argsort(values, kind="mergesort")
    return values[order], v[order].T.copy()


@compiled
def solve(positive: F64, right: F64) -> F64:
    """x of A x = b for a symmetric positive definite A (n, n) and b (n, m), by Cholesky.

    >>> solve(np.array([[4.0, 2.0], [2.0, 3.0]]), np.array([[2.0], [5.0]])).round(12).tolist()
    [[-0.5], [2.0]]
    """
    n, low, x = len(positive), np.zeros_like(positive), right.copy()
    for j in range(n):
        for i in range(j, n):
            total = positive[i, j]
            for m in range(j):
                total -= low[i, m] * low[j, m]
            low[i, j] = np.sqrt(total) if i == j else total / low[j, j]
    for m in range(right.shape[1]):
        for i in range(n):
            for j in range(i):
                x[i, m] -= low[i, j] * x[j, m]
            x[i, m] /= low[i, i]
        for i in range(n - 1, -1, -1):
            for j in range(i + 1, n):
                x[i, m] -= low[j, i] * x[j, m]
            x[i, m] /= low[i, i]
    return x
