"""Centres that a share of liars cannot drag away, in a fixed order: it becomes state."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from learners.kernels import compiled
from learners.types import F64

HUGE = 1e18  # a number beyond is taken for a lie, and its whole word is passed over
STEPS = 32  # of Weiszfeld's, for a geometric median
NEAR = 1e-3  # a distance below counts as this, relative to the median one: else it leaves no word


@compiled
def usable(words: F64) -> NDArray[np.bool_]:
    """Which of the words (s, m) are all numbers of a size that can be reckoned with."""
    out = np.ones(len(words), np.bool_)
    for i in range(len(words)):
        for x in words[i]:
            if not abs(x) <= HUGE:
                out[i] = False
                break
    return out


@compiled
def trimmed(words: F64, cut: int) -> F64:
    """The mean of each column of (s, m) without its `cut` least and greatest; a median is left.

    >>> trimmed(np.array([[1.0], [2.0], [9.0]]), 1).tolist()
    [2.0]
    """
    n = len(words)
    cut = min(cut, (n - 1) // 2)
    out = np.zeros(words.shape[1])
    for j in range(len(out)):
        sorted_ = np.sort(words[:, j])
        for i in range(cut, n - cut):
            out[j] += sorted_[i]
        out[j] /= n - 2 * cut
    return out


@compiled
def distances(words: F64, centre: F64) -> F64:
    """Of the words (s, m) from a centre."""
    out = np.zeros(len(words))
    for i in range(len(words)):
        for j in range(len(centre)):
            away = words[i, j] - centre[j]
            out[i] += away * away
        out[i] = np.sqrt(out[i])
    return out


@compiled
def geometric(words: F64, cut: int) -> F64:
    """Where the sum of distances to the words (s, m) is least, by Weiszfeld's steps.

    Brought, by coordinate, to between the words but for the `cut` least and greatest: far liars
    have little weight but some, and what only the honest tell may never be negative.

    >>> geometric(np.array([[0.0, 0.0], [0.0, 0.0], [0.0, 7.0]]), 1).round(6).tolist()
    [0.0, 0.0]
    """
    centre = trimmed(words, len(words))
    for _ in range(STEPS):
        far = distances(words, centre)
        least = NEAR * max(np.sort(far)[len(far) // 2], 1e-30)
        total, new = 0.0, np.zeros(len(centre))
        for i in range(len(words)):
            share = 1.0 / max(far[i], least)
            total += share
            for j in range(len(centre)):
                new[j] += share * words[i, j]
        for j in range(len(centre)):
            centre[j] = new[j] / total
    cut = min(cut, (len(words) - 1) // 2)
    for j in range(len(centre)):
        inner = np.sort(words[:, j])[cut : len(words) - cut]
        centre[j] = min(max(centre[j], inner[0]), inner[-1])
    return centre


@compiled
def shortened(words: F64, centre: F64, radius: float) -> F64:
    """The words (s, m), those farther than the radius brought back to it, straight to the centre.

    Who is within it is left alone to the last bit.
    """
    far, out = distances(words, centre), words.copy()
    for i in range(len(words)):
        if far[i] > radius:
            for j in range(len(centre)):
                out[i, j] = centre[j] + (radius / far[i]) * (words[i, j] - centre[j])
    return out
