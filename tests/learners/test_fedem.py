"""FedEM against a plain version of itself, what it contains, what it recovers, how it meets."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from learners import tree
from learners.coordination import CATALOG
from learners.coordination.fedem import Models, fedem
from learners.coordination.fedem_d import fedem_d
from learners.coordination.fedem_shares import expect, settle
from learners.coordination.pooled import pooled
from learners.coordination.scaled import scaled
from learners.exchange import Hub
from learners.features import CONSTANT_ID, Batch, Example, column, from_arrays, take
from learners.gossip import Gossip, cycle
from learners.place import Place
from learners.topology import ring as around
from learners.types import F32, F64, Bank, Inbox, Shape, Strategy
from streams.synthetic import generate
from tests.learners.fedem_plain import drawn, plain
from tests.learners.made import in_blocks, loop, pack, place, same, stream
from tests.learners.real import load

BITS = 14
seeds = st.integers(0, 2**31)


class Data:
    """Examples of tasks in random order, dense or with most values missing."""

    def __init__(
        self, seed: int, n: int = 400, tasks: int = 4, d: int = 6, holes: float = 0.0
    ) -> None:
        r = np.random.default_rng(seed)
        truth = r.normal(size=(2, d))
        self.task = r.integers(tasks, size=n)
        self.X = r.normal(size=(n, d)).astype(np.float32) * (r.random((n, d)) >= holes)
        margin = (self.X * truth[self.task % 2]).sum(1)
        self.y = r.random(n) < 1 / (1 + np.exp(-2 * margin))
        self.weights = r.choice([1.0, 2.5], size=n)

    def examples(self) -> list[Example]:
        return [
            Example(f"task {t}", {f"x{j}": float(v) for j, v in enumerate(x) if v}, bool(y), w)
            for t, x, y, w in zip(self.task, self.X, self.y, self.weights, strict=True)
        ]

    def batch(self) -> Batch:
        names = [f"task {t}" for t in self.task]
        return from_arrays(names, self.X, [bool(v) for v in self.y], bits=BITS)


def true_sign(where: Place) -> float:
    return 1.0 if where.classes.index(True) == 1 else -1.0


def theta_of(where: Place, bank: Bank, ids: list[int]) -> F64:
    """Components (M, d) in the features of those ids, signed for True."""
    columns = where._columns.find(np.array(ids, np.uint32))
    theta = bank.start.w + bank.common.mine + bank.common.heard
    return true_sign(where) * np.asarray(theta[columns, 0].T, np.float64)


def ids_of(d: int) -> list[int]:
    return [CONSTANT_ID, *(column(f"x{j}", BITS) for j in range(d))]


@pytest.mark.parametrize("step", ["coordinate", "mass"])
@pytest.mark.parametrize("keep", [50, 7, 0])
@pytest.mark.parametrize("sparse", [False, True])
def test_fast_is_plain(step: Literal["coordinate", "mass"], keep: int, sparse: bool) -> None:
    data = Data(1, holes=0.7, n=800) if sparse else Data(2)
    strategy = fedem(
        3, 0.3, keep=keep, scale=0.4, step=step, tempered=False, floor=0.03
    )  # fmt: skip
    where = place(strategy, period=0)
    said = where.learn(pack(data.examples())).probabilities[:, 0]
    ids, names = ids_of(data.X.shape[1]), [int(name) for name in where._classes.ids]
    false, true = names[where.classes.index(False)], names[where.classes.index(True)]
    start = np.array(
        [[0.4 * (drawn(true, i, m) - drawn(false, i, m)) for i in ids] for m in range(3)]
    )
    wide = np.concatenate([np.ones((len(data.X), 1)), data.X], 1)
    slow = plain(
        wide, data.y, data.task, data.weights.astype(np.float64), start, 0.3,
        keep=keep, by_mass=step == "mass", floor=0.01,
    )  # fmt: skip
    met = int(np.argmax(data.y != data.y[0])) + 1
    np.testing.assert_allclose(said[met:, where.classes.index(True)], slow.said[met:], atol=2e-4)
    np.testing.assert_allclose(theta_of(where, where.bank, ids), slow.theta, atol=2e-3)
    rows = where._tasks.rows([f"task {t}" for t in range(len(slow.pi))])
    np.testing.assert_allclose(where.bank.share.pi[rows], slow.pi, atol=2e-4)
    np.testing.assert_allclose(where.bank.start.N, slow.N, rtol=1e-3)
    assert np.ptp(slow.pi, axis=1).max() > 0.15  # they have made up their minds


def responsibilities(
    margins: F32, labels: NDArray[np.int64], pi: F64
) -> tuple[float, NDArray[np.float64], list[F64]]:
    """Weight, masses and each example's q by the compiled E step, margins (k, M, b)."""
    k, M, b = margins.shape
    truth = np.zeros((k, b), np.float32)
    for i, y in enumerate(labels):
        if k == 1:
            truth[0, i] = 1.0 if y else -1.0
        else:
            truth[y, i] = 0.5
    first = np.zeros((2, max(2, k)), np.int64)
    q, mass, whole, each = np.zeros(M), np.zeros(M), 0.0, []
    for i in range(b):
        p = np.zeros((M, b), np.float32)
        whole = expect(margins, truth, b, i, 1, 5, first, pi, q, mass, p)
        each.append(q.copy())
    return whole, mass, each


