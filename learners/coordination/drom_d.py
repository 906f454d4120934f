"""DROM without a hub: the dual's leading direction is tracked by gossip (Yang & Li, AAAI 2020).

`drom` learns low-rank relations, and its clip asks for one thing that no task knows alone: the
leading direction of the dual Z, whose columns are the tasks' z. Here no server holds Z. Tasks live
at places that talk to their neighbours, each task keeps its z for good, and what goes round is the
power iterate: the mean over places of what each contributes, pi = sum_i z_i (z_i . u).

Learning: as `drom`: w <- w - eta (c grad l + lambda z), O(non-zeros) an example.

Meetings: a place tells its tracker r and hears sum_j S_ij r_j, S the weights of its network
(`Inbox.mixing`); then its tasks make the dual step z <- z + theta lambda (mean w played since the
last), and

    u <- r / |r|    s^2 = P |r|    z_i <- z_i - (1 - 1 / s)_+ (z_i . u) u    r <- r + pi - old pi

for a network of P places: r tracks Z Z'u / P (dynamic average consensus). Three ways:

- waiting for nobody (the default): each meeting does all of it, along the direction told before;
  the place's own part of r and s is new;
- `blocking`, group synchronisation: the examples wait while, after the dual step, J K meetings go
  by, each a power step and every K-th a clip; `mixings` puts more mixing between two power steps;
- periodic: whichever, once in so many examples.

In one place the others' part is nothing: J clips of K power steps, as `drom`. What travels per
meeting: r, d float32 to each neighbour, and a count a task. Neither data nor w
leave a place; but r of a place with one task begins as a multiple of its z. A place keeps r and u;
a task z . u and some counters, besides what it keeps in `drom`.

Messages are states: lost, late or twice, one makes some places mix what others did not, and the sum
of all r then differs from that of all pi. Without remedy it would for good; so r forgets a share
gamma a meeting (`forget`), each task makes good its own part when it contributes anew, and an error
is (1 - gamma)**n of itself n meetings later; so are the parts of tasks that left or fell silent.
The price is a bias of u towards the own neighbourhood: a part of r that mixing shrinks by l a
meeting stays at gamma / (gamma + 1 - l) of it. On the complete graph below gamma = .03 costs those
that wait .007 error (.003: .002) and the others nothing. With a tenth of all messages lost, another
late and a tenth of all replies lost it has .285 error after 300 rounds for .284 on a good network
and .319 alone; a gamma of .003, or 0, ends at .36: worse than alone.

Guarantee: where all places clip along the same unit u with s = |Z'u|, that of `drom`, for any such
u, however stale: on the complete graph, up to the estimate of s. With gossip the copies of u differ
a little and s is an estimate, so that the clip is a projection only up to the consensus error,
which is not bounded here; a wrong pair still only shrinks each z along one direction. It holds for
the unit ball within the columns that each task has seen, for only there it keeps a dual.
Assumptions besides those of `drom`: S symmetric and doubly stochastic, the graph connected, P known
(`places`; at a hub and on the complete graph it is counted).

Use it where there can be no server, or none may see all that tasks play. The price is in the graph:
16 tasks of rank 2 in 50 dimensions, one to a place, have .160 error on the complete graph, .185 on
a ring (.179 with 3 mixings a power step, .171 with 10), .198 alone; without waiting .173 on the
complete graph, and .180 with one meeting in five rounds. Sparse random graphs need the 3 mixings
(.162; with one, .22 and more, worse than alone). With a server, `drom` is better and simpler.

Source: Peng Yang and Ping Li, "Distributed Primal-Dual Optimization for Online Multi-Task
Learning", AAAI 2020, which names a decentralised variant, DROM-D, with group synchronisation,
periodic optimisation and non-blocking execution. **A reconstruction**: its equations were not to be
had; tracked gossip of the power iterate is a derivation that has these properties. Forgetting,
several tasks to a place, adaptive steps of each task's own and the own part made new are additions
of this project's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np

from learners import tree
from learners.coordination.drom import Drom, Heard, drom
from learners.coordination.drom_d_meeting import (
    along,
    beginning,
    begun,
    climb,
    clip_own,
    excesses,
    mean_squares,
    powers,
    shared_out,
    shorten,
    sizes,
    spread,
    turned,
)
from learners.coordination.linear import RATES, names
from learners.coordination.silence import Silence
from learners.types import F32, F64, I64, Bank, Block, Inbox, Rows, Scores, Shape, Strategy


class Part(NamedTuple):
    """What each task contributed to the tracker last, z v, and what its dual step goes by."""

    v: Annotated[F64, "tk1"]
    when: Annotated[I64, "t1"]  # the place's meeting at which it did
    after: Annotated[I64, "t1"]  # meetings since its last dual step
    n: Annotated[I64, "t1"]  # examples played before that
    norms: Annotated[F64, "t1"]  # sum of squared mean played w, for adaptive dual steps


class Track(NamedTuple):
    """A place's copy of what all share."""

    r: Annotated[F64, "d1"]  # tracker of the mean over places of their tasks' sums of z v, mixed
    fresh: Annotated[F64, "d1"]  # changes of this place's own sum since
    u: Annotated[F64, "d1"]  # leading direction
    met: Annotated[F64, "d"]  # where u begins; 0 for columns that are not spoken of
    places: Annotated[I64, "1"]
    meetings: Annotated[I64, "1"]  # that this place heard of


