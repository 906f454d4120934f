"""A clone of any river classifier for each task: alone, or as an expert of the mixture.

What river's models keep is Python objects, so this strategy's bank can not travel. It is exempt
from the laws of bytes (no snapshot: the state is made again by learning the journal again, and
nothing is ever unpickled) and of messages (clones tell nothing, and nothing of another task
reaches them).
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from learners import tree
from learners.coordination.silence import silent
from learners.features import CONSTANT_ID
from learners.links import consulted
from learners.types import F32, F64, I64, Block, Rows, Scores, Shape, Strategy

PREFIX = "river:"


class Clones(NamedTuple):
    """Each task's model."""

    models: Annotated[NDArray[np.object_], "t1"]  # 0 until the task's first example
    seeds: Annotated[I64, "t1"]  # of what is random in it
    weights: Annotated[F32, "dk1"]  # none: these models need not be linear, their direction is 0


def river(path: str) -> Strategy:
    """One clone of `river.MODULE.CLASS`, with river's own defaults, for each task.

    The features of an example reach it as river has them, {feature id: value}, unscaled; classes
    are 0, 1, ... in the order in which the task met them. A classifier of two classes only is
    wrapped one against the rest, since a task may meet a third class at any time. An example's
    weight reaches those whose `learn_one` takes one (`w`); for the others an example of weight 0 is
    not learnt, any other counts once. Random ones are seeded by their task's name.

    A model that raises on an example that it learns, or whose probabilities are no numbers there,
    is begun again: examples are durable, so one that stopped its task would stop it for good.

    Examples
    --------
    >>> from learners.features import Example, batch
    >>> from learners.place import Place
    >>> place = Place("river:naive_bayes.GaussianNB")
    >>> for i in range(20):
    ...     _ = place.learn(batch([Example("a", {"x": i % 2 + i / 99}, i % 2 == 1)]))
    >>> scored = place.score(batch([Example("a", {"x": 1.1})]))
    >>> scored.classes[scored.probabilities[0, 0].argmax()]
    True

    Raises
    ------
    ValueError
        when there is no such class, or it is no classifier that is made without arguments.
    """
    make, weighed = recipe(path)

    def init(seeds: I64, shape: Shape) -> Clones:
        empty: Clones = tree.zeros(Clones, shape._replace(tasks=len(seeds)))
        return empty._replace(seeds=seeds[:, None].astype(np.int64))

    def each(bank: Clones, block: Block, teach: bool) -> Scores:
        known = block.first.shape[1]
        scores = np.zeros((len(block.rows), 1, known))
        for i, x in enumerate(_features(block)):
            t, now = int(block.rows[i]), block.start + i
            model = bank.models[t, 0]
            met = np.flatnonzero(block.first[consulted(t, now, block.first)] < now)
            number = (block.first[t] < block.first[t][:, None]).sum(1)  # in the order of meeting
            said = _ask(model, x, number[met])
            scores[i, 0, met] = 1.0 / max(len(met), 1) if said is None else said
            if not teach:
                continue
            if said is None:
                model = bank.models[t, 0] = make(int(bank.seeds[t, 0]))
            if not _teach(model, x, int(number[block.labels[i]]), float(block.weights[i]), weighed):
                bank.models[t, 0] = make(int(bank.seeds[t, 0]))
        return scores

    def score(bank: Clones, block: Block) -> Scores:
        return each(bank, block, teach=False)

    def learn(bank: Clones, block: Block) -> Scores:
        return each(bank, block, teach=True)

    def model(bank: Clones, rows: Rows) -> F32:
        return np.repeat(bank.weights[None], len(rows), 0)

    return silent(init, score, learn, model, experts=(path,), replayed=True)


def recipe(path: str) -> tuple[Callable[[int], Any], bool]:
    """A function from a seed to a new model of that class, and whether it takes weights.

    Raises
    ------
    ValueError
        see `river`.
    """
    from river import base, multiclass

    module, _, name = path.rpartition(".")
    if not re.fullmatch(r"[a-z_]+(\.[a-z_]+)*", module):
        raise ValueError(f"strategy: {PREFIX}{path} is not of the form {PREFIX}MODULE.CLASS")
    try:
        home = importlib.import_module(f"river.{module}")
    except ImportError as error:
        raise ValueError(f"strategy: {PREFIX}{path}: river has no module {module!r}") from error
    public = {one: getattr(home, one) for one in getattr(home, "__all__", [])}
    kinds = {
        one: kind
        for one, kind in public.items()
        if inspect.isclass(kind) and issubclass(kind, base.Classifier) and _plain(kind)
    }
    if name not in kinds:
        there = ", ".join(sorted(kinds)) or "none"
        raise ValueError(
            f"strategy: {PREFIX}{path}: river.{module} has no classifier {name!r} that can be made "
            f"without arguments; it has: {there}"
        )
    plain = kinds[name]()
    weighed = "w" in inspect.signature(plain.learn_one).parameters
    model = plain if plain._multiclass else multiclass.OneVsRestClassifier(plain)

    def make(seed: int) -> Any:
        return model.clone(_seeded(model._get_params(), seed % 2**32))

    trial = make(0)
    for y in (0, 1):
        if not _teach(trial, {1: 1.0, 2: float(y)}, y, 1.0, weighed):
            raise ValueError(f"strategy: {PREFIX}{path} does not learn from named numbers")
    return make, weighed


def _plain(kind: type) -> bool:
    """Whether the class can be made without arguments."""
    parameters = inspect.signature(kind).parameters.values()
    given = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    needed = [p for p in parameters if p.default is p.empty and p.kind not in given]
    return not needed and not inspect.isabstract(kind)


def _seeded(params: dict[str, Any], seed: int) -> dict[str, Any]:
    """The parameters of an estimator with every `seed` in them set, at any depth."""

    def change(name: str, value: Any) -> Any:
        if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], dict):
            return value[0], _seeded(value[1], seed)
        return seed if name == "seed" else value

    return {name: change(name, value) for name, value in params.items()}


def _features(block: Block) -> Iterator[dict[int, float]]:
    """Each example as river has it, without the constant, in the order of feature ids."""
    ids, values, ends = block.ids.tolist(), block.values.tolist(), block.indptr.tolist()
    for lo, hi in zip(ends, ends[1:], strict=False):
        lo += ids[lo : lo + 1] == [CONSTANT_ID]
        yield dict(zip(ids[lo:hi], values[lo:hi], strict=True))


def _ask(model: Any, x: dict[int, float], classes: I64) -> F64 | None:
    """The model's probabilities of those classes; None when there is no model or it broke."""
    if isinstance(model, int):
        return None
    try:
        said = model.predict_proba_one(x)
        p = np.array([said.get(c, 0.0) for c in classes.tolist()], np.float64)
    except Exception:  # river's models raise what they like
        return None
    total = p.sum()
    if not np.isfinite(total) or (p < 0.0).any():
        return None
    return p / total if total > 0.0 else np.full(len(p), 1.0 / max(len(p), 1))


def _teach(model: Any, x: dict[int, float], y: int, weight: float, weighed: bool) -> bool:
    """Let the model learn an example; whether it could."""
    try:
        if weighed:
            model.learn_one(x, y, w=weight)
        elif weight > 0.0:
            model.learn_one(x, y)
    except Exception:  # river's models raise what they like
        return False
    return True