@given(seeds, st.sampled_from([2, 3, 5]), st.sampled_from([1, 3, 4]))
def test_e_and_m_step(seed: int, classes: int, M: int) -> None:
    r = np.random.default_rng(seed)
    k, b = 1 if classes == 2 else classes, 20
    margins = (r.normal(size=(k, M, b)) * 10 ** r.uniform(-1, 1)).astype(np.float32)
    labels, pi = r.integers(classes, size=b), r.dirichlet([1.0] * M)
    whole, mass, each = responsibilities(margins, labels, pi)
    assert whole == b
    np.testing.assert_allclose(np.sum(each, 1), 1.0, atol=1e-12)
    np.testing.assert_allclose(mass, np.sum(each, 0), atol=1e-12)
    full = np.concatenate([-margins / 2, margins / 2]) if k == 1 else margins
    full = full.astype(float) - full.max(0)
    p = np.exp(full[labels, :, np.arange(b)]) / np.exp(full).sum(0).T  # (b, M)
    wanted = pi * p
    np.testing.assert_allclose(each, wanted / wanted.sum(1, keepdims=True), rtol=2e-5, atol=1e-6)
    settle(pi, mass / whole, 0.0)
    np.testing.assert_allclose(pi, np.mean(each, 0), atol=1e-12)
    settle(pi, mass / whole, 0.01 / M)
    assert pi.sum() == pytest.approx(1.0, abs=1e-12) and pi.min() > 0.009 / M


def test_a_constant_added_to_all_losses_changes_nothing() -> None:
    r = np.random.default_rng(3)
    margins, labels = r.normal(size=(3, 3, 20)), r.integers(2, size=20)
    margins[2] = -60.0  # the third class hardly counts; then it takes half of all
    _, mass, each = responsibilities(margins.astype(np.float32), labels, np.ones(3) / 3)
    margins[2] = np.log(np.exp(margins[0]) + np.exp(margins[1]))
    _, other, others = responsibilities(margins.astype(np.float32), labels, np.ones(3) / 3)
    np.testing.assert_allclose(each, others, atol=1e-6)
    np.testing.assert_allclose(mass, other, atol=1e-5)


