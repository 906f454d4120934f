"""Any strategy, telling only what its examples could not be read from: clipped changes and noise.

What a task tells follows from its examples, and who sees it may find them out. So a task, and a
place of what its tasks have in common, tells not its state m but a word t that follows it:

    t <- t + clip_C(m - t) + N(0, (noise C)**2),    clip_C(x) = x min(1, C / |x|)

once after each reply, if it has learnt something since the last time. What was told before is known
to all, so each release shows C at most, whatever the state is a sum of, and what was cut off is
told the next time; noise does not pile up. The message is the word: asked for again it is the same,
and however often it is sent, lost or repeated, one release is paid for.

Learning: the strategy's own. Meetings: the strategy's own messages; replies say besides which
columns were spoken of (4 d bytes a task that tells rows, 4 d a place that tells of itself): noise
goes on all of these, or which of them a task has seen would show. The first word is 0.

Guarantee: differential privacy of all that a task ever tells (a place, of its common part), against
everyone else, the meeting too, for any stream of its examples in the place of any other: each
release is a Gaussian mechanism of sensitivity 2 C, so it is (2 / noise**2)-zCDP, and r of them
r times that, adaptively; `epsilon` says what that is at a delta. Not private, and told by every
message: names of tasks, features and labels, and how many examples a task has seen; whole numbers
in a message are told as they are. It holds for real numbers; what Mironov ("On significance of the
least significant bits for differential privacy", CCS 2012) shows of rounded ones is not countered.

Use it where the meeting is not trusted with models and features are few: noise of one release has
length noise C sqrt(d k e). The secret must stay with the place; noise follows from it, so that
replay gives the same state. Behind a scale of each task, `scaled(private(..), by="task")`: it tells
nothing, and a place's, which does, would not survive noise.

Source: Dwork & Roth, "The algorithmic foundations of differential privacy", 2014 (the mechanism);
Abadi et al., "Deep learning with differential privacy", CCS 2016 (clipping); Bun & Steinke, TCC
2016 (the ledger's unit). Following the state by clipped changes from what was told last is error
feedback, Seide et al., Interspeech 2014; putting it to any strategy's messages is ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple

import numpy as np

from learners import tree
from learners.coordination.private_rules import clipped, normals
from learners.tree import Array
from learners.types import (
    F64,
    I32,
    I64,
    Bank,
    Block,
    Inbox,
    Message,
    Reply,
    Rows,
    Scores,
    Shape,
    Strategy,
)


class Ledger(NamedTuple):
    """What was paid for, by task and for the place."""

    seed: Annotated[I64, "t1"]
    learnt: Annotated[I64, "t1"]  # examples
    at: Annotated[I64, "t1"]  # how many that were when the word was made
    releases: Annotated[I64, "t1"]
    place_learnt: Annotated[I64, "1"]
    place_at: Annotated[I64, "1"]
    place_releases: Annotated[I64, "1"]


class Private(NamedTuple):
    """A state, and the words that follow it."""

    bank: Bank
    word: Message
    ledger: Ledger


class OfRows(NamedTuple):
    """Which columns a meeting spoke of: their number there from 1 on, else 0; to each task."""

    number: Annotated[I32, "td"]


class OfPlaces(NamedTuple):
    """The same to each place."""

    number: Annotated[I32, "d"]


def private(inner: Strategy, clip: float, noise: float, secret: bytes) -> Strategy:
    """The strategy, telling noisy words.

    Parameters
    ----------
    inner
        what is told by whom
    clip
        C, the greatest length of a change that is told at once
    noise
        in clips: the deviation of each number's noise over C
    secret
        what the noise follows from; nobody else may know it

    Raises
    ------
    ValueError
        when one of them is out of its range.
    """
    for name, value in {"clip": clip, "noise": noise}.items():
        if not 0 < value < np.inf:
            raise ValueError(f"{name}: {value!r} is not a number above 0")
    if not secret:
        raise ValueError("secret: without one, everybody knows the noise")

    def init(seeds: I64, shape: Shape) -> Private:
        rows = shape._replace(tasks=len(seeds))
        thin = inner.init(seeds, rows._replace(columns=1, slots=0))
        word = _blank(inner.message(thin, np.arange(len(seeds))), rows)
        ledger: Ledger = tree.zeros(Ledger, rows)
        ledger.seed[:, 0] = seeds
        return Private(inner.init(seeds, shape), word, ledger)

    def score(bank: Private, block: Block) -> Scores:
        return inner.score(bank.bank, block)

    def learn(bank: Private, block: Block) -> Scores:
        np.add.at(bank.ledger.learnt[:, 0], block.rows, 1)
        bank.ledger.place_learnt[0] += len(block.rows)
        return inner.learn(bank.bank, block)

    def message(bank: Private, rows: Rows) -> Message:
        def tell(names: str, leaf: Array) -> Array:
            part = leaf[rows] if "t" in names else leaf
            return np.maximum(part, 0) if "K" in names else part  # of squares: never below 0

        return tree.map(tell, bank.word)

    def released(word: F64, state: F64, about: list[int]) -> F64:
        """The word after one release; its noise is of this release and this change alone."""
        change = state - word
        key = np.array([len(secret), *about], "<i8").tobytes() + change.astype("<f8").tobytes()
        sigma = noise * clip
        return word + clipped(change, clip) + sigma * normals(secret + key, len(word))

    def merge(bank: Private, rows: Rows, reply: Reply) -> None:
        inner.merge(bank.bank, rows, reply[0])
        ledger = bank.ledger
        news = np.flatnonzero(ledger.learnt[rows, 0] > ledger.at[rows, 0])
        if reply[1] and len(news):
            state = inner.message(bank.bank, rows[news])
            for i, at in enumerate(news.tolist()):
                row, number = int(rows[at]), reply[1].number[at]
                word = [leaf[row] for leaf in _told(bank.word, True)]
                told = [leaf[i] for leaf in _told(state, True)]
                axes = [names[1:] for names in _axes(bank.word, True)]
                about = [int(ledger.seed[row, 0]), int(ledger.releases[row, 0])]
                release(word, told, axes, number, about)
                ledger.releases[row] += 1
            exact(bank.word, state, rows[news])
            ledger.at[rows] = ledger.learnt[rows]
        if reply[2] and reply[2].number is not None and ledger.place_learnt > ledger.place_at:
            state = inner.message(bank.bank, rows[:0])
            axes = _axes(bank.word, False)
            about = [-1, int(ledger.place_releases[0])]
            release(_told(bank.word, False), _told(state, False), axes, reply[2].number, about)
            ledger.place_releases[0] += 1
            ledger.place_at[:] = ledger.place_learnt

    def release(
        word: list[Array], state: list[Array], axes: list[str], number: I32, about: list[int]
    ) -> None:
        """Write the next word of a task, or of a place, into its leaves."""
        columns = np.flatnonzero(number)
        columns = columns[np.argsort(number[columns], kind="stable")]
        at: list[Any] = [columns if "d" in names else slice(None) for names in axes]
        parts = [leaf[where] for leaf, where in zip(word, at, strict=True)]
        made = released(_flat(parts), _flat([s[a] for s, a in zip(state, at, strict=True)]), about)
        for leaf, where, part in zip(word, at, parts, strict=True):
            leaf[where] = made[: part.size].reshape(part.shape)
            made = made[part.size :]

    def exact(word: Message, state: Message, rows: Rows) -> None:
        """Counts are told as they are."""
        for (_, names, into), (_, _, leaf) in zip(
            tree.leaves(word), tree.leaves(state), strict=True
        ):
            if "t" in names and into.dtype.kind != "f":
                into[rows] = leaf

    def meet(shape: Shape, seed: int) -> Bank:
        return (inner.meet(shape, seed),)

    def mix(memory: Bank, inbox: Inbox) -> Reply:
        reply = inner.mix(memory[0], inbox)
        number = np.arange(1, 1 + inbox.shape.columns, dtype=np.int32)
        tasks, places = len(inbox.tasks), len(inbox.mixing)
        of_rows: Any = OfRows(np.tile(number, (tasks, 1))) if _axes(inbox.message, True) else ()
        of_places: Any = (
            OfPlaces(np.tile(number, (places, 1))) if _axes(inbox.message, False) else ()
        )
        return reply, of_rows, of_places

    def weigh(bank: Private, rows: Rows) -> tuple[tuple[str, ...], F64]:
        assert inner.weigh is not None
        return inner.weigh(bank.bank, rows)

    return inner._replace(
        init=init, score=score, learn=learn, message=message, merge=merge, meet=meet, mix=mix,
        model=lambda bank, rows: inner.model(bank.bank, rows),
        weigh=weigh if inner.weigh else None,
    )  # fmt: skip


def releases(bank: Private, rows: Rows) -> I64:
    """How many releases each of those tasks has made, (r,): what `rho` and `epsilon` ask for."""
    made: I64 = bank.ledger.releases[rows, 0]
    return made


def _leaves(one: Message, by_row: bool) -> Iterator[tuple[str, Array]]:
    for _, names, leaf in tree.leaves(one):
        if leaf.dtype.kind == "f" and ("t" in names) == by_row:
            yield names, leaf


def _told(one: Message, by_row: bool) -> list[Array]:
    """The leaves with numbers that noise goes on: of tasks, or of the place."""
    return [leaf for _, leaf in _leaves(one, by_row)]


def _axes(one: Message, by_row: bool) -> list[str]:
    return [names for names, _ in _leaves(one, by_row)]


def _flat(parts: list[Array]) -> F64:
    """All of them end to end."""
    return np.concatenate([part.ravel().astype(np.float64) for part in parts])


def _blank(like: Message, shape: Shape) -> Message:
    """A message of 0, built as that one, of a shape and lying as leaves of a bank do."""
    sizes = {"t": shape.tasks, "d": shape.columns, "p": shape.slots}

    def make(names: str, leaf: Array) -> Array:
        have = dict(zip(names, leaf.shape, strict=True))
        if shape.slots and names.startswith("td"):
            names = "p" + names[2:]
        return np.zeros([sizes.get(a, have.get(a, 0)) for a in names], leaf.dtype)

    return tree.map(make, like)
