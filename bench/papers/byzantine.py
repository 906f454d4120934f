"""Li, Abbas & Koutsoukos, "Byzantine resilient distributed multi-task learning", NeurIPS 2020.

Agents learn models of their own, send them to neighbours of which some lie, and combine what they
hear by weights: 1 / loss on their own data, without those worse than their own model (the paper's);
the same mean of all; 1 / squared distance; or nobody's but their own.

Localisation is the paper's first study as it stands: 100 agents of four groups look for a target
each by squared loss, exchange models at every step, and liars send 15 and up to 1 more; the rules
are those of `byzantine`.

Activities and digits are learnt in one pass by `byzantine` as it is in the catalogue, on a complete
network of `learners.simulation`: the paper trains for 50 and 100 epochs, on 561 features and on
convolutional networks, and reports accuracy on held-out examples. Of the activities 12 of the 30
people and 66 of the features could be had; digits are five agents of MNIST and five of USPS, 200
examples each, where the paper has MNIST and a synthetic set and 2000. A third of all lie: they send
small models, near to what a beginner has, as in the paper (.05 everywhere; there drawn from 0 to
.1); or noise ten times as large as the truth. The figures are one-pass errors of the others. The
paper's, read off its plots, are 100 less the accuracy; beside those, ours compare by order only.
There is a difference in kind, too: in the paper small models break distances, here they do not.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bench.attacks import ALLOWED, Honest, at_places, digits, load
from bench.papers.beside import Beside, Line
from bench.papers.studies.localisation import localise
from learners.coordination.byzantine import byzantine
from learners.coordination.byzantine_rules import RULES, Rule
from learners.coordination.scaled import scaled
from learners.types import Strategy

NAMES: dict[Rule, str] = {
    "none": "no coordination", "average": "average", "distance": "distance", "loss": "loss (paper)",
}  # fmt: skip
LIES = ("", "constant=0.05", "random")
LOCALISED: dict[Rule, tuple[float, ...]] = {
    "none": (0.152, 0.167, 0.108), "average": (26.9, 27.1, 37.1), "distance": (32.9, 31.9, 36.0),
    "loss": (0.035, 0.058, 0.108),
}  # fmt: skip
# Errors, %, without liars and with ten of thirty (two of ten for digits), read off the plots.
ACTIVITIES: dict[Rule, tuple[str, str]] = {
    "none": ("8-9", "6"), "average": ("10", "55-80"), "distance": ("12", "50-83"),
    "loss": ("5", "4"),
}  # fmt: skip
DIGITS: dict[Rule, tuple[str, str]] = {
    "none": ("5; 27", "5; 24"), "average": ("5; 39", "90; 90"), "distance": ("5; 27", "8; 90"),
    "loss": ("4-5; 14", "4; 13"),
}  # fmt: skip


def tables(short: bool) -> Iterator[Beside]:
    """One for each of the paper's studies."""
    yield localisation(3 if short else 10)
    yield real("Activities", load("har_uci_part", 1200 if short else None), ACTIVITIES)
    yield real("Digits: MNIST; the other set", digits(600 if short else None), DIGITS)


def localisation(seeds: int) -> Beside:
    """The first study, with none, 20 and 99 of 100 lying."""
    liars = (0, 20, 99)
    found = {
        rule: [
            float(np.mean([localise(RULES[rule], n, seed).loss for seed in range(seeds)]))
            for n in liars
        ]
        for rule in NAMES
    }
    own, ours = found["none"], found["loss"]
    return Beside(
        "Localisation, mean squared loss over the last 100 steps", [f"{n} liars" for n in liars],
        {NAMES[rule]: Line(LOCALISED[rule], found[rule]) for rule in NAMES},
        f"By loss, agents do {own[0] / ours[0]:.1f} times as well as alone, with 20 liars"
        f" {own[1] / ours[1]:.1f} times, and as alone where all around them lie; averages and"
        " distances fail with liars and without, for neighbours look for other targets."
        " What is beside ours is another program's run of the same study, three draws.",
        digits=3, whose="another's",
    )  # fmt: skip


def real(title: str, honest: Honest | None, said: dict[Rule, tuple[str, str]]) -> Beside:
    """A set of examples, without liars and with a third of all places lying."""
    columns = ["no liars", "small models", "large noise"]
    if honest is None:
        return Beside(title, columns, {}, "Not made: its data are not here.")

    def rule_of(rule: Rule) -> Strategy:
        return scaled(byzantine((2.0,), neighbours=len(honest.places) - 1, rule=rule), by="task")

    found = {rule: [at_places(rule_of(rule), honest, a) for a in LIES] for rule in NAMES}
    own, ours = found["none"], found["loss"]
    worse = [NAMES[r] for r in ("average", "distance") if max(found[r][1:]) > own[0] + ALLOWED]
    return Beside(
        f"{title}, error, %", columns,
        {NAMES[rule]: Line([*said[rule], None], found[rule]) for rule in NAMES},
        f"By loss the honest have {ours[1]:.1f} and {ours[2]:.1f} % among liars, alone"
        f" {own[0]:.1f}; more than {ALLOWED:g} point above that under one of the attacks:"
        f" {' and '.join(worse) or 'no rule'}.",
    )  # fmt: skip
