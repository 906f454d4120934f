"""Who is alike, as many tell it: the pairs of tasks whose models point the same way.

>>> from learners.features import Example, batch
>>> place = Place("independent")
>>> for label in ("spam", "ham"):
...     for task in ("alice", "bob"):
...         _ = place.learn(batch([Example(task, {"spam": float(label == "spam")}, label)]))
>>> pairs(place, 1)
[('alice', 'bob', 1.0)]
"""

from __future__ import annotations

import numpy as np

from learners.place import Place


def pairs(place: Place, top: int) -> list[tuple[str, str, float]]:
    """The `top` pairs of tasks with the largest cosines, the most alike first."""
    names, cosine = place.relations()
    a, b = np.triu_indices(len(names), 1)
    values = cosine[a, b]
    if top < len(values):
        best = np.argpartition(-values, top)[:top]
        a, b, values = a[best], b[best], values[best]
    order = np.lexsort((b, a, -values))
    return [(names[a[i]], names[b[i]], round(float(values[i]), 6)) for i in order]
