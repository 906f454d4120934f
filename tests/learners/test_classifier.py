from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped, unused-ignore]
import pyarrow as pa
import pytest
from river import (
    checks,
    compose,
    datasets,
    evaluate,
    feature_extraction,
    metrics,
    preprocessing,
)
from river import stream as streams

from learners.classifier import DEFAULT, MultiTaskClassifier
from learners.features import Example, batch
from learners.place import Place


def every_check() -> Iterator[Any]:
    seen: dict[str, int] = {}
    for check in checks.yield_checks(MultiTaskClassifier()):
        name = check.__name__
        seen[name] = seen.get(name, 0) + 1
        yield pytest.param(check, id=f"{name}-{seen[name]}")


@pytest.mark.parametrize("check", list(every_check()))
def test_rivers_own_checks(check: Callable[[Any], None]) -> None:
    """All of them: none is skipped."""
    assert check.__name__ not in MultiTaskClassifier()._unit_test_skips()
    check(MultiTaskClassifier())


def rows(n: int = 60, seed: int = 0) -> list[tuple[dict[str, Any], Any]]:
    random = np.random.default_rng(seed)
    made: list[tuple[dict[str, Any], Any]] = []
    for i in range(n):
        a, b = random.normal(size=2).tolist()
        x: dict[str, Any] = {"a": a, "b": b, "task": "uv"[i % 2]}
        made.append((x, bool(x["a"] + x["b"] > 0)))
    return made


def taught(n: int = 60, **settings: Any) -> MultiTaskClassifier:
    model = MultiTaskClassifier(**settings)
    for x, y in rows(n):
        model.learn_one(x, y)
    return model


def test_it_is_the_place_with_another_face() -> None:
    model, place = taught(), Place()
    for x, y in rows():
        place.learn(batch([Example(x["task"], {k: x[k] for k in "ab"}, y)]))
    assert model.place.digest() == place.digest()


def test_the_task_by_argument_is_the_task_by_name() -> None:
    named, told = taught(), MultiTaskClassifier()
    for x, y in rows():
        told.learn_one({k: x[k] for k in "ab"}, y, task=x["task"])
    assert named.place.digest() == told.place.digest()
    assert named.predict_proba_one({"a": 1.0, "task": "u"}) == told.predict_proba_one(
        {"a": 1.0, "task": "never"}, task="u"
    )


def test_without_a_task_there_is_one() -> None:
    model = MultiTaskClassifier()
    model.learn_one({"a": 1.0}, "x")
    model.learn_one({"a": 1.0, "task": None}, "x")
    model.learn_one({"a": 1.0, "task": 7}, "x")
    assert model.place.tasks == ["7", DEFAULT]


@pytest.mark.parametrize("labels", [(False, True), (0, 1), ("", "x"), (1.5, -2), (True, "True")])
def test_labels_come_back_as_they_were_given(labels: tuple[Any, Any]) -> None:
    model = MultiTaskClassifier()
    for i in range(40):
        model.learn_one({"a": float(i % 2)}, labels[i % 2])
    assert tuple(model.predict_proba_one({"a": 1.0})) == labels
    said = model.predict_one({"a": 1.0})
    assert said == labels[1] and type(said) is type(labels[1])


def test_true_and_one_are_one_key() -> None:
    model = MultiTaskClassifier()
    for y in (True, 1, False, 0) * 5:
        model.learn_one({"a": 1.0}, y)
    said = model.predict_proba_one({"a": 1.0})
    assert len(said) == 2 and sum(said.values()) == pytest.approx(1.0)


def test_before_the_first_example_nothing_is_said() -> None:
    model = MultiTaskClassifier()
    assert model.predict_one({"a": 1.0}) is None
    assert model.predict_proba_one({"a": 1.0}) == {}
    assert model.predict_many(pd.DataFrame({"a": [1.0]})).tolist() == [None]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copy_goes_on_as_the_model_does(copied: Callable[[Any], Any]) -> None:
    model = taught(300)  # over a meeting, whose reply is pending
    other = copied(model)
    assert other.place.digest() == model.place.digest()
    for x, y in rows(300, seed=1):
        assert other.predict_proba_one(x) == model.predict_proba_one(x)
        model.learn_one(x, y)
        other.learn_one(x, y)
    assert other.place.digest() == model.place.digest()


def test_a_pickle_holds_no_objects_but_bytes() -> None:
    state = taught().__getstate__()
    assert {type(v) for v in state.values()} <= {str, int, bytes, type(None)}
    with pytest.raises(ValueError, match="replay its journal"):
        pickle.dumps(taught(strategy="river:naive_bayes.GaussianNB"))


