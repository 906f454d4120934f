"""Prequential evaluation against river's metrics, against pair counting, and against itself."""

from __future__ import annotations

import math
import time
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from river import metrics
from sklearn.metrics import roc_auc_score

from streams import Label, Prequential
from streams.evaluate.ranking import auc

RIVER: Any = metrics  # it has no types


class Run(NamedTuple):
    """A stream that was predicted."""

    tasks: list[str]
    labels: list[Label]
    probabilities: NDArray[np.float64]
    classes: list[Label]

    def rows(self) -> Any:
        for task, label, row in zip(self.tasks, self.labels, self.probabilities, strict=True):
            yield task, label, dict(zip(self.classes, row.tolist(), strict=True))

    def only(self, task: str) -> Run:
        kept = [i for i, name in enumerate(self.tasks) if name == task]
        labels = [self.labels[i] for i in kept]
        return Run([task] * len(kept), labels, self.probabilities[kept], self.classes)


def run(classes: list[Label], n: int = 3000, tasks: int = 4, digits: int = 9) -> Run:
    """Labels that follow their probabilities, which are tied where the digits are few."""
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(len(classes)), size=n).round(digits)
    p[:, -1] = 1 - p[:, :-1].sum(axis=1)
    p = np.clip(p, 0, 1)
    truth = (rng.random((n, 1)) > p.cumsum(axis=1)[:, :-1]).sum(axis=1)
    names = [f"t{i}" for i in rng.integers(0, tasks, n)]
    return Run(names, [classes[k] for k in truth], p, classes)


def one_by_one(run: Run, **options: int) -> Prequential:
    scores = Prequential(**options)
    for row in run.rows():
        scores.update(*row)
    return scores


def in_blocks(run: Run, size: int, **options: int) -> Prequential:
    scores = Prequential(**options)
    for start in range(0, len(run.tasks), size):
        part = slice(start, start + size)
        scores.update_many(
            run.tasks[part], run.labels[part], run.probabilities[part], run.classes
        )
    return scores


def river_says(run: Run, metric: Any) -> float:
    for _, label, row in run.rows():
        metric.update(label, row if not metric.requires_labels else max(row, key=row.__getitem__))
    return float(metric.get())


BINARY = run([False, True])
MANY = run(["a", "b", "c", "d"], digits=2)
TIED = run([False, True], digits=1)


@pytest.mark.parametrize("data", [BINARY, MANY], ids=["two", "four"])
@pytest.mark.parametrize("task", [None, "t0", "t3"])
def test_river_agrees(data: Run, task: str | None) -> None:
    scores = one_by_one(data)
    mine = scores.overall() if task is None else scores.per_task()[task]
    part = data if task is None else data.only(task)
    assert mine.examples == len(part.tasks)
    assert 1 - mine.error == pytest.approx(river_says(part, RIVER.Accuracy()), abs=1e-12)
    assert mine.f1 == pytest.approx(river_says(part, RIVER.MacroF1()), abs=1e-12)
    assert mine.log_loss == pytest.approx(river_says(part, RIVER.CrossEntropy()), abs=1e-9)


def test_river_agrees_on_what_only_two_classes_have() -> None:
    mine = one_by_one(BINARY).overall()
    assert mine.log_loss == pytest.approx(river_says(BINARY, RIVER.LogLoss()), abs=1e-12)
    exact = RIVER.RollingROCAUC(window_size=len(BINARY.tasks))
    assert mine.auc == pytest.approx(river_says(BINARY, exact), abs=1e-9)
    squares = (BINARY.probabilities[:, 1] - np.array(BINARY.labels, float)) ** 2
    assert mine.brier == pytest.approx(squares.mean(), abs=1e-12)


def test_scikit_learn_agrees_on_ties() -> None:
    """river counts a tied pair as lost; half of it is the area under the curve."""
    truth = np.array(TIED.labels, bool)
    assert one_by_one(TIED).overall().auc == pytest.approx(
        roc_auc_score(truth, TIED.probabilities[:, 1]), abs=1e-12
    )


def test_the_window_is_rivers_rolling_one() -> None:
    mine = one_by_one(BINARY, window=500).recent()
    assert mine.examples == 500
    rolling = RIVER.RollingROCAUC(window_size=500)
    assert mine.auc == pytest.approx(river_says(BINARY, rolling), abs=1e-9)
    tasks, labels, probabilities, classes = BINARY
    last = Run(tasks[-500:], labels[-500:], probabilities[-500:], classes)
    assert mine == pytest.approx(one_by_one(last).overall(), abs=1e-12)
    per_task = one_by_one(BINARY, window=500).recent("t1")
    assert per_task == pytest.approx(one_by_one(last.only("t1")).overall(), abs=1e-12)


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=40))
def test_the_area_counts_pairs(pairs: list[tuple[int, bool]]) -> None:
    ups = [score for score, positive in pairs if positive]
    downs = [score for score, positive in pairs if not positive]
    area = auc(np.array([s for s, _ in pairs], float), np.array([p for _, p in pairs], bool))
    if not ups or not downs:
        assert math.isnan(area)
    else:
        won = sum((up > down) + (up == down) / 2 for up in ups for down in downs)
        assert area == pytest.approx(won / (len(ups) * len(downs)), abs=1e-12)


def test_the_area_of_many_classes_is_the_mean_of_each_against_the_rest() -> None:
    truth = np.array(MANY.labels)
    areas = [
        auc(MANY.probabilities[:, k], truth == name) for k, name in enumerate(MANY.classes)
    ]
    assert one_by_one(MANY).overall().auc == pytest.approx(np.mean(areas), abs=1e-12)


