"""Places on a network that misbehaves, simulated: same strategies, same places, time made up.

A heap of (time, stage, number) is the whole engine. SimPy was looked at: its processes are
generators that wait, while everything here reacts to one thing that arrives; what a place does is a
method call that takes no simulated time, and stages within one instant (all tell, then all meet,
then all hear), which bit for bit equality with a plain hub needs, would be numbers in a priority
queue there too. Forty lines against a dependency.

`network` says what becomes of a message, `lies` what liars make of theirs, `nodes` what slow and
tired machines do, `lossy` puts the same network before an exchange without any clock, for tests.
"""

from __future__ import annotations

from learners.simulation.delays import Delay
from learners.simulation.lies import Liar
from learners.simulation.lossy import Lossy
from learners.simulation.network import HUB, Network, Partition
from learners.simulation.nodes import Arrival, Energy
from learners.simulation.outcome import Result
from learners.simulation.simulator import simulate

__all__ = [
    "HUB",
    "Arrival",
    "Delay",
    "Energy",
    "Liar",
    "Lossy",
    "Network",
    "Partition",
    "Result",
    "simulate",
]
