from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from learners.coordination import find
from learners.coordination.river import recipe
from learners.features import Batch, Example, batch, join
from learners.place import Place

TREE = "river:tree.HoeffdingTreeClassifier"
NAMES = [
    TREE,
    "river:naive_bayes.GaussianNB",
    "river:linear_model.LogisticRegression",  # of two classes only
    "river:linear_model.SoftmaxRegression",
    "river:neighbors.KNNClassifier",
    "river:forest.AMFClassifier",  # random
    "river:forest.ARFClassifier",  # random
    f"auto+{TREE}",
    "independent+river:naive_bayes.BernoulliNB",
]


def stream(n: int, tasks: str = "abc", classes: int = 3, seed: int = 0) -> list[Example]:
    random = np.random.default_rng(seed)
    examples = []
    for _ in range(n):
        x = random.normal(size=4)
        y = int(abs(x[0] + 0.2 * x[1]) * 1.2) % classes
        features: dict[str, object] = {f"x{i}": float(v) for i, v in enumerate(x)}
        if random.random() < 0.5:
            features["word"] = random.choice(["red", "green"])
        examples.append(Example(str(random.choice(list(tasks))), features, f"c{y}"))
    return examples


def learn(place: Place, examples: list[Example]) -> Batch:
    whole = batch(examples)
    place.learn(whole)
    return whole


@pytest.mark.parametrize("name", NAMES)
def test_a_block_is_its_examples_one_by_one(name: str) -> None:
    examples = stream(120)
    block, loop = Place(name, period=50), Place(name, period=50)
    said = block.learn(batch(examples)).probabilities
    for i, example in enumerate(examples):
        one = loop.learn(batch([example])).probabilities[0]
        assert (said[i, :, : one.shape[1]] == one).all()
    query = batch(stream(10, tasks="abz", seed=1))
    assert (block.score(query).probabilities == loop.score(query).probabilities).all()


@pytest.mark.parametrize("name", NAMES)
def test_scores_are_probabilities_and_scoring_changes_nothing(name: str) -> None:
    place = Place(name)
    said = place.learn(batch(stream(100))).probabilities
    assert ((said >= 0) & (said <= 1)).all()
    assert np.allclose(said[3:, 0].sum(-1), 1.0)
    query = batch(stream(20, seed=2))
    once, twice = place.score(query).probabilities, place.score(query).probabilities
    assert (once == twice).all()


@pytest.mark.parametrize("name", [TREE, "river:forest.ARFClassifier"])
def test_other_tasks_change_nothing(name: str) -> None:
    """The order in which features of others appeared, above all, which no clone may notice."""
    own = stream(80, tasks="a")
    others = [Example("b", {f"y{i}": 1.0, "x3": 2.0 * i}, "c1") for i in range(80)]
    alone, among = Place(name), Place(name)
    mixed = [e for pair in zip(others, own, strict=True) for e in pair]
    by_itself = alone.learn(batch(own))
    in_company = among.learn(batch(mixed))
    c = [in_company.classes.index(label) for label in by_itself.classes]
    met_two = 1 + next(i for i, e in enumerate(own) if e.label != own[0].label)
    got = in_company.probabilities[1::2][met_two:, 0][:, c]
    assert (got == by_itself.probabilities[met_two:, 0]).all()


def test_it_learns_what_river_alone_learns() -> None:
    """The oracle: the very classifier, fed by hand."""
    examples = stream(400, tasks="a", classes=2)
    place, model = Place(TREE), recipe(TREE.removeprefix("river:"))[0](0)
    said = place.learn(batch(examples))
    index = {label: c for c, label in enumerate(said.classes)}  # as the one task met them
    b = batch(examples)
    for i, example in enumerate(examples):
        ids, values = b.columns[b.indptr[i] : b.indptr[i + 1]], b.values[b.indptr[i] :]
        x = {int(d): float(v) for d, v in zip(ids, values, strict=False) if d != 0}
        p = model.predict_proba_one(x)
        if len(p) == 2:
            for c in (0, 1):
                assert said.probabilities[i, 0, c] == pytest.approx(p[c], abs=1e-12)
        model.learn_one(x, index[str(example.label)])


def test_a_third_class_comes_to_a_classifier_of_two() -> None:
    place = Place("river:linear_model.LogisticRegression")
    learn(place, [Example("a", {"x": float(i % 3 == c)}, c) for i in range(90) for c in range(3)])
    assert place.classes == (0, 1, 2)
    assert place.score(batch([Example("a", {"x": 1.0})])).probabilities[0, 0].min() > 0


