"""Who is alike, where it is known: same, opposite and unrelated streams."""

from __future__ import annotations

import numpy as np
import pytest

from learners.coordination import CATALOG
from learners.features import Example, batch
from learners.place import Place


@pytest.mark.parametrize("name", ["independent", "shared", "auto"])
@pytest.mark.parametrize("classes", [2, 3])
def test_same_opposite_and_unrelated_tasks_show(name: str, classes: int) -> None:
    random = np.random.default_rng(0)
    place = Place(name, bits=14)
    for _ in range(150):
        x = random.normal(size=6)
        features = {f"x{j}": float(v) for j, v in enumerate(x)} | {"words": "just some words"}
        says = {"a": x[0] > 0, "same": x[0] > 0, "opposite": x[0] < 0, "other": x[3] > 0}
        place.learn(batch((Example(t, features, bool(y)) for t, y in says.items()), 14))
    if classes == 3:
        place.learn(batch([Example("third", {"x5": 1.0}, "third")], 14))
    names, cosine = place.relations()
    at = {task: names.index(task) for task in names}
    np.testing.assert_allclose(np.diag(cosine)[: len(says)], 1, atol=1e-5)
    np.testing.assert_array_equal(cosine, cosine.T)
    row = cosine[at["a"]]
    assert row[at["same"]] > 0.95
    assert row[at["same"]] > row[at["other"]] + 0.3 > row[at["opposite"]] + 0.3
    assert place.view("a").nearest[0][0] == "same"
    if name == "independent":
        assert row[at["opposite"]] < -0.95
        assert abs(row[at["other"]]) < 0.4


def test_every_strategy_tells_relations() -> None:
    for name in CATALOG:
        place = Place(name, bits=14)
        examples = [Example(t, {"x": float(i % 2)}, i % 2) for i in range(20) for t in "ab"]
        place.learn(batch(examples, 14))
        names, cosine = place.relations()
        assert names == ["a", "b"] and cosine[0, 1] == pytest.approx(1, abs=1e-3)