def test_a_clone_has_the_settings_and_no_memory() -> None:
    clone = taught(strategy="pooled", bits=12, period=10, seed=3, task="who").clone()
    assert (clone.strategy, clone.bits, clone.period, clone.seed, clone.task) == (
        "pooled", 12, 10, 3, "who",
    )  # fmt: skip
    assert clone.place.position == 0 and clone.place.bits == 12


def test_weights_count() -> None:
    light, heavy, twice = (taught() for _ in range(3))
    x, y = rows(1, seed=9)[0]
    light.learn_one(x, y)
    heavy.learn_one(x, y, w=5.0)
    assert light.place.digest() != heavy.place.digest()
    twice.learn_one(x, y, w=1.0)
    assert light.place.digest() == twice.place.digest()


FRAMES: list[Callable[[dict[str, Any]], Any]] = [pd.DataFrame, pa.table]


def series(frame: Any, name: str) -> Any:
    return frame[name]


@pytest.mark.parametrize("make", FRAMES)
def test_a_frame_is_its_rows(make: Callable[[dict[str, Any]], Any]) -> None:
    data = [x | {"y": y} for x, y in rows()]
    frame = make({name: [row[name] for row in data] for name in ("task", "a", "b", "y")})
    X = frame[["task", "a", "b"]] if not isinstance(frame, pa.Table) else frame.select([0, 1, 2])
    one, many = taught(), MultiTaskClassifier()
    many.learn_many(X, series(frame, "y"))
    assert one.place.digest() == many.place.digest()
    said = many.predict_many(X)
    assert type(said) is type(series(frame, "y"))
    listed = said.to_pylist() if isinstance(frame, pa.Table) else list(said)
    assert listed == [one.predict_one(x) for x, _ in rows()]
    table = many.predict_proba_many(X)
    assert type(table) is type(frame)
    assert [str(c) for c in getattr(table, "column_names", None) or table.columns] == [
        str(label) for label in many.place.classes
    ]


@pytest.mark.parametrize("make", FRAMES)
def test_words_flags_and_gaps_in_a_frame(make: Callable[[dict[str, Any]], Any]) -> None:
    columns: dict[str, list[Any]] = {
        "text": ["cheap pills", None, "lunch?", "cheap"],
        "n": [1.0, 2.0, None, 4.0],
        "flag": [True, False, True, True],
    }
    frame = make(columns | {"y": ["spam", "ham", "ham", "spam"]})
    X = frame[list(columns)] if not isinstance(frame, pa.Table) else frame.select(list(columns))
    many, one = MultiTaskClassifier(), MultiTaskClassifier()
    many.learn_many(X, series(frame, "y"), task="t")
    for i, y in enumerate(["spam", "ham", "ham", "spam"]):
        one.learn_one({name: columns[name][i] for name in columns}, y, task="t")
    assert many.place.digest() == one.place.digest()


def test_names_that_are_no_strings() -> None:
    model = MultiTaskClassifier()
    X, y = np.array([[0.0, 1.0], [1.0, 0.0]] * 20), np.array([True, False] * 20)
    for x, label in streams.iter_array(X, y):
        model.learn_one(x, label)
    assert model.predict_one({0: 0.0, 1: 1.0}) is True
    assert model.predict_one({"0": 0.0, "1": 1.0}) is True


def test_what_can_not_be_learnt_is_named_and_changes_nothing() -> None:
    model = taught()
    before = model.place.digest()
    for x, y, says in [
        ({"a": float("nan")}, True, "features.a"),
        ({"a": {"b": "c"}}, True, "features.a.b"),
        ({"a": 1.0}, None, "no label"),
        ({"a": 1.0}, float("inf"), "label"),
    ]:
        with pytest.raises(ValueError, match=says):
            model.learn_one(x, y)  # type: ignore[arg-type]
    assert model.place.digest() == before


def test_in_a_pipeline() -> None:
    scaler: Any = preprocessing.StandardScaler()
    model = scaler | MultiTaskClassifier("independent")
    metric: Any = metrics.Accuracy()  # type: ignore[no-untyped-call]
    assert evaluate.progressive_val_score(datasets.Phishing(), model, metric).get() > 0.85
    counts: Any = feature_extraction.BagOfWords()
    bag: Any = compose.FuncTransformer(lambda x: {"words": x})
    words = counts | bag | MultiTaskClassifier()
    for text, y in [("cheap pills for the task", True), ("lunch at noon", False)] * 10:
        words.learn_one(text, y)
    assert words.predict_one("cheap lunch pills") is True


def test_many_classes() -> None:
    data: Any = datasets.ImageSegments().take(700)  # type: ignore[no-untyped-call]
    metric: Any = metrics.Accuracy()  # type: ignore[no-untyped-call]
    assert evaluate.progressive_val_score(data, MultiTaskClassifier(), metric).get() > 0.7
