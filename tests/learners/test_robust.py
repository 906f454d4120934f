"""Meetings among liars: what the centres are, and what honest tasks lose, by any strategy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from learners.coordination import find
from learners.coordination.guarded import guarded
from learners.coordination.independent import independent
from learners.coordination.laplacian import laplacian
from learners.coordination.pooled import pooled
from learners.coordination.robust import RULES, Rule, robust
from learners.coordination.robust_rules import geometric, shortened, trimmed, usable
from learners.coordination.scaled import scaled
from learners.coordination.shared import shared
from learners.exchange import Hub
from learners.features import Batch, from_arrays
from learners.place import Place
from learners.types import F64, Strategy
from tests.learners.liars import ATTACKS, company
from tests.learners.made import BITS, pack, place, same, stream
from tests.learners.real import load

words = st.integers(0, 10_000).map(
    lambda seed: np.random.default_rng(seed).normal(size=(1 + seed % 9, 1 + seed % 5))
)


CENTRES: tuple[Rule, ...] = ("median", "trimmed", "geometric")


def own() -> Strategy:
    return scaled(independent((2.0,)), by="task")


def wrapped(rule: Rule) -> Callable[[], Strategy]:
    return lambda: robust(scaled(shared((2.0,))), rule)


@given(words)
def test_a_median_is_numpy_s_and_nothing_trimmed_is_the_mean(one: F64) -> None:
    np.testing.assert_allclose(trimmed(one, len(one)), np.median(one, axis=0), rtol=1e-12)
    np.testing.assert_allclose(trimmed(one, 0), one.mean(0), rtol=1e-9, atol=1e-15)


@given(words)
def test_a_geometric_median_has_the_least_sum_of_distances(one: F64) -> None:
    def total(c: F64) -> float:
        return float(np.linalg.norm(one - c, axis=1).sum())

    best = minimize(total, one.mean(0), method="Nelder-Mead", options={"xatol": 1e-9}).fun
    assert total(geometric(one, 0)) <= best * (1 + 1e-3) + 1e-9


@given(st.integers(0, 10_000), st.integers(3, 15), st.floats(1, 1e12))
def test_a_centre_stays_among_the_honest_while_a_third_lies(seed: int, n: int, far: float) -> None:
    random = np.random.default_rng(seed)
    one = random.normal(size=(n, 4))
    liars = n // 3
    honest = one[liars:].copy()
    one[:liars] = far * random.normal(size=(liars, 4))
    for centre in (trimmed(one, n), trimmed(one, round(n / 3)), geometric(one, round(n / 3))):
        assert (centre >= honest.min(0) - 1e-9).all()
        assert (centre <= honest.max(0) + 1e-9).all()


def test_words_that_are_no_numbers_are_none() -> None:
    one = np.array([[1.0, 2.0], [np.nan, 0.0], [0.0, -np.inf], [1e30, 0.0]])
    assert usable(one).tolist() == [True, False, False, False]


@given(words, st.floats(0.1, 3))
def test_who_is_within_the_radius_stays_and_who_is_not_comes_to_it(one: F64, radius: float) -> None:
    centre = np.zeros(one.shape[1])
    far = np.linalg.norm(one, axis=1)
    new = shortened(one, centre, radius)
    np.testing.assert_array_equal(new[far <= radius], one[far <= radius])
    np.testing.assert_allclose(np.linalg.norm(new, axis=1), np.minimum(far, radius), rtol=1e-9)


def test_places_that_agree_hear_what_they_would_hear_without() -> None:
    # The same examples by other names at each: every word is the same, so each is the centre.
    told = {}
    makes: dict[str, Callable[[], Strategy]] = {rule: wrapped(rule) for rule in CENTRES}
    for rule, make in {"": lambda: scaled(shared((2.0,))), **makes}.items():
        hub = Hub(make())
        for name in "abc":
            here = Place(make(), bits=BITS, period=0, name=name, hub=hub)
            here.learn(pack([one._replace(task=f"{one.task} of {name}") for one in stream(40)]))
            hub.post(here.tell())
        told[rule] = hub.meet()["a"].tree[0]
    for rule in CENTRES:
        for plain, safe in zip(told[""], told[rule], strict=True):
            np.testing.assert_allclose(safe, plain, rtol=1e-6, atol=1e-7)


def test_one_place_by_itself_is_the_strategy() -> None:
    for rule in CENTRES:
        here, there = place(robust(shared((2.0,)), rule)), place(shared((2.0,)))
        same(here.learn(pack(stream(third=40))), there.learn(pack(stream(third=40))))


def related(tasks: int = 9, n: int = 50) -> Batch:
    random = np.random.default_rng(1)
    truth = random.normal(size=10)
    X = random.normal(size=(tasks * n, 10))
    y = X @ truth + random.normal(size=tasks * n) > 0
    return from_arrays([f"task {i % tasks}" for i in range(tasks * n)], X, y.tolist())


@pytest.mark.parametrize("rule", RULES)
def test_a_third_lying_costs_the_honest_next_to_nothing(rule: Rule) -> None:
    batch = related()
    alone = company(own, batch, 3)[0].mean()
    for attack in ("scaled", "random", "inner", "nan"):
        found = company(wrapped(rule), batch, 3, attack)[0].mean()
        print(f"{rule} {attack}: {found:.2f}, alone {alone:.2f}")
        assert found <= alone + 1
    assert company(lambda: scaled(shared((2.0,))), batch, 3, "scaled")[0].mean() > alone + 5


@pytest.mark.parametrize("attack", ["constant", "random", "flipped", "inner", "nan"])
@pytest.mark.parametrize("inner", [laplacian, pooled])
def test_when_all_others_lie_a_guarded_task_is_as_alone(
    inner: Callable[[tuple[float, ...]], Strategy], attack: str
) -> None:
    batch, last = related(6, 100), "task 5"
    _, places = company(lambda: robust(scaled(inner((2.0,)), by="task")), batch, 5, attack)
    _, lonely = company(own, batch)
    for one in (places[last], lonely[last]):
        assert one.progress.counts[one.rows([last])[0], 0] == 100
    a, b = (one.progress.nats[one.rows([last])[0], 0] for one in (places[last], lonely[last]))
    assert a == b


def test_a_guarded_task_takes_what_helps_it() -> None:
    batch = related(6, 150)
    plain = company(own, batch)[0].mean()
    helped = company(wrapped("loss"), batch)[0].mean()
    print(f"guarded {helped:.2f}, alone {plain:.2f}")
    assert helped < plain


def test_what_is_out_of_range_is_refused() -> None:
    for wrong in ({"rule": "mean"}, {"liars": 0.5}, {"liars": -0.1}, {"reach": 0.0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            robust(shared((2.0,)), **wrong)
    for trial in ({"proof": 0}, {"evidence": -1.0}):
        with pytest.raises(ValueError, match=next(iter(trial))):
            guarded(shared((2.0,)), **trial)


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES)
def test_a_third_hostile_on_activities(rule: Rule, data_dir: Path) -> None:
    batch = load(data_dir, "har_uci_part")
    alone = company(own, batch, 4)[0].mean()
    for attack in ATTACKS:
        found = company(wrapped(rule), batch, 4, attack)[0].mean()
        print(f"{rule} {attack}: {found:.2f}, alone {alone:.2f}")
        assert found <= alone + 1
    for attack in ATTACKS:
        plain = company(lambda: find("pooled"), batch, 4, attack)[0].mean()
        print(f"pooled {attack}: {plain:.2f}")
        assert plain > alone + 10
