"""Laws of tasks in company: who is alone, who comes, goes, is silent or is renamed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pytest

from learners import tree
from learners.coordination import RIDGE
from learners.coordination.dmtrl import dmtrl
from learners.coordination.drom import drom
from learners.coordination.drom_d import drom_d
from learners.coordination.independent import independent
from learners.coordination.laplacian import laplacian
from learners.coordination.mocha import mocha
from learners.coordination.scaled import scaled
from learners.coordination.shared import shared
from learners.coordination.two_phase import two_phase
from learners.features import Example
from learners.place import Place
from learners.types import F64, I64, Strategy
from tests.learners.laws.cases import CASES, EXEMPT, LAWS, OWN, law, near, tells
from tests.learners.made import in_blocks, loop, pack, place, raw, same, stream

# Classes belong to the place, so each run begins with a task that names them all.
NAMES = [Example("names", {}, label, 0.0) for label in ("ham", "spam")]


def of(task: str, where: Place, examples: Sequence[Example], expert: str | None = None) -> F64:
    """What was said of that task's examples (by an expert), each before it was learnt."""
    said = where.learn(pack(examples)).probabilities
    chosen = said[[one.task == task for one in examples]]
    return chosen if expert is None else chosen[:, where.experts.index(expert)]


def hostile(n: int, seed: int) -> list[Example]:
    """Examples of another task as no one would like them: huge, contrary, full of new names."""
    random = np.random.default_rng(seed)
    out = []
    for i in range(n):
        features: dict[str, object] = {
            "x": float(1e6 * random.normal()),
            "y": float(random.choice([-1e30, 1e30, 1e-30, 0.0])),
            "text": "cheap pills " * 50,
            "bag": {str(j): 1e6 * j for j in range(1, 9)},
            f"its own {i}": 1e6,
        }
        weight = float(random.choice([0.0, 1.0, 1e6]))
        out.append(Example("hostile", features, ("ham", "spam")[i % 2], weight))
    return out


def interleaved(a: Sequence[Example], b: Sequence[Example]) -> list[Example]:
    return [one for pair in zip(a, b, strict=True) for one in pair]


@law
def test_nothing_that_others_do_changes_the_own_learner(case: str) -> None:
    mine = [one._replace(task="mine") for one in stream(80)]
    company = {
        "friends": stream(80, seed=1),
        "hostile": hostile(80, seed=2),
        "many": [one._replace(task=f"task {i}") for i, one in enumerate(stream(80, seed=3))],
    }
    alone = of("mine", place(CASES[case]()), [*NAMES, *mine], OWN[case])
    for others in company.values():
        for order in (interleaved(mine, others), [*others, *mine], [*mine, *others]):
            said = of("mine", place(CASES[case]()), [*NAMES, *order], OWN[case])
            np.testing.assert_array_equal(said, alone)


@law
def test_a_class_of_others_changes_nothing_once_a_task_has_two(case: str) -> None:
    mine = [one._replace(task="mine") for one in stream(80)]
    met = next(i for i, one in enumerate(mine) if one.label != mine[0].label) + 1
    third = [one._replace(label="eggs") for one in stream(80 - met, seed=1)]
    alone = of("mine", place(CASES[case]()), [*NAMES, *mine], OWN[case])
    examples = [*NAMES, *mine[:met], *interleaved(mine[met:], third)]
    said = of("mine", place(CASES[case]()), examples, OWN[case])
    np.testing.assert_array_equal(said[:, :2], alone)
    assert not said[:, 2:].any()


PLAIN = {  # each case's plain learner: itself with no others to learn with
    "pooled": lambda: scaled(independent((2.0,)), by="task"),
    "independent": lambda: scaled(independent((2.0,)), by="place"),
    "scaled by place": lambda: scaled(independent((2.0,)), by="task"),
    "laplacian": lambda: scaled(independent((2.0,)), by="task"),
    "byzantine": lambda: scaled(independent((2.0,)), by="place"),
    "robust rows": lambda: independent((2.0,)),
    "private rows": lambda: independent((2.0,)),
    "guarded": lambda: scaled(independent((2.0,)), by="task"),
    "dmtrl": lambda: scaled(dmtrl(RIDGE, 0.0), by="task"),
    "mocha": lambda: scaled(mocha(RIDGE, 0.0), by="task"),
}


@law
def test_one_task_alone_is_the_plain_learner(case: str) -> None:
    mine = [one._replace(task="mine") for one in stream(third=60)]
    same(loop(place(CASES[case]()), mine), loop(place(PLAIN[case]()), mine))


def test_one_task_alone_has_one_answer_from_all_equal_families() -> None:
    mine = [one._replace(task="mine") for one in stream(third=60)]
    here = place("auto")
    said = here.learn(pack(mine)).probabilities
    own, pooled = (here.experts.index(name) for name in ("independent", "pooled"))
    np.testing.assert_array_equal(said[:, own], said[:, pooled])


