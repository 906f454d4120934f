"""The generators: their exact numbers, the truth they state, and how hard they are."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from streams import Problem, generate
from streams.synthetic import KINDS

Array = NDArray[np.float64]


def reference_lowrank(
    m: int = 16, d: int = 50, r: int = 2, T: int = 2000, flip: float = 0.1, seed: int = 100
) -> tuple[Array, Array, Array]:
    """The reference set-up of online multi-task learning, word for word."""
    g = np.random.default_rng(seed)
    Ws = g.normal(size=(d, r)) @ g.normal(size=(r, m))
    Ws /= np.linalg.norm(Ws, axis=0)
    X = g.normal(size=(T, m, d))
    X /= np.linalg.norm(X, axis=2, keepdims=True)
    Y = np.sign(np.einsum("tmd,dm->tm", X, Ws))
    Y[Y == 0] = 1
    return X, np.where(g.random((T, m)) < flip, -Y, Y), Ws


def hinge_error(X: Array, Y: NDArray[np.int8], eta: float = 5.0) -> float:
    """The online error of each task's own hinge learner with steps eta / sqrt(t)."""
    T, m, d = X.shape
    W, wrong = np.zeros((m, d)), np.zeros(m)
    for t in range(T):
        score = (W * X[t]).sum(axis=1)
        wrong += np.where(score >= 0, 1, -1) != Y[t]
        W += eta / np.sqrt(t + 1) * np.where(score * Y[t] < 1, Y[t], 0)[:, None] * X[t]
    return float(wrong.mean() / T)


@pytest.mark.parametrize("seed", [100, 7])
def test_lowrank_is_the_reference_bit_for_bit(seed: int) -> None:
    X, Y, W = reference_lowrank(seed=seed)
    made = generate("lowrank", seed=seed)
    assert np.array_equal(made.X, X)
    assert np.array_equal(made.y, Y)
    assert np.array_equal(made.truth["weights"], W)


@pytest.mark.parametrize(
    ("kind", "own", "pooled"), [("lowrank", 0.198, 0.458), ("clustered", 0.198, 0.347)]
)
def test_the_reference_errors(kind: str, own: float, pooled: float) -> None:
    """The figures of the reference, whose spread over seeds is .003 and .015."""
    problems = [generate(kind, seed=100 + s) for s in range(3)]
    assert np.mean([hinge_error(p.X, p.y) for p in problems]) == pytest.approx(own, abs=0.004)
    flat = [hinge_error(p.X.reshape(-1, 1, 50), p.y.reshape(-1, 1)) for p in problems[:1]]
    assert np.mean(flat) == pytest.approx(pooled, abs=0.03)


def test_rank_and_clusters_are_what_was_asked_for() -> None:
    W = generate("lowrank", rank=3, rounds=1).truth["weights"]
    assert np.linalg.matrix_rank(W) == 3
    assert np.allclose(np.linalg.norm(W, axis=0), 1)
    W = generate("clustered", clusters=4, spread=0.0, rounds=1).truth["weights"]
    assert np.allclose(W[:, :4], W[:, 4:8])
    W = generate("mean", spread=0.0, rounds=1).truth["weights"]
    assert np.linalg.matrix_rank(W) == 1
    W = generate("independent", features=40, tasks=16, rounds=1).truth["weights"]
    assert np.linalg.matrix_rank(W) == 16


def test_the_clean_label_is_the_side_of_the_boundary() -> None:
    made = generate("independent", tasks=3, features=5, rounds=20)
    for t in range(20):
        for i in range(3):
            assert made.clean[t, i] == np.sign(made.X[t, i] @ made.truth["weights"][:, i])


def test_labels_are_flipped_as_often_as_asked() -> None:
    made = generate("independent", flip=0.1, noisy_tasks=0.25, noisy_flip=0.4, rounds=4000)
    rate = (made.y != made.clean).mean(axis=0)
    noisy = made.truth["noisy"]
    assert noisy.sum() == 4
    assert rate[noisy] == pytest.approx(np.full(4, 0.4), abs=0.04)
    assert rate[~noisy] == pytest.approx(np.full(12, 0.1), abs=0.03)


def test_a_steepness_of_six_leaves_the_best_learner_at_91_percent() -> None:
    made = generate("mean", features=20, rounds=4000, steepness=6, flip=0)
    assert (made.y == made.clean).mean() == pytest.approx(0.911, abs=0.004)


def test_abrupt_drift_changes_the_weights_half_way() -> None:
    made = generate("lowrank", tasks=2, features=6, rounds=100, drift="abrupt")
    before = np.einsum("tmd,dm->tm", made.X[:50], made.truth["weights"])
    after = np.einsum("tmd,dm->tm", made.X[50:], made.truth["later"])
    assert np.array_equal(np.sign(np.concatenate([before, after])), made.clean)