def test_full_steps_never_raise_the_objective() -> None:
    data, r = Data(4, n=120, tasks=6), np.random.default_rng(5)
    M, X, sign = 3, data.X.astype(float), np.where(data.y, 1.0, -1.0)
    theta, pi = 0.5 * r.normal(size=(M, X.shape[1])), np.full((6, M), 1 / M)
    L = np.linalg.eigvalsh(X.T @ X)[-1] / 4

    def objective() -> float:
        p = 1 / (1 + np.exp(-(theta @ X.T) * sign))
        return float(-np.log((pi[data.task].T * p).sum(0)).mean())

    values = [objective()]
    for _ in range(60):
        q = np.zeros((M, len(X)))
        for t in range(6):
            mine = np.flatnonzero(data.task == t)
            margins = (theta @ X[mine].T).astype(np.float32)[None]
            whole, mass, each = responsibilities(margins, data.y[mine].astype(int), pi[t])
            q[:, mine] = np.array(each).T
            settle(pi[t], mass / whole, 0.0)
        by_pi = objective()
        assert by_pi <= values[-1] + 1e-7
        away = (1 / (1 + np.exp(-(theta @ X.T))) - data.y) * q
        theta -= away @ X / L
        values.append(objective())
        assert values[-1] <= by_pi + 1e-7
    assert values[-1] < values[0] - 0.1


@pytest.mark.parametrize("third", [None, 60])
def test_one_component_is_one_model_for_all_to_the_bit(third: int | None) -> None:
    examples = [one._replace(weight=1.0) for one in stream(150, third=third)]
    for keep in (0, 10):
        here, there = place(fedem(1, scale=0.0, keep=keep)), place(pooled((2.0,)))
        same(in_blocks(here, examples, [40]), in_blocks(there, examples, [40]))


def test_frozen_corners_are_clusters_that_do_not_know_of_each_other() -> None:
    data = Data(6)
    examples = data.examples()

    def run(clusters: set[int]) -> Place:
        where = place(fedem(3, floor=0.0), period=0)
        where.learn(pack([Example(f"task {t}", {}, True, 0.0) for t in range(4)]))
        where.learn(pack([Example("task 0", {}, False, 0.0)]))
        for t in range(4):
            row = where._tasks.rows([f"task {t}"])[0]
            where.bank.share.pi[row] = [t % 2 == 0, t % 2 == 1, False]
        where.learn(pack([e for e in examples if int(e.task[-1]) % 2 in clusters]))
        return where

    both, ids = run({0, 1}), ids_of(6)
    for cluster in (0, 1):
        alone = run({cluster})
        np.testing.assert_array_equal(
            theta_of(both, both.bank, ids)[cluster], theta_of(alone, alone.bank, ids)[cluster]
        )
        assert alone.bank.common.mine[..., cluster].any()
        assert not alone.bank.common.mine[..., 1 - cluster].any()
        assert both.bank.share.pi[1:5].max(1).tolist() == [1.0] * 4


def permuted(bank: Bank, order: list[int]) -> Bank:
    def turned(names: str, leaf: F32) -> F32:
        for axis, name in enumerate(names):
            if name in "ef":
                leaf = leaf.take(order, axis)
        return leaf

    return tree.map(turned, bank)


def test_components_have_no_order() -> None:
    data = Data(7)
    here, there = place(fedem(3), period=0), place(fedem(3), period=0)
    for where in (here, there):
        where.learn(pack(data.examples()[:200]))
    there.bank = permuted(there.bank, [2, 0, 1])
    later = pack(data.examples()[200:])
    np.testing.assert_allclose(
        here.score(later).probabilities, there.score(later).probabilities, atol=1e-12
    )
    np.testing.assert_allclose(
        here.learn(later).probabilities, there.learn(later).probabilities, atol=1e-6
    )
    np.testing.assert_allclose(
        permuted(here.bank, [2, 0, 1]).share.pi, there.bank.share.pi, atol=1e-6
    )


@pytest.mark.parametrize("keep", [0, 50])
def test_whom_all_components_told_wrong_is_no_trouble(keep: int) -> None:
    where = place(fedem(3, keep=keep, step="mass", tempered=False))  # steps go much too far
    said = where.learn(pack(stream(300, third=200))).probabilities
    np.testing.assert_allclose(said[2:].sum(-1), 1.0, atol=1e-12)
    assert said[2:].min() < 1e-30  # as sure as can be
    np.testing.assert_allclose(where.bank.share.pi.sum(1), 1.0, atol=1e-12)


