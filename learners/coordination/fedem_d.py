"""D-FedEM: FedEM without a server; places average their components with their neighbours'.

The problem and the learning are FedEM's (`fedem`): each task a mixture, of its own, of M components
that all share,

    min over theta, pi of  -(1/n) sum_t sum_i log sum_m pi_tm exp(-l(h_m(x_i), y_i))

but there is nobody whom all places tell. Each has its own theta_s, near the others'.

Learning: as `fedem`, from theta_s, between meetings.

Meetings: with W symmetric and doubly stochastic, 0 between places that are no neighbours,

    theta_ms <- sum_r W_sr theta_mr

for each component and feature. A feature that a place knows nothing of is mixed among those that
know it: the weights of the others stay at home, which leaves W symmetric and doubly stochastic. A
neighbour gets 2 M d float32 and d float64 (k columns of each for k > 2 classes), and a place makes
M d float32 of what it got. What it has learnt between telling and hearing is kept.

Guarantee: mixing preserves the sum over places of theta, and brings them nearer to their mean by
the second largest size of an eigenvalue of W; on the complete graph with equal weights one meeting
does it all, as at a server to which all count alike. The paper's convergence is FedEM's with the
distance from the mean added, for smooth losses and a connected (or changing, but connected in the
long run) network. Messages lost or late delay the mixing, and change the sum by what was not heard.

Use it where there is no server, or none to be trusted, with few places or long streams; `fedem`
where there is one: it loses no time on agreeing. Measured, 5 places of 4 tasks in groups that meet
every 8 examples each: 75.7 % right on a ring and 76.1 on the complete graph, 73.5 if they never
meet, 78.1 by `fedem` at a hub. 20 places of one task each that have 100 examples are better alone.

Source: Othmane Marfoq, Giovanni Neglia, Aurelien Bellet, Laetitia Kameni and Richard Vidal,
"Federated multi-task learning under a mixture of distributions", NeurIPS 2021 (D-FedEM). Ours: all
that is ours in `fedem`, the mixing by feature, and Metropolis weights where the paper solves a
semidefinite programme for those that mix fastest.
"""

from __future__ import annotations

from typing import Any

from learners.coordination.fedem import Heard, fedem, toward
from learners.coordination.linear import names
from learners.types import Bank, Inbox, Strategy


def fedem_d(components: int = 5, rate: float = 2.0, **options: Any) -> Strategy:
    """The strategy; options are those of `fedem`, but for `meeting`."""
    inner = fedem(components, rate, meeting="average", **options)

    def mix(memory: Bank, inbox: Inbox) -> Heard:
        told = inbox.message
        known = (told.held > 0).astype(float)
        return toward(told, lambda i, j: inbox.mixing[i, j] * known[i] * known[j])

    return inner._replace(mix=mix, experts=names("fedem_d", (rate,)))
