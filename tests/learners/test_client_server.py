"""Client-server learning against the batch solution in kernels, its limits, what it tells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm

from learners.coordination.client_server import client_server
from learners.coordination.client_server_kernels import normal, packed, place_of, times, unpacked
from learners.exchange import Hub
from learners.features import Batch, Example, batch, column
from learners.place import Place
from learners.types import Strategy

Array = NDArray[np.float64]
D, NOISE = 64, 0.3


def free_names(n: int) -> list[str]:
    """Names of features that share no place."""
    names: list[str] = []
    taken = {0}
    i = 0
    while len(names) < n:
        place = place_of(column(f"f{i}", 14), D)[0]
        if place not in taken:
            taken.add(place)
            names.append(f"f{i}")
        i += 1
    return names


NAMES = free_names(12)


class Data:
    """Examples of several tasks, with importance; and their features as D numbers."""

    def __init__(self, seed: int, n: int = 80, T: int = 4, weighted: bool = True) -> None:
        random = np.random.default_rng(seed)
        X = random.normal(size=(n, len(NAMES))).astype(np.float32)
        self.task = random.integers(T, size=n)
        w = random.normal(size=len(NAMES)) + 0.5 * random.normal(size=(T, len(NAMES)))
        self.y = np.sign(np.einsum("nd,nd->n", X, w[self.task]) + random.normal(size=n))
        choice = [1.0, 1.0, 2.5] if weighted else [1.0]
        self.weight = random.choice(choice, size=n)
        self.phi = np.zeros((n, D))
        self.phi[:, 0] = 1.0
        for j, name in enumerate(NAMES):
            at, sign = place_of(column(name, 14), D)
            self.phi[:, at] = sign * X[:, j]
        self.examples = [
            Example(
                f"task {t}", dict(zip(NAMES, map(float, x), strict=True)), bool(y > 0), float(v)
            )
            for t, x, y, v in zip(self.task, X, self.y, self.weight, strict=True)
        ]  # fmt: skip

    def solved(self, a: float, of: NDArray[np.int64]) -> tuple[Array, Array]:
        """w_0, and w_0 + w_t by task, of those examples: (K + lambda / weight) c = y."""
        phi, y, task = self.phi[of], self.y[of], self.task[of]
        same = task[:, None] == task
        K = (a + (1 - a) * same) * (phi @ phi.T)
        c = np.linalg.solve(K + np.diag(NOISE / self.weight[of]), y)
        w0 = a * phi.T @ c
        T = int(self.task.max()) + 1
        return w0, w0 + (1 - a) * np.array([phi[task == t].T @ c[task == t] for t in range(T)])


def made(*, a: float = 0.6, size: int = 1, passive: bool = False) -> Strategy:
    return client_server((a,), noise=NOISE, D=D, batch=size, passive=passive)


def pack(examples: list[Example]) -> Batch:
    return batch(examples, 14)


def learnt(strategy: Strategy, examples: list[Example], hub: Hub | None = None) -> Place:
    """A place that learnt them, with classes in the usual order, and has not met since."""
    place = Place(strategy, bits=14, period=0, hub=hub)
    place.learn(pack([Example("names", {}, label, 0.0) for label in (False, True)]))
    place.forget("names")
    place.learn(pack(examples))
    return place


def meet(*places: Place) -> None:
    hub = places[0].hub
    for place in places:
        hub.post(place.tell())
    replies = hub.meet()
    for place in places:
        if place.name in replies:
            place.hear(replies[place.name])


def weights(place: Place, t: int, a: float) -> tuple[Array, Array]:
    """w_0 and w_0 + w_t as they are kept, in float64."""
    row = place._tasks.row[f"task {t}"]
    Lambda, eta, w0 = (
        place.bank.client.Lambda[row, 0], place.bank.client.eta[row, 0, 0],
        place.bank.common.w0[0, 0],
    )  # fmt: skip
    return w0, w0 + (1 - a) * (eta - unpacked(Lambda, D) @ w0)


@pytest.mark.parametrize("a", [0.0, 0.3, 0.8, 1.0])
def test_it_is_the_batch_solution_whatever_the_order(a: float) -> None:
    data = Data(0)
    everything = np.arange(80)
    w0, w = data.solved(a, everything)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(80)
        place = learnt(made(a=a), [data.examples[i] for i in order])
        meet(place)
        for t in range(4):
            found = weights(place, t, a)
            np.testing.assert_allclose(found[0], w0, atol=1e-12)
            np.testing.assert_allclose(found[1], w[t], atol=1e-12)


def test_meetings_on_the_way_change_nothing() -> None:
    data = Data(1)
    w0, w = data.solved(0.6, np.arange(80))
    places = [Place(made(), bits=14, period=0, name=name, hub=Hub(made())) for name in "ab"]
    hub = places[0].hub
    places[1].hub = places[1].talk.hub = hub
    names = pack([Example("names", {}, label, 0.0) for label in (False, True)])
    for i, place in enumerate(places):
        place.learn(names)
        place.forget("names")
        for j in range(80):
            if data.task[j] % 2 == i:
                place.learn(pack([data.examples[j]]))
                if j % 7 == 0:
                    meet(*places)
    meet(*places)
    for t in range(4):
        found = weights(places[t % 2], t, 0.6)
        np.testing.assert_allclose(found[0], w0, atol=1e-12)
        np.testing.assert_allclose(found[1], w[t], atol=1e-12)


def test_answers_are_by_the_exact_mean_and_variance() -> None:
    data, a = Data(2, weighted=False), 0.6
    place = learnt(made(a=a), data.examples)
    meet(place)
    task = data.task
    K = (a + (1 - a) * (task[:, None] == task)) * (data.phi @ data.phi.T) + NOISE * np.eye(80)
    asked = Data(3)
    said = place.score(pack(asked.examples)).probabilities[:, 0]
    for i in range(80):
        k = (a + (1 - a) * (task == asked.task[i])) * (data.phi @ asked.phi[i])
        mean = k @ np.linalg.solve(K, data.y)
        variance = asked.phi[i] @ asked.phi[i] - k @ np.linalg.solve(K, k)
        p = norm.cdf(mean / np.sqrt(NOISE + variance))
        np.testing.assert_allclose(said[i], [1 - p, p], atol=1e-10)


def test_the_model_shown_is_that_of_the_answers() -> None:
    data = Data(4)
    place = learnt(made(), data.examples)
    meet(place)
    ids = np.array([0, *(column(name, 14) for name in NAMES)], np.uint32)
    columns = place._columns.find(ids)
    w = data.solved(0.6, np.arange(80))[1]
    model = place.strategy.model(place.bank, place._tasks.rows([f"task {t}" for t in range(4)]))
    for j, name in enumerate(ids):
        at, sign = place_of(int(name), D)
        np.testing.assert_allclose(model[:, columns[j], 0, 0], sign * w[:, at], atol=1e-6)


def test_passive_clients_change_nothing_at_the_server_and_learn_from_it() -> None:
    data = Data(5)
    active = [one for one, t in zip(data.examples, data.task, strict=True) if t < 3]
    mine = [one for one, t in zip(data.examples, data.task, strict=True) if t == 3]
    hub = Hub(made())
    here = learnt(made(), active, hub)
    here.name = "active"
    meet(here)
    before = here.bank.common.w0.tobytes(), here.bank.common.M.tobytes()
    there = learnt(made(passive=True), mine, hub)
    there.name = "passive"
    assert not any(leaf.any() for leaf in there.tell().tree)
    meet(here, there)
    assert (here.bank.common.w0.tobytes(), here.bank.common.M.tobytes()) == before
    w0 = data.solved(0.6, np.flatnonzero(data.task < 3))[0]
    phi, y, v = (part[data.task == 3] for part in (data.phi, data.y, data.weight))
    K = 0.4 * phi @ phi.T + np.diag(NOISE / v)  # with w_0 as it is
    found = weights(there, 3, 0.6)
    np.testing.assert_allclose(found[0], w0, atol=1e-12)
    right = w0 + 0.4 * phi.T @ np.linalg.solve(K, y - phi @ w0)
    np.testing.assert_allclose(found[1], right, atol=1e-12)


def test_data_make_nothing_less_certain() -> None:
    data, a = Data(6), 0.6
    place = learnt(made(a=a), data.examples[:1])
    covariances, servers = [], []
    for one in data.examples[1:30]:
        place.learn(pack([one]))
        meet(place)
        row = place._tasks.row["task 1"] if "task 1" in place.tasks else 0
        Lambda = unpacked(place.bank.client.Lambda[row, 0], D)
        covariances.append((1 - a) * (np.eye(D) - (1 - a) * Lambda))
        servers.append(unpacked(place.bank.common.M[0], D))
    for some in (covariances, servers):
        assert np.linalg.eigvalsh(some[-1])[0] > 0
        for before, after in zip(some, some[1:], strict=False):
            assert np.linalg.eigvalsh(before - after)[0] > -1e-10


def test_a_task_without_data_answers_from_what_all_have_in_common() -> None:
    data = Data(7)
    place = learnt(made(), data.examples)
    meet(place)
    w0 = data.solved(0.6, np.arange(80))[0]
    asked = [one._replace(task="nobody") for one in data.examples[:20]]
    said = place.score(pack(asked)).probabilities[:, 0, 1]
    np.testing.assert_array_equal(said > 0.5, data.phi[:20] @ w0 > 0)


def test_states_are_told_by_whole_batches() -> None:
    data = Data(8, n=40, T=1, weighted=False)
    place = learnt(made(size=5), data.examples[:4])
    assert not any(leaf.any() for leaf in place.tell().tree)
    place.learn(pack(data.examples[4:5]))
    told = place.tell().tree
    assert np.linalg.matrix_rank(unpacked(told.Lambda[0, 0], D), 1e-9) == 5
    for i in range(5, 9):
        place.learn(pack(data.examples[i : i + 1]))
        assert place.tell().tree.Lambda.tobytes() == told.Lambda.tobytes()
    place.learn(pack(data.examples[9:10]))
    now = place.tell().tree
    apart = unpacked(now.Lambda[0, 0] - told.Lambda[0, 0], D)
    assert np.linalg.matrix_rank(apart, 1e-9) == 5  # never one example alone
    assert now._fields == ("Lambda", "eta")
    assert sum(leaf[0].size for leaf in now) == D * (D + 3) // 2


def test_no_value_of_an_example_is_told() -> None:
    data = Data(9, n=16, T=1)
    canary = 1.2345678
    examples = [
        one._replace(features={**one.features, NAMES[0]: canary}) for one in data.examples
    ]  # fmt: skip
    told = learnt(made(size=8), examples).tell().tree
    bytes_of_all = b"".join(leaf.tobytes() for leaf in told)
    for form in (np.float32(canary), np.float64(np.float32(canary)), np.float64(canary)):
        assert form.tobytes() not in bytes_of_all and (-form).tobytes() not in bytes_of_all
    assert any(leaf.any() for leaf in told)


def test_features_that_share_a_place_add_up() -> None:
    names = [f"g{i}" for i in range(200)]
    at = [place_of(column(name, 14), D) for name in names]
    first = next(i for i in range(200) if at[i][0] in {place for place, _ in at[:i]})
    other = next(i for i in range(first) if at[i][0] == at[first][0])
    cancel = -1.0 if at[first][1] == at[other][1] else 1.0
    place = learnt(made(), [Example("task 0", {names[first]: 1.0, names[other]: cancel}, True)])
    nothing = learnt(made(), [Example("task 0", {}, True)])
    for a, b in zip(place.bank.client, nothing.bank.client, strict=True):
        np.testing.assert_array_equal(a, b)
    places, signs = zip(*at, strict=True)
    assert min(places) > 0 and len(set(places)) > 50 and 60 < signs.count(1.0) < 140


def test_normal_is_within_rounding() -> None:
    z = np.linspace(-9, 9, 3001)
    got = np.array([normal(v) for v in z])
    np.testing.assert_allclose(got, norm.cdf(z), rtol=1e-10, atol=1e-17)
    assert np.abs(got - norm.cdf(z)).max() < 1e-14
    assert normal(-60.0) == 0.0 and normal(60.0) == 1.0


def test_packed_is_whole() -> None:
    random = np.random.default_rng(0)
    A, x, out = random.normal(size=(9, 9)), random.normal(size=9), np.zeros(9)
    A = A + A.T
    times(packed(A), x, out)
    np.testing.assert_allclose(out, A @ x, atol=1e-13)
    np.testing.assert_array_equal(unpacked(packed(A), 9), A)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"shares": (1.2,)}, "shares"), ({"noise": 0.0}, "noise"), ({"D": 1}, "D"),
        ({"batch": 0}, "batch"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        client_server(**wrong)