def test_without_examples_kept_a_block_is_its_examples_one_by_one() -> None:
    for third in (None, 0, 41):
        examples = stream(third=third)
        here, there = place(scaled(fedem(3, keep=0))), place(scaled(fedem(3, keep=0)))
        same(in_blocks(here, examples, []), loop(there, examples))
        assert here.digest() == there.digest()


def test_who_begin_alike_stay_alike() -> None:
    data = Data(8)
    where = place(fedem(3, scale=0.0))
    where.learn(pack(data.examples()))
    assert (where.bank.common.mine == where.bank.common.mine[..., :1]).all()
    assert where.bank.common.mine.any()
    np.testing.assert_allclose(where.bank.share.pi, 1 / 3, atol=1e-12)
    other = place(fedem(3))
    other.learn(pack(data.examples()))
    assert np.ptp(other.bank.share.pi, axis=1).max() > 0.5


def test_a_prediction_is_between_those_of_the_components() -> None:
    where = place(fedem(3))
    where.learn(pack(stream(200, third=50)))
    questions = pack(stream(60, seed=1))
    said, pi = where.score(questions).probabilities, where.bank.share.pi.copy()
    each = []
    for m in range(3):
        where.bank.share.pi[:] = np.arange(3) == m
        each.append(where.score(questions).probabilities)
    assert (said >= np.min(each, 0) - 1e-12).all() and (said <= np.max(each, 0) + 1e-12).all()
    assert (np.max(each, 0) - np.min(each, 0)).max() > 0.05
    assert not np.allclose(pi, 1 / 3)


def mixtures(seed: int, rounds: int, tasks: int = 20, **more: Any) -> tuple[Any, Batch]:
    """The paper's generator, and its examples by turns."""
    made = generate("mixture", tasks=tasks, rounds=rounds, seed=seed, **more)
    T, m, d = made.X.shape
    names = [f"task {i:03d}" for _ in range(T) for i in range(m)]
    return made, from_arrays(names, made.X.reshape(-1, d), (made.y.ravel() > 0).tolist(), bits=BITS)


def right(where: Place, batch: Batch) -> NDArray[np.bool_]:
    said = where.learn(batch).probabilities[:, 0]
    labels = np.array([where.classes.index(c) for c in batch.classes])[batch.label]
    correct: NDArray[np.bool_] = said.argmax(1) == labels
    return correct


def test_unseen_tasks_find_their_mixture_and_move_nothing() -> None:
    _, batch = mixtures(1, rounds=200, tasks=40)
    number = np.array([int(name[-3:]) for name in batch.tasks])[batch.task]
    known, unseen = (np.flatnonzero(chosen) for chosen in (number < 30, number >= 30))
    taught = Place(CATALOG["fedem"].make(), bits=BITS)
    right(taught, take(batch, known))
    data = taught.snapshot()
    asked = Place.restore(scaled(fedem(train=False)), data)
    frozen = asked.digest(), [leaf.copy() for leaf in asked.bank.bank.common]
    correct = right(asked, take(batch, unseen))
    assert asked.digest() != frozen[0]
    for before, after in zip(frozen[1], asked.bank.bank.common, strict=True):
        np.testing.assert_array_equal(before, after)
    one = Place(CATALOG["pooled"].make(), bits=BITS)
    right(one, take(batch, known))
    pooled_ = right(one, take(batch, unseen))
    late = slice(50 * 10, None)
    assert correct[late].mean() > pooled_[late].mean() + 0.02


def test_planted_mixtures_are_recovered() -> None:
    for seed in (0, 1):
        made, batch = mixtures(seed, rounds=500, tasks=40)
        where = Place(scaled(fedem(3)), bits=BITS)
        where.learn(batch)
        theta = theta_of(where, where.bank.bank, ids_of(20)[1:])
        truth = np.asarray(made.truth["components"]).T
        cosine = (theta / np.linalg.norm(theta, axis=1, keepdims=True)) @ (
            truth / np.linalg.norm(truth, axis=1, keepdims=True)
        ).T
        match = cosine.argmax(0)
        assert sorted(match) == [0, 1, 2]
        rows = where._tasks.rows([f"task {t:03d}" for t in range(40)])
        pi, shares = where.bank.bank.share.pi[rows][:, match], np.asarray(made.truth["shares"])
        assert cosine[match, range(3)].min() > 0.9
        assert np.corrcoef(pi.ravel(), shares.ravel())[0, 1] > 0.8


