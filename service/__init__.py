"""The web: the HTTP face, the one writer behind it, and what makes learning durable.

Read `engine.py` first: it drives a `learners.place.Place`, writes what is learnt to `journal.py`
before it is learnt, and `snapshots.py` now and then. Nothing is imported here: the command's
`--help` must not wait for numba.
"""

from __future__ import annotations
