"""Dinuzzo, Pillonetto & De Nicolao, "Client-server multitask learning from distributed datasets",
IEEE Transactions on Neural Networks 22(2), 2011.

A recommender of music: users rate songs, and what they like is partly what all like. Active users
let the server learn what is common; passive ones only download it. What does it bring a user who
has rated few songs, by how many are active? And by a, how much users are taken to have in common?

Here: `client_server`, the users' own ratings at their place, what is common from the hub. Songs
have ten features, a user's taste is drawn as the method's model has it with a = 0.7, and noise is a
third of a rating's size. A rating says like or dislike, 1 or -1, which the method takes for numbers
with a noise of 4, found by trial. Then the survey of computers, 190 persons and 20 computers: 150
are active, 40 passive, each has rated twelve, and is asked about the others.

What differs: the paper's simulation and its figures could not be had, so there is nothing beside
ours; its ratings are numbers, its functions those of kernels, and its server sees what active users
rated, where here it sees sums over at least four ratings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.accuracy import DATA
from bench.papers.beside import Beside, Line
from bench.papers.studies.places import BITS
from learners.coordination.client_server import client_server
from learners.exchange import Hub
from learners.features import from_arrays
from learners.place import Place
from learners.types import F64

SHARES = (0.0, 0.3, 0.5, 0.7, 0.9, 1.0)
TRUE = 0.7
NOISE = 4.0
PASSIVE, RATED = 40, 20


class Ratings(NamedTuple):
    """By user (u, n, d) and (u, n): what was rated, and whether it was liked."""

    X: F64
    y: NDArray[np.bool_]

    def some(self, users: slice, items: slice) -> Ratings:
        """Those ratings of those users."""
        return Ratings(self.X[users, items], self.y[users, items])


def music(users: int, rated: int, seed: int, d: int = 10) -> Ratings:
    """Tastes by the mixed-effects model."""
    random = np.random.default_rng(seed)
    common = np.sqrt(TRUE) * random.normal(size=d)
    taste = common + np.sqrt(1 - TRUE) * random.normal(size=(users, d))
    X = random.normal(size=(users, rated, d))
    rating = np.einsum("und,ud->un", X, taste)
    return Ratings(X, rating + np.sqrt(d) / 3 * random.normal(size=rating.shape) > 0)


def survey(seed: int) -> Ratings:
    """Persons and computers, in random order both."""
    random = np.random.default_rng(seed)
    with np.load(DATA / "computer_survey.npz") as z:
        X, y, person = z["X"].astype(float), z["y"] == 1, z["task"]
    people = random.permutation(np.unique(person))
    rows = np.stack([random.permutation(np.flatnonzero(person == p)) for p in people])
    return Ratings(X[rows], y[rows])


def errors(active: Ratings, mine: Ratings, asked: Ratings) -> F64:
    """Per cent of wrong answers to passive users about other items, for each of SHARES."""
    hub = Hub(client_server(SHARES, noise=NOISE, batch=4))
    places = {
        name: Place(
            client_server(SHARES, noise=NOISE, batch=4, passive=name == "passive"),
            bits=BITS, period=0, name=name, hub=hub,
        )
        for name in ("active", "passive")
    }  # fmt: skip
    for place, given in zip(places.values(), (active, mine), strict=True):
        # Two that weigh nothing: both places know both classes then, in one order.
        zeros = np.zeros((2, given.X.shape[2]))
        names = from_arrays(["names"] * 2, zeros, [False, True], bits=BITS)
        place.learn(names._replace(weight=np.zeros(2, np.float32)))
        place.forget("names")
        if given.y.size:
            place.learn(from_arrays(*flat(given, place.name), bits=BITS))
        hub.post(place.tell())
    for name, reply in hub.meet().items():
        places[name].hear(reply)
    users, X, y = flat(asked, "passive")
    where = places["passive"]
    best = where.score(from_arrays(users, X, bits=BITS)).probabilities.argmax(2)
    said = np.array(where.classes)[best]
    return np.asarray(100 * (said != np.array(y)[:, None]).mean(0), np.float64)


def flat(ratings: Ratings, kind: str) -> tuple[list[str], F64, list[bool]]:
    """Rows of users and items, in turn."""
    users, n, d = ratings.X.shape
    names = [f"{kind} {u:03d}" for _ in range(n) for u in range(users)]
    return names, ratings.X.swapaxes(0, 1).reshape(-1, d), ratings.y.T.ravel().tolist()


def of_music(active: int, own: int, seed: int) -> F64:
    """Errors of passive users with so many ratings of their own, by so many active ones."""
    made = music(PASSIVE + active, RATED + 100, seed)
    passive, others = slice(0, PASSIVE), slice(PASSIVE, None)
    return errors(
        made.some(others, slice(0, RATED)),
        made.some(passive, slice(0, own)),
        made.some(passive, slice(RATED, None)),
    )


def of_survey(seed: int, own: int = 12) -> F64:
    """The same of the survey."""
    made, passive, others = survey(seed), slice(0, PASSIVE), slice(PASSIVE, None)
    first = slice(0, own)
    return errors(
        made.some(others, first), made.some(passive, first), made.some(passive, slice(own, None))
    )


def by_active(seeds: int, counts: Sequence[int]) -> Beside:
    """What the active bring the passive."""
    rated, at = (0, 5, 10, 20), SHARES.index(TRUE)
    found = {
        active: [
            float(np.mean([of_music(active, own, seed)[at] for seed in range(seeds)]))
            for own in rated
        ]
        for active in counts
    }
    none, most = found[counts[0]], found[counts[-1]]
    return Beside(
        f"Error of passive users on songs not rated, %, a = {TRUE}, {seeds} draws",
        [f"{own} ratings of their own" for own in rated],
        {f"{n} active": Line([None] * len(rated), row) for n, row in found.items()},
        f"{counts[-1]} active users with {RATED} ratings each bring, by the passive user's own, "
        + ", ".join(f"{b - a:+.1f}" for a, b in zip(none, most, strict=True)) + ".",
    )  # fmt: skip


def by_share(seeds: int, active: int) -> Beside:
    """How much users are taken to have in common."""
    rows = {
        f"music, {active} active, 10 ratings of their own": np.mean(
            [of_music(active, 10, seed) for seed in range(seeds)], 0
        ),
        "survey of computers": np.mean([of_survey(seed) for seed in range(seeds)], 0),
    }
    best = [f"{name}: a = {SHARES[int(row.argmin())]:g}" for name, row in rows.items()]
    return Beside(
        f"Error of passive users, %, by a, {seeds} draws",
        [f"a = {share:g}" for share in SHARES],
        {name: Line([None] * len(SHARES), row.tolist()) for name, row in rows.items()},
        f"The least error is at {'; '.join(best)}; music was made with {TRUE}.",
    )  # fmt: skip


def tables(short: bool) -> Iterator[Beside]:
    """What active users bring, and what users have in common."""
    counts = (0, 20) if short else (0, 5, 20, 100)
    yield by_active(1 if short else 5, counts)
    yield by_share(1 if short else 5, counts[-1])