def told(x: F64, heard: F64, held: F64) -> Models:
    """Messages (places, d) of one component in as many features, of what was learnt and heard."""
    mine = (x - heard)[..., None, None]
    return Models(mine.astype(np.float32), heard[..., None, None].astype(np.float32), held)


def mixed(strategy: Strategy, message: Models, mixing: F64) -> F64:
    """What places have learnt and heard after a meeting."""
    s, d = message.held.shape
    none = np.zeros(0, np.int64)
    inbox = Inbox(message, (), none, none, Shape(0, d, 2), mixing, mixing)
    heard = strategy.mix((), inbox).heard
    return np.asarray((message.mine + heard)[..., 0, 0], np.float64)


def ring(n: int) -> F64:
    """Metropolis weights of a ring."""
    W = np.zeros((n, n))
    for i in range(n):
        W[i, (i + 1) % n] = W[i, (i - 1) % n] = 1 / 3
    return W + np.diag(1 - W.sum(1))


@given(seeds, st.integers(3, 9))
def test_mixing_keeps_the_sum_and_contracts(seed: int, n: int) -> None:
    r, W = np.random.default_rng(seed), ring(n)
    x, heard = r.normal(size=(2, n, 5))
    after = mixed(fedem_d(1), told(x, heard, np.ones((n, 5))), W)
    np.testing.assert_allclose(after, W @ x, atol=1e-6)
    np.testing.assert_allclose(after.sum(0), x.sum(0), atol=1e-5)
    second = sorted(abs(np.linalg.eigvalsh(W)))[-2]
    apart, before = (np.linalg.norm(one - one.mean(0), axis=0) for one in (after, x))
    assert (apart <= second * before + 1e-6).all()


@given(seeds, st.integers(2, 8))
def test_a_feature_is_mixed_among_those_that_know_it(seed: int, n: int) -> None:
    r, W = np.random.default_rng(seed), ring(max(3, n))
    held = r.integers(0, 3, size=(len(W), 4)).astype(float)
    x, heard = r.normal(size=(2, len(W), 4)) * (held > 0)
    after = mixed(fedem_d(1), told(x, heard, held), W)
    np.testing.assert_allclose(after.sum(0), x.sum(0), atol=1e-5)
    np.testing.assert_allclose(after[held == 0], 0, atol=1e-6)
    by_number = mixed(fedem(1, meeting="average"), told(x, heard, held), W)
    mean = (held * x).sum(0) / np.maximum(held.sum(0), 1)
    known = held > 0
    np.testing.assert_allclose(by_number[known], np.broadcast_to(mean, x.shape)[known], atol=1e-6)


def halves(make: Any, meetings: int = 6, n: int = 240) -> tuple[Hub, dict[str, Place]]:
    """Two places with half of the tasks and as many examples each, that have met."""
    data = Data(9, n=4 * n)
    examples, hub = data.examples(), Hub(make())
    places = {name: Place(make(), bits=BITS, period=0, name=name, hub=hub) for name in ("a", "b")}
    mine = [[e for e in examples if int(e.task[-1]) % 2 == i][:n] for i in range(2)]
    step = n // meetings
    for lo in range(0, n, step):
        for part, where in zip(mine, places.values(), strict=True):
            where.learn(pack(part[lo : lo + step]))
            hub.post(where.tell())
        for name, reply in hub.meet().items():
            places[name].hear(reply)
    return hub, places


