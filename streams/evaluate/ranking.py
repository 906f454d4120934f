"""ROC AUC: how often a positive example is ranked above a negative one."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def auc(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """The share of (positive, negative) pairs in the right order, ties counted half.

    The Mann-Whitney statistic: exact, by average ranks, in O(n log n).

    >>> auc(np.array([0.1, 0.4, 0.4, 0.8]), np.array([False, False, True, True]))
    0.875

    Returns:
        The area, NaN unless there are examples of both kinds.
    """
    ups = int(positive.sum())
    downs = len(positive) - ups
    if not ups or not downs:
        return math.nan
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    rank = np.cumsum(counts) - (counts - 1) / 2
    return float((rank[place[positive]].sum() - ups * (ups + 1) / 2) / (ups * downs))


def mean_auc(label: NDArray[np.int64], probabilities: NDArray[np.float64]) -> float:
    """The mean, over the classes that occur, of the area of each against the rest.

    For two classes whose probabilities sum to 1 this is the usual area.

    Returns:
        The mean, NaN where fewer than two classes occur.
    """
    areas = [auc(probabilities[:, k], label == k) for k in np.unique(label).tolist()]
    return sum(areas) / len(areas) if areas else math.nan
