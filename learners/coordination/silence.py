"""What strategies tell that have nothing to tell."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from learners.types import F32, I64, Bank, Block, Inbox, Reply, Rows, Scores, Shape, Strategy


class Silence(NamedTuple):
    """The message of those who tell nothing."""


def silent(
    init: Callable[[I64, Shape], Bank],
    score: Callable[[Bank, Block], Scores],
    learn: Callable[[Bank, Block], Scores],
    model: Callable[[Bank, Rows], F32],
    experts: tuple[str, ...],
    replayed: bool = False,
) -> Strategy:
    """A strategy of tasks that tell nothing and hear nothing; meetings pass it by."""

    def message(bank: Bank, rows: Rows) -> Silence:
        return Silence()

    def merge(bank: Bank, rows: Rows, reply: Reply) -> None:
        return None

    def meet(shape: Shape, seed: int) -> Silence:
        return Silence()

    def mix(memory: Bank, inbox: Inbox) -> Silence:
        return Silence()

    return Strategy(
        init, score, learn, message, merge, meet, mix, model, experts, replayed=replayed
    )
