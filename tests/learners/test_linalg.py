"""Fixed-order linear algebra against numpy's."""

from __future__ import annotations

import numpy as np
import pytest

from learners.linalg import eigh, gram, product, solve
from learners.types import F64


@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_as_numpy(n: int) -> None:
    random = np.random.default_rng(n)
    a, b = random.normal(size=(n, n + 3)), random.normal(size=(n + 3, 5))
    np.testing.assert_allclose(product(a, b), a @ b, atol=1e-12)
    positive = gram(a)
    np.testing.assert_allclose(positive, a @ a.T, atol=1e-12)
    np.testing.assert_array_equal(positive, positive.T)
    values, vectors = eigh(positive)
    np.testing.assert_allclose(values, np.linalg.eigvalsh(positive), atol=1e-10)
    np.testing.assert_allclose(positive @ vectors, vectors * values, atol=1e-10)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(n), atol=1e-12)
    right = random.normal(size=(n, 2))
    np.testing.assert_allclose(positive @ solve(positive, right), right, atol=1e-9)


@pytest.mark.parametrize("matrix", [np.zeros((3, 3)), np.ones((4, 4)), np.diag([3.0, 1.0, 1.0])])
def test_eigenvectors_where_values_repeat(matrix: F64) -> None:
    values, vectors = eigh(matrix)
    np.testing.assert_allclose(vectors * values @ vectors.T, matrix, atol=1e-12)
