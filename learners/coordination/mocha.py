"""MOCHA."""

from __future__ import annotations

from collections.abc import Sequence

from learners.coordination.sdca import RIDGES, WINDOW, Loss, sdca
from learners.types import Strategy


def mocha(
    ridges: Sequence[float] = RIDGES,
    coupling: float | None = None,
    *,
    loss: Loss = "logistic",
    work: tuple[int, int] = (0, 11),
    window: int = WINDOW,
    together: bool = True,
) -> Strategy:
    """The strategy, for each of several ridges."""
    return sdca("mocha", ridges, loss, work, window, coupling, together)
