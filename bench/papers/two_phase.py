"""Zhang, Zhao, Hao, Soh, Lee, Miao & Hoi, "Distributed multi-task classification: a decentralized
online learning approach", Machine Learning 107, 2018.

Every node of a network holds the models of all tasks. What a node learns of one task moves the
others too, by the interaction matrix of strength b; then nodes average with their neighbours. Here
are 8 nodes and 5 tasks of 30 features: each round every node meets an example of a task that is
drawn, predicts and learns it; labels are flipped with probability .05. Tasks are a common direction
plus `spread` times noise of their own. Errors are the mean over nodes, rounds and draws, at the
best of the rates 2, 8, 32. All of it is learnt by `two_phase` as it is in the catalogue, with the
paper's hinge loss and steps of 1 / sqrt(t).

The paper's data and tables could not be had: the figures beside ours are those of a reconstruction
by the same equations, on other draws of the same problem.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bench.papers.beside import Beside, Line
from bench.papers.studies.nodes import complete, ring
from bench.papers.studies.two_phase import PAPER, Run, stream
from learners.coordination.two_phase import two_phase

NODES, RATES = 8, (2.0, 8.0, 32.0)
COUPLINGS = (0.0, 1.0, 5.0, 1e6)
GRAPHS = {"no network": None, "ring": ring(NODES), "complete": complete(NODES)}
FIGURES = {
    0.3: ((0.226, 0.193, 0.162, 0.156), (0.104, 0.097, 0.102, 0.127), (0.105, 0.096, 0.103, 0.127)),
    1.0: ((0.226, 0.212, 0.209, 0.267), (0.107, 0.107, 0.141, 0.242), (0.105, 0.107, 0.140, 0.243)),
    3.0: ((0.224, 0.223, 0.245, 0.368), (0.109, 0.114, 0.154, 0.346), (0.107, 0.112, 0.153, 0.345)),
}


def tables(short: bool) -> Iterator[Beside]:
    """A table for each spread; the short form has the first alone, of one draw."""
    for spread, figures in list(FIGURES.items())[: 1 if short else None]:
        runs = [stream(seed, spread, T=600 if short else 2000) for seed in range(1 if short else 2)]
        lines, found = {}, []
        for (graph, P), reference in zip(GRAPHS.items(), figures, strict=True):
            errors = []
            for b in COUPLINGS:
                strategy = two_phase(RATES, b, **PAPER)
                each = [Run(strategy, s, P).errors(s) for s in runs]
                errors.append(float(np.mean(each, axis=0).min()))
            found.append(errors)
            lines[graph] = Line([100 * x for x in reference], [100 * x for x in errors])
        alone, joined = min(found[0]), min(found[-1])
        best = [COUPLINGS[int(np.argmin(row))] for row in found]
        yield Beside(
            f"Error, %, spread {spread:g}",
            [*(f"b = {b:g}" for b in COUPLINGS[:-1]), "one model"],
            lines,
            f"Joining all nodes takes the best error from {100 * alone:.1f} to"
            f" {100 * joined:.1f} %; the best b is {best[0]:g} without a network, {best[1]:g} on"
            f" the ring and {best[2]:g} on the complete graph.",
            whose="reconstruction's",
        )
