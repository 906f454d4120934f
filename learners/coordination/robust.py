"""Any strategy, with meetings that a share of liars cannot steer.

Of s places, or of T tasks, some tell lies: constants, noise, the converse of what they learnt, or
what they know would hurt most. A sum or a mean follows the greatest lie. By the rule "loss" each
task has what the meeting replies judged by its own examples (`guarded`), which asks nothing of how
many lie. By the others, before the strategy's own `mix` sees the inbox, each leaf in it is made
safe, with c a centre of all words that are numbers: the median of each coordinate, its mean without
the `liars` least and as many greatest, or the point of least summed distance:

    words of places   m_s  ->  c                                (where mix adds n, n times c)
    words of tasks    w_t  ->  c + min(1, rho / |w_t - c|) (w_t - c),  rho = reach median |w_t - c|

What places tell is a part of one common model, so one word is as good as another; who has nothing
but 0 to say has no word. Tasks differ and are to remain so: theirs are only drawn in, and those of
the middle stay as they are to the last bit. Counts (whole numbers) pass as they are.

Learning: the strategy's own. Meetings: the strategy's own messages and replies; the meeting takes
O(s log s) a column more, O(32 s) by "geometric".

Guarantee: with fewer than half of the words lies (for "trimmed": at most the share `liars`), each
coordinate of a median or trimmed mean lies between honest ones; a geometric median is within 2 (1 -
a) / (1 - 2 a) times the honest words' greatest distance from their mean, a the share of lies.
Honest words that differ are smoothed as well: with two places, each hears of the other half of it
and half of itself, and a feature that fewer than half of the places know is not shared by a median.
No centre can do for tasks' words what it does for places': a negated word lies as far from the
middle as the true one, and where the truth differs from task to task, among the honest. So centres
do not keep honest tasks near what they are alone under every attack; "loss" does (docs/attacks.md).

Use "loss" where tasks have several times 20 examples each; a centre where places are alike and have
fewer. With models of single tasks, and nothing common, rather `byzantine`. Wrap it around `scaled`,
whose statistics are lied about as well.

Source: Yin, Chen, Ramchandran & Bartlett, "Byzantine-robust distributed learning: towards optimal
statistical rates", ICML 2018 (median, trimmed mean); Pillutla, Kakade & Harchaoui, "Robust
aggregation for federated learning", IEEE TSP 2022 (geometric median; Weiszfeld); the problem:
Blanchard, El Mhamdi, Guerraoui & Stainer, "Machine learning with adversaries", NeurIPS 2017.
Shortening towards a centre is Karimireddy, He & Jaggi's ("Learning from history", ICML 2021), the
radius by the median distance is ours, as is putting any of it before any strategy's own mixing.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from learners import tree
from learners.coordination.guarded import guarded
from learners.coordination.robust_rules import distances, geometric, shortened, trimmed, usable
from learners.tree import Array
from learners.types import F64, Bank, Inbox, Reply, Strategy

Rule = Literal["median", "trimmed", "geometric", "loss"]
RULES: tuple[Rule, ...] = ("median", "trimmed", "geometric", "loss")


def robust(
    inner: Strategy, rule: Rule = "loss", *, liars: float = 1 / 3, reach: float = 2.0
) -> Strategy:
    """The strategy with safe meetings.

    Parameters
    ----------
    inner
        any, for "loss"; for centres one whose meetings add or average what they are told
    rule
        "loss", or that of the centre: "median", "trimmed", "geometric"
    liars
        share of the words that "trimmed" cuts off at either end, and beyond which a coordinate of
        "geometric" may not lie, below 1/2
    reach
        how many median distances from the centre a task's word may lie

    Raises
    ------
    ValueError
        when one of them is out of its range.
    """
    if rule not in RULES:
        raise ValueError(f"rule: {rule!r} is none of {', '.join(RULES)}")
    if not 0 <= liars < 0.5:
        raise ValueError(f"liars: {liars!r} is not from 0 to below 1/2")
    if not 0 < reach < np.inf:
        raise ValueError(f"reach: {reach!r} is not a number above 0")
    if rule == "loss":
        return guarded(inner)

    def centre(words: F64) -> F64:
        cut = len(words) if rule == "median" else round(liars * len(words))
        if not len(words):
            return np.zeros(words.shape[1])
        found: F64 = geometric(words, cut) if rule == "geometric" else trimmed(words, cut)
        return found

    def safe(names: str, leaf: Array) -> Array:
        if leaf.dtype.kind != "f" or not leaf.size:
            return leaf
        words = np.ascontiguousarray(leaf.reshape(len(leaf), -1), np.float64)
        there, spoke = usable(words), np.any(words != 0, axis=1)
        if "t" not in names:
            there &= spoke  # a place that has learnt nothing says nothing
        middle = centre(words[there])
        words[~there & spoke] = middle
        if "t" in names:
            radius = reach * float(np.median(distances(words[there], middle))) if any(there) else 0
            words = shortened(words, middle, radius)
        else:
            words[spoke] = middle
        return words.astype(leaf.dtype).reshape(leaf.shape)

    def mix(memory: Bank, inbox: Inbox) -> Reply:
        made: Any = tree.map(safe, inbox.message)
        return inner.mix(memory, inbox._replace(message=made))

    return inner._replace(mix=mix)