@settings(max_examples=8)
@given(st.integers(1, 3000), st.sampled_from([2**17, 700]))
def test_blocks_of_any_size_are_as_one_by_one(size: int, sample: int) -> None:
    blocks, single = in_blocks(MANY, size, sample=sample), one_by_one(MANY, sample=sample)
    assert blocks.overall() == single.overall()
    assert blocks.per_task() == single.per_task()
    assert blocks.recent() == single.recent()
    assert blocks.curve() == single.curve()
    assert blocks.reliability() == single.reliability()


def test_asking_in_between_changes_nothing() -> None:
    curious = Prequential()
    for i, row in enumerate(BINARY.rows()):
        curious.update(*row)
        if i % 100 == 7:
            curious.overall(), curious.per_task(), curious.recent(), curious.curve()
    assert curious.overall() == one_by_one(BINARY).overall()


def test_beyond_its_bound_the_area_is_that_of_a_fair_sample() -> None:
    exact = one_by_one(BINARY).overall()
    rough = one_by_one(BINARY, sample=600).overall()
    assert rough._replace(auc=0) == exact._replace(auc=0)
    assert rough.auc != exact.auc
    assert rough.auc == pytest.approx(exact.auc, abs=0.04)


def test_calibration() -> None:
    """Ten equal-width bins of confidence, against a loop that sorts examples into them."""
    bins: dict[int, list[tuple[float, bool]]] = {}
    for _, label, row in MANY.rows():
        best = max(row, key=row.__getitem__)
        bins.setdefault(min(int(row[best] * 10), 9), []).append((row[best], best == label))
    scores = one_by_one(MANY)
    found = scores.reliability()
    assert [b.examples for b in found] == [len(bins[b]) for b in sorted(bins)]
    expected = [np.mean(bins[b], axis=0) for b in sorted(bins)]
    assert np.allclose([(b.confidence, b.accuracy) for b in found], expected, atol=1e-12)
    gaps = [len(bins[b]) * abs(np.subtract(*np.mean(bins[b], axis=0))) for b in sorted(bins)]
    assert scores.overall().ece == pytest.approx(sum(gaps) / len(MANY.tasks))
    assert sum(b.examples for b in scores.reliability("t2")) == MANY.tasks.count("t2")


def test_the_curve_is_bounded_and_true() -> None:
    scores = one_by_one(BINARY, points=10)
    curve = scores.curve()
    assert 10 <= len(curve) <= 21
    assert curve[-1].examples == 3000
    assert curve[-1].error == scores.overall().error
    assert curve[-1].log_loss == pytest.approx(scores.overall().log_loss)
    wrong = np.array([max(r, key=r.__getitem__) != label for _, label, r in BINARY.rows()])
    before = 0
    for point in curve:
        assert point.error == wrong[: point.examples].mean()
        assert point.recent_error == pytest.approx(wrong[before : point.examples].mean())
        before = point.examples


def test_what_is_not_defined_is_nan_and_null_in_json() -> None:
    scores = Prequential()
    assert scores.overall().as_json() == {
        "examples": 0, "error": None, "log_loss": None, "brier": None, "auc": None, "f1": None,
        "ece": None,
    }  # fmt: skip
    assert (scores.per_task(), scores.curve(), scores.reliability()) == ({}, [], [])
    scores.update("a", 1, {1: 1.0})
    assert scores.overall().as_json() == {
        "examples": 1, "error": 0.0, "log_loss": pytest.approx(0), "brier": 0.0, "auc": None,
        "f1": 1.0, "ece": 0.0,
    }  # fmt: skip


def test_a_class_never_heard_of_was_given_nothing() -> None:
    scores = Prequential()
    scores.update("a", "new", {"old": 1.0})
    scores.update("b", "first", {})
    assert scores.overall().error == 1
    assert scores.overall().log_loss == pytest.approx(-math.log(1e-15))
    assert scores.per_task()["a"].brier == 1
    assert scores.per_task()["b"].brier == 0.5


def test_labels_of_different_types_are_different() -> None:
    scores = Prequential()
    scores.update("a", True, {1: 0.9, "1": 0.1})
    scores.update("a", 1.0, {1: 0.9, "1": 0.1})
    scores.update("a", "1", {1: 0.1, "1": 0.9})
    scores.update("a", 0, {False: 1.0})
    assert scores.overall().error == 0.5


@pytest.mark.parametrize(
    ("label", "probabilities", "complaint"),
    [
        (None, {"x": 1.0}, "task 'a': the label is None"),
        ("x", {"x": 1.5}, "class 'x' has 1.5: give a probability"),
        ("x", {"x": math.nan}, "class 'x' has nan: give a probability"),
    ],
)
def test_bad_predictions(label: Any, probabilities: Any, complaint: str) -> None:
    scores = Prequential()
    with pytest.raises(ValueError, match=complaint):
        scores.update("a", label, probabilities)
    with pytest.raises(ValueError, match=complaint):
        scores.update_many(["a"], [label], np.array([[probabilities["x"]]]), ["x"])
    assert scores.overall().examples == 0


def test_bad_shapes_and_options() -> None:
    with pytest.raises(ValueError, match=r"2 tasks, 2 labels, 1 classes and .* shape \(2, 2\)"):
        Prequential().update_many(["a", "b"], [0, 1], np.zeros((2, 2)), [0])
    with pytest.raises(ValueError, match="window=0: give at least 1"):
        Prequential(0)
    with pytest.raises(KeyError):
        Prequential().recent("nobody")


def test_a_long_stream_takes_about_a_second() -> None:
    data = run([False, True], n=45_000, tasks=14)
    rows = list(data.rows())
    started = time.process_time()
    scores = Prequential()
    for row in rows:
        scores.update(*row)
    scores.overall()
    scores.per_task()
    assert time.process_time() - started < 1.5
