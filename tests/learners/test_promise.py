"""The one promise, as an exact inequality: a task never pays for being coordinated.

For each task and expert, over the task's whole life and whatever the data,

    loss(mixture) <= loss(expert) + ln(1 / prior) - sum ln(1 - a_s).
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learners.coordination.independent import independent
from learners.coordination.mixture import SWITCHING, UNIFORM, mixture
from learners.coordination.scaled import scaled
from learners.features import Batch, Example
from learners.place import Place
from learners.types import F64, Block
from tests.learners.made import PERIOD, pack, place, stream
from tests.learners.real import load, price, yeast

SLACK = 1e-9  # relative, of sums of thousands of float64 logarithms


def holds(here: Place, batch: Batch) -> F64:
    """Learn it all; the inequality for every task and expert; by how many nats it held."""
    said = here.learn(batch).probabilities
    given_to = said[np.arange(len(said)), :, batch.label]  # (n, mixtures)
    mixed = given_to[:, 0] > 0  # a class that the task has yet to meet is mixed by nobody
    nats = here.bank.weights.nats[here._tasks.rows(batch.tasks)]
    experts = nats.shape[1]
    weigh = here.strategy.weigh
    assert weigh is not None
    families = [name.split(":")[0] for name in weigh(here.bank, np.array([0]))[0]]
    room = []
    for t, name in enumerate(batch.tasks):
        mine = mixed & (batch.task == t)
        n = int(mine.sum())
        if not n:
            continue
        lost = -np.log(given_to[mine]).sum(0)
        due = math.log(experts / UNIFORM) + price(n, SWITCHING)
        slack = SLACK * max(1.0, lost[0])
        assert lost[0] <= nats[t].min() + due + slack, (name, n)
        room.append(nats[t].min() + due - lost[0])
        for f, family in enumerate(here.experts[1:], 1):  # and each family's own mixture
            its = nats[t][[kind == family for kind in families]]
            assert lost[f] <= its.min() + math.log(len(its)) + price(n, SWITCHING) + slack
    return np.array(room)


def test_the_price_is_a_logarithm_while_a_task_is_young() -> None:
    assert price(500, SWITCHING) == pytest.approx(math.log(501))


@settings(max_examples=10)
@given(st.integers(0, 1000), st.integers(1, 120), st.none() | st.integers(0, 60))
def test_on_random_streams(seed: int, n: int, third: int | None) -> None:
    holds(place("auto"), pack(stream(n, seed, third=third)))


@pytest.mark.parametrize("kind", ["noise", "turning", "hostile", "one class"])
def test_on_adversarial_streams(kind: str) -> None:
    random = np.random.default_rng(0)
    examples = []
    for i in range(600):
        x = float(random.normal())
        label: bool = {
            "noise": bool(random.random() < 0.5),
            "turning": bool((x > 0) ^ (i // 100 % 2)),
            "hostile": bool(x > 0),
            "one class": i < 300,
        }[kind]
        size = 1e6 if kind == "hostile" and i % 4 == 0 else 1.0
        features = {"x": x * size, "bag": {str(int(abs(x) * 3)): size}}
        examples.append(Example(f"task {i % 2}", features, label != (i % 4 == 0 and size > 1)))
    holds(place("auto"), pack(examples))


def test_against_experts_who_know_what_the_mixture_thinks() -> None:
    # Each label is the one that the mixture finds less likely.
    here = place("auto")
    random = np.random.default_rng(0)
    pieces = [Example("t", {"x": 0.0}, True), Example("t", {"x": 0.0}, False)]
    for _ in range(300):
        features = {"x": float(random.normal()), "bag": {str(random.integers(5)): 1.0}}
        if len(pieces) > 2:
            here.learn(pack([pieces[-1]]))
        else:
            here.learn(pack(pieces))
        p = here.score(pack([Example("t", features)])).probabilities[0, 0]
        pieces.append(Example("t", features, bool(here.classes[int(p.argmin())])))
    holds(place("auto"), pack(pieces))


def test_with_experts_who_are_sure_and_wrong() -> None:
    inner = scaled(independent((2.0, 2.0, 2.0)), by="task")

    def sure(said: F64) -> F64:
        said[:, 0] = np.round(said[:, 0])  # all or nothing
        said[:, 1] = np.round(said[:, 1])[:, ::-1] if said.shape[2] == 2 else said[:, 1]
        return said

    def learn(bank: object, block: Block) -> F64:
        return sure(inner.learn(bank, block))

    holds(Place(mixture(inner._replace(learn=learn)), bits=14, period=PERIOD), pack(stream(400)))


REAL = [
    "computer_survey", "digits_usps1000", "eat_voc", "elec2", "har_uci_part", "landmine",
    "newsgroups_comp_sci", "outdoor", "sentiment4", "spam_ecml06_b", "vehicle_ditto",
    "weather_nebraska",
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_on_real_sets(name: str, data_dir: Path) -> None:
    assert len(holds(Place("auto"), load(data_dir, name)))


@pytest.mark.slow
def test_on_yeast() -> None:
    assert len(holds(Place("auto"), yeast())) == 14
