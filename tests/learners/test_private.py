"""What `private` tells: how far it may be from the state, that it is repeatable, what it costs."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import kstest, norm

from learners import tree
from learners.coordination.laplacian import laplacian
from learners.coordination.private import private, releases
from learners.coordination.private_rules import clipped, epsilon, normals, rho
from learners.coordination.scaled import scaled
from learners.coordination.shared import shared
from learners.features import Example
from learners.place import Place
from learners.types import F64, Strategy
from tests.learners.made import pack, place, raw, stream

SECRET = b"nobody knows"


def words(where: Place) -> F64:
    """What its tasks tell, (tasks, numbers)."""
    (leaf,) = [leaf for _, _, leaf in tree.leaves(where.tell().tree)]
    return leaf.reshape(len(leaf), -1).astype(np.float64)


def lapl(clip: float, noise: float, secret: bytes = SECRET) -> Strategy:
    return private(laplacian((2.0,)), clip, noise, secret)


def test_noise_is_normal_and_follows_from_the_key() -> None:
    one = normals(b"one", 20_000)
    assert kstest(one, "norm").pvalue > 0.01
    np.testing.assert_array_equal(normals(b"one", 7), one[:7])
    other = normals(b"two", 20_000)
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.03
    # The same bits everywhere: state follows from them.
    assert [x.hex() for x in normals(b"one", 2).tolist()] == [x.hex() for x in one[:2].tolist()]


def test_a_change_is_no_longer_than_the_clip() -> None:
    change = np.array([3.0, 4.0])
    np.testing.assert_array_equal(clipped(change, 5.0), change)
    np.testing.assert_allclose(clipped(change, 1.0), [0.6, 0.8])
    assert not clipped(np.zeros(3), 1.0).any()


def test_without_noise_to_speak_of_the_word_follows_the_state_by_clips() -> None:
    # What was cut off is told the next time: a state that rests is reached.
    clip = 0.05
    here = place(lapl(clip, 1e-9), lag=0)
    here.learn(pack(stream(16)))
    seen = [words(here)]
    for _ in range(60):
        here.learn(pack([Example(name, {}, "ham", 0.0) for name in here.tasks]))
        here.hub.post(here.tell())
        here.hear(here.hub.meet()["here"])
        seen.append(words(here))
    steps = [np.linalg.norm(b - a, axis=1) for a, b in zip(seen, seen[1:], strict=False)]
    np.testing.assert_allclose(steps[0], clip, rtol=1e-5)  # it is held to it
    assert max(step.max() for step in steps) <= clip * (1 + 1e-6)
    v = here.bank.bank.base.v[here._tasks.rows(here.tasks)]
    state = v[:, here._columns.sorted()].reshape(len(v), -1)
    assert np.linalg.norm(state, axis=1).min() > 2 * clip
    np.testing.assert_allclose(seen[-1], state, atol=1e-3)


def test_a_release_is_the_clipped_change_and_noise_of_its_size() -> None:
    noise, clip = 3.0, 0.5
    apart = []
    for secret in range(40):
        made = {}
        for sigma in (noise, 1e-12):
            here = place(lapl(clip, sigma, str(secret).encode()), lag=0)
            here.learn(pack(stream(16)))
            made[sigma] = words(here)
        apart.append(made[noise] - made[1e-12])
    all_of_it = np.concatenate([one.ravel() for one in apart])
    spoken = all_of_it[all_of_it != 0]
    assert kstest(spoken / (noise * clip), "norm").pvalue > 0.01
    assert abs(spoken.mean()) < 0.1


def test_noise_goes_on_features_that_a_task_has_not_seen() -> None:
    here = place(lapl(1.0, 1.0), lag=0)
    for _ in range(8):
        here.learn(pack([Example("a", {"x": 1.0}, "ham"), Example("b", {"z": 1.0}, "spam")]))
    assert (words(here) != 0).all()


def test_asked_again_it_is_the_same_and_without_news_nothing_is_released() -> None:
    here = place(lapl(1.0, 1.0), lag=0)
    here.learn(pack(stream(32)))
    rows = here._tasks.rows(here.tasks)
    count = releases(here.bank, rows)
    assert (count >= 1).all()
    assert (count <= 2).all()
    told = raw(here.tell().tree)
    for _ in range(3):
        assert raw(here.tell().tree) == told
        here.hub.post(here.tell())
        here.hear(here.hub.meet()["here"])
    assert raw(here.tell().tree) == told
    np.testing.assert_array_equal(releases(here.bank, rows), count)


def test_another_secret_another_word_and_a_snapshot_keeps_both() -> None:
    one, other = (place(lapl(1.0, 1.0, s)) for s in (b"one", b"other"))
    for here in (one, other):
        here.learn(pack(stream(40)))
    assert raw(one.tell().tree) != raw(other.tell().tree)
    again = Place.restore(lapl(1.0, 1.0, b"one"), one.snapshot())
    for here in (one, again):
        here.learn(pack(stream(40, 1)))
    assert again.digest() == one.digest()


def test_a_place_pays_for_what_is_common() -> None:
    here = place(scaled(private(shared((2.0,)), 1.0, 0.5, SECRET), by="task"), lag=0)
    here.learn(pack(stream(64)))
    bank = here.bank.bank
    assert bank.ledger.place_releases[0] == 4
    assert not releases(bank, here._tasks.rows(here.tasks)).any()
    told = here.tell().tree[0]
    assert told.mine.any()
    assert (told.g >= 0).all()  # of squares, whatever the noise


def test_nothing_of_an_example_is_told_but_by_way_of_the_word() -> None:
    # The state of a task whose examples are other ones, told by the same noise: as the first, but
    # for a change of two clips at most.
    clip = 0.05
    said = []
    for label in ("ham", "spam"):
        here = place(lapl(clip, 1e-9), lag=0)
        examples = [Example("a", {"x": float(i % 3)}, label) for i in range(15)]
        here.learn(pack([*examples, Example("a", {}, "ham"), Example("a", {}, "spam", 0.0)][:16]))
        said.append(words(here))
    wide = min(one.shape[1] for one in said)
    assert np.linalg.norm(said[0][:, :wide] - said[1][:, :wide]) <= 2 * clip + 1e-6


def exact(count: int, noise: float, delta: float) -> float:
    """Epsilon of so many Gaussians: one of mean 2 sqrt(count) / noise (Balle & Wang 2018)."""
    mu = 2 * math.sqrt(count) / noise

    def over(e: float) -> float:
        spent: float = norm.cdf(mu / 2 - e / mu) - math.exp(e) * norm.cdf(-mu / 2 - e / mu)
        return spent - delta

    found: float = brentq(over, 0.0, 200.0)
    return found


@pytest.mark.parametrize(("count", "noise"), [(1, 4.0), (10, 8.0), (100, 20.0)])
def test_the_ledger_s_unit_bounds_epsilon(count: int, noise: float) -> None:
    spent = rho(count, noise)
    assert spent == pytest.approx(count * rho(1, noise))
    bound = spent + 2 * math.sqrt(spent * math.log(1e6))  # Bun & Steinke 2016, proposition 1.3
    assert exact(count, noise, 1e-6) <= bound <= 1.5 * exact(count, noise, 1e-6)


@pytest.mark.parametrize(("count", "noise"), [(1, 4.0), (10, 8.0), (100, 20.0)])
def test_epsilon_is_the_accountant_s(count: int, noise: float) -> None:
    pytest.importorskip("dp_accounting")
    assert epsilon(count, noise, 1e-6) == pytest.approx(exact(count, noise, 1e-6), rel=1e-3)
    assert epsilon(0, noise, 1e-6) == 0.0


def test_without_the_accountant_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dp_accounting", None)
    with pytest.raises(ImportError, match=r"kindred\[private\]"):
        epsilon(1, 1.0, 1e-6)


def test_what_is_out_of_range_is_refused() -> None:
    good = {"clip": 1.0, "noise": 1.0, "secret": SECRET}
    for wrong in ({"clip": 0.0}, {"noise": -1.0}, {"noise": math.inf}, {"secret": b""}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            private(shared((2.0,)), **(good | wrong))  # type: ignore[arg-type]
