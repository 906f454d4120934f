"""Who talks to whom: graphs over named places, and how much each heeds each.

The graph says which places exchange messages; which tasks are alike is a strategy's affair and has
nothing to do with it. Metropolis weights make of any graph a mixing matrix

    W_ij = 1 / (1 + max(deg_i, deg_j)) for neighbours,    W_ii = 1 - sum_j W_ij,

symmetric and doubly stochastic, which each place knows from its own degree and its neighbours'
(Xiao & Boyd, "Fast linear iterations for distributed averaging", Systems & Control Letters 2004).
Repeated mixing x <- W x keeps the mean and comes to it at the rate of the second largest modulus of
an eigenvalue of W, whatever the graph, so long as it is connected.

>>> find("ring")(["a", "b", "c", "d"]).neighbours("a")
('b', 'd')
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from learners.types import F64, I64

TRIES = 1000  # draws of a random graph before it is said that none is connected


class Topology(NamedTuple):
    """A connected graph without loops, over places in the order of their names."""

    places: tuple[str, ...]
    joined: NDArray[np.bool_]  # (n, n), symmetric; nobody is joined to itself

    def neighbours(self, place: str) -> tuple[str, ...]:
        """Those that a place exchanges messages with, itself left out.

        Raises
        ------
        ValueError
            when there is no such place.
        """
        if place not in self.places:
            raise ValueError(f"topology: there is no place {place!r}")
        row = self.joined[self.places.index(place)]
        return tuple(self.places[j] for j in np.flatnonzero(row).tolist())

    @property
    def edges(self) -> list[tuple[str, str]]:
        """Each pair of neighbours once."""
        pairs = np.argwhere(np.triu(self.joined)).tolist()
        return [(self.places[i], self.places[j]) for i, j in pairs]

    def weights(self, absent: Collection[str] = ()) -> F64:
        """Metropolis weights, (n, n); whoever is absent keeps to itself, and so do they to it.

        What a place would have heeded an absent one it heeds itself, so that the matrix stays
        symmetric and doubly stochastic, and no place has to tell another that its degree changed.
        """
        degrees = self.joined.sum(1)
        heed = 1.0 / (1.0 + degrees)
        W: F64 = np.where(self.joined, np.minimum(heed[:, None], heed), 0.0)
        # 1 - the others', summed so that it is exactly 1 / (1 + degree) where all degrees are one.
        own = heed + np.where(self.joined, heed[:, None] - W, 0.0).sum(1)
        for name in absent:
            if name in self.places:
                i = self.places.index(name)
                own += W[i]
                W[i], W[:, i], own[i] = 0.0, 0.0, 1.0
        np.fill_diagonal(W, own)
        return W

    def at(self, places: Sequence[str]) -> I64:
        """Where those lie among all places."""
        return np.array([self.places.index(name) for name in places], np.int64)

    def mixing(self, present: Sequence[str], absent: Collection[str] = ()) -> F64:
        """The weights among those present; what the others would have got stays with each."""
        W = self.weights(absent)
        at = self.at(present)
        gone = np.setdiff1d(np.arange(len(W)), at)
        part: F64 = W[np.ix_(at, at)]
        part[np.diag_indices(len(at))] += W[np.ix_(at, gone)].sum(1)
        return part

    def adding(self) -> F64:
        """How much of what each place made counts in each one's sum, (n, n): I + A / a.

        A is 1 for neighbours and -a its least eigenvalue: so none of the sum is below 0, and places
        that learn from each other's sums cannot drive each other away (`shared`). All are 1 on the
        complete graph. Rounded, so that no machine's last bits become state.

        >>> complete("abc").adding()[0].tolist(), ring("abcdef").adding()[0].tolist()
        ([1.0, 1.0, 1.0], [1.0, 0.5, 0.0, 0.0, 0.0, 0.5])
        """
        if len(self.places) < 2:
            return np.ones(self.joined.shape)
        least = np.linalg.eigvalsh(self.joined.astype(np.float64))[0]
        return np.where(self.joined, np.round(-1.0 / least, 6), np.eye(len(self.places)))


def second(W: F64) -> float:
    """The second largest modulus of an eigenvalue of a symmetric doubly stochastic matrix.

    Differences between places shrink by it at least, each time they mix; 1 less this is the
    spectral gap. 0 on the complete graph, near 1 on long rings.
    """
    moduli = np.sort(np.abs(np.linalg.eigvalsh(W)))
    return float(moduli[-2]) if len(moduli) > 1 else 0.0


def from_edges(places: Iterable[str], edges: Iterable[tuple[str, str]]) -> Topology:
    """The graph of those edges; either direction, any number of times.

    Raises
    ------
    ValueError
        when an edge is of a place that there is not, or some cannot reach others.
    """
    names = tuple(sorted(set(places)))
    at = {name: i for i, name in enumerate(names)}
    joined = np.zeros((len(names), len(names)), bool)
    for pair in edges:
        for name in pair:
            if name not in at:
                raise ValueError(f"topology: an edge to {name!r}, which is no place")
        a, b = at[pair[0]], at[pair[1]]
        joined[a, b] = joined[b, a] = a != b
    if not _connected(joined):
        raise ValueError("topology: not connected, some places cannot reach others")
    return Topology(names, joined)


def complete(places: Iterable[str]) -> Topology:
    """Everybody with everybody."""
    names = tuple(sorted(set(places)))
    return Topology(names, ~np.eye(len(names), dtype=bool))


def star(places: Iterable[str]) -> Topology:
    """The first by name with everybody."""
    names = sorted(set(places))
    return from_edges(names, [(hub, other) for hub in names[:1] for other in names[1:]])


def ring(places: Iterable[str]) -> Topology:
    """Each with the two next to it by name."""
    names = sorted(set(places))
    return from_edges(names, zip(names, names[1:] + names[:1], strict=True))


def grid(places: Iterable[str], width: int = 0) -> Topology:
    """Each with those beside, above and below, in rows as long as there are rows (or of `width`).

    The last row may be shorter.
    """
    names = sorted(set(places))
    if width < 0:
        raise ValueError(f"topology: a grid of width {width}")
    width = width or int(np.ceil(np.sqrt(len(names))))
    beside = [(names[i - 1], names[i]) for i in range(1, len(names)) if i % width]
    return from_edges(names, beside + list(zip(names, names[width:], strict=False)))


def regular(places: Iterable[str], degree: int, seed: int = 0) -> Topology:
    """Each with `degree` others at random.

    A circle of neighbours whose edges then swap their ends, at random, many times over.

    Raises
    ------
    ValueError
        when there is no connected graph of that many places and that degree.
    """
    names = sorted(set(places))
    n = len(names)
    if n < 2 or degree >= n:
        raise ValueError(f"topology: {n} places cannot have {degree} neighbours each")
    if n * degree % 2:
        raise ValueError(f"topology: {n} places of {degree} neighbours: one must be even")
    if degree < 2 and n > 2:
        raise ValueError(f"topology: {n} places of {degree} neighbours are not connected")
    joined = np.zeros((n, n), bool)
    around = np.arange(n)
    for step in [*range(1, degree // 2 + 1), *([n // 2] if degree % 2 else [])]:
        joined[around, (around + step) % n] = joined[(around + step) % n, around] = True
    random = np.random.default_rng(seed)
    edges = np.argwhere(np.triu(joined)).tolist()
    for _ in range(TRIES):
        for one, other in random.integers(len(edges), size=(10 * len(edges), 2)).tolist():
            _swap(joined, edges, one, other)
        if _connected(joined):
            return Topology(tuple(names), joined)
    raise ValueError(f"topology: no connected graph of {n} places and degree {degree} was found")


def erdos(places: Iterable[str], p: float | None = None, seed: int = 0) -> Topology:
    """Each pair with probability p, drawn until all are connected (Erdos & Renyi 1959).

    By default p = 2 ln n / n, twice where connected graphs become usual.
    """
    names = tuple(sorted(set(places)))
    n = len(names)
    if p is None:
        p = min(1.0, 2 * np.log(max(n, 2)) / max(n, 1))
    if not 0 <= p <= 1:
        raise ValueError(f"topology: {p!r} is no probability")
    random = np.random.default_rng(seed)
    for _ in range(TRIES):
        upper = np.triu(random.random((n, n)) < p, 1)
        if _connected(upper | upper.T):
            return Topology(names, upper | upper.T)
    raise ValueError(f"topology: no connected graph of {n} places at p = {p:g} was found; raise p")


FORMS = "complete, star, ring, grid, grid:WIDTH, random:DEGREE, erdos, erdos:P, edges:A-B,B-C,..."


def find(text: str) -> Callable[..., Topology]:
    """What makes a topology of places, and a seed, by name.

    >>> len(find("random:4")([f"p{i}" for i in range(10)], seed=1).edges)
    20

    Raises
    ------
    ValueError
        that says what there is.
    """
    name, colon, given = text.partition(":")
    wrong = ValueError(f"topology: {text!r} is none of {FORMS}")
    plain = {"complete": complete, "star": star, "ring": ring, "grid": grid}
    try:
        if name in plain and not colon:
            return lambda places, seed=0: plain[name](places)
        if name == "grid" and int(given) > 0:
            return lambda places, seed=0: grid(places, int(given))
        if name == "random" and int(given) > 0:
            return lambda places, seed=0: regular(places, int(given), seed)
        if name == "erdos":
            p = float(given) if colon else None
            return lambda places, seed=0: erdos(places, p, seed)
    except ValueError:
        raise wrong from None
    if name == "edges" and given:
        pairs = [tuple(pair.split("-")) for pair in given.split(",")]
        if all(len(pair) == 2 for pair in pairs):
            return lambda places, seed=0: from_edges(places, [(a, b) for a, b in pairs])
    raise wrong


def _swap(joined: NDArray[np.bool_], edges: list[list[int]], one: int, other: int) -> None:
    """Edges a-b, c-d become d-a, b-c, unless one of these is there, or a loop."""
    (a, b), (c, d) = edges[one], edges[other]
    if len({a, b, c, d}) == 4 and not joined[a, d] and not joined[c, b]:
        for i, j, there in ((a, b, False), (c, d, False), (a, d, True), (c, b, True)):
            joined[i, j] = joined[j, i] = there
        edges[one], edges[other] = [d, a], [b, c]  # turned, so that all ends come to meet


def _connected(joined: NDArray[np.bool_]) -> bool:
    """Whether the first reaches all."""
    if not len(joined):
        return True
    reached = np.zeros(len(joined), bool)
    reached[0] = True
    while True:
        wider = reached | joined[reached].any(0)
        if (wider == reached).all():
            return bool(reached.all())
        reached = wider