def test_without_a_server_is_with_one_on_the_complete_graph() -> None:
    _, by_server = halves(lambda: fedem(meeting="average"))
    _, without = halves(fedem_d)
    for name in "ab":
        for (path, _, a), (_, _, b) in zip(
            tree.leaves(by_server[name].bank), tree.leaves(without[name].bank), strict=True
        ):
            np.testing.assert_allclose(a, b, atol=1e-5, err_msg=path)
    a, b = (theta_of(one, one.bank, ids_of(6)) for one in without.values())
    np.testing.assert_allclose(a, b, atol=1e-5)  # they have just met
    assert np.abs(a).max() > 0.5


@pytest.mark.parametrize("make", [fedem_d, lambda: fedem(meeting="average"), fedem])
def test_what_is_learnt_between_telling_and_hearing_is_kept(make: Any) -> None:
    hub, places = halves(make)
    a, ids = places["a"], ids_of(6)
    for one in places.values():
        hub.post(one.tell())
    before = theta_of(a, a.bank, ids)
    a.learn(pack([one._replace(task="task 0") for one in Data(10, n=40).examples()]))
    learnt = theta_of(a, a.bank, ids) - before
    assert np.abs(learnt).max() > 0.1
    assert a.hear(hub.meet()["a"])  # nobody had learnt: it hears what it heard
    np.testing.assert_allclose(theta_of(a, a.bank, ids), before + learnt, atol=1e-5)


def learnt(one: Place) -> F64:
    """What a place has learnt and heard of its components, by feature id."""
    bank = one.bank.bank
    columns = one._columns.find(np.array(ids_of(20), np.uint32))
    return true_sign(one) * np.asarray((bank.common.mine + bank.common.heard)[columns], np.float64)


def test_neighbours_on_a_ring_teach_each_other_and_agree() -> None:
    def run(seed: int, meets: bool) -> tuple[float, Gossip, dict[str, Place]]:
        batch, names = study("cluster", seed), "abcde"
        gossip = Gossip(CATALOG["fedem_d"].make(), around(names))
        places = {
            name: Place(CATALOG["fedem_d"].make(), bits=BITS, period=0, name=name, hub=hub)
            for name, hub in gossip.hubs.items()
        }
        homes = np.array([int(task[-2:]) % 5 for task in batch.tasks])[batch.task]
        mine = [np.flatnonzero(homes == i) for i in range(5)]
        correct = []
        for lo in range(0, 400, 8):
            for name, part in zip(names, mine, strict=True):
                correct.append(right(places[name], take(batch, part[lo : lo + 8])))
            if meets:
                cycle(places, gossip)
        return float(np.mean(correct)), gossip, places

    alone = np.mean([run(seed, meets=False)[0] for seed in range(4)])
    runs = [run(seed, meets=True) for seed in range(4)]
    assert np.mean([one[0] for one in runs]) > alone + 0.015
    _, gossip, places = runs[0]
    before = np.array([learnt(one) for one in places.values()])
    cycle(places, gossip, rounds=30)
    after = np.array([learnt(one) for one in places.values()])
    np.testing.assert_allclose(after.mean(0), before.mean(0), atol=1e-4)
    np.testing.assert_allclose(after, np.broadcast_to(before.mean(0), after.shape), atol=1e-3)
    assert np.ptp(before, axis=0).max() > 0.02


def test_components_begin_alike_wherever_classes_came_in_another_order() -> None:
    def began(labels: str, features: list[str]) -> F32:
        where = place(fedem(3), period=0)
        examples = [Example("t", {f: 1.0 for f in features}, label, 0.0) for label in labels]
        where.learn(pack([*examples, *examples]))
        columns = where._columns.find(
            np.array([column(f, BITS) for f in sorted(features)], np.uint32)
        )
        order = [where.classes.index(c) for c in sorted(labels)]
        w: F32 = where.bank.start.w[columns]
        return w if w.shape[1] == 1 else w[:, order]

    one = began("AB", ["x", "y"])
    other = began("BA", ["y", "x"])
    np.testing.assert_array_equal(one, -other)
    assert len(np.unique(np.abs(one))) == one.size  # features and components differ
    three = began("ABC", ["x", "y"])
    turned = began("CAB", ["y", "x"])
    np.testing.assert_allclose(  # a softmax does not see what all classes have in common
        three - three.mean(1, keepdims=True), turned - turned.mean(1, keepdims=True), atol=1e-6
    )
    np.testing.assert_allclose(three[:, 1] - three[:, 0], one[:, 0], atol=1e-6)


