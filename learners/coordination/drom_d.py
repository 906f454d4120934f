"""DROM without a hub: the dual's leading direction is tracked by gossip (Yang & Li, AAAI 2020)."""

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
from learners.coordination.linear import RATES, Silence, names
from learners.types import F32, F64, I64, Bank, Block, Inbox, Rows, Scores, Shape, Strategy


class Part(NamedTuple):
    """What each task contributed to the tracker last, z v, and what its dual step goes by."""

    v: Annotated[F64, "tke"]
    when: Annotated[I64, "t1"]  # the place's meeting at which it did
    after: Annotated[I64, "t1"]  # meetings since its last dual step
    n: Annotated[I64, "t1"]  # examples played before that
    norms: Annotated[F64, "te"]  # sum of squared mean played w, for adaptive dual steps


class Track(NamedTuple):
    """A place's copy of what all share."""

    r: Annotated[F64, "de"]  # tracker of the mean over places of their tasks' sums of z v, mixed
    fresh: Annotated[F64, "de"]  # changes of this place's own sum since
    u: Annotated[F64, "de"]  # leading direction
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

    r: Annotated[F32, "de"]
    n: Annotated[I64, "t1"]


class Mixed(NamedTuple):
    """What mixing adds to a place's tracker."""

    by: Annotated[F32, "de"]
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
    forget: float = 0.01,
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
    e = len(rates)

    def init(seeds: I64, shape: Shape) -> Networked:
        rows = shape._replace(tasks=len(seeds))
        return Networked(
            alone.init(seeds, shape), tree.zeros(Part, rows, e), tree.zeros(Track, shape, e)
        )

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
        """lambda times the step of each task's dual, (r, e)."""
        if dual_step == "constant":
            by = np.full((len(rows), e), theta)
        elif dual_step == "sqrt":
            by = np.repeat(theta / np.sqrt(np.maximum(n[rows], 1.0)), e, 1)
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