class Networked(NamedTuple):
    """Tasks as in `drom`, each with its own dual for good, and the place's tracker."""

    drom: Drom
    part: Part
    track: Track


class Told(NamedTuple):
    """A place's tracker; and how many examples its tasks have learnt."""

    r: Annotated[F32, "d1"]
    n: Annotated[I64, "t1"]


class Mixed(NamedTuple):
    """What mixing adds to a place's tracker."""

    by: Annotated[F32, "d1"]
    met: Annotated[F64, "d"]  # where to begin, the same for all
    places: Annotated[I64, "1"]
    n: Annotated[I64, "t1"]  # as told


def drom_d(
    rates: Sequence[float] = RATES,
    coupling: float = 0.1,
    theta: float = 3.0,
    *,
    dual_step: Literal["constant", "sqrt", "norm"] = "norm",
    clips: int = 3,
    steps: int = 2,
    blocking: bool = False,
    mixings: int = 1,
    forget: float = 0.03,
    places: int = 0,
    **own: Any,
) -> Strategy:
    """The strategy, for each of several rates eta.

    Parameters
    ----------
    rates, coupling, theta, dual_step
        as of `drom`; an adaptive theta ("norm") is of each task's own
    clips, steps
        J and K: a place alone clips J times a meeting and takes K power steps a clip; in company a
        meeting is one power step
    blocking
        whether several meetings follow each dual step before the next example: then the direction
        goes round first, and every K-th meeting clips. Otherwise a meeting does all at once, along
        the direction that was told before
    mixings
        L: in company only every L-th meeting takes a step, and the others mix
    forget
        gamma, from 0 (what was lost is lost for good) to 1: what the tracker forgets a meeting
    places
        how many there are on the network; 0: as many as speak at a meeting (at a hub, all)
    own
        how a task learns by itself: keyword arguments of `drom`

    Raises
    ------
    ValueError
        when a number is out of its range.
    """
    if not 0 <= forget <= 1:
        raise ValueError(f"forget: {forget!r} is not from 0 to 1")
    least = {
        "places": (places, 0),
        "mixings": (mixings, 1),
        "clips": (clips, 1),
        "steps": (steps, 1),
    }
    for name, (value, low) in least.items():
        if value < low:
            raise ValueError(f"{name}: {value!r} is less than {low}")
    alone = drom(rates, coupling, theta, dual_step=dual_step, **own)
    everywhere = own.get("step", "coordinate") != "coordinate"

    def init(seeds: I64, shape: Shape) -> Networked:
        rows = shape._replace(tasks=len(seeds))
        return Networked(alone.init(seeds, shape), tree.zeros(Part, rows), tree.zeros(Track, shape))

    def score(bank: Networked, block: Block) -> Scores:
        return alone.score(bank.drom, block)

    def learn(bank: Networked, block: Block) -> Scores:
        return alone.learn(bank.drom, block)

    def message(bank: Networked, rows: Rows) -> Told:
        r, fresh = bank.track[:2]
        return Told((r + fresh).astype(np.float32), bank.drom.dual.n[rows])

    def merge(bank: Networked, rows: Rows, reply: Mixed) -> None:
        if not coupling:
            return
        if reply.by is not None:
            hear(bank.track, reply)
        if len(rows) and steps_now(bank.track):
            turn(bank, rows)

    def hear(track: Track, reply: Mixed) -> None:
        """Mix the tracker, and forget a little; in company, that is where the power step ends."""
        track.met[:] = reply.met
        track.r[:] = ((1 - forget) * (track.r + track.fresh) + reply.by) * (track.met != 0)[:, None]
        track.fresh[:] = 0.0
        track.places[:] = reply.places
        track.meetings[:] += 1
        if waits(track) and steps_now(track):
            turned(track.r, track.u, track.met)

    def steps_now(track: Track) -> bool:
        return int(track.places[0]) == 1 or int(track.meetings[0]) % mixings == 0

    def waits(track: Track) -> bool:
        return blocking and int(track.places[0]) > 1

    def turn(bank: Networked, rows: Rows) -> None:
        """These tasks' dual steps and clips, and what they contribute from now on."""
        part, track, dual = bank.part, bank.track, bank.drom.dual
        Z, met, count = dual.z[rows], track.met, int(track.places[0])
        kept = np.ones(Z.shape, bool) if everywhere else bank.drom.own.g[rows] > 0
        kept &= (met != 0)[:, None, None]
        still = powers(1.0 - forget, track.meetings - part.when[rows, 0])
        before = np.zeros(track.r.shape)
        spread(Z, part.v[rows], still, met, before)
        news = dual.n[rows, 0] - part.n[rows, 0]
        total = alone.message(bank.drom, rows).total
        by = stride(part, rows, dual.n, total, news)
        if waits(track):
            part.after[rows] += 1
            due = part.after[rows, 0] % steps == 0
            excess = excesses(count * sizes(track.r))
            shorten(Z, track.u, along(Z, track.u), excess, due, kept)
            climb(total, news, by, kept, Z)
            begun(track.u, met)
            v = along(Z, track.u)
        else:
            climb(total, news, by, kept, Z)
            others = count * track.r + track.fresh - before
            some = (clips, steps) if count == 1 else (1, 1)
            v = clip_own(Z, track.u, others, *some, kept, met)
        spread(Z, v, np.ones(len(rows)), met, track.fresh)
        track.fresh[:] -= before
        part.v[rows], part.when[rows] = v, track.meetings
        part.after[rows, 0] *= news == 0
        part.n[rows] = dual.n[rows]
        alone.merge(bank.drom, rows, Heard(Z))
        dual.c[rows] += total  # so that what is summed up next is what is played from now on

    def stride(part: Part, rows: Rows, n: I64, total: F64, news: I64) -> F64:
        """lambda times the step of each task's dual, (r, 1)."""
        if dual_step == "constant":
            by = np.full((len(rows), 1), theta)
        elif dual_step == "sqrt":
            by = theta / np.sqrt(np.maximum(n[rows], 1.0))
        else:
            part.norms[rows] += coupling**2 * mean_squares(total, news)
            by = theta / np.sqrt(coupling**2 + part.norms[rows])
        return coupling * by

    def meet(shape: Shape, seed: int) -> Bank:
        return Silence()

    def mix(memory: Bank, inbox: Inbox) -> Mixed:
        told: Told = inbox.message
        count = len(told.r)
        return Mixed(
            shared_out(told.r, inbox.mixing),
            beginning(*told.r.shape[:2]),
            np.full((count, 1), places or count),
            told.n,
        )

    def model(bank: Networked, rows: Rows) -> F32:
        return alone.model(bank.drom, rows)

    return Strategy(init, score, learn, message, merge, meet, mix, model, names("drom_d", rates))
