"""The catalogue: one algorithm a file, in the letters of its paper."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from learners.coordination.admm import admm
from learners.coordination.amtl import amtl
from learners.coordination.byzantine import byzantine
from learners.coordination.client_server import client_server
from learners.coordination.clustered import clustered
from learners.coordination.dmtrl import dmtrl
from learners.coordination.drom import drom
from learners.coordination.drom_d import drom_d
from learners.coordination.families import families
from learners.coordination.fedem import fedem
from learners.coordination.fedem_d import fedem_d
from learners.coordination.independent import independent
from learners.coordination.laplacian import laplacian
from learners.coordination.mean import mean
from learners.coordination.mixture import mixture
from learners.coordination.mocha import mocha
from learners.coordination.newton import newton
from learners.coordination.pooled import pooled
from learners.coordination.river import PREFIX, river
from learners.coordination.scaled import scaled
from learners.coordination.shared import shared
from learners.coordination.together import together
from learners.coordination.trace import trace
from learners.coordination.two_phase import two_phase
from learners.types import Strategy


class Entry(NamedTuple):
    """A strategy of the catalogue."""

    name: str
    summary: str
    paper: str
    learners: Callable[[], Strategy]
    mixed: bool = False  # whether by that name each task weighs these learners for itself

    def make(self) -> Strategy:
        """The strategy of that name."""
        return mixture(self.learners()) if self.mixed else self.learners()


RATE = (2.0,)  # of a plain strategy: one expert
RIDGE = (0.0025,)  # likewise, by the ridge
SHARE = (0.7,)  # likewise, by what tasks have in common
_ENTRIES = [
    Entry(
        "auto",
        "for each task, a Bayesian mixture of its own learner and the coordinated ones",
        "Vovk 1990; Herbster & Warmuth 1998",
        families,
        mixed=True,
    ),
    Entry(
        "independent",
        "each task learns alone",
        "Duchi, Hazan & Singer 2011 (AdaGrad)",
        lambda: scaled(independent(RATE), by="task"),
    ),
    Entry(
        "pooled",
        "one model for all tasks",
        "Duchi, Hazan & Singer 2011 (AdaGrad)",
        lambda: scaled(pooled(RATE)),
    ),
    Entry(
        "shared",
        "a common model and each task's deviation from it, u + v_t",
        "Evgeniou & Pontil 2004",
        lambda: scaled(shared(RATE)),
    ),
    Entry(
        "newton",
        "u + v_t by second-order steps, in a metric that all tasks of a place share",
        "Boehning 1992; Cavallanti, Cesa-Bianchi & Gentile 2010",
        lambda: scaled(newton()),  # at four paces, for none suits all tasks
        mixed=True,
    ),
    Entry(
        "laplacian",
        "neighbours in a task graph pull each other; without a graph, the mean of all does",
        "Evgeniou, Micchelli & Pontil 2005",
        lambda: scaled(laplacian(RATE)),
    ),
    Entry(
        "mean",
        "all tasks near their mean: u + v_t with small v_t",
        "Evgeniou & Pontil 2004",
        lambda: scaled(mean(RATE)),
    ),
    Entry(
        "trace",
        "models in few common directions beside a common one: the trace norm",
        "Pong, Tseng, Ji & Ye 2010",
        lambda: scaled(trace(RATE)),
    ),
    Entry(
        "clustered",
        "tasks in groups that nobody names, found at meetings",
        "Zhou, Chen & Ye 2011",
        lambda: scaled(clustered(RATE)),
    ),
    Entry(
        "amtl",
        "proximal steps of which nobody waits for anybody: asynchronous, relaxed",
        "Baytas, Yan, Jain & Zhou 2016",
        lambda: scaled(amtl(RATE)),
    ),
    Entry(
        "drom",
        "low-rank relations by a primal-dual method that needs only leading directions",
        "Yang & Li 2020",
        lambda: scaled(drom(RATE)),
    ),
    Entry(
        "drom_d",
        "the same without a hub: places gossip about one direction, and no model leaves its own",
        "Yang & Li 2020",
        lambda: scaled(drom_d(RATE)),
    ),
    Entry(
        "two_phase",
        "tasks share within a place, and places agree on the problems that several of them hold",
        "Zhang et al. 2018",
        lambda: scaled(two_phase(RATE)),
    ),
    Entry(
        "admm",
        "consensus ADMM with relations that are learnt, at a hub or among peers",
        "Li et al. 2025",
        lambda: scaled(admm(RATE)),
    ),
    Entry(
        "fedem",
        "each task a mixture, of its own, of a few components that all share",
        "Marfoq, Neglia, Bellet, Kameni & Vidal 2021",
        lambda: scaled(fedem()),
    ),
    Entry(
        "fedem_d",
        "fedem without a server: places average their components with their neighbours'",
        "Marfoq, Neglia, Bellet, Kameni & Vidal 2021",
        lambda: scaled(fedem_d()),
    ),
    Entry(
        "byzantine",
        "neighbours weighed by their loss on the task's own examples, the worse ones dropped",
        "Li, Abbas & Koutsoukos 2020",
        lambda: scaled(byzantine(RATE), by="task"),
    ),
    Entry(
        "dmtrl",
        "dual coordinate ascent on each task's last examples, with a learnt covariance of tasks",
        "Liu, Pan & Ho 2017",
        lambda: scaled(dmtrl(RIDGE)),
    ),
    Entry(
        "mocha",
        "the same where tasks are of unlike speed and messages get lost",
        "Smith, Chiang, Sanjabi & Talwalkar 2017",
        lambda: scaled(mocha(RIDGE)),
    ),
    Entry(
        "client_server",
        "a common model and each task's own by exact least squares, from what tasks sum up alone",
        "Dinuzzo, Pillonetto & De Nicolao 2011",
        lambda: scaled(client_server(SHARE)),
    ),
]
CATALOG = {entry.name: entry for entry in _ENTRIES}


def find(name: str) -> Strategy:
    """The strategy of that name: ONE, or ONE+ONE+... for the mixture of them all.

    ONE is a name of the catalogue, or `river:MODULE.CLASS` for one clone of that classifier of
    river for each task. In a sum, `auto` and `newton` bring all the experts that they mix.

    >>> find("auto+river:tree.HoeffdingTreeClassifier").experts[-3:]
    ('newton', 'tree.HoeffdingTreeClassifier', 'stacked')

    Raises
    ------
    ValueError
        that names what there is.
    """
    parts = name.split("+")
    if len(parts) == 1:
        return _one(name).make()
    if len(set(parts)) < len(parts):
        raise ValueError(f"strategy: {name!r} names one twice")
    return mixture(together(*(_one(part).learners() for part in parts)))


def _one(name: str) -> Entry:
    if name.startswith(PREFIX):
        path = name.removeprefix(PREFIX)
        return Entry(name, f"a {path} for each task", "river", lambda: river(path))
    if name not in CATALOG:
        known = ", ".join(CATALOG)
        raise ValueError(f"strategy: {name!r} is none of {known}, {PREFIX}MODULE.CLASS")
    return CATALOG[name]
