from __future__ import annotations

from decimal import Context, Decimal, localcontext
from typing import Any

import numpy as np
import pytest
from numba import njit

from learners.lanes import fma
from learners.losses import exp, log


def test_exp_is_right_to_the_last_bits() -> None:
    random = np.random.default_rng(0)
    xs = [*random.uniform(-690, 700, 3000), *random.normal(size=3000), 0.0, -1e-300, 1.0, 699.9]
    with localcontext(Context(prec=40)):
        for x in map(float, xs):
            true = Decimal(x).exp()
            assert abs(Decimal(float(exp(x))) - true) <= Decimal(3e-16) * true, x
    assert exp(0.0) == 1.0
    assert exp(-701.0) == exp(-np.inf) == 0.0


def test_exp_never_falls_where_x_rises() -> None:
    """Around the ends of its table's steps, above all."""
    for k in range(-400, 400):
        x = (k + 0.5) * np.log(2) / 64
        near = np.nextafter(x, -np.inf), x, np.nextafter(x, np.inf)
        values = [float(exp(float(one))) for one in near]
        assert values == pytest.approx(sorted(values), rel=3e-16)


def test_log_is_right_to_the_last_bits() -> None:
    random = np.random.default_rng(1)
    for x in [*np.exp(random.uniform(-600, 600, 2000)), *random.uniform(0.5, 2, 2000), 1.0]:
        assert float(log(float(x))) == pytest.approx(np.log(x), rel=1e-15, abs=1e-16)


def test_fma_rounds_once() -> None:
    all_at_once: Any = njit(lambda x, y, z: fma(x, y, z))
    x = 1.0 + 2.0**-30
    assert all_at_once(x, x, -(x * x)) == 2.0**-60