@pytest.mark.parametrize("by", ["task", "place"])
@pytest.mark.parametrize(
    "uncoupled",
    [
        shared((2.0,), 0.0, 1.0),
        drom((2.0,), 0.0),
        drom_d((2.0,), 0.0),
        laplacian((2.0,), 0.0),
        two_phase((2.0,), 0.0),
    ],
)
def test_coupling_0_is_independent(uncoupled: Strategy, by: Literal["task", "place"]) -> None:
    examples = stream(third=60)
    here, apart = place(scaled(uncoupled, by=by)), place(scaled(independent((2.0,)), by=by))
    same(in_blocks(here, examples, [30]), in_blocks(apart, examples, [30]))
    assert here.relations()[1].tolist() == apart.relations()[1].tolist()


@law
def test_renaming_tasks_permutes_the_result(case: str) -> None:
    renamed = {f"task {i}": f"{'qzcxm'[i]} renamed" for i in range(5)}
    examples = stream(third=60)
    others = [one._replace(task=renamed[one.task]) for one in examples]
    here, there = place(CASES[case]()), place(CASES[case]())
    a, b = here.learn(pack(examples)), there.learn(pack(others))
    # A meeting lays rows in the order of their names, and sums in that order.
    tolerance = 1e-5 if tells(here.strategy) and _axes(here) else 0.0
    near(a.probabilities, b.probabilities, tolerance)
    for task, name in renamed.items():
        near(
            here.strategy.model(here.bank, here._tasks.rows([task])),
            there.strategy.model(there.bank, there._tasks.rows([name])),
            10 * tolerance,
        )


def _axes(where: Place) -> list[str]:
    """Axes of leaves that a place tells by task."""
    told = [names for _, names, _ in tree.leaves(where.tell().tree)]
    return [names for names in told if names.startswith("t")]


@law
def test_a_silent_task_stops_nobody(case: str) -> None:
    # Whether a task never comes again or its place is asked to score it makes no difference, and
    # the others' counts, meetings and answers go on.
    first, rest = stream(48), [one for one in stream(96, seed=1) if one.task != "task 0"]
    here = place(CASES[case]())
    here.learn(pack(first))
    was, meetings = here.view("task 0"), here.hub.number
    said = here.learn(pack(rest))
    assert here.view("task 0").seen == was.seen
    assert here.view("task 0").progress == was.progress
    assert here.view("task 1").seen > 12
    assert np.isfinite(said.probabilities).all()
    if tells(here.strategy):
        assert here.hub.number >= meetings + len(rest) // 16 - 1


@law
def test_a_task_that_left_leaves_nothing(case: str) -> None:
    here = place(CASES[case]())
    here.learn(pack(stream(third=60)))
    questions = stream(9, seed=2)
    stranger = here.score(pack([one._replace(task="nobody") for one in questions]))
    assert here.forget("task 1")
    assert not here.forget("task 1")
    assert "task 1" not in here.tasks
    with pytest.raises(KeyError):
        here.view("task 1")
    gone = here.score(pack([one._replace(task="task 1") for one in questions]))
    same(gone, stranger)
    again = here.learn(pack([one._replace(task="task 1") for one in questions]))
    np.testing.assert_array_equal(again.seen, np.arange(9))
    np.testing.assert_array_equal(again.probabilities[0], gone.probabilities[0])
    assert here.view("task 1").seen == 9


@law
def test_forgetting_who_was_never_there_changes_nothing(case: str) -> None:
    here = place(CASES[case]())
    here.learn(pack(stream(20)))
    was = here.digest()
    assert not here.forget("nobody")
    assert here.digest() == was


@law
def test_a_name_that_comes_back_is_a_new_task(case: str) -> None:
    mine = [one._replace(task="mine") for one in stream(60)]
    fresh = of("mine", place(CASES[case]()), [*NAMES, *mine], OWN[case])
    here = place(CASES[case]())
    here.learn(pack([*NAMES, *hostile(40, seed=1), *mine, *stream(40, seed=2)]))
    here.forget("mine")
    here.learn(pack(stream(20, seed=3, tasks=9)))  # its row may be given to another
    np.testing.assert_array_equal(of("mine", here, mine, OWN[case]), fresh)


@law
def test_what_is_said_about_an_earlier_life_is_dropped(case: str) -> None:
    here = place(CASES[case](), period=0)
    here.learn(pack(stream(60)))
    here.hub.post(here.tell())
    reply = here.hub.meet().get(here.name)
    assert reply is not None
    here.forget("task 1")
    here.learn(pack([Example("task 1", {"x": 1.0}, "ham"), Example("task 1", {"x": 0.0}, "spam")]))
    rows = here._tasks.rows(["task 1"])
    was = _of_rows(here, rows)
    assert here.hear(reply)
    assert _of_rows(here, rows) == was


def _of_rows(where: Place, rows: I64) -> list[tuple[str, bytes]]:
    kept = tree.take(where.bank, t=rows)
    return [(p, leaf.tobytes()) for p, names, leaf in tree.leaves(kept) if names.startswith("t")]


def test_the_helper_sees_a_difference() -> None:
    a, b = place("pooled"), place("pooled")
    a.learn(pack(stream()))
    assert raw(a.bank) != raw(b.bank)


def test_exemptions_are_of_laws_and_cases_there_are() -> None:
    for name, case in EXEMPT:
        assert name in LAWS
        assert case in CASES