@pytest.mark.parametrize("name", ["fedem", "fedem_d"])
def test_nothing_of_a_task_is_told(name: str) -> None:
    where = Place(CATALOG[name].make(), bits=BITS)
    where.learn(pack(stream(100, third=50)))
    assert not any("t" in names for _, names, _ in tree.leaves(where.tell().tree))


def test_a_view_shows_the_mixture() -> None:
    where = Place(scaled(fedem(3)), bits=BITS)
    where.learn(Data(11).batch())
    weights = where.view("task 1").weights
    assert list(weights) == ["component 1", "component 2", "component 3"]
    assert sum(weights.values()) == pytest.approx(1.0)
    alike = dict(where.view("task 0").nearest)
    assert alike["task 2"] > 0.8 > alike["task 1"]  # of the same truth


def study(kind: str, seed: int) -> Batch:
    """20 tasks with 100 examples in random order: groups, one direction, or planted mixtures."""
    r, T, d, n = np.random.default_rng(seed), 20, 20, 100
    task = r.permutation(np.repeat(np.arange(T), n))
    if kind == "mixture":
        theta, pi = r.uniform(-1, 1, (3, d)), r.dirichlet([0.4] * 3, T)
        X = r.uniform(-1, 1, (T * n, d))
        component = np.array([r.choice(3, p=pi[t]) for t in task])
        y = (X * theta[component]).sum(1) + 0.1 * r.normal(size=len(X)) > 0
    else:
        X = r.normal(size=(T * n, d))
        centres = r.normal(size=(3, d))
        if kind == "cluster":
            centres *= 3 / np.linalg.norm(centres, axis=1, keepdims=True)
            W = centres[np.arange(T) % 3] + 0.2 * r.normal(size=(T, d))
        else:
            W = centres[0] + 0.5 * r.normal(size=(T, d))
        W *= 3 / np.linalg.norm(W, axis=1, keepdims=True)
        y = r.random(T * n) < 1 / (1 + np.exp(-2 * (X * W[task]).sum(1)))
    return from_arrays([f"task {t:02d}" for t in task], X, y.tolist(), bits=BITS)


# What FedEM wins over the better of each task alone and one model for all, in per cent of right
# answers, in the whole stream and its last quarter: the reference's.
@pytest.mark.parametrize(
    ("kind", "over", "won"),
    [
        ("cluster", "independent", (2.9, 3.0)),
        ("mixture", "independent", (6.0, 5.1)),
        ("mean", "pooled", (0.1, 1.6)),
    ],
)
def test_figures(kind: str, over: str, won: tuple[float, float]) -> None:
    def accuracy(name: str) -> F64:
        correct = [right(Place(name, bits=BITS), study(kind, seed)) for seed in range(8)]
        return 100 * np.array([np.mean(correct), np.mean([one[-500:] for one in correct])])

    np.testing.assert_allclose(accuracy("fedem") - accuracy(over), won, atol=2.0)


@pytest.mark.parametrize("name", ["landmine", "computer_survey", "vehicle_ditto"])
def test_real_tasks_in_company_err_less(data_dir: Path, name: str) -> None:
    batch = load(data_dir, name)
    errors = {
        one: 1 - right(Place(one), batch).mean() for one in ("fedem", "independent", "pooled")
    }
    assert errors["fedem"] < 0.97 * min(errors["independent"], errors["pooled"])


@pytest.mark.parametrize(
    ("name", "value"),
    [("components", 0), ("keep", -1), ("rate", -1.0), ("scale", np.inf), ("floor", 2.0)],
)
def test_bad_settings_are_named(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=name):
        fedem(**{name: value})
