"""Every compiled learner against a slow and obvious second version of itself."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pytest
from numba import njit

from learners.coordination.families import families
from learners.coordination.independent import independent
from learners.coordination.mixture import DOUBT, PRIOR, RATE, SWITCHING, UNIFORM, mixture
from learners.coordination.pooled import pooled
from learners.coordination.scaled import scaled
from learners.coordination.shared import shared
from learners.features import Batch, Example
from learners.links import temper
from learners.scale import CLIP
from learners.types import AMOUNT, CONSTANT, F32, NUMBER, Bank, Block, Scores, Strategy
from tests.learners.made import pack, place, stream
from tests.learners.oracles import plain

STREAMS = [stream(120, 0), stream(120, 1, third=50, tasks=6), stream(120, 2, third=0, tasks=2)]


def unscaled(batch: Batch) -> list[plain.Row]:
    return [x for x, _ in plain.rows(batch)]


def modest(batch: Batch) -> Batch:
    """The batch with values that need no scale."""
    return batch._replace(values=np.tanh(batch.values / 50, dtype=np.float32))


@pytest.mark.parametrize("temper", [False, True])
@pytest.mark.parametrize("examples", STREAMS)
def test_adagrad(examples: list[Example], temper: bool) -> None:
    batch = modest(pack(examples))
    x = unscaled(batch)
    for strategy, rates in [
        (independent((2.0,), tempered=temper), (2.0, 0.0)),
        (pooled((2.0,), tempered=temper), (0.0, 2.0)),
        (shared((2.0,), 0.7, 0.3, tempered=temper), (0.6, 1.4)),
    ]:
        said = place(strategy).learn(batch).probabilities[:, 0]
        np.testing.assert_allclose(said, plain.adagrad(batch, x, *rates, temper), atol=1e-5)


@pytest.mark.parametrize("by", ["task", "place"])
@pytest.mark.parametrize("examples", STREAMS)
def test_scaled(examples: list[Example], by: Literal["task", "place"]) -> None:
    batch = pack(examples)
    x = plain.scale(batch, by)
    strategy = scaled(shared((2.0,), 0.7, 0.3, tempered=False), by=by)
    said = place(strategy).learn(batch).probabilities[:, 0]
    np.testing.assert_allclose(said, plain.adagrad(batch, x, 0.6, 1.4), atol=1e-5)


@pytest.mark.parametrize("by", ["task", "place"])
def test_scaled_values_themselves(by: Literal["task", "place"]) -> None:
    passed: list[F32] = []
    inner = independent((2.0,))

    def learn(bank: Bank, block: Block) -> Scores:
        passed.append(block.values.copy())
        return inner.learn(bank, block)

    for size in (1.0, 1e25):  # whatever the size of what comes, it is brought to that of all
        passed.clear()
        batch = pack(stream(120))
        values = np.where(batch.kinds == CONSTANT, 1, size * batch.values).astype(np.float32)
        batch = batch._replace(values=values)
        place(scaled(inner._replace(learn=learn), by=by)).learn(batch)
        got, kinds = np.concatenate(passed), batch.kinds
        expected = np.array([v for z in plain.scale(batch, by) for v in z.values()])
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)
        assert np.abs(got[kinds == NUMBER]).max() <= CLIP
        assert np.abs(got[kinds == AMOUNT]).max() <= 1.0 + 1e-6
        np.testing.assert_array_equal(got[kinds == CONSTANT], 1.0)


@pytest.mark.parametrize("examples", STREAMS)
def test_the_mixture(examples: list[Example]) -> None:
    batch = pack(examples)
    inner = families()
    said = place(inner).learn(batch).probabilities
    here = place(mixture(inner))
    got = here.learn(batch).probabilities
    kinds = [name.split(":")[0] for name in inner.experts]
    family = [list(dict.fromkeys(kinds)).index(kind) for kind in kinds]
    expected, nats, weights = plain.fixed_share(
        batch, said, family, SWITCHING, DOUBT, UNIFORM, RATE, PRIOR
    )
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12)
    at = here._tasks.rows(batch.tasks)
    np.testing.assert_allclose(here.bank.weights.nats[at], nats, rtol=1e-11)
    np.testing.assert_allclose(here.bank.weights.all[at], weights, rtol=0, atol=1e-12)
    np.testing.assert_allclose(here.bank.weights.all[at].sum(1), 1.0, rtol=0, atol=1e-12)


@pytest.mark.parametrize("make", [families, lambda: mixture(families())])
def test_progress(make: Callable[[], Strategy]) -> None:
    batch = pack(STREAMS[1])
    here = place(make())
    scored = here.learn(batch)
    for t, task in enumerate(batch.tasks):
        view = here.view(task)
        mine = np.flatnonzero(batch.task == t)
        assert view.seen == len(mine)
        np.testing.assert_array_equal(scored.seen[mine], np.arange(len(mine)))
        counted = {c: int((batch.label[mine] == k).sum()) for k, c in enumerate(batch.classes)}
        assert dict(view.classes) == {c: n for c, n in counted.items() if n}
        for e, name in enumerate(here.experts):
            wrong, nats, brier, recent, decayed = 0, 0.0, 0.0, 0.0, 0.0
            for i in mine:
                p, y = scored.probabilities[i, e], batch.label[i]
                miss = not p.any() or int(np.argmax(p)) != y
                wrong += miss
                nats -= math.log(max(p[y], 1e-15))
                brier += 0.5 * ((p - np.eye(len(p))[y]) ** 2).sum()
                recent = 0.99 * recent + miss
                decayed = 0.99 * decayed + 1
            found = view.progress[name]
            assert found.error == pytest.approx(wrong / len(mine), abs=1e-12)
            assert found.log_loss == pytest.approx(nats / len(mine), rel=1e-12)
            assert found.brier == pytest.approx(brier / len(mine), rel=1e-12)
            assert found.recent_error == pytest.approx(recent / decayed, abs=1e-12)
    own = here.experts.index("independent") if "independent" in here.experts[1:] else None
    for task in batch.tasks:
        benefit = here.view(task).benefit
        if own is None:
            assert benefit is None
        else:
            shown = here.view(task).progress
            n = here.view(task).seen
            gap = shown["independent"].log_loss - shown[here.experts[0]].log_loss
            assert benefit is not None
            assert benefit.nats == pytest.approx(n * gap, abs=1e-9)


@njit
def tempered(odds: float, reach: float) -> Any:
    """One lane of it."""
    return temper(odds, reach)


@pytest.mark.parametrize("margin", [-30.0, -3.0, 0.0, 2.0, 8.0])
@pytest.mark.parametrize("gain", [1e-3, 0.5, 5.0, 200.0])
def test_a_tempered_step_is_endless_small_ones(margin: float, gain: float) -> None:
    # The label's margin moves by its residual, 1 / (1 + exp(m)), all along the way.
    residual = 1 / (1 + math.exp(margin))
    share = tempered(np.float32(math.exp(margin)), np.float32(gain))
    m, steps = margin, 200_000
    for _ in range(steps):
        half = m + 0.5 * gain / steps / (1 + math.exp(m))
        m += gain / steps / (1 + math.exp(half))
    assert float(share) * gain * residual == pytest.approx(m - margin, rel=1e-3)