def test_a_forgotten_task_is_as_new() -> None:
    place = Place(TREE)
    learn(place, stream(50, tasks="ab"))
    query = batch([Example("a", {"x0": 2.0})])
    assert place.forget("a")
    never = place.score(batch([Example("zz", {"x0": 2.0})])).probabilities
    assert (place.score(query).probabilities == never).all()
    learn(place, stream(10, tasks="a"))
    assert place.view("a").seen == 10


def test_a_model_that_breaks_begins_again() -> None:
    """A journal that holds an example on which river raises can still be replayed."""
    place = Place("river:naive_bayes.MultinomialNB")
    learn(place, [Example("a", {"n": 1.0 + i % 2, "m": 1.0}, i % 2 == 0) for i in range(20)])
    learn(place, [Example("a", {"n": -1e30, "m": -1.0}, True) for _ in range(3)])
    said = place.score(batch([Example("a", {"n": 2.0, "m": 1.0})])).probabilities
    assert np.isfinite(said).all() and said[0, 0].sum() == pytest.approx(1.0)
    assert place.view("a").seen == 23


def test_weights_reach_those_that_take_them() -> None:
    heavy, light = Place(TREE), Place(TREE)
    examples = stream(60, tasks="a", classes=2)
    learn(heavy, [e._replace(weight=50.0) for e in examples])
    learn(light, examples)
    query = batch(stream(20, tasks="a", seed=4))
    assert (heavy.score(query).probabilities != light.score(query).probabilities).any()
    for name in ("river:naive_bayes.GaussianNB", TREE):
        none = Place(name)
        learn(none, [e._replace(weight=0.0) for e in examples])
        assert np.allclose(none.score(query).probabilities, 0.5)


def test_as_an_expert_of_the_mixture_it_costs_at_most_its_share() -> None:
    """On an interval only a tree is any good, and the mixture finds that out."""
    random = np.random.default_rng(5)
    x = random.uniform(-1, 1, (3000, 2))
    examples = [Example("a", {"u": float(u), "v": float(v)}, bool(abs(u) < 0.5)) for u, v in x]
    both, without = Place(f"auto+{TREE}"), Place("auto")
    learn(both, examples)
    learn(without, examples)
    *families, stacked = without.experts
    assert both.experts == (*families, TREE.removeprefix("river:"), stacked)
    nats = {k: v.log_loss for k, v in both.view("a").progress.items()}
    assert nats["mixture"] < without.view("a").progress["mixture"].log_loss - 0.1
    assert list(both.view("a").weights)[-2] == "tree.HoeffdingTreeClassifier"
    assert both.relations()[1].shape == (1, 1)


@pytest.mark.parametrize("name", [TREE, f"auto+{TREE}"])
def test_there_are_no_bytes_of_it(name: str) -> None:
    place = Place(name)
    learn(place, stream(10))
    assert place.replayed and not Place("auto").replayed
    with pytest.raises(ValueError, match="replay its journal"):
        place.snapshot()


def test_learning_again_makes_the_same_state() -> None:
    examples = stream(150)
    first, again = Place("river:forest.ARFClassifier"), Place("river:forest.ARFClassifier")
    parts = [batch(examples[:70]), batch(examples[70:])]
    for part in parts:
        first.learn(part)
    again.learn(join(parts))
    query = batch(stream(20, seed=3))
    assert (first.score(query).probabilities == again.score(query).probabilities).all()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("river:tree", "MODULE.CLASS"),
        ("river:", "MODULE.CLASS"),
        ("river:os/../x.Y", "MODULE.CLASS"),
        ("river:nothing.Here", "no module 'nothing'"),
        ("river:tree.Hoeffding", "it has: .*HoeffdingTreeClassifier"),
        ("river:tree.HoeffdingTreeRegressor", "it has: .*HoeffdingTreeClassifier"),
        ("river:ensemble.BaggingClassifier", "without arguments"),
        ("nothing", "none of auto, .*river:MODULE.CLASS"),
        ("auto+", "none of auto"),
        ("auto+auto", "twice"),
    ],
)
def test_a_name_of_nothing_says_what_there_is(name: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        find(name)


def test_river_is_imported_when_it_is_named() -> None:
    code = "import sys, learners.place; sys.exit('river' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
