"""What the algorithms' pictures are of: each the run of a command that anybody can give.

What a method is for decides the source and the network; every strategy has the catalogue's
settings.
"""

from __future__ import annotations

from shlex import join
from typing import NamedTuple

from service.command.cli_simulate import Words


class Scene(NamedTuple):
    """A source, and the network that its tasks learn on."""

    source: str
    words: Words
    about: str  # for those who read the page


class Picture(NamedTuple):
    """Whose error is drawn, the page's own strategy first."""

    scene: Scene
    beside: tuple[str, ...] = ("independent", "pooled")
    relations: bool = False
    note: str = ""


STEEP = "steepness=6&flip=0"  # P(y = 1) = 1 / (1 + exp(-6 w . x)) for w of length 1
HERE = Words(places="1", period=20)
RING = "On a ring the sums of `pooled` and `shared` are of neighbours alone (see `shared`)."

YEAST = Scene(
    "river:Yeast",
    Words(places="1"),
    "Yeast: 14 functions of genes, shuffled, that meet every 64 examples.",
)
UNRELATED = Scene(
    f"synthetic:independent?tasks=16&features=20&rounds=400&{STEEP}",
    HERE,
    "16 tasks that have nothing in common.",
)
ONE = Scene(
    f"synthetic:mean?tasks=20&features=20&rounds=200&spread=0.1&{STEEP}",
    HERE,
    "20 tasks, each the sum of one direction and of one of its own a tenth as long.",
)
POPULATION = Scene(
    f"synthetic:mean?tasks=20&features=20&rounds=300&spread=0.5&{STEEP}",
    HERE,
    "20 tasks, each the sum of one direction and of one of its own half as long; they meet once a "
    "round.",
)
WIDE = Scene(
    "synthetic:mean?tasks=20&features=20&rounds=200&spread=1&steepness=20&flip=0",
    HERE,
    "20 tasks, each the sum of one direction and of one of its own as long, with next to no noise; "
    "they meet once a round.",
)
GROUPS = Scene(
    "synthetic:clustered?tasks=16&rounds=500&clusters=2",
    Words(places="1", period=16),
    "16 tasks around two centres, 50 features, a tenth of the labels flipped; they meet once a "
    "round.",
)
DELAYS = Scene(
    "synthetic:clustered?tasks=16&rounds=300&clusters=2",
    Words(places="8", delay=("exponential:100",), straggler="0.25:12"),
    "The 16 tasks of `clustered` at 8 places. Messages take 100 seconds in the mean, an example "
    "comes each second, and two of the places need 12 for each of theirs.",
)
LINE = Scene(
    f"synthetic:lowrank?tasks=16&features=20&rounds=400&rank=1&{STEEP}",
    Words(places="1", period=16),
    "16 tasks that are one direction, some of them its opposite; they meet once a round.",
)
LINE_APART = Scene(
    LINE.source,
    Words(places="4", period=16, topology="complete"),
    "The 16 tasks of `drom` at 4 places without a hub, each of which tells all the others once a "
    "round.",
)
PLANE = Scene(
    f"synthetic:lowrank?tasks=20&features=20&rounds=150&{STEEP}",
    HERE,
    "20 tasks in two dimensions of 20, 150 examples each; they meet once a round.",
)
PLANE_TROUBLED = Scene(
    PLANE.source,
    Words(places="10", period=20, drop=0.3, straggler="0.2:20"),
    "The 20 tasks of `dmtrl` at 10 places. Three tenths of all messages get lost, and two of the "
    "places need 20 seconds for an example, of which one comes each second.",
)
PLACES = Scene(
    f"synthetic:mean?tasks=16&features=20&rounds=300&spread=0.5&{STEEP}",
    Words(places="4", period=32, topology="ring"),
    "16 tasks, each the sum of one direction and of one of its own half as long, four of them at "
    "each of four places on a ring. No problem is held twice here: what goes round is u.",
)
MIXED = Scene(
    "synthetic:mixture?tasks=20&rounds=300",
    HERE,
    "20 tasks, each a mixture of its own of three components; one place.",
)
MIXED_APART = Scene(
    f"synthetic:clustered?tasks=20&features=20&rounds=300&spread=0.1&{STEEP}",
    Words(places="5", period=40, topology="ring"),
    "20 tasks around three centres, four of them at each of five places on a ring.",
)
LIES = Scene(
    f"synthetic:mean?tasks=16&features=20&rounds=200&spread=0.1&{STEEP}",
    Words(byzantine="random=10:0.25"),
    "16 tasks that are nearly one, each at a place of its own, of which 4 tell noise ten times as "
    "large as the truth. The errors are those of the other 12.",
)

PICTURES = {
    "auto": Picture(
        YEAST,
        ("shared", "independent", "pooled"),
        note="The others run at one rate, where `auto` mixes several.",
    ),
    "independent": Picture(UNRELATED, ("shared", "pooled")),
    "pooled": Picture(ONE, ("shared", "independent")),
    "shared": Picture(POPULATION),
    "newton": Picture(POPULATION, ("shared", "independent", "pooled")),
    "laplacian": Picture(POPULATION),
    "mean": Picture(POPULATION, ("laplacian", "independent", "pooled")),
    "trace": Picture(GROUPS, ("shared", "independent", "pooled")),
    "clustered": Picture(GROUPS, ("shared", "independent", "pooled"), relations=True),
    "amtl": Picture(DELAYS, ("trace", "independent", "pooled")),
    "drom": Picture(LINE, relations=True),
    "drom_d": Picture(LINE_APART),
    "two_phase": Picture(PLACES, ("shared", "independent", "pooled"), note=RING),
    "admm": Picture(LINE),
    "fedem": Picture(MIXED, ("shared", "independent", "pooled")),
    "fedem_d": Picture(MIXED_APART, note=RING),
    "byzantine": Picture(LIES, ("shared", "independent", "pooled")),
    "dmtrl": Picture(PLANE, relations=True),
    "mocha": Picture(PLANE_TROUBLED, ("dmtrl", "independent", "pooled")),
    "client_server": Picture(WIDE, ("shared", "independent", "pooled")),
}


def names(scene: Scene) -> list[str]:
    """All strategies that pictures of that scene show."""
    found = [(name, *p.beside) for name, p in PICTURES.items() if p.scene == scene]
    return list(dict.fromkeys(name for some in found for name in some))


def command(scene: Scene, strategies: tuple[str, ...]) -> str:
    """The command that makes these runs."""
    words = ["kindred", "simulate", scene.source]
    for name in strategies:
        words += ["--strategy", name]
    for option, value in scene.words._asdict().items():
        if value != getattr(Words(), option):
            for one in value if isinstance(value, tuple) else (value,):
                words += [f"--{option}", f"{one:g}" if isinstance(one, float) else str(one)]
    return join(words)