def test_gradual_drift_goes_from_the_one_to_the_other() -> None:
    made = generate("lowrank", tasks=2, features=6, rounds=90, drift="gradual")
    still = generate("lowrank", tasks=2, features=6, rounds=90)
    assert np.array_equal(made.clean[:31], still.clean[:31])
    after = np.einsum("tmd,dm->tm", made.X[60:], made.truth["later"])
    assert np.array_equal(np.sign(after), made.clean[60:])
    half = np.einsum("md,dm->m", made.X[45], made.truth["weights"] + made.truth["later"])
    assert np.array_equal(np.sign(half), made.clean[45])


@pytest.mark.parametrize("extra", [{"drift": "gradual"}, {"noisy_tasks": 0.5}, {"outliers": 0.1}])
def test_what_is_wrong_is_added_to_the_same_numbers(extra: dict[str, object]) -> None:
    plain, made = generate("clustered", rounds=50), generate("clustered", rounds=50, **extra)
    hit = made.truth.get("outliers", np.zeros(made.y.shape, bool))
    assert np.array_equal(plain.X[~hit], made.X[~hit])
    assert np.array_equal(plain.truth["weights"], made.truth["weights"])
    assert not np.array_equal(plain.y, made.y)


def test_outliers_are_far_out_and_mislabelled() -> None:
    plain, made = generate("mean"), generate("mean", outliers=0.05, outlier_factor=20)
    hit = made.truth["outliers"]
    assert hit.mean() == pytest.approx(0.05, abs=0.005)
    assert np.array_equal(made.X[hit], 20 * plain.X[hit])
    assert np.array_equal(made.y[hit], -plain.y[hit])
    assert np.array_equal(made.y[~hit], plain.y[~hit])


@pytest.mark.parametrize("lie", ["flip", "scale"])
def test_liars_lie_and_the_others_do_not(lie: str) -> None:
    plain, made = generate("mean", rounds=400), generate("mean", rounds=400, liars=0.25, lie=lie)
    liars, lies = made.truth["liars"], made.truth["lies"]
    assert liars.sum() == 4
    assert not lies[:, ~liars].any()
    assert lies[:, liars].mean() == pytest.approx(1 if lie == "flip" else 0.5, abs=0.04)
    change = -1 if lie == "flip" else 1
    assert np.array_equal(made.y, np.where(lies, change * plain.y, plain.y))
    factor = np.where(lies, 1e6 if lie == "scale" else 1, 1)
    assert np.array_equal(made.X, plain.X * factor[:, :, None])


def test_a_mixture_follows_its_components() -> None:
    made = generate("mixture", tasks=5, rounds=3000, noise=0.0, seed=3)
    drawn, shares = made.truth["component"], made.truth["shares"]
    for i in range(5):
        counts = np.bincount(drawn[:, i], minlength=3) / 3000
        assert counts == pytest.approx(shares[i], abs=0.04)
        theta = made.truth["components"][:, drawn[0, i]]
        assert made.y[0, i] == np.sign(made.X[0, i] @ theta)
    assert np.array_equal(made.y, made.clean)
    assert np.abs(made.X).max() <= 1


def test_a_turned_point_has_the_label_of_its_curve() -> None:
    made = generate("rotated", tasks=3, rounds=30, seed=5)
    shapes, turns = made.truth["shapes"], made.truth["turns"]
    assert np.array_equal(shapes[0], [0, 1, 1, 1, 1])
    assert turns[0] == 0
    for t in range(30):
        for i in range(3):
            x1, x2 = made.truth["points"][t, i]
            turn, a = turns[i], shapes[i]
            turned = complex(x1, x2) * complex(np.cos(turn), np.sin(turn))
            s = turned.real - a[0]
            h = a[1] * np.sin(s) + a[2] * np.sin(2 * s) + a[3] * np.cos(s) + a[4] * np.cos(2 * s)
            assert made.y[t, i] == (1 if turned.imag >= h else -1)
            features = np.array(
                [x1, x2, x1 * x2, x1**2, x2**2, x1**3, x2**3, x1 * x2**2, x1**2 * x2]
            )
            assert made.X[t, i] == pytest.approx(features / np.linalg.norm(features))


def test_rotated_tasks_are_as_hard_as_the_reference() -> None:
    made = generate("rotated", rounds=4000)
    assert hinge_error(made.X, made.y) == pytest.approx(0.093, abs=0.01)


def same(a: Problem, b: Problem) -> bool:
    return np.array_equal(a.X, b.X) and np.array_equal(a.y, b.y)


@pytest.mark.parametrize("kind", KINDS)
def test_one_seed_one_problem(kind: str) -> None:
    assert same(generate(kind, rounds=9, seed=4), generate(kind, rounds=9, seed=4))
    assert not same(generate(kind, rounds=9, seed=4), generate(kind, rounds=9, seed=5))


@pytest.mark.parametrize("kind", KINDS)
def test_a_round_is_one_example_of_each_task_in_order(kind: str) -> None:
    made = generate(kind, tasks=11, rounds=3)
    events = list(made.events())
    assert [event.task for event in events] == [f"task{i:02d}" for i in range(11)] * 3
    assert [event.t for event in events] == [float(t) for t in range(3) for _ in range(11)]
    event = events[11 + 4]
    assert list(event.x.values()) == made.X[1, 4].tolist()
    assert event.y == made.y[1, 4]
