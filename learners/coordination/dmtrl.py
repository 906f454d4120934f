"""DMTRL."""

from __future__ import annotations

from collections.abc import Sequence

from learners.coordination.sdca import RIDGES, WINDOW, Loss, sdca
from learners.types import Strategy


def dmtrl(
    ridges: Sequence[float] = RIDGES,
    coupling: float | None = None,
    *,
    loss: Loss = "logistic",
    replays: int = 5,
    window: int = WINDOW,
    together: bool = True,
) -> Strategy:
    """The strategy, for each of several ridges."""
    return sdca("dmtrl", ridges, loss, (1 + replays,) * 2, window, coupling, together)
