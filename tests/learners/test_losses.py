"""The compiled exp and log against forty decimal digits."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numba import njit

from learners import losses
from learners.types import F64


def over(one: Any) -> Any:
    """The function, compiled, of each of many numbers."""

    def loop(x: F64) -> F64:
        return np.array([one(v) for v in x])

    return njit(loop)


exps, logs, sigmoids = over(losses.exp), over(losses.log), over(losses.sigmoid)


def off(got: float, exact: Decimal) -> float:
    """Relative distance to the exact value."""
    return float(abs(Decimal(got) - exact) / abs(exact))


@given(st.lists(st.floats(-699, 709), min_size=1, max_size=50))
def test_exp_is_within_1e_15(x: list[float]) -> None:
    with localcontext() as digits:
        digits.prec = 40
        for v, got in zip(x, exps(np.array(x)), strict=True):
            assert off(float(got), Decimal(v).exp()) < 1e-15


@given(st.lists(st.floats(2.3e-308, 1e308), min_size=1, max_size=50))
def test_log_is_within_1e_15(x: list[float]) -> None:
    with localcontext() as digits:
        digits.prec = 40
        for v, got in zip(x, logs(np.array(x)), strict=True):
            exact = Decimal(v).ln()
            assert exact == 0 or abs(Decimal(float(got)) - exact) <= max(
                Decimal("1e-15") * abs(exact), Decimal("1e-16")
            )


def test_exp_and_log_near_1_and_at_powers() -> None:
    np.testing.assert_array_equal(exps(np.array([0.0, -0.0])), [1.0, 1.0])
    np.testing.assert_array_equal(logs(np.array([1.0])), [0.0])
    x = np.ldexp(1.0, np.arange(-1022, 1024))
    np.testing.assert_allclose(logs(x), np.arange(-1022, 1024) * math.log(2), rtol=1e-15)
    near = 1.0 + np.linspace(-1e-3, 1e-3, 2001)
    np.testing.assert_allclose(logs(near), np.log(near), rtol=1e-14, atol=1e-18)


def test_exp_and_log_at_their_edges() -> None:
    far = exps(np.array([-np.inf, -1e300, -700.1, -700.0, 709.0]))
    np.testing.assert_array_equal(far[:3], 0.0)
    np.testing.assert_allclose(far[3:], [math.exp(-700), math.exp(709)], rtol=1e-15)
    np.testing.assert_array_equal(sigmoids(np.array([-1e4, 1e4, 0.0])), [0.0, 1.0, 0.5])


@given(st.floats(-705, 699), st.floats(1e-13, 10))
def test_they_ascend(x: float, step: float) -> None:
    low, high = exps(np.array([x, x + step]))
    assert low <= high
    v = math.exp(x)
    low, high = logs(np.array([v, v * (1 + step)]))
    assert low <= high


def test_exp_ascends_across_its_reductions() -> None:
    # n = round(x / ln 2) changes half way between multiples of ln 2
    at = (np.arange(-1000, 1000) + 0.5) * math.log(2)
    pairs = exps(np.stack([np.nextafter(at, -np.inf), at, np.nextafter(at, np.inf)], 1).ravel())
    assert (np.diff(pairs.reshape(-1, 3), axis=1) >= 0).all()


@given(st.floats(-700, 700))
def test_a_sigmoid_and_its_opposite_are_1(x: float) -> None:
    up, down = sigmoids(np.array([x, -x]))
    assert 0 <= up <= 1
    assert abs(up + down - 1) <= 1e-15
    assert off(up, 1 / (1 + Decimal(-x).exp())) < 1e-15
